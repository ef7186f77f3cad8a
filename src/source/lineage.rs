//! Which history of which cluster a server writes, and how far it has come.
//!
//! A server that is promoted, or restored to an earlier moment, goes over to another timeline. What was written on the old
//! one after the two parted was never in it. Source: PostgreSQL manual, "Timelines", and `timeline.c`.

use crate::lsn::Lsn;

/// A server's cluster, timeline and end of WAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The cluster's identifier.
    pub system: String,
    /// The timeline that is written now.
    pub timeline: u32,
    /// The end of WAL that is flushed to disk.
    pub end: Lsn,
    /// The timelines before this one, the oldest first, each with where it was left for the next.
    pub history: Vec<(u32, Lsn)>,
}

impl Lineage {
    /// Takes over what the server's history file says: in each line a timeline, where it was left, and why.
    pub fn read_history(&mut self, file: &str) {
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        };
        self.history = file.lines().filter_map(line).collect();
    }

    /// Where an earlier timeline was left for the next one; none where this server does not come from it.
    pub fn left(&self, timeline: u32) -> Option<Lsn> {
        self.history.iter().find(|(of, _)| *of == timeline).map(|(_, at)| *at)
    }

    /// Where a timeline of this history began; none for the first, and for one that is not in it.
    pub fn began(&self, timeline: u32) -> Option<Lsn> {
        let place = if timeline == self.timeline {
            self.history.len()
        } else {
            self.history.iter().position(|(of, _)| *of == timeline)?
        };
        self.history.get(place.checked_sub(1)?).map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_file_says_where_each_timeline_was_left() {
        let mut lineage = Lineage { system: "7".to_owned(), timeline: 4, end: Lsn(9), history: Vec::new() };
        lineage.read_history(
            "1\t0/3000000\tno recovery target specified\n\n# by hand\n2\t0/5000028\tat restore point \"a b\"\n",
        );
        assert_eq!(lineage.history, [(1, Lsn(0x300_0000)), (2, Lsn(0x500_0028))]);
        assert_eq!(
            [1, 2, 3, 4].map(|timeline| lineage.left(timeline)),
            [Some(Lsn(0x300_0000)), Some(Lsn(0x500_0028)), None, None]
        );
        assert_eq!(
            [1, 2, 3, 4].map(|timeline| lineage.began(timeline)),
            [None, Some(Lsn(0x300_0000)), None, Some(Lsn(0x500_0028))]
        );
        lineage.history.clear();
        assert_eq!(lineage.began(4), None, "a server that has lost its history");
    }
}
