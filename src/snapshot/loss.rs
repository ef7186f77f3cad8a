//! What a format can't hold. Nothing is lost in silence: each kind is counted for each column, and the manifest says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How values were changed on their way into a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// `infinity` or `-infinity` of a date or time became NULL, or nothing.
    Infinity,
    /// A date before the year 1000 (MySQL) or before Christ, or after the year 9999 became NULL, or nothing.
    YearOutOfRange,
    /// `NaN`, `Infinity` or `-Infinity` of a number became NULL, or nothing.
    NotANumber,
    /// A number with more digits than the format has places for.
    Digits,
    /// Fractions of a second were cut off.
    SecondFraction,
    /// The offset of a time of day, or which of two equal wall times it was.
    Offset,
    /// Control characters (tabs and ends of lines among them) became blanks.
    ControlCharacter,
    /// An empty text is told as NULL is.
    EmptyText,
    /// A value that stands in quotation marks of a spreadsheet, lest it be run as a formula.
    Guarded,
    /// A value that the format's type does not have: a time of 24:00, a text longer than the column may be.
    Unsupported,
}

/// Kinds of loss and how many values of one column had them.
pub type Losses = BTreeMap<Loss, u64>;
