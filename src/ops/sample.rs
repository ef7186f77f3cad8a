//! Values of metrics, gathered for one answer.

use std::collections::BTreeMap;

use super::metric::Metric;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Whole(value as u64)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(u64::from(value))
    }
}

/// To the millisecond: more of an age is noise.
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real((value * 1000.0).round() / 1000.0)
    }
}

/// A time or a difference, which may be below zero.
impl From<i64> for Value {
    #[expect(clippy::cast_precision_loss, reason = "that is a time before 1970, or bytes of WAL")]
    fn from(value: i64) -> Self {
        u64::try_from(value).map_or(Self::Real(value as f64), Self::Whole)
    }
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// Names and values, in the order of the table.
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: Value,
}

/// All series, by the names of their metrics.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<&'static str, Vec<Sample>>);

impl Samples {
    /// Adds a series; `labels` are the values of the metric's labels, in order.
    pub(super) fn put(&mut self, metric: &Metric, labels: &[&str], value: impl Into<Value>) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let values = labels.iter().map(|&label| label.to_owned());
        let sample =
            Sample { labels: metric.labels.iter().copied().zip(values).collect(), value: value.into() };
        self.0.entry(metric.name).or_default().push(sample);
    }

    /// The same where there is a value.
    pub(super) fn put_known(&mut self, metric: &Metric, labels: &[&str], value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(metric, labels, value);
        }
    }

    /// 1 for the word that holds, 0 for the others.
    pub(super) fn put_states(&mut self, metric: &Metric, labels: &[&str], words: &[&str], holds: &str) {
        for word in words {
            self.put(metric, &[labels, &[word]].concat(), *word == holds);
        }
    }

    /// The series of a metric.
    pub(super) fn of(&self, metric: &Metric) -> &[Sample] {
        self.0.get(metric.name).map_or(&[], Vec::as_slice)
    }
}
