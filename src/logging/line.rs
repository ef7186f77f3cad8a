//! One line of the log, and its three forms: text, JSON, and a datagram for the journal. Pure.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Fields that differ from one repetition to the next.
const VARYING: [&str; 1] = ["retry_in_ms"];
/// The name of what is said, among the fields of an event.
const MESSAGE: &str = "message";
/// In the journal, every field of ours begins so.
const PREFIX: &str = "ACEQUIA_";

/// A line: what is said, and the fields that belong to it.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) written_at: Timestamp,
    pub(super) level: Level,
    /// The file of ours that says it, and the line there.
    place: Option<(&'static str, u32)>,
    pub(super) message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    pub(super) fn of(event: &Event<'_>, written_at: Timestamp) -> Self {
        let metadata = event.metadata();
        let place = metadata.file().zip(metadata.line());
        let mut line =
            Self { written_at, level: *metadata.level(), place, message: String::new(), fields: Vec::new() };
        event.record(&mut line);
        line
    }

    #[cfg(test)]
    pub(super) fn of_words(message: &str, fields: &[(&'static str, &str)]) -> Self {
        Self {
            written_at: Timestamp::UNIX_EPOCH,
            level: Level::WARN,
            place: None,
            message: message.to_owned(),
            fields: fields.iter().map(|(name, value)| (*name, Value::from(*value))).collect(),
        }
    }

    /// The same line, saying how often it came again.
    pub(super) fn repeated(mut self, times: u64, seconds: u64, written_at: Timestamp) -> Self {
        _ = write!(self.message, " (repeated {times} times in {seconds} s)");
        self.fields.retain(|(name, _)| !VARYING.contains(name));
        self.fields.push(("repeated", times.into()));
        self.written_at = written_at;
        self
    }

    /// So many lines found no room.
    pub(super) fn lost(lines: u64, written_at: Timestamp) -> Self {
        let message = "lines of this log were lost: whoever reads it did not take them in time".to_owned();
        Self { written_at, level: Level::WARN, place: None, message, fields: vec![("lost", lines.into())] }
    }

    /// The flow that it is about.
    pub(super) fn flow(&self) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == "flow").and_then(|(_, value)| value.as_str())
    }

    /// Two lines that have the same are one that came again.
    pub(super) fn identity(&self) -> String {
        let mut text = format!("{} {:?} {}", self.level, self.place, self.message);
        for (name, value) in self.fields.iter().filter(|(name, _)| !VARYING.contains(name)) {
            _ = write!(text, "\n{name}={value}");
        }
        text
    }

    /// For people: moment, level, what is said, fields. Whatever stands in a name: only the first line begins at the margin.
    pub(super) fn text(&self, coloured: bool) -> String {
        let (on, off) = if coloured { (colour(self.level), "\x1b[0m") } else { ("", "") };
        format!("{:.6} {on}{:>5}{off} {}\n", self.written_at, self.level, self.said().replace('\n', "\n    "))
    }

    /// For programs: an object on one line. The program's own fields can't take the place of `timestamp` and `level`.
    pub(super) fn json(&self) -> String {
        let mut object: Map<String, Value> =
            self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        object.insert("timestamp".to_owned(), format!("{:.6}", self.written_at).into());
        object.insert("level".to_owned(), self.level.as_str().into());
        object.insert(MESSAGE.to_owned(), self.message.clone().into());
        format!("{}\n", Value::Object(object))
    }

    /// For the journal, in its native protocol (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>). `MESSAGE` has the fields too: it is all
    /// that `journalctl` shows unless it is asked for more, and who reads it must see which flow is meant.
    pub(super) fn datagram(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |name: &str, value: &str| {
            bytes.extend_from_slice(name.as_bytes());
            if value.contains('\n') {
                bytes.push(b'\n');
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
            } else {
                bytes.push(b'=');
            }
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(b'\n');
        };
        put("MESSAGE", &self.said());
        put("PRIORITY", priority(self.level));
        put("SYSLOG_IDENTIFIER", "acequia");
        if let Some((file, line)) = self.place {
            put("CODE_FILE", file);
            put("CODE_LINE", &line.to_string());
        }
        for (name, value) in &self.fields {
            put(&format!("{PREFIX}{}", name.to_ascii_uppercase()), &plain(value));
        }
        bytes
    }

    fn said(&self) -> String {
        let mut text = shown(&self.message);
        for (name, value) in &self.fields {
            let value = plain(value);
            let is_word = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"');
            let value = if is_word { shown(&value) } else { format!("{value:?}") };
            _ = write!(text, " {name}={value}");
        }
        text
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            value.clone_into(&mut self.message);
        } else {
            self.fields.push((field.name(), value.into()));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), value.into()));
    }
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A name that somebody gave a table must not move the reader's cursor.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

/// As syslog counts: `err`, `warning`, `info`, `debug`.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let mut line = Line::of_words("flow interrupted: gone", &[("flow", "a:b"), ("place", "x y")]);
        line.fields.push(("retry_in_ms", 12_u64.into()));
        line
    }

    #[test]
    fn text_has_moment_level_message_and_fields() {
        let text = line().text(false);
        assert_eq!(
            text,
            "1970-01-01T00:00:00.000000Z  WARN flow interrupted: gone flow=a:b place=\"x y\" retry_in_ms=12\n"
        );
        assert!(line().text(true).contains("\x1b[33m WARN\x1b[0m flow"));
        let hostile = Line::of_words("table \x1b[2J\r", &[]).text(false);
        assert!(!hostile.contains(['\x1b', '\r']), "no name moves the cursor: {hostile:?}");
        let forged = Line::of_words("table \"x\n1970-01-01 ERROR\"", &[]).text(false);
        assert!(forged.contains("\n    1970"), "no name makes a line: {forged:?}");
    }

    #[test]
    fn json_is_one_object_on_one_line_and_numbers_stay_numbers() {
        let mut line = line();
        line.message = "two\nlines".to_owned();
        let text = line.json();
        assert_eq!(text.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["message"], "two\nlines");
        assert_eq!((&value["level"], &value["flow"]), (&Value::from("WARN"), &Value::from("a:b")));
        assert_eq!(value["retry_in_ms"], 12);
    }

    #[test]
    fn the_journal_gets_fields_of_their_own_and_a_length_before_text_of_several_lines() {
        let datagram = line().datagram();
        let text = String::from_utf8(datagram).expect("text");
        for wanted in [
            "MESSAGE=flow interrupted: gone flow=a:b place=\"x y\" retry_in_ms=12\n",
            "PRIORITY=4\n",
            "SYSLOG_IDENTIFIER=acequia\n",
            "ACEQUIA_FLOW=a:b\n",
            "ACEQUIA_RETRY_IN_MS=12\n",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        let datagram = Line::of_words("a\nb", &[]).datagram();
        assert!(datagram.starts_with(b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n"), "{datagram:?}");
    }

    #[test]
    fn what_came_again_says_how_often_and_drops_the_delay() {
        let line = line().repeated(7, 60, Timestamp::UNIX_EPOCH);
        assert_eq!(
            line.said(),
            "flow interrupted: gone (repeated 7 times in 60 s) flow=a:b place=\"x y\" repeated=7"
        );
    }
}
