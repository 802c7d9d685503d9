//! What an auditor is given: the audit chain as a file, and one request with all that proves it.
//!
//! Everything here is written from what is stored, without a vendor, a clock or randomness: the same state gives the
//! same bytes. What is exported can be verified again with the audit key alone.

mod archive;
mod export;
mod readme;
mod row;

pub use archive::{Unproven, archive, verify_archive};
pub use export::{Exported, Format, Unreadable, Writer, guarded, line_of, verify};
