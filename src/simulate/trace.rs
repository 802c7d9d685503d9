//! What happened, line by line: a digest of it always, the lines themselves where somebody wants to read them.
//!
//! Two runs of one seed have the same digest, or the simulation is not one.

use std::fmt::{self, Write};

use jiff::Timestamp;

/// FNV-1a, 64 bits: it compares runs, and defends against nobody.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The trace of a history.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    digest: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(super) fn new(kept: bool) -> Self {
        Self { digest: BASIS, lines: kept.then(Vec::new) }
    }

    pub(super) fn line(&mut self, at: Timestamp, what: fmt::Arguments<'_>) {
        let mut digest = Digest(self.digest);
        let _ = write!(digest, "{} {what}", at.as_millisecond());
        self.digest = digest.0;
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{at}  {what}"));
        }
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

struct Digest(u64);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        Ok(())
    }
}
