//! A rule as text, word by word: for `config show --effective` and for the difference between two configurations.

use std::time::Duration;

use super::words::{Apply, Gone, Rule};
use crate::expression::Expression;

impl Rule {
    /// Every word with what holds for it, by its key in the files (for `map`, `set` and `default`: `set.COLUMN`), in the
    /// order of the documentation.
    pub fn spoken(&self) -> Vec<(String, String)> {
        let mut words = Vec::new();
        let mut add = |name: &str, value: String| words.push((name.to_owned(), value));
        add("enabled", self.enabled.to_string());
        add("mode", self.mode.as_str().to_owned());
        add("where", self.filter.as_ref().map_or("every row", Expression::text).to_owned());
        add("on_delete", gone_text(&self.on_delete));
        add("on_leave", gone_text(&self.on_leave));
        add("on_truncate", self.on_truncate.as_str().to_owned());
        for (column, source) in &self.map {
            add(&format!("map.{column}"), source.to_string());
        }
        for (column, sql) in &self.set {
            add(&format!("set.{column}"), sql.text().to_owned());
        }
        for (column, chain) in &self.default {
            let chain: Vec<&str> = chain.iter().map(Expression::text).collect();
            add(&format!("default.{column}"), chain.join(", else "));
        }
        add("priority", self.priority.to_string());
        add("cascade", self.cascade.to_string());
        add("initial", self.initial.as_str().to_owned());
        add("apply", apply_text(&self.apply));
        words
    }
}

fn gone_text(gone: &Gone) -> String {
    match gone {
        Gone::Ignore | Gone::Delete => gone.as_str().to_owned(),
        Gone::Set(columns) => {
            let columns = columns.iter().map(|(column, sql)| format!("{column} = {}", sql.text()));
            format!("set {}", columns.collect::<Vec<_>>().join(", "))
        }
    }
}

fn apply_text(apply: &Apply) -> String {
    match apply {
        Apply::Stream => "stream".to_owned(),
        Apply::Every(interval) => format!("every {}", interval_text(*interval)),
        Apply::At { time, time_zone } => {
            let zone = time_zone.iana_name().unwrap_or("UTC");
            format!("at {} {zone}", time.strftime("%H:%M"))
        }
    }
}

/// An interval as the files write it, in the largest unit that fits.
pub fn interval_text(interval: Duration) -> String {
    let seconds = interval.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60)];
    match units.into_iter().find(|(_, size)| seconds.is_multiple_of(*size)) {
        Some((unit, size)) => format!("{}{unit}", seconds / size),
        None => format!("{seconds}s"),
    }
}
