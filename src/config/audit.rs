//! `[audit]`: the key of the audit chain.

use super::secrets::{Names, Origin};
use crate::key::Key;
use crate::reader::Reader;

/// The audit chain.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Its key: at least 32 bytes.
    pub key: Key,
}

impl Audit {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let names = Names { variable: "COUNTERSIGN_AUDIT_KEY", key: "key_file" };
        let text = origin.secret(reader, names)?;
        match Key::of_base64(text.expose()) {
            Ok(key) => Some(Self { key }),
            Err(error) => {
                reader.fault(names.key, format!("its secret {error}"));
                None
            }
        }
    }
}
