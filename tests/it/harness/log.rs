//! The log of the whole test run, kept so that it can be searched for secrets.

use std::io::Write;
use std::sync::{Mutex, Once};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ONCE: Once = Once::new();

struct Kept;

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps everything that is logged from now on: ours at every level, the libraries' from debug. Where in the log
/// a story begins: nothing minted in it can stand before that.
pub(super) fn capture() -> usize {
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::builder().parse_lossy("debug,countersign=trace");
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Kept).init();
    });
    LOG.lock().unwrap().len()
}

/// What was logged since then, by this story and by those told at the same time.
pub(super) fn captured(since: usize) -> Vec<u8> {
    let log = LOG.lock().unwrap()[since..].to_vec();
    assert!(!log.is_empty(), "a log that keeps nothing proves nothing");
    log
}
