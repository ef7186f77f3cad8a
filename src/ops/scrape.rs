//! The values of the metrics as text, in the two forms that Prometheus reads.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::metric::{Kind, METRICS, Metric};
use super::sample::{Sample, Samples, Value};

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Prometheus' own text format, 0.0.4: for everyone who asks for nothing else.
    Plain,
    /// `OpenMetrics` 1.0.0: for those who can read it.
    OpenMetrics,
}

impl Form {
    /// What suits an `Accept` header.
    pub(super) fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Plain }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The text of an answer.
pub(super) fn text(samples: Samples, form: Form) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(samples)));
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = encode(&mut text, &registry);
    match form {
        Form::OpenMetrics => text,
        Form::Plain => plain(&text),
    }
}

/// In `OpenMetrics` a counter's family is named without `_total`; the older format knows no such difference, and takes the
/// samples for another metric without a type.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + text.len() / 16);
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        let (head, name) = (words.next(), words.nth(1));
        let counter = name.filter(|_| head == Some("#")).and_then(|name| {
            let is_it = |metric: &&Metric| {
                metric.kind == Kind::Counter && metric.name.strip_suffix("_total") == Some(name)
            };
            METRICS.iter().find(is_it).map(|metric| (name, metric.name))
        });
        match counter {
            Some((family, name)) => plain.push_str(&line.replacen(family, name, 1)),
            None => plain.push_str(line),
        }
        plain.push('\n');
    }
    plain
}

/// All metrics of one answer.
#[derive(Debug)]
struct Page(Samples);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in METRICS {
            let samples = self.0.of(metric);
            if samples.is_empty() {
                continue;
            }
            let (name, kind) = match metric.kind {
                Kind::Gauge => (metric.name, MetricType::Gauge),
                Kind::Counter => {
                    (metric.name.strip_suffix("_total").unwrap_or(metric.name), MetricType::Counter)
                }
            };
            let mut family = encoder.encode_descriptor(name, metric.help, None, kind)?;
            for sample in samples {
                encode_sample(&mut family, metric.kind, sample)?;
            }
        }
        Ok(())
    }
}

fn encode_sample(family: &mut MetricEncoder<'_>, kind: Kind, sample: &Sample) -> fmt::Result {
    if sample.labels.is_empty() {
        return encode_value(family, kind, sample.value);
    }
    encode_value(&mut family.encode_family(&sample.labels)?, kind, sample.value)
}

fn encode_value(metric: &mut MetricEncoder<'_>, kind: Kind, value: Value) -> fmt::Result {
    match (kind, value) {
        (Kind::Gauge, Value::Whole(value)) => metric.encode_gauge(&value),
        (Kind::Gauge, Value::Real(value)) => metric.encode_gauge(&value),
        (Kind::Counter, Value::Whole(value)) => metric.encode_counter::<NoLabelSet, _, u64>(&value, None),
        (Kind::Counter, Value::Real(value)) => metric.encode_counter::<NoLabelSet, _, u64>(&value, None),
    }
}
