//! Stories through the front door: the vendors are the sandbox, over HTTP; the people act with their own tokens.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not test functions, and a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the people of a test are no part of the service")]
#![expect(
    clippy::too_many_arguments,
    reason = "a call of a person has a person, a verb, a place and a thing"
)]

mod absence;
mod black_box;
mod calendar;
mod contracts;
mod delivery;
mod directories;
mod durable;
mod ending;
mod evidence;
mod form_stories;
mod harness;
mod inventory;
mod life;
mod memory;
mod patience;
mod recovery;
mod speed;
mod stopping;
mod story;
mod sweeping;
mod threats;
