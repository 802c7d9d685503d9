//! Whether SQLite still writes to the file that is at its path.
//!
//! A file that is removed or replaced under an open database goes on working: everything is written into a file that
//! nobody will ever find again. What is acknowledged must be durable, so every write looks, before it commits, whether
//! the file is still there and still the same. It costs one question to the file system.

use std::io;
use std::path::{Path, PathBuf};

/// The file that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    path: PathBuf,
    identity: Identity,
}

/// Device and number of a file, where the system has them.
type Identity = (u64, u64);

impl Place {
    /// The file that is there now.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }

    /// An error that says what to do, if it is not there any more or is another one.
    pub(super) fn check(&self) -> io::Result<()> {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the database's file was removed or replaced while it was open: put it back (or a backup in its place), \
             then restart countersign",
        ))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(|_| (0, 0))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_or_another_one_is_noticed_and_the_same_one_is_welcome_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("one"), folder.path().join("aside"));
        std::fs::write(&path, "a").unwrap();
        let place = Place::of(&path).unwrap();
        std::fs::write(&path, "longer").unwrap();
        assert!(place.check().is_ok(), "its content is its own affair");
        std::fs::rename(&path, &aside).unwrap();
        assert!(place.check().is_err());
        std::fs::copy(&aside, &path).unwrap();
        assert!(place.check().unwrap_err().to_string().contains("restart countersign"));
        std::fs::rename(&aside, &path).unwrap();
        assert!(place.check().is_ok());
    }
}
