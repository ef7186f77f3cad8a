//! What the server sends, to the bytes of a format. Pure: pieces go in, cut anywhere, and bytes come out.
//!
//! ```text
//! cells     COPY text to cells and rows: for every form
//! form      the SELECT, the session's settings and the header of a form
//! dat       the pass that writes a `.DAT` file: of `market`, or as it came (`guard`)
//! clock     dates and times taken apart; fold: wall times that come twice
//! tally     where bytes and losses go
//! ```

pub mod cells;
pub mod clock;
mod fold;
pub mod guard;
mod tally;
mod market;
pub mod form;
pub mod dat;

pub use cells::Malformed;
pub use dat::{Counts, Pass};
pub use form::{Form, Rows, customer_column, select};
