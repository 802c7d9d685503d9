//! Stories through the front door: the vendors are the sandbox, over HTTP; the people act with their own tokens.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not test functions, and a test may panic")]

mod black_box;
mod delivery;
mod ending;
mod harness;
mod recovery;
mod story;
