//! The messages of remote write as far as they are read: field numbers are those of Prometheus'
//! `prompb/remote.proto`, `prompb/types.proto` and `io/prometheus/write/v2/types.proto`.

use prost::Message;

/// One time series, from either version.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Name and value; `__name__` is the metric's.
    pub labels: Vec<(String, String)>,
    pub samples: Vec<Sample>,
    /// Native histograms, which aren't read.
    pub histograms: usize,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Label {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A native histogram: only that there is one.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Histogram {}

impl WriteRequest {
    pub fn series(self) -> Vec<Series> {
        let each = self.timeseries.into_iter().map(|series| Series {
            labels: series
                .labels
                .into_iter()
                .map(|label| (label.name, label.value))
                .collect(),
            samples: series.samples,
            histograms: series.histograms.len(),
        });
        each.collect()
    }
}

/// Version 2: labels are places in a table of texts.
#[derive(Clone, PartialEq, Message)]
pub struct Request {
    #[prost(string, repeated, tag = "4")]
    pub symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub timeseries: Vec<TimeSeries2>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries2 {
    #[prost(uint32, repeated, tag = "1")]
    pub labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub histograms: Vec<Histogram>,
}

impl Request {
    /// # Errors
    /// A label that names no text, or half of a pair.
    pub fn series(self) -> Result<Vec<Series>, String> {
        let symbols = self.symbols;
        let text = |place: u32| {
            let text = symbols.get(place as usize).cloned();
            text.ok_or_else(|| format!("labels_refs names symbol {place} of {}", symbols.len()))
        };
        let each = self.timeseries.into_iter().map(|series| {
            let (pairs, rest) = series.labels_refs.as_chunks::<2>();
            if !rest.is_empty() {
                return Err("labels_refs: expected pairs of name and value".to_owned());
            }
            let pairs = pairs.iter();
            let labels = pairs.map(|[name, value]| Ok((text(*name)?, text(*value)?)));
            Ok(Series {
                labels: labels.collect::<Result<_, String>>()?,
                samples: series.samples,
                histograms: series.histograms.len(),
            })
        });
        each.collect()
    }
}
