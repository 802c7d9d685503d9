//! One request at a time: observe, decide, act, record; until there is nothing left to do.
//!
//! A reconcile has no input but the issue's key. Whatever woke it, it reads everything anew, so that after a
//! restart nothing is different. Every change is committed under the fence of the claim together with the audit
//! entries that explain it; a worker whose fence is gone stops at once, and whoever has the request now
//! carries on from what is written.

mod act;
mod adopt;
mod approvers;
mod brake;
mod context;
mod credentials;
mod extension;
mod fingerprint;
mod foresight;
mod hand;
mod inspect;
pub mod inventory;
mod life;
mod mint;
mod observe;
mod parties;
mod pause;
mod provisioners;
mod reading;
mod remind;
pub mod retire;
mod seen;
mod status;
mod sweep;
mod sweeper;
mod take_away;
mod worker;

use jiff::{SignedDuration, Timestamp};

use crate::domain::decide::decide;
use crate::domain::plan::{Event, Plan};
use crate::domain::record::Record;
use crate::domain::snapshot::IssueView;
use crate::store::{Change, Claim, Entry, Hold, NO_REQUEST, Release, StoreError};
use crate::vendors::gate;
use seen::settled;

pub use adopt::{AdoptError, adopt_all};
pub use approvers::{all as all_pins, trust_labels};
pub use brake::ask as ask_brake;
pub use context::{Context, Labels, Parts};
pub use foresight::Told;
pub use inspect::inspect;
pub use observe::{Observation, halted, look_only, observe};
pub use pause::{pause, paused, resume};
pub use sweep::sweep;
pub use sweeper::{Rounds, Sweeper};
pub use worker::{Step, Worker};

/// How long a claim lasts unless renewed. It is renewed before every call that has an effect, and no call with
/// an effect lasts longer than half of this. A killed process's requests wait no longer than this.
const LEASE: SignedDuration = SignedDuration::from_mins(1);
/// A look that leads to something is followed by another at once, this often.
const ROUNDS: u32 = 16;
/// What came of it after that many rounds can wait a minute.
const REST: SignedDuration = SignedDuration::from_mins(1);

/// Looks at one claimed request until nothing is left to do, and gives it back.
pub async fn reconcile(context: &Context, claim: Claim) -> Result<(), StoreError> {
    Box::pin(gate::minding_waits(rounds(context, claim))).await
}

async fn rounds(context: &Context, mut claim: Claim) -> Result<(), StoreError> {
    for _ in 0..ROUNDS {
        context.store.renew(&claim, LEASE).await?;
        let began = context.now();
        let seen = observe(context, &claim).await?;
        let plan = decide(&seen.snapshot, &context.policy, context.now());
        if plan.record.is_none() && seen.snapshot.issue == IssueView::Unknown {
            return give_back(context, &claim, Rest { plan: &plan, seen: &seen, unfinished: true, began })
                .await;
        }
        if plan.record.is_none() {
            let release = Release { seen: settled(&seen.snapshot.issue, began), ..Release::default() };
            return nothing_of_ours(context, &claim, release).await;
        }
        let mut work = act::Work::new(context, &mut claim, &seen, &plan);
        work.remember(&plan).await?;
        if !Box::pin(work.carry_out(&plan.actions)).await? {
            status::write(&mut work, &seen, &plan.status).await?;
            let unfinished = work.unfinished;
            return give_back(context, &claim, Rest { plan: &plan, seen: &seen, unfinished, began }).await;
        }
    }
    tracing::warn!(issue.key = %claim.key, "a request did not come to rest; it is looked at again in a minute");
    let next_look = context.now().checked_add(REST).ok();
    context.store.release(&claim, Release { next_look, ..Release::default() }).await
}

async fn nothing_of_ours(context: &Context, claim: &Claim, release: Release) -> Result<(), StoreError> {
    tracing::debug!(issue.key = %claim.key, "not a request; left alone");
    if claim.phase != NO_REQUEST {
        let change = Change { phase: NO_REQUEST.to_owned(), ..Change::default() };
        context.store.commit(claim, change).await?;
    }
    context.store.release(claim, release).await
}

/// What is left after a look that led to nothing more.
struct Rest<'a> {
    plan: &'a Plan,
    seen: &'a Observation,
    /// A label or the comment could not be written.
    unfinished: bool,
    /// When the look began.
    began: Timestamp,
}

async fn give_back(context: &Context, claim: &Claim, rest: Rest<'_>) -> Result<(), StoreError> {
    let unknown = rest.seen.snapshot.issue == IssueView::Unknown;
    let failed = unknown || rest.unfinished;
    let failures = if failed { claim.failures.saturating_add(1) } else { 0 };
    let last_error =
        failed.then_some(if unknown { "GitLab does not answer" } else { "GitLab did not take a change" });
    let backoff = failed.then(|| context.now().checked_add(backoff(failures)).ok()).flatten();
    // A vendor that said how long it wants to be left alone is asked again then: not sooner, and not much later.
    let again = gate::told_to_wait_until().map(|until| spread(claim, until)).or(backoff);
    // What was asked for without an answer may have come by then, and nothing else may lead here any more.
    let late =
        claim.record.as_ref().and_then(Record::may_change_until).filter(|until| *until > context.now());
    let next_look = rest.plan.next_look.into_iter().chain(again).chain(late).min();
    // A secret in hand can only be sent by this process: nobody else takes the request until then.
    let hold = rest.seen.snapshot.in_hand.and_then(|_| {
        let until = next_look?.checked_add(REST).ok()?;
        Some(Hold { owner: claim.owner.clone(), until })
    });
    let last_error = last_error.map(str::to_owned);
    let seen = if failed { None } else { settled(&rest.seen.snapshot.issue, rest.began) };
    context.store.release(claim, Release { next_look, failures, last_error, hold, seen }).await
}

/// Those who wait for the same moment come one after the other.
fn spread(claim: &Claim, until: Timestamp) -> Timestamp {
    let place = SignedDuration::from_millis(claim.key.iid.rem_euclid(64) * 100);
    until.saturating_add(place).unwrap_or(until)
}

/// Half a minute, doubled with each failure, up to half an hour.
fn backoff(failures: u32) -> SignedDuration {
    let doubled = 30_i64.saturating_mul(1 << failures.clamp(1, 7).saturating_sub(1));
    SignedDuration::from_secs(doubled.min(30 * 60))
}

/// Audit entries of one request.
fn entries(claim: &Claim, events: &[Event]) -> Vec<Entry> {
    let entry =
        |event: &Event| Entry { kind: event.kind.into(), key: Some(claim.key), detail: event.detail.clone() };
    events.iter().map(entry).collect()
}
