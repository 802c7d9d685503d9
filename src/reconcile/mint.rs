//! Minting and handing over. It cannot be one transaction, so each step is written down before it is taken.
//!
//! intent row → create → id row → proof that it works → message row → send → outcome row. The secret is in this
//! process's hand from the create call until Slack has it, and in no row. Whoever dies in between leaves a row
//! from which the next look can tell what may exist; it is taken away and minted anew, never guessed at.

use jiff::SignedDuration;
use serde_json::json;

use super::LEASE;
use super::act::{Work, delivered, put_off};
use super::credentials::{self, Made, Proof};
use super::observe::is_stopped;
use super::{fingerprint, take_away};
use crate::domain::message::{self, Facts};
use crate::domain::phase::{BlockReason, Phase};
use crate::domain::plan::{Event, Mint};
use crate::domain::record::{Attempt, AttemptState, Delivery, TakeAwayReason};
use crate::domain::terms::{Kind, Terms};
use crate::planted::{self, Bug};
use crate::secret::MintedSecret;
use crate::store::StoreError;
use crate::vendors::VendorError;
use crate::vendors::gate;
use crate::vendors::slack::{OutgoingMessage, SlackError};

/// No create call lasts longer than this: the transport's own limit is below it.
const CALL: SignedDuration = SignedDuration::from_secs(30);
/// A credential that is not accepted right after it was made may only be late; after this many tries it is wrong.
const PROOFS: u32 = 3;

/// Makes one credential. Whatever happens, the ledger then says what may exist.
pub(super) async fn mint(work: &mut Work<'_>, plan: &Mint) -> Result<bool, StoreError> {
    let Some(zendesk) = work.context.zendesk.get(&plan.terms.instance) else { return Ok(false) };
    let attempt = intent(work, plan);
    let detail = json!({"attempt": attempt.number, "instance": attempt.instance, "name": attempt.name,
        "nonce": attempt.nonce, "digest": plan.terms.digest()});
    if !planted::is(Bug::SkipIntentRow) {
        work.commit(Some(attempt.clone()), Event::new("mint.intended", detail)).await?;
    }
    work.context.store.renew(work.claim, LEASE).await?;
    let issue_url = work.record.url.clone();
    match credentials::make(zendesk, &attempt, &issue_url).await {
        Ok(created) => made(work, attempt, (&plan.terms, created)).await?,
        Err(error) => not_made(work, attempt, &error).await?,
    }
    Ok(true)
}

fn intent(work: &Work<'_>, plan: &Mint) -> Attempt {
    let now = work.context.now();
    let nonce = work.context.random_id();
    Attempt {
        number: plan.number,
        generation: plan.generation,
        identifier: plan.terms.kind.is_oauth().then(|| format!("countersign_{nonce}")),
        nonce,
        instance: plan.terms.instance.clone(),
        kind: plan.terms.kind,
        name: plan.terms.name.clone(),
        owner: plan.terms.owner,
        listed_before: plan.listed_before.clone(),
        intent_at: now,
        deadline: now.checked_add(CALL).unwrap_or(now),
        state: AttemptState::Intended,
        credential: None,
        tokens: Vec::new(),
        secret_discarded_at: None,
        minted_at: None,
        seen_listed: false,
        found_gone: false,
        missing_since: None,
        switched_off_at: None,
        touched: false,
        delivery: None,
        looks: Vec::new(),
        failures: 0,
        not_before: None,
    }
}

/// The ledger learns the id before anything else is done with it. What a keyed fingerprint of the secret is taken for
/// belongs here as well: this is the only place that sees every secret that is handed over.
async fn made(
    work: &mut Work<'_>,
    mut attempt: Attempt,
    (terms, made): (&Terms, Made),
) -> Result<(), StoreError> {
    let Made { id, created_at, right, secret } = made;
    if planted::is(Bug::LogSecret) {
        tracing::info!(secret = secret.expose(), "made");
    }
    attempt.state = AttemptState::Minted;
    (attempt.credential, attempt.minted_at) = (Some(id), Some(created_at.unwrap_or(attempt.intent_at)));
    let detail = json!({"attempt": attempt.number, "credential": id, "identifier": attempt.identifier, "right": right});
    let mut of_client = None;
    match (right, attempt.kind) {
        (false, _) => wrong(work, &mut attempt),
        // What is handed over is the client's token.
        (true, Kind::OauthToken) => of_client = Some(secret),
        (true, _) => work.context.hand.take(work.claim.key, attempt.number, secret),
    }
    let written = work.commit(Some(attempt.clone()), Event::new("mint.made", detail)).await;
    if written.is_err() {
        // The ledger does not know it: it is handed to nobody, and taken away while we still know its id.
        work.context.hand.drop_secret(work.claim.key, attempt.number);
        take_away::unremembered(work, &attempt).await;
        return written;
    }
    match of_client {
        Some(secret) => token(work, attempt, (terms, secret)).await,
        None => Ok(()),
    }
}

/// Fetches the one token that is handed over; the client's secret is wiped with that.
async fn token(
    work: &mut Work<'_>,
    mut attempt: Attempt,
    (terms, secret): (&Terms, MintedSecret),
) -> Result<(), StoreError> {
    let context = work.context;
    let Some(zendesk) = context.zendesk.get(&attempt.instance) else { return Ok(()) };
    context.store.renew(work.claim, LEASE).await?;
    let fetched = credentials::fetch_token(zendesk, (&attempt, terms), (&secret, context.now())).await;
    drop(secret);
    let error = match fetched {
        Ok(token) => {
            context.hand.take(work.claim.key, attempt.number, token);
            return Ok(());
        }
        Err(error) => error,
    };
    tracing::warn!(issue.key = %work.claim.key, error = %error, attempt = attempt.number, "Zendesk gave no access token");
    attempt.state = AttemptState::TakingAway { why: TakeAwayReason::NoToken };
    let refused = VendorError::is_final(&error) && !matches!(error, VendorError::Unauthorized { .. });
    if refused {
        work.record.phase = Phase::Blocked { since: context.now(), why: BlockReason::CreationRefused };
    }
    let detail = json!({"attempt": attempt.number, "error": error.to_string()});
    work.commit(Some(attempt), Event::new("mint.no_token", detail)).await
}

fn wrong(work: &mut Work<'_>, attempt: &mut Attempt) {
    attempt.state = AttemptState::TakingAway { why: TakeAwayReason::WrongCredential };
    work.record.phase = Phase::Blocked { since: work.context.now(), why: BlockReason::WrongCredential };
}

async fn not_made(work: &mut Work<'_>, mut attempt: Attempt, error: &VendorError) -> Result<(), StoreError> {
    let now = work.context.now();
    tracing::warn!(issue.key = %work.claim.key, error = %error, attempt = attempt.number, "Zendesk made no credential");
    let event = match error {
        VendorError::Forbidden { .. } | VendorError::NotFound { .. } | VendorError::Rejected { .. } => {
            attempt.state = AttemptState::NotMade;
            work.record.phase = Phase::Blocked { since: now, why: BlockReason::CreationRefused };
            "mint.refused"
        }
        error if error.is_definitely_not_done() || matches!(error, VendorError::Unauthorized { .. }) => {
            attempt.failures = work
                .attempts
                .iter()
                .rev()
                .skip(1)
                .take_while(|one| one.state == AttemptState::NotMade && one.generation == attempt.generation)
                .count()
                .try_into()
                .unwrap_or(u32::MAX);
            attempt.state = AttemptState::NotMade;
            put_off(&mut attempt, now, error.retry_after());
            "mint.not_made"
        }
        _ => {
            // Whoever stood still before it made the call later than was thought.
            attempt.deadline = attempt.deadline.max(now);
            "mint.unanswered"
        }
    };
    let detail = json!({"attempt": attempt.number, "error": error.to_string()});
    work.commit(Some(attempt), Event::new(event, detail)).await
}

/// Sends the secret that is in hand: proves that it works, opens the conversation, writes the message down, sends.
/// Before everybody else's calls: every minute that it is not handed over may lose it.
pub(super) async fn send(work: &mut Work<'_>, number: u32) -> Result<bool, StoreError> {
    Box::pin(gate::first(hand_over(work, number))).await
}

async fn hand_over(work: &mut Work<'_>, number: u32) -> Result<bool, StoreError> {
    let Some(mut attempt) = work.attempt(number) else { return Ok(false) };
    if !proven(work, &mut attempt).await? {
        return Ok(true);
    }
    let Some(terms) = work.record.issued.clone() else { return Ok(false) };
    fingerprint::keep(work, number).await?;
    let opened = match work.context.take_channel(work.claim.key, &terms.slack_user) {
        Some(channel) => Ok(channel),
        None => work.context.slack.open_conversation(&terms.slack_user).await,
    };
    let channel = match opened {
        Ok(channel) => channel,
        // Nothing was sent yet, so that an unclear answer is no danger here.
        Err(SlackError::Ambiguous) => return refused_for_now(work, attempt, None).await,
        Err(error) => return not_sent(work, attempt, error).await,
    };
    // Since the look that decided this, the credential was made and proven. The next look takes it away.
    if is_stopped(work.context, work.claim.key).await? {
        return Ok(true);
    }
    let delivery = Delivery {
        id: work.context.random_id(),
        channel,
        slack_user: terms.slack_user.clone(),
        sent_at: work.context.now(),
        message: None,
    };
    attempt.state = AttemptState::Sending;
    attempt.delivery = Some(delivery.clone());
    let detail = json!({"attempt": number, "delivery": delivery.id, "slack_user": delivery.slack_user});
    work.commit(Some(attempt.clone()), Event::new("delivery.intended", detail)).await?;
    work.context.store.renew(work.claim, LEASE).await?;
    Box::pin(post(work, attempt, &delivery)).await
}

/// Whether the credential works, asked of Zendesk itself: a cut secret must not reach anybody.
async fn proven(work: &mut Work<'_>, attempt: &mut Attempt) -> Result<bool, StoreError> {
    let context = work.context;
    let secret = context.hand.secret(work.claim.key, attempt.number);
    let (Some(secret), Some(terms)) = (secret, work.record.issued.clone()) else { return Ok(false) };
    match credentials::prove(context, attempt, (&terms, &secret)).await {
        Ok(Proof::Works) => return Ok(true),
        Ok(proof) if proof == Proof::Wrong || (proof == Proof::NotYet && attempt.failures + 1 >= PROOFS) => {
            context.hand.drop_secret(work.claim.key, attempt.number);
            wrong(work, attempt);
            work.commit(Some(attempt.clone()), Event::new("mint.wrong", json!({"attempt": attempt.number})))
                .await?;
        }
        Ok(_) => put_off_and_commit(work, attempt, None).await?,
        Err(error) => put_off_and_commit(work, attempt, error.retry_after()).await?,
    }
    Ok(false)
}

async fn put_off_and_commit(
    work: &mut Work<'_>,
    attempt: &mut Attempt,
    after: Option<SignedDuration>,
) -> Result<(), StoreError> {
    put_off(attempt, work.context.now(), after);
    work.commit(Some(attempt.clone()), Event::new("mint.not_proven", json!({"attempt": attempt.number})))
        .await
}

async fn post(work: &mut Work<'_>, mut attempt: Attempt, delivery: &Delivery) -> Result<bool, StoreError> {
    let Some(outgoing) = outgoing(work, &attempt, delivery) else { return Ok(false) };
    let mut sent = work.context.slack.post(&outgoing).await;
    if planted::is(Bug::SendTwice) && matches!(sent, Err(SlackError::Ambiguous)) {
        sent = work.context.slack.post(&outgoing).await;
    }
    drop(outgoing);
    match sent {
        Ok(posted) => {
            work.context.hand.drop_secret(work.claim.key, attempt.number);
            delivered(&mut attempt, &posted.ts);
            work.activate(work.context.now());
            let detail = json!({"attempt": attempt.number, "credential": attempt.credential,
                "delivery": delivery.id, "message": posted.ts, "ends_at": work.record.issued.as_ref().map(|terms| terms.ends_at)});
            work.commit(Some(attempt), Event::new("delivery.sent", detail)).await?;
            Ok(true)
        }
        Err(SlackError::Ambiguous) => {
            // It may have arrived. The secret goes now; the next look looks for the message.
            work.context.hand.drop_secret(work.claim.key, attempt.number);
            work.commit(Some(attempt), Event::new("delivery.unknown", json!({"delivery": delivery.id})))
                .await?;
            Ok(true)
        }
        Err(error) => not_sent(work, attempt, error).await,
    }
}

fn outgoing(work: &Work<'_>, attempt: &Attempt, delivery: &Delivery) -> Option<OutgoingMessage> {
    let secret = work.context.hand.secret(work.claim.key, attempt.number)?;
    let terms = work.record.issued.as_ref()?;
    let earlier = |one: &Attempt| {
        one.number != attempt.number && one.generation == attempt.generation && one.delivery.is_some()
    };
    let (zone, identifier) = (&work.context.policy.zone, attempt.identifier.as_deref());
    let facts = Facts { earlier_is_dead: work.attempts.iter().any(earlier), identifier, zone };
    let message = message::compose(terms, &work.record.url, &secret, facts);
    let (channel, delivery_id) = (delivery.channel.clone(), delivery.id.clone());
    Some(OutgoingMessage { channel, text: message.text, blocks: message.blocks, delivery_id })
}

async fn not_sent(work: &mut Work<'_>, attempt: Attempt, error: SlackError) -> Result<bool, StoreError> {
    match error {
        SlackError::NotNow { after } => refused_for_now(work, attempt, after).await,
        SlackError::Person { code } | SlackError::Operator { code } | SlackError::Ours { code } => {
            refused_for_good(work, attempt, code).await
        }
        SlackError::Ambiguous => refused_for_now(work, attempt, None).await,
    }
}

/// It was not sent. The secret stays in hand, for ten minutes in all.
async fn refused_for_now(
    work: &mut Work<'_>,
    mut attempt: Attempt,
    after: Option<SignedDuration>,
) -> Result<bool, StoreError> {
    attempt.state = AttemptState::Minted;
    attempt.delivery = None;
    put_off(&mut attempt, work.context.now(), after);
    let number = attempt.number;
    work.commit(Some(attempt), Event::new("delivery.put_off", json!({"attempt": number}))).await?;
    Ok(true)
}

async fn refused_for_good(
    work: &mut Work<'_>,
    mut attempt: Attempt,
    code: String,
) -> Result<bool, StoreError> {
    work.context.hand.drop_secret(work.claim.key, attempt.number);
    attempt.state = AttemptState::TakingAway { why: TakeAwayReason::DeliveryRefused };
    attempt.delivery = None;
    (attempt.failures, attempt.not_before) = (0, None);
    let detail = json!({"attempt": attempt.number, "code": code});
    work.record.phase =
        Phase::Blocked { since: work.context.now(), why: BlockReason::DeliveryRefused { code } };
    work.commit(Some(attempt), Event::new("delivery.refused", detail)).await?;
    Ok(true)
}
