//! Stories through the front door: the vendors are the sandbox, over HTTP; the people act with their own tokens.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not test functions, and a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the people of a test are no part of the service")]
#![expect(
    clippy::too_many_arguments,
    reason = "a call of a person has a person, a verb, a place and a thing"
)]

mod absence;
pub(crate) mod black_box;
mod calendar;
pub(crate) mod contracts;
mod delivery;
pub(crate) mod directories;
mod durable;
mod ending;
mod evidence;
mod extension;
mod form_stories;
pub(crate) mod harness;
mod inventory;
mod kinds;
mod last_use;
mod life;
mod memory;
mod one_comment;
mod operator;
mod patience;
mod processes;
mod recovery;
mod replicas;
mod shown;
mod speed;
mod stopping;
mod story;
mod sweeping;
mod threats;
mod told;
mod upgrade;
mod year;
