//! Comments of tables and columns.

use crate::name::mysql_literal;

/// Characters that the comment of a table may have.
const TABLE_CHARACTERS: usize = 2048;
/// Characters that the comment of a column may have.
const COLUMN_CHARACTERS: usize = 1024;

/// The comment of a table, as a literal.
pub(super) fn of_table(comment: &str) -> String {
    literal(comment, TABLE_CHARACTERS)
}

/// The comment of a column, as a literal.
pub(super) fn of_column(comment: &str) -> String {
    literal(comment, COLUMN_CHARACTERS)
}

/// The servers keep comments in three bytes a character.
fn literal(comment: &str, characters: usize) -> String {
    let plain = |c: char| if c.len_utf8() > 3 { '?' } else { c };
    mysql_literal(&comment.chars().map(plain).take(characters).collect::<String>())
}
