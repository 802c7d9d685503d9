//! `[audit]`: the key of the audit chain, and a second place for its entries.

use std::fmt;
use std::path::PathBuf;

use super::secrets::{Names, Origin};
use crate::key::Key;
use crate::reader::Reader;

/// The audit chain.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Its key: at least 32 bytes.
    pub key: Key,
    /// Where its entries go as well.
    pub sink: Option<AuditSink>,
}

/// A second place for audit entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditSink {
    /// Standard output of `serve`.
    Stdout,
    /// A file, absolute.
    File(PathBuf),
}

impl fmt::Display for AuditSink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("stdout"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

impl Audit {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let names = Names { variable: "COUNTERSIGN_AUDIT_KEY", key: "key_file" };
        let sink = reader.optional_text("sink").map(|text| match text.as_str() {
            "stdout" => AuditSink::Stdout,
            path => AuditSink::File(origin.absolute(path)),
        });
        let text = origin.secret(reader, names)?;
        match Key::of_base64(text.expose()) {
            Ok(key) => Some(Self { key, sink }),
            Err(error) => {
                reader.fault(names.key, format!("its secret {error}"));
                None
            }
        }
    }
}
