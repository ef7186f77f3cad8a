//! Places in the text of an expression: the parser counts lines and characters, we count bytes.

use sqlparser::tokenizer::Location;

/// Where the lines of a text begin, to turn the parser's places into bytes.
pub(super) struct Places<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let behind_ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(behind_ends).collect() }
    }

    /// The byte of a place; one that is not in the text is its end.
    pub(super) fn byte(&self, location: Location) -> usize {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(&start) = self.lines.get(number(location.line)) else { return self.text.len() };
        let mut characters = self.text[start..].char_indices();
        characters.nth(number(location.column)).map_or(self.text.len(), |(at, _)| start + at)
    }

    /// The same in characters; 1 is the first.
    pub(super) fn character(&self, location: Location) -> usize {
        self.text[..self.byte(location)].chars().count() + 1
    }
}
