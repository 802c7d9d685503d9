//! `[log]`: what is logged, and in which form.

use tracing_subscriber::EnvFilter;

use super::values::choice;
use crate::reader::Reader;

/// The log, which goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// For whom it is written.
    pub format: LogFormat,
    /// A filter as `tracing_subscriber::EnvFilter` reads it; known to be valid.
    pub filter: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let forms = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let format = reader.parsed("format", |text| choice(text, &forms));
        let filter = reader.parsed("filter", |text| {
            let filter = EnvFilter::builder().parse(text);
            filter.map(|_| text.to_owned()).map_err(|error| format!("is not a filter: {error}"))
        });
        Some(Self { format: format?, filter: filter? })
    }
}
