//! `[directory]`: where it is written who people are and who manages them.

use std::path::PathBuf;

use super::secrets::Origin;
use crate::reader::Reader;

/// The source of people and their managers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// A TOML file, absolute. Reread when it changes.
    pub file: PathBuf,
}

impl Directory {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let file = reader.text("file").map(|path| origin.absolute(&path));
        Some(Self { file: file? })
    }
}
