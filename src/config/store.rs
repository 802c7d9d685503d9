//! `[store]`: where the memory of what was issued is.

use std::path::PathBuf;

use super::secrets::Origin;
use crate::reader::Reader;

/// The database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The SQLite file, absolute. It need not exist yet.
    pub path: PathBuf,
}

impl Store {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let path = reader.text("path").map(|path| origin.absolute(&path));
        Some(Self { path: path? })
    }
}
