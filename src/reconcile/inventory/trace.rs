//! To whom a leaked credential belongs: by its fingerprint in the ledger, or by the beginning that Zendesk shows.
//!
//! Fingerprints are exact and outlive the credential. Beginnings are asked of the ledger and of Zendesk's lists, which
//! also know what was not issued here; several credentials may begin alike. What a client's holder fetched with it is known
//! to Zendesk alone: `fetched`, next door.

mod fetched;

use zeroize::Zeroizing;

use super::ledger::Ledger;
use crate::domain::ids::{CredentialId, IssueKey};
use crate::domain::inventory::{LastUse, Listed, ListedKind};
use crate::domain::record::{Attempt, Record};
use crate::domain::terms::Kind;
use crate::reconcile::context::Context;
use crate::reconcile::credentials;
use crate::store::StoreError;

/// As many letters as Zendesk shows of a token.
const VISIBLE: usize = 10;
/// Shorter beginnings fit too many.
const SHORTEST: usize = 4;

/// By what it is looked for.
pub struct Leaked {
    beginning: Option<String>,
    fingerprint: Option<String>,
    secret: Option<Zeroizing<String>>,
    identifier: Option<String>,
}

impl std::fmt::Debug for Leaked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Leaked(…)")
    }
}

impl Leaked {
    /// By its first letters.
    pub fn beginning(text: &str) -> Self {
        Self { beginning: Some(text.to_owned()), ..Self::nothing() }
    }

    /// By its fingerprint, or the beginning of that.
    pub fn fingerprint(text: &str) -> Self {
        Self { fingerprint: Some(text.to_owned()), ..Self::nothing() }
    }

    /// By an OAuth client's identifier, which is no secret.
    pub fn identifier(text: &str) -> Self {
        Self { identifier: Some(text.to_owned()), ..Self::nothing() }
    }

    /// Whether it is looked for by an identifier.
    pub fn is_identifier(&self) -> bool {
        self.identifier.is_some()
    }

    fn nothing() -> Self {
        Self { beginning: None, fingerprint: None, secret: None, identifier: None }
    }

    /// By the whole of it.
    pub fn secret(text: &str) -> Self {
        let beginning = text.chars().take(VISIBLE).collect();
        let secret = Some(Zeroizing::new(text.to_owned()));
        Self { beginning: Some(beginning), secret, ..Self::nothing() }
    }

    /// Whether all of it was given, so that a beginning alone proves nothing.
    pub fn is_whole(&self) -> bool {
        self.secret.is_some()
    }
}

/// Whose it is.
#[derive(Debug, Clone)]
pub enum Owned {
    /// Issued here.
    Ours {
        /// The request.
        key: IssueKey,
        /// What is remembered of it.
        record: Box<Record>,
        /// The attempt that made it.
        attempt: Box<Attempt>,
    },
    /// Made by somebody else.
    Others {
        /// What it is.
        kind: ListedKind,
        /// The instance's name.
        instance: String,
        /// Its id.
        id: CredentialId,
        /// Its name; of an access token, its client's.
        name: String,
        /// Who created it, or whom it acts as, for people.
        creator: String,
    },
}

/// A credential that fits.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Whose it is.
    pub owned: Owned,
    /// By its fingerprint or identifier, and not by its beginning alone.
    pub exact: bool,
    /// It is an access token that the holder fetched with an OAuth client of ours: no fingerprint is kept of such.
    pub fetched: bool,
    /// Its last use; `None`: Zendesk does not list it.
    pub last_use: Option<LastUse>,
}

/// What fits.
#[derive(Debug, Clone, Default)]
pub struct Traced {
    /// All that fit; one alone where the fingerprint is known.
    pub traces: Vec<Trace>,
    /// Lists that could not be read, for people: "the API tokens of Zendesk Global".
    pub unreadable: Vec<String>,
}

/// Looks for it. A fingerprint that is known ends the search.
pub async fn trace(context: &Context, leaked: &Leaked) -> Result<Traced, StoreError> {
    let mut traced = Traced::default();
    if let Some(identifier) = &leaked.identifier {
        by_identifier(context, identifier, &mut traced).await?;
        return Ok(traced);
    }
    let listed = listings(context, &mut traced).await;
    let whole = leaked.secret.as_ref().map(|secret| context.store.fingerprint(secret));
    if let Some(fingerprint) = whole.as_ref().or(leaked.fingerprint.as_ref()) {
        for found in context.store.fingerprints_like(fingerprint).await? {
            if found.fingerprint.starts_with(fingerprint.as_str()) {
                let found = Found { exact: true, ..Found::of(found.key, found.attempt) };
                add(context, &mut traced, (found, &listed)).await?;
            }
        }
        if !traced.traces.is_empty() {
            return Ok(traced);
        }
    }
    if let Some(beginning) = &leaked.beginning {
        by_beginning(context, (beginning, &listed), &mut traced).await?;
        fetched::by_beginning(context, beginning, &mut traced).await?;
    }
    Ok(traced)
}

async fn listings(context: &Context, traced: &mut Traced) -> Vec<(String, Listed)> {
    let mut all = Vec::new();
    for instance in &context.policy.instances {
        let Some(zendesk) = context.zendesk.get(&instance.key) else { continue };
        match zendesk.inventory_of_api_tokens().await {
            Ok(listing) => all.extend(listing.into_iter().map(|one| (instance.key.clone(), one))),
            Err(_) => traced.unreadable.push(format!("the API tokens of {}", instance.name)),
        }
    }
    all
}

/// The ledger alone knows: the nonce in an identifier is ours.
async fn by_identifier(context: &Context, identifier: &str, traced: &mut Traced) -> Result<(), StoreError> {
    let mut found = Vec::new();
    let each = |key, _: &Record, attempt: Attempt| {
        if attempt.identifier.as_deref() == Some(identifier) {
            found.push(Found { exact: true, ..Found::of(key, attempt.number) });
        }
    };
    context.store.each_attempt(each).await?;
    for one in found {
        add(context, traced, (one, &[])).await?;
    }
    Ok(())
}

async fn by_beginning(
    context: &Context,
    (beginning, listed): (&str, &[(String, Listed)]),
    traced: &mut Traced,
) -> Result<(), StoreError> {
    for found in context.store.fingerprints_like(beginning).await? {
        if found.visible.as_deref().is_some_and(|visible| alike(visible, beginning)) {
            add(context, traced, (Found::of(found.key, found.attempt), listed)).await?;
        }
    }
    for instance in &context.policy.instances {
        let these = listed.iter().filter(|(key, one)| {
            *key == instance.key && one.visible.as_deref().is_some_and(|visible| alike(visible, beginning))
        });
        let these: Vec<&Listed> = these.map(|(_, one)| one).collect();
        if these.is_empty() {
            continue;
        }
        let ledger = Ledger::read(context, &instance.key).await?;
        for one in these {
            match ledger.find(ListedKind::ApiToken, one.id) {
                Some(known) => {
                    add(context, traced, (Found::of(known.key, known.attempt), listed)).await?;
                }
                None => traced.traces.push(of_others(&instance.name, one)),
            }
        }
    }
    Ok(())
}

/// Whether one begins like the other.
fn alike(visible: &str, beginning: &str) -> bool {
    visible.len() >= SHORTEST && (visible.starts_with(beginning) || beginning.starts_with(visible))
}

fn of_others(instance: &str, one: &Listed) -> Trace {
    let creator = match (&one.creator_name, one.creator) {
        (Some(name), Some(id)) => format!("{} ({id})", crate::domain::text::quote(name)),
        (None, Some(id)) => format!("Zendesk user {id}"),
        (_, None) => "not known".to_owned(),
    };
    let (instance, name) = (instance.to_owned(), one.name.clone());
    let owned = Owned::Others { kind: one.kind, instance, id: one.id, name, creator };
    Trace { owned, exact: false, fetched: false, last_use: Some(one.last_use) }
}

/// An attempt of the ledger that fits.
#[derive(Clone, Copy)]
struct Found {
    key: IssueKey,
    number: u32,
    exact: bool,
    /// Of an access token that its holder fetched, the last use.
    fetched: Option<LastUse>,
}

impl Found {
    /// By its beginning.
    fn of(key: IssueKey, number: u32) -> Self {
        Self { key, number, exact: false, fetched: None }
    }
}

/// Of a client that is there: through what it fetched, our own trials left out. `None`: it cannot be seen.
async fn last_use_of(context: &Context, attempt: &Attempt) -> Option<LastUse> {
    let zendesk = context.zendesk.get(&attempt.instance)?;
    let used = credentials::last_used(zendesk, attempt).await.ok()?;
    used.map(LastUse::At)
}

/// Adds what was issued here, once.
async fn add(
    context: &Context,
    traced: &mut Traced,
    (found, listed): (Found, &[(String, Listed)]),
) -> Result<(), StoreError> {
    let Found { key, number, exact, fetched } = found;
    let known = |one: &Trace| matches!(&one.owned, Owned::Ours { key: other, attempt, .. } if *other == key && attempt.number == number);
    if traced.traces.iter().any(known) {
        return Ok(());
    }
    let record = context.store.request(key).await?.and_then(|request| request.record);
    let attempt = context.store.attempts(key).await?.into_iter().find(|attempt| attempt.number == number);
    let (Some(record), Some(attempt)) = (record, attempt) else { return Ok(()) };
    // What is listed are API tokens; an OAuth client may have the same id.
    let seen = listed
        .iter()
        .filter(|_| !attempt.kind.is_oauth())
        .find(|(instance, one)| *instance == attempt.instance && Some(one.id) == attempt.credential);
    let last_use = match fetched.or_else(|| seen.map(|(_, one)| one.last_use)) {
        None if attempt.kind.is_oauth() => last_use_of(context, &attempt).await,
        last_use => last_use,
    };
    // The one token of a client that was made for it was handed over by us.
    let fetched = fetched.is_some() && attempt.kind == Kind::OauthClient;
    let owned = Owned::Ours { key, record: Box::new(record), attempt: Box::new(attempt) };
    traced.traces.push(Trace { owned, exact, fetched, last_use });
    Ok(())
}
