//! How much of a vendor's patience is left: one gate for each account, shared by all workers of the process.
//!
//! A vendor that says "later" is believed: until then no call goes out at all, and whoever wanted one is answered
//! with that refusal at once and looks again later; nobody sleeps. Endings go first: only what they themselves were refused
//! holds them, when a wait is over the others stand back a little longer, and the last of a budget is theirs. Counting calls
//! ourselves would prove nothing, since others share the budget and vendors refuse long before it is spent. Another
//! process learns of a refusal from its own. The clock is the service's, so a simulation decides what it is.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use super::error::{LONGEST_WAIT, retry_after, sent_at};
use super::{Call, Vendor};
use crate::clock::SharedClock;

/// A refusal that does not say for how long; doubled with each in a row.
const UNSAID: SignedDuration = SignedDuration::from_secs(10);
/// The longest wait of our own making.
const LONGEST_UNSAID: SignedDuration = SignedDuration::from_mins(5);
/// So much earlier than the others an ending may call again.
const HEAD_START: SignedDuration = SignedDuration::from_secs(2);
/// A budget of which less than this part is left is kept for endings.
const RESERVE: u64 = 10;
/// A budget is asked after again after this long, whatever the vendor says: all three count by the minute.
const LONGEST_RESERVE: SignedDuration = SignedDuration::from_mins(1);
/// Two clocks that differ by more than this: one of them is wrong.
const TOO_FAR_APART: SignedDuration = SignedDuration::from_mins(5);
/// How often that is said.
const SAY_EVERY: SignedDuration = SignedDuration::from_hours(1);

tokio::task_local! {
    /// Present: this is an ending, or what must be finished.
    static URGENT: ();
    /// The longest wait that a call of this look was told.
    static TOLD_TO_WAIT: Cell<Option<Timestamp>>;
}

/// Does this before everybody else: taking a credential away, or finishing what a secret in hand waits for.
pub(crate) async fn first<F: Future>(work: F) -> F::Output {
    URGENT.scope((), work).await
}

/// Does this and keeps in mind for how long vendors asked to be left alone meanwhile: see [`told_to_wait_until`].
pub(crate) async fn minding_waits<F: Future>(work: F) -> F::Output {
    TOLD_TO_WAIT.scope(Cell::new(None), work).await
}

/// Until when a vendor wants to be left alone that was called in the present [`minding_waits`].
pub(crate) fn told_to_wait_until() -> Option<Timestamp> {
    TOLD_TO_WAIT.try_with(Cell::get).ok().flatten()
}

/// The gate of one account.
#[derive(Debug)]
pub(super) struct Gate {
    clock: SharedClock,
    patience: Mutex<Patience>,
}

/// What one vendor said last, for one account.
#[derive(Debug, Default)]
struct Patience {
    waits: HashMap<Scope, Wait>,
    reserved: HashMap<Scope, Timestamp>,
    clock_off: bool,
    said_at: Option<Timestamp>,
}

/// What a refusal is about: everything, or one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scope {
    Account,
    Operation(&'static str),
}

#[derive(Debug, Clone, Copy)]
struct Wait {
    until: Timestamp,
    in_a_row: u32,
}

impl Gate {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, patience: Mutex::default() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The refusal in place of an answer, where the call must not go out now.
    pub(super) fn refusal(&self, call: Call) -> Option<Response<Bytes>> {
        let (now, urgent) = (self.now(), URGENT.try_with(|()| ()).is_ok());
        let until = self.patience().opens(call, now, urgent)?;
        note(until);
        let seconds = until.duration_since(now).as_secs().saturating_add(1);
        tracing::debug!(vendor = %call.vendor, operation = call.operation, seconds, "put off");
        let refusal = Response::builder()
            .status(StatusCode::TOO_MANY_REQUESTS)
            .header(header::RETRY_AFTER, seconds)
            .body(Bytes::new());
        refusal.ok()
    }

    /// Takes to heart what an answer says of waits, budgets and the time. `sent`: when the call went out.
    pub(super) fn heard(&self, call: Call, answer: &Response<Bytes>, sent: Timestamp) {
        let now = self.now();
        let mut patience = self.patience();
        if let Some(until) = patience.heard(call, answer, now) {
            note(until);
        }
        patience.compare_clocks(call.vendor, sent_at(answer.headers()), (sent, now));
    }

    /// Whether the vendor's clock, at its last answer, was far from ours.
    pub(super) fn clock_is_off(&self) -> bool {
        self.patience().clock_off
    }

    fn patience(&self) -> std::sync::MutexGuard<'_, Patience> {
        self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(until: Timestamp) {
    // Outside of a look there is nobody to remember it.
    let _ = TOLD_TO_WAIT.try_with(|told| told.set(told.get().max(Some(until))));
}

impl Patience {
    /// When this call may go out; none: now.
    fn opens(&self, call: Call, now: Timestamp, urgent: bool) -> Option<Timestamp> {
        let scopes = [Scope::Operation(call.operation), Scope::Account];
        // What one operation was refused need not stop an ending's next one: that is tried, once.
        let scopes = if urgent { &scopes[..1] } else { &scopes[..] };
        let stand_back = if urgent { SignedDuration::ZERO } else { HEAD_START };
        let waits = scopes.iter().filter_map(|scope| self.waits.get(scope));
        let waits = waits.map(|wait| wait.until.saturating_add(stand_back).unwrap_or(wait.until));
        let reserved = scopes.iter().filter_map(|scope| self.reserved.get(scope)).filter(|_| !urgent);
        let until = waits.chain(reserved.copied()).max()?;
        // A wait longer than any that is kept was begun by a clock that has been set back since.
        let longest = LONGEST_WAIT + HEAD_START;
        (until > now && until.duration_since(now) <= longest).then_some(until)
    }

    /// Until when the vendor wants to be left alone now, if it says so.
    fn heard(&mut self, call: Call, answer: &Response<Bytes>, now: Timestamp) -> Option<Timestamp> {
        let headers = answer.headers();
        let asked = retry_after(headers);
        let refused = match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => true,
            // "Under maintenance, come back then": the same wish.
            StatusCode::SERVICE_UNAVAILABLE => asked.is_some(),
            _ => false,
        };
        let scope = scope(call, headers, asked.is_some());
        if !refused {
            self.waits.remove(&Scope::Operation(call.operation));
            self.waits.remove(&Scope::Account);
            self.reserve(scope, headers, now);
            return None;
        }
        let in_a_row = self.waits.get(&scope).map_or(0, |wait| wait.in_a_row);
        let wait = asked.unwrap_or_else(|| unsaid(in_a_row)).max(SignedDuration::from_secs(1));
        let until = now.saturating_add(wait).unwrap_or(now);
        // Calls that were under way together are refused together, each with its own rest of the same wait.
        let until = self.waits.get(&scope).map_or(until, |before| before.until.max(until));
        let until = until.min(now.saturating_add(LONGEST_WAIT).unwrap_or(until));
        for scope in [scope, Scope::Operation(call.operation)] {
            self.waits.insert(scope, Wait { until, in_a_row: in_a_row.saturating_add(1) });
        }
        tracing::warn!(vendor = %call.vendor, operation = call.operation, seconds = wait.as_secs(),
            "asked to slow down");
        Some(until)
    }

    fn reserve(&mut self, scope: Scope, headers: &HeaderMap, now: Timestamp) {
        self.reserved.remove(&scope);
        let Some(Budget { limit, remaining, resets }) = Budget::read(headers) else { return };
        if remaining.saturating_mul(RESERVE) < limit {
            let wait = resets.unwrap_or(UNSAID).clamp(SignedDuration::from_secs(1), LONGEST_RESERVE);
            self.reserved.insert(scope, now.saturating_add(wait).unwrap_or(now));
        }
    }

    fn compare_clocks(
        &mut self,
        vendor: Vendor,
        theirs: Option<Timestamp>,
        (sent, now): (Timestamp, Timestamp),
    ) {
        let Some(theirs) = theirs.filter(|_| matches!(vendor, Vendor::GitLab | Vendor::Zendesk)) else {
            return;
        };
        let behind = sent.duration_since(theirs).max(theirs.duration_since(now));
        self.clock_off = behind > TOO_FAR_APART;
        if !self.clock_off {
            self.said_at = None;
        } else if self.said_at.is_none_or(|at| now.duration_since(at).abs() >= SAY_EVERY) {
            tracing::error!(%vendor, seconds = behind.as_secs(),
                "our clock and the vendor's are minutes apart; set this machine's clock");
            self.said_at = Some(now);
        }
    }
}

/// Slack counts for each method. GitLab has limits of single endpoints beside the one for all; these have a name of
/// their own, or no headers at all. Zendesk counts for the account.
fn scope(call: Call, headers: &HeaderMap, says_how_long: bool) -> Scope {
    let of_all = match call.vendor {
        Vendor::Slack => false,
        Vendor::GitLab => match headers.get("ratelimit-name").and_then(|name| name.to_str().ok()) {
            Some(name) => name.starts_with("throttle_authenticated") || name.starts_with("throttle_unauth"),
            None => says_how_long,
        },
        Vendor::Zendesk | Vendor::Directory => true,
    };
    if of_all { Scope::Account } else { Scope::Operation(call.operation) }
}

fn unsaid(in_a_row: u32) -> SignedDuration {
    UNSAID.saturating_mul(1 << in_a_row.min(8)).min(LONGEST_UNSAID)
}

/// What is left, as the vendor counts it.
struct Budget {
    limit: u64,
    remaining: u64,
    resets: Option<SignedDuration>,
}

impl Budget {
    /// GitLab's `RateLimit-*` (its reset is a point in time) and Zendesk's `X-Rate-Limit*` and `ratelimit-*` (seconds).
    fn read(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let first = |names: [&str; 2]| names.into_iter().find_map(number);
        let limit = first(["ratelimit-limit", "x-rate-limit"])?;
        let remaining = first(["ratelimit-remaining", "x-rate-limit-remaining"])?;
        let resets = number("ratelimit-reset").and_then(|reset| match Timestamp::from_second(reset) {
            Ok(at) if reset > A_POINT_IN_TIME => Some(at.duration_since(sent_at(headers)?)),
            _ => Some(SignedDuration::from_secs(reset)),
        });
        Some(Self { limit: u64::try_from(limit).ok()?, remaining: u64::try_from(remaining).ok()?, resets })
    }
}

/// Larger numbers are seconds since 1970, smaller ones a delay.
const A_POINT_IN_TIME: i64 = 1_000_000_000;

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
