//! What was used most recently, up to a bound: the rest can be made again.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A map that forgets what has not been used for the longest time when there is no room.
pub(super) struct Recent<K, V> {
    entries: HashMap<K, (V, u64)>,
    /// Counts all uses.
    clock: u64,
    max: usize,
}

/// An eighth goes at once: to find the oldest costs a look at every entry.
const DROPPED_PART: usize = 8;

impl<K: Eq + Hash, V> Recent<K, V> {
    /// With room for `max` entries, eight or more.
    pub(super) fn new(max: usize) -> Self {
        Self { entries: HashMap::new(), clock: 0, max }
    }

    /// An entry, if it is still there.
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.clock += 1;
        let (value, used) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(value)
    }

    /// Keeps an entry.
    pub(super) fn put(&mut self, key: K, value: V) {
        if self.entries.len() >= self.max {
            let mut uses: Vec<u64> = self.entries.values().map(|(_, used)| *used).collect();
            let (_, &mut oldest, _) = uses.select_nth_unstable(self.max / DROPPED_PART);
            self.entries.retain(|_, (_, used)| *used >= oldest);
        }
        self.clock += 1;
        self.entries.insert(key, (value, self.clock));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_oldest_goes() {
        let mut recent = Recent::new(8);
        for number in 0..8 {
            recent.put(number, number);
        }
        assert_eq!(recent.get(&0), Some(&0));
        recent.put(8, 8);
        assert_eq!(recent.get(&0), Some(&0), "it was used a moment ago");
        assert_eq!(recent.get(&1), None, "nothing was used longer ago");
        assert_eq!(recent.entries.len(), 8);
    }
}
