//! A row's text taken apart: `(1,"a ""b""",)`.
//!
//! Source: PostgreSQL manual, "Composite Types", "Composite Type Input and Output Syntax".

/// The values of a row's text; `None` where it is NULL. A text that is no row's has none.
pub(super) fn values(text: &str) -> Vec<Option<String>> {
    let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else {
        return Vec::new();
    };
    let mut values = Vec::new();
    let (mut value, mut seen, mut quoted) = (String::new(), false, false);
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ',' if !quoted => {
                values.push(seen.then(|| std::mem::take(&mut value)));
                seen = false;
            }
            '"' if quoted && characters.peek() == Some(&'"') => value.extend(characters.next()),
            '"' => {
                quoted = !quoted;
                seen = true;
            }
            '\\' => value.extend(characters.next()),
            other => {
                value.push(other);
                seen = true;
            }
        }
    }
    values.push(seen.then_some(value));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rows_text_comes_apart_as_the_server_puts_it_together() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(values("(1)"), [text("1")]);
        assert_eq!(
            values(r#"(7,"a ""b"", c",,"","back\\slash",x)"#),
            [text("7"), text("a \"b\", c"), None, text(""), text("back\\slash"), text("x")]
        );
        assert_eq!(values("(,)"), [None, None]);
        assert_eq!(values(""), []);
    }
}
