//! The only place that prints, and what a command ends in.

use std::error::Error;
use std::fmt::{self, Display};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Data could not be written, and not because its reader went away.
static LOST: AtomicBool = AtomicBool::new(false);

/// How a command ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: done.
    Done,
    /// 1: it did not come true: the story failed, the chain is broken, the credential is not proven gone yet.
    NotTrue,
    /// 2: a fault in the arguments or the configuration.
    Usage,
    /// 3: a vendor or the database did not answer.
    Unavailable,
    /// 4: it was done, and it found what `--fail-on` names.
    Found,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::NotTrue => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Unavailable => 3,
            ExitStatus::Found => 4,
        })
    }
}

/// Why a command did not do it: the status, what happened, and what to do.
#[derive(Debug)]
pub struct Failure {
    /// For scripts.
    pub status: ExitStatus,
    /// For people, one line each.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A fault of the caller.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: ExitStatus::Usage, message: message.into(), hint: None }
    }

    /// Somebody did not answer.
    pub fn unavailable(what: impl Display, error: &dyn Error) -> Self {
        Self { status: ExitStatus::Unavailable, message: format!("{what}: {}", chain(error)), hint: None }
    }

    /// It did not come true.
    pub fn not_true(message: impl Into<String>) -> Self {
        Self { status: ExitStatus::NotTrue, message: message.into(), hint: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        use crate::store::StoreError;
        let failure = Self { status: ExitStatus::Unavailable, message: chain(&error), hint: None };
        match error {
            // Trying again will not help: somebody must change the configuration or the program.
            StoreError::OtherKey
            | StoreError::OtherRelease(_)
            | StoreError::TooOld { .. }
            | StoreError::Unproven(_) => Self { status: ExitStatus::Usage, ..failure },
            _ => failure,
        }
    }
}

impl From<crate::vendors::VendorError> for Failure {
    fn from(error: crate::vendors::VendorError) -> Self {
        Self { status: ExitStatus::Unavailable, message: error.to_string(), hint: None }
    }
}

impl From<crate::reconcile::AdoptError> for Failure {
    fn from(error: crate::reconcile::AdoptError) -> Self {
        Self::unavailable("not everything could be taken over; run it again", &error)
    }
}

/// An error with what caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A line of data.
pub fn data(line: impl Display) {
    // A reader that went away is no reason to fail: what was to be done is done. A full disk is.
    let _ = noted(writeln!(std::io::stdout(), "{line}"));
}

/// The status to exit with: a command whose data could not be written has not done what was asked.
pub fn in_the_end(status: ExitStatus) -> ExitStatus {
    if !LOST.load(Ordering::Relaxed) {
        return status;
    }
    say("what was to be shown could not all be written to standard output: is its disk full?");
    ExitStatus::Unavailable
}

/// Where data goes that is written as it comes. What is lost on the way tells in the exit status, as with [`data`].
#[derive(Debug)]
pub(super) struct Stream;

impl std::io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        noted(std::io::stdout().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        noted(std::io::stdout().flush())
    }
}

fn noted<T>(written: std::io::Result<T>) -> std::io::Result<T> {
    if let Err(error) = &written
        && !matches!(error.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::Interrupted)
    {
        LOST.store(true, Ordering::Relaxed);
    }
    written
}

/// A line of words.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The end of a command that failed.
pub fn fail(failure: &Failure) {
    say(format_args!("{}", failure.message));
    if let Some(hint) = &failure.hint {
        say(format_args!("\nhint: {hint}"));
    }
}
