//! What the kinds of credential are at Zendesk: how they are listed, made and proven. Taking away is next door.
//!
//! This and `take_away` are the only places of the loop that tell the kinds apart. An access token has an OAuth client
//! of its own, so that both OAuth kinds are a client in the ledger, and what belongs to the client is found by its id.

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use crate::domain::ids::{CredentialId, Email};
use crate::domain::observed::{Listed, ListedAccess, ListedClient};
use crate::domain::record::Attempt;
use crate::domain::snapshot::Doubt;
use crate::domain::terms::{Kind, Terms};
use crate::secret::MintedSecret;
use crate::vendors::VendorError;
use crate::vendors::zendesk::{Created, CreatedClient, NewClient, Zendesk};

/// The shortest life Zendesk gives: long enough to see that a client's secret fetches what was approved.
const PROOF_LIFE: i64 = 301;
/// Zendesk gives less than two days …
const LONGEST_LIFE: i64 = 172_799;
/// … and its clock and ours may differ: a token must not outlive what was approved.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What was just made.
pub(super) struct Made {
    pub(super) id: CredentialId,
    pub(super) created_at: Option<Timestamp>,
    /// It is as it was asked for, as far as the answer tells.
    pub(super) right: bool,
    pub(super) secret: MintedSecret,
}

/// What looking at a new credential came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// It works, and it is what was approved.
    Works,
    /// It does not work, which right after it was made may only be late.
    NotYet,
    /// It works, and no list shows yet what it may do.
    Unseen,
    /// It is not what was approved.
    Wrong,
}

/// What is listed of a kind.
pub(super) async fn list(zendesk: &Zendesk, kind: Kind) -> Result<Vec<Listed>, VendorError> {
    Ok(match kind {
        Kind::ApiToken => zendesk.list_api_tokens().await?.into_iter().map(Into::into).collect(),
        Kind::OauthClient | Kind::OauthToken => {
            zendesk.list_clients().await?.into_iter().map(Into::into).collect()
        }
    })
}

/// When what was handed over was last used, as far as Zendesk tells. A client is used through the access tokens that it
/// fetched, also by those that have expired; those that we fetched to try it out are none of its holder's.
pub(super) async fn last_used(
    zendesk: &Zendesk,
    attempt: &Attempt,
) -> Result<Option<Timestamp>, VendorError> {
    let Some(credential) = attempt.credential else { return Ok(None) };
    match attempt.kind {
        Kind::ApiToken => {
            let tokens = zendesk.list_api_tokens().await?;
            Ok(tokens.into_iter().find(|token| token.id == credential).and_then(|token| token.last_used))
        }
        Kind::OauthClient => zendesk.last_use_of_client(credential, &attempt.tokens).await,
        Kind::OauthToken => zendesk.last_use_of_client(credential, &[]).await,
    }
}

/// Whether a credential is there. A client is asked for by its id, and only if that finds nothing by the whole list.
pub(super) async fn is_listed(
    zendesk: &Zendesk,
    kind: Kind,
    credential: CredentialId,
) -> Result<bool, VendorError> {
    if kind.is_oauth() {
        match zendesk.client(credential).await {
            Ok(client) => return Ok(client.id == credential),
            Err(VendorError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(list(zendesk, kind).await?.iter().any(|one| one.id == credential))
}

/// Why nothing of a kind can be listed.
pub(super) fn unlisted(error: &VendorError, kind: Kind) -> Doubt {
    match (super::observe::zendesk_doubt(error), kind) {
        (Doubt::TokensSwitchedOff, Kind::OauthClient | Kind::OauthToken) => {
            Doubt::RefusesUs { vendor: crate::vendors::Vendor::Zendesk }
        }
        (doubt, _) => doubt,
    }
}

/// Makes what the attempt's row says. Not repeatable.
pub(super) async fn make(zendesk: &Zendesk, attempt: &Attempt, issue_url: &str) -> Result<Made, VendorError> {
    let Some(identifier) = &attempt.identifier else {
        let Created { id, name, created_at, secret } = zendesk.create_api_token(&attempt.name).await?;
        return Ok(Made { id, created_at, right: name == attempt.name, secret });
    };
    let (name, owner) = (attempt.name.as_str(), attempt.owner);
    let wanted = NewClient { name, identifier, description: issue_url, owner };
    let CreatedClient { client, secret } = zendesk.create_client(wanted).await?;
    let right = is_right(&client, attempt);
    Ok(Made { id: client.id, created_at: client.created_at, right, secret })
}

/// An owner, kind, identifier or name that did not stick makes it another credential than the approved one.
fn is_right(client: &ListedClient, attempt: &Attempt) -> bool {
    client.name == attempt.name
        && Some(&client.identifier) == attempt.identifier.as_ref()
        && client.confidential == Some(true)
        && client.owner == Some(attempt.owner)
}

/// The access token of a client just made, with exactly the approved scopes, ending with what was approved or before.
pub(super) async fn fetch_token(
    zendesk: &Zendesk,
    (attempt, terms): (&Attempt, &Terms),
    (secret, now): (&MintedSecret, Timestamp),
) -> Result<MintedSecret, VendorError> {
    let identifier = attempt.identifier.as_deref().unwrap_or_default();
    let life = terms.ends_at.duration_since(now) - SKEW;
    let life = life.as_secs().min(LONGEST_LIFE);
    Ok(zendesk.grant((identifier, secret), &terms.scopes, life).await?.token)
}

/// Whether what is in hand works, and is what was approved: asked of Zendesk itself.
pub(super) async fn prove(
    context: &Context,
    attempt: &mut Attempt,
    (terms, secret): (&Terms, &MintedSecret),
) -> Result<Proof, VendorError> {
    let Some(zendesk) = context.zendesk.get(&attempt.instance) else { return Ok(Proof::NotYet) };
    match attempt.kind {
        Kind::ApiToken => {
            let Some(ourselves) = context.owner(&attempt.instance).await else { return Ok(Proof::NotYet) };
            prove_token(zendesk, attempt, (&ourselves?.email, secret)).await
        }
        Kind::OauthClient => prove_client(zendesk, attempt, (terms, secret)).await,
        Kind::OauthToken => prove_access(zendesk, attempt, (terms, secret)).await,
    }
}

/// One call: the token reads the list of tokens, and so shows that it works, and what it is.
async fn prove_token(
    zendesk: &Zendesk,
    attempt: &Attempt,
    (email, secret): (&Email, &MintedSecret),
) -> Result<Proof, VendorError> {
    let Some(tokens) = zendesk.list_api_tokens_with(email, secret).await? else { return Ok(Proof::NotYet) };
    let Some(token) = tokens.into_iter().find(|token| Some(token.id) == attempt.credential) else {
        return Ok(Proof::Unseen);
    };
    let right = token.active && token.name == attempt.name && token.creator == Some(attempt.owner);
    Ok(if right { Proof::Works } else { Proof::Wrong })
}

/// Reads the client and its token back.
async fn prove_access(
    zendesk: &Zendesk,
    attempt: &mut Attempt,
    (terms, secret): (&Terms, &MintedSecret),
) -> Result<Proof, VendorError> {
    let Some(id) = attempt.credential else { return Ok(Proof::NotYet) };
    let (client, works) = tokio::join!(biased; zendesk.client(id), zendesk.bearer_works(secret));
    if !is_right(&client?, attempt) {
        return Ok(Proof::Wrong);
    }
    if !works? {
        return Ok(Proof::NotYet);
    }
    Ok(match tokens_of(zendesk, attempt).await?.as_slice() {
        [] => Proof::Unseen,
        [one] if is_approved(one, attempt, terms) => Proof::Works,
        _ => Proof::Wrong,
    })
}

/// Reads the client back, fetches one short token with its secret, looks at that, and deletes it again.
async fn prove_client(
    zendesk: &Zendesk,
    attempt: &mut Attempt,
    (terms, secret): (&Terms, &MintedSecret),
) -> Result<Proof, VendorError> {
    let Some(id) = attempt.credential else { return Ok(Proof::NotYet) };
    if !is_right(&zendesk.client(id).await?, attempt) {
        return Ok(Proof::Wrong);
    }
    let identifier = attempt.identifier.as_deref().unwrap_or_default();
    let token = match zendesk.grant((identifier, secret), &terms.scopes, PROOF_LIFE).await {
        Ok(granted) => granted.token,
        Err(VendorError::Unauthorized { .. } | VendorError::NotFound { .. }) => return Ok(Proof::NotYet),
        // Zendesk does not give these scopes to this client, and will not the next time.
        Err(VendorError::Rejected { .. } | VendorError::Forbidden { .. }) => return Ok(Proof::Wrong),
        Err(error) => return Err(error),
    };
    let works = zendesk.bearer_works(&token).await?;
    let tokens = tokens_of(zendesk, attempt).await?;
    for one in &tokens {
        // It ends by itself in five minutes; that nobody has it is enough should this fail.
        let _ = zendesk.delete_access_token(one.id).await;
    }
    let fits = |one: &ListedAccess| {
        same_scopes(one, terms) && one.user == Some(attempt.owner) && one.expires_at.is_some()
    };
    Ok(match (works, tokens.iter().all(fits)) {
        (_, false) => Proof::Wrong,
        (true, true) => Proof::Works,
        (false, true) => Proof::NotYet,
    })
}

/// The client's tokens, noted in the attempt's row.
async fn tokens_of(zendesk: &Zendesk, attempt: &mut Attempt) -> Result<Vec<ListedAccess>, VendorError> {
    let tokens = zendesk.list_access_tokens(attempt.credential).await?;
    for token in &tokens {
        attempt.note_token(token.id);
    }
    Ok(tokens)
}

fn is_approved(token: &ListedAccess, attempt: &Attempt, terms: &Terms) -> bool {
    same_scopes(token, terms)
        && token.user == Some(attempt.owner)
        && token.expires_at.is_some_and(|end| end <= terms.ends_at)
}

fn same_scopes(token: &ListedAccess, terms: &Terms) -> bool {
    let mut scopes = token.scopes.clone();
    scopes.sort();
    scopes.dedup();
    scopes == terms.scopes
}
