//! How values are written: as the lines of LOAD DATA, or as the rows of INSERT statements.

/// A statement is closed behind this many bytes, so that it passes for every server's `max_allowed_packet`.
const STATEMENT_BYTES: usize = 512 << 10;

/// What comes out of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Style {
    /// Lines for LOAD DATA with its usual separators: tab, LF, backslash, `\N`.
    Lines,
    /// INSERT statements of many rows, each beginning with this, as in `INSERT INTO t (a) VALUES`.
    Statements(String),
}

/// Where a statement stands.
#[derive(Debug, Default)]
pub(super) struct Statement {
    /// Bytes of the one that is open.
    bytes: usize,
}

impl Statement {
    /// Ends the one that is open.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        if self.bytes > 0 {
            out.extend_from_slice(b";\n");
            self.bytes = 0;
        }
    }
}

impl Style {
    /// What stands before a row; `statement` notes it.
    pub(super) fn begin_row(&self, statement: &Statement, out: &mut Vec<u8>) {
        match self {
            Self::Lines => {}
            Self::Statements(head) if statement.bytes == 0 => {
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(b"\n(");
            }
            Self::Statements(_) => out.extend_from_slice(b",\n("),
        }
    }

    /// What stands between two values.
    pub(super) fn separate(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Lines => b'\t',
            Self::Statements(_) => b',',
        });
    }

    /// What stands behind a row that has so many bytes.
    pub(super) fn end_row(&self, statement: &mut Statement, row_bytes: usize, out: &mut Vec<u8>) {
        match self {
            Self::Lines => out.push(b'\n'),
            Self::Statements(_) => {
                out.push(b')');
                statement.bytes += row_bytes;
                if statement.bytes >= STATEMENT_BYTES {
                    statement.close(out);
                }
            }
        }
    }

    pub(super) fn null(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Lines => br"\N",
            Self::Statements(_) => b"NULL",
        });
    }

    /// A number, or a time: nothing in it has to be escaped.
    pub(super) fn plain(&self, value: &[u8], is_number: bool, out: &mut Vec<u8>) {
        match self {
            Self::Lines => out.extend_from_slice(value),
            Self::Statements(_) if is_number => out.extend_from_slice(value),
            Self::Statements(_) => {
                out.push(b'\'');
                out.extend_from_slice(value);
                out.push(b'\'');
            }
        }
    }

    /// What stands before a text, and behind it.
    pub(super) fn quote(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lines => {}
            Self::Statements(_) => out.push(b'\''),
        }
    }

    /// A stretch of a text without anything that COPY escapes.
    pub(super) fn stretch(&self, plain: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Lines => out.extend_from_slice(plain),
            Self::Statements(_) => {
                let mut from = 0;
                for at in memchr::memchr_iter(b'\'', plain) {
                    out.extend_from_slice(&plain[from..at]);
                    out.push(b'\'');
                    from = at;
                }
                out.extend_from_slice(&plain[from..]);
            }
        }
    }

    /// A byte that COPY escapes, or one of a binary value that a line must not have as it is.
    pub(super) fn escaped(byte: u8, out: &mut Vec<u8>) {
        let letter = match byte {
            0 => b'0',
            0x08 => b'b',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            b'\\' => b'\\',
            // Neither server has an escape for these: `\f` would be the letter.
            other => {
                out.push(other);
                return;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }

    /// What stands before bytes; behind them stands [`Style::quote`].
    pub(super) fn begin_bytes(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lines => {}
            Self::Statements(_) => out.extend_from_slice(b"X'"),
        }
    }

    /// One byte of a binary value, with its hexadecimal digits.
    pub(super) fn byte(&self, byte: u8, digits: [u8; 2], out: &mut Vec<u8>) {
        match self {
            Self::Lines => Self::escaped(byte, out),
            Self::Statements(_) => out.extend_from_slice(&digits),
        }
    }
}
