//! Rust source as text: comments and strings blanked out, tokens with their lines, and the paths that a file mentions.
//!
//! Not a parser. It knows as much of Rust as the rules of the house need, and a rule that it cannot judge stays silent.

/// One word or sign of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// Counted from 1.
    pub(crate) line: usize,
    /// An identifier, `::`, or one other character.
    pub(crate) text: String,
}

/// A path that a file mentions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    /// Counted from 1.
    pub(crate) line: usize,
    /// From its first word (`crate`, `super`, `self` or a name) to its last; `*` for everything.
    pub(crate) path: Vec<String>,
    /// Stands in a `pub use`: passed on, not used.
    pub(crate) passed_on: bool,
}

/// `text` with a blank for every character of a comment, a string or a character literal. Lines stay where they are.
pub(crate) fn blanked(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = blanked.chars().next_back().is_some_and(is_word);
        let hidden = if word { 0 } else { literal_prefix(rest) }.max(hidden_length(rest));
        let (taken, left) = rest.split_at(if hidden > 0 { hidden } else { first.len_utf8() });
        if hidden > 0 {
            blanked.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            blanked.push(first);
        }
        rest = left;
    }
    blanked
}

/// The length of a string that starts with a letter (`r"…"`, `b"…"`, `c"…"`, `br#"…"#`), or 0.
fn literal_prefix(text: &str) -> usize {
    let letters = text.len() - text.trim_start_matches(['r', 'b', 'c']).len();
    let after = &text[letters..];
    if letters == 0 || letters > 2 {
        return 0;
    }
    if text[..letters].contains('r') {
        let marks = after.len() - after.trim_start_matches('#').len();
        if after[marks..].starts_with('"') {
            let end = format!("\"{}", &after[..marks]);
            let body = &after[marks + 1..];
            return body.find(&end).map_or(text.len(), |at| letters + marks + 1 + at + end.len());
        }
        return 0;
    }
    if after.starts_with(['"', '\'']) { letters + hidden_length(after) } else { 0 }
}

/// The length of the comment, string or character literal that starts here, or 0.
fn hidden_length(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment_length(text);
    }
    if let Some(body) = text.strip_prefix('"') {
        return quoted_length(body, '"').unwrap_or(body.len()) + 1;
    }
    if let Some(body) = text.strip_prefix('\'') {
        // `'a` is a lifetime, `'a'` and `'\n'` are characters.
        let escaped = body.starts_with('\\');
        let single = body.chars().nth(1) == Some('\'');
        if escaped || single {
            return quoted_length(body, '\'').unwrap_or(body.len()) + 1;
        }
    }
    0
}

/// Block comments nest.
fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length up to and with the closing quote; a backslash hides the next character.
fn quoted_length(body: &str, quote: char) -> Option<usize> {
    let mut hidden = false;
    for (at, character) in body.char_indices() {
        if !hidden && character == quote {
            return Some(at + character.len_utf8());
        }
        hidden = !hidden && character == '\\';
    }
    None
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The tokens of blanked code.
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push(Token { line: index + 1, text: rest[..length].to_owned() });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Every path of two or more words, groups in braces written out.
pub(crate) fn references(tokens: &[Token]) -> Vec<Reference> {
    let mut references = Vec::new();
    let mut passed_on = false;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "pub" => {
                passed_on = is_pub_use(&tokens[at..]);
                at += visibility_length(&tokens[at..]);
                continue;
            }
            ";" => passed_on = false,
            word if word.starts_with(is_word) && starts_path(tokens, at) => {
                let mut found = Vec::new();
                at = path_from(tokens, at, &[], &mut found);
                references.extend(found.into_iter().map(|(line, path)| Reference { line, path, passed_on }));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    references
}

/// `pub use` or `pub(…) use`.
fn is_pub_use(tokens: &[Token]) -> bool {
    tokens.get(visibility_length(tokens)).is_some_and(|token| token.text == "use")
}

/// The tokens of `pub` or `pub(…)`: whoever may see a thing is not used by it.
fn visibility_length(tokens: &[Token]) -> usize {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    // Not the `(` of a tuple's field.
    let narrowed = is(1, "(") && ["crate", "self", "super", "in"].iter().any(|word| is(2, word));
    let end = tokens.iter().position(|token| token.text == ")").filter(|_| narrowed);
    end.map_or(1, |end| end + 1)
}

fn starts_path(tokens: &[Token], at: usize) -> bool {
    let is = |index: usize, text: &str| tokens.get(index).is_some_and(|token| token.text == text);
    is(at + 1, "::") && !(at > 0 && is(at - 1, "::"))
}

/// Reads the path at `at` behind `before` into `found`; returns where it ends.
fn path_from(
    tokens: &[Token],
    mut at: usize,
    before: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut path = before.to_vec();
    let mut line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        if token.text == "{" {
            return group_from(tokens, at + 1, &path, found);
        }
        if !(token.text == "*" || token.text.starts_with(is_word)) {
            break;
        }
        line = token.line;
        path.push(token.text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    if path.len() > 1 {
        found.push((line, path));
    }
    at
}

/// Reads the paths up to the closing brace; returns what follows it.
fn group_from(
    tokens: &[Token],
    mut at: usize,
    before: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            // `A as B`: the new name is no path.
            "as" => at += 2,
            word if word == "{" || word == "*" || word.starts_with(is_word) => {
                at = path_from(tokens, at, before, found);
            }
            _ => at += 1,
        }
    }
    at
}

/// A function's name, first and last line.
pub(crate) fn functions(tokens: &[Token]) -> Vec<(String, usize, usize)> {
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| {
        pair[0].text == "fn" && pair[1].text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    });
    starts
        .filter_map(|(at, pair)| {
            let body = at + body_start(&tokens[at..])?;
            let end = closing_brace(&tokens[body..]).map_or(tokens.len() - 1, |length| body + length);
            Some((pair[1].text.clone(), pair[0].line, tokens[end].line))
        })
        .collect()
}

/// The opening brace of the body; none for a declaration without one.
fn body_start(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "{" if depth == 0 => return Some(at),
            ";" if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn closing_brace(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}
