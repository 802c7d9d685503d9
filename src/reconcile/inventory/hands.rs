//! What an operator does to a credential by hand, and taking orphans away: written down before, proven by looking
//! after.
//!
//! What decides is read anew right before each deed, from the ledger and from Zendesk. If it cannot be written down,
//! nothing is done.

use serde_json::json;

use super::ledger::Ledger;
use super::standards;
use crate::domain::ids::{CredentialId, IssueKey};
use crate::domain::inventory::deeds::{Deed, NotAllowed, allowed, may_take_away};
use crate::domain::inventory::{Known, Line, Listed, ListedKind, Rules};
use crate::domain::phase::Phase;
use crate::domain::policy::Instance;
use crate::domain::record::{Deed as Done, Record};
use crate::domain::snapshot::OrderKind;
use crate::reconcile::ask_brake;
use crate::reconcile::context::Context;
use crate::reconcile::take_away::delete_tokens;
use crate::store::{Entry, MassEnding, NewOrder, StoreError};
use crate::vendors::VendorError;
use crate::vendors::error::ignoring_absence;
use crate::vendors::zendesk::Zendesk;

/// Which credential, why, and who says so.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Where.
    pub instance: &'a Instance,
    /// Which API token, or OAuth client for [`take_orphan_away`].
    pub credential: CredentialId,
    /// Why, in their words.
    pub why: &'a str,
    /// Who, as the command line knows them.
    pub by: &'a str,
}

/// Why it was not done, or not proven.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// No such credential is listed.
    #[error("no API token with that id is listed at this instance")]
    NotListed,
    /// No such API token is listed; the ledger has that id as an OAuth credential.
    #[error("it is {what}, and no API token")]
    Oauth {
        /// "an OAuth client" or "an OAuth access token".
        what: &'static str,
        /// Its issue.
        url: String,
    },
    /// The rules forbid it.
    #[error("{0}")]
    NotAllowed(#[from] NotAllowed),
    /// Live by the ledger: the request is what to revoke.
    #[error("it is live by the ledger")]
    Live {
        /// Its issue.
        url: String,
    },
    /// Issuing is halted: the ledger may be an older copy, and what it does not know may live.
    #[error("nothing is issued anywhere: {0}")]
    Halted(String),
    /// The ledger has no credential at all: everything would look like an orphan.
    #[error("this database knows nothing that was issued: is it the right one?")]
    NothingIssued,
    /// The brake holds it back.
    #[error("the brake holds it back")]
    Held,
    /// Asked for, and not seen to be so.
    #[error("Zendesk was asked, and looking does not prove it yet")]
    NotProven,
    /// The database.
    #[error("the database")]
    Store(#[from] StoreError),
    /// Zendesk.
    #[error("{0}")]
    Vendor(#[from] VendorError),
}

/// What is known right before a deed.
struct Before {
    listed: Listed,
    known: Option<Known>,
    standards: crate::domain::inventory::Standards,
    pending: bool,
}

fn zendesk<'c>(context: &'c Context, wanted: &Wanted<'_>) -> Result<&'c Zendesk, HandError> {
    context.zendesk.get(&wanted.instance.key).ok_or(HandError::NotListed)
}

async fn look(context: &Context, wanted: &Wanted<'_>, kind: ListedKind) -> Result<Before, HandError> {
    let ledger = Ledger::read(context, &wanted.instance.key).await?;
    let listed = find(zendesk(context, wanted)?, kind, wanted.credential).await?;
    let listed = listed.ok_or_else(|| not_listed(&ledger, kind, wanted.credential))?;
    let known = ledger.of(&listed);
    let pending = ledger.is_pending(&listed);
    Ok(Before { listed, known, standards: standards(context, wanted.instance).await?, pending })
}

/// Ids are of a kind each, so that of a client is easily taken for a token's.
fn not_listed(ledger: &Ledger, kind: ListedKind, id: CredentialId) -> HandError {
    let oauth =
        [(ListedKind::OauthClient, "an OAuth client"), (ListedKind::OauthToken, "an OAuth access token")];
    let mut known = oauth.into_iter().filter_map(|(other, what)| Some((what, ledger.find(other, id)?)));
    match known.next().filter(|_| kind == ListedKind::ApiToken) {
        Some((what, known)) => HandError::Oauth { what, url: known.url.clone() },
        None => HandError::NotListed,
    }
}

async fn find(zendesk: &Zendesk, kind: ListedKind, id: CredentialId) -> Result<Option<Listed>, VendorError> {
    if kind == ListedKind::ApiToken {
        return Ok(zendesk.inventory_of_api_tokens().await?.into_iter().find(|token| token.id == id));
    }
    let clients = zendesk.list_clients().await?;
    Ok(clients.into_iter().find(|client| client.id == id).map(|client| super::listed_client(zendesk, client)))
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// Exactly.
    pub deed: Deed,
    /// The request that learns of it, and tells its people if what they have lives.
    pub news_for: Option<IssueKey>,
}

/// Does one deed to an API token of the ledger or of an exception, and lets its request know.
pub async fn handle(context: &Context, wanted: &Wanted<'_>, deed: &Deed) -> Result<Handled, HandError> {
    let before = look(context, wanted, ListedKind::ApiToken).await?;
    let rules = Rules { standards: &before.standards, exceptions: &wanted.instance.exceptions };
    let deed = allowed(deed, (&before.listed, before.known.as_ref()), rules, context.now()).map_err(
        |why| match (&why, &before.known) {
            (NotAllowed::Live, Some(known)) => HandError::Live { url: known.url.clone() },
            _ => why.into(),
        },
    )?;
    let key = before.known.as_ref().map(|known| known.key);
    // What lives by an older copy of the ledger may have ended since.
    if deed == Deed::Reactivate && key.is_some() {
        not_halted(context).await?;
    }
    let detail = json!({"instance": wanted.instance.key, "credential": wanted.credential, "deed": deed.key(),
        "name": before.listed.name, "why": wanted.why, "by": wanted.by});
    note(context, "credential.ordered", key, detail).await?;
    let zendesk = zendesk(context, wanted)?;
    act(zendesk, wanted.credential, &deed, before.listed.active).await?;
    if deed == Deed::Reactivate && key.is_some() {
        take_back_if_ended(context, wanted).await?;
    }
    let proven = is_so(zendesk, wanted.credential, &deed).await?;
    let detail = json!({"instance": wanted.instance.key, "credential": wanted.credential, "deed": deed.key(),
        "proven": proven});
    note(context, "credential.handled", key, detail).await?;
    if !proven {
        return Err(HandError::NotProven);
    }
    let news_for = match key {
        Some(key) => tell(context, (key, wanted), &deed, &before.listed).await?,
        None => None,
    };
    Ok(Handled { deed, news_for })
}

/// Orders the request to tell of it, if it is news there: its key. What was so before is no news, unless the request
/// knows it otherwise: then somebody was interrupted in between.
async fn tell(
    context: &Context,
    (key, wanted): (IssueKey, &Wanted<'_>),
    deed: &Deed,
    before: &Listed,
) -> Result<Option<IssueKey>, HandError> {
    let record = context.store.request(key).await?.and_then(|request| request.record);
    let last = record.as_ref().and_then(Record::switched).map(|done| done.deed);
    let (done, is_news) = match deed {
        Deed::Rename(name) => (Done::Renamed, name.as_ref() != Some(&before.name)),
        Deed::Deactivate => (Done::SwitchedOff, before.active || last != Some(Done::SwitchedOff)),
        Deed::Reactivate => (Done::SwitchedOn, !before.active || last == Some(Done::SwitchedOff)),
        Deed::Delete => (Done::Deleted, true),
    };
    // Whoever has what ended was told of its end; only its own request, which waits for that, need know that it is deleted.
    let concerned = record.is_some_and(|record| match record.phase {
        Phase::Active { .. } => true,
        Phase::Ending { .. } => *deed == Deed::Delete,
        _ => false,
    });
    if !is_news || !concerned {
        return Ok(None);
    }
    let (why, by) = (wanted.why.to_owned(), wanted.by.to_owned());
    context.store.give_order(NewOrder { key, kind: OrderKind::Tell(done), why, by }).await?;
    Ok(Some(key))
}

async fn act(zendesk: &Zendesk, id: CredentialId, deed: &Deed, active: bool) -> Result<(), VendorError> {
    match deed {
        Deed::Rename(name) => zendesk.rename_api_token(id, name.as_deref().unwrap_or_default()).await,
        Deed::Deactivate => zendesk.deactivate_api_token(id).await,
        Deed::Reactivate => zendesk.reactivate_api_token(id).await,
        Deed::Delete => {
            if active {
                ignoring_absence(zendesk.deactivate_api_token(id).await)?;
                // Zendesk refuses to delete what is active, and a list proves that it no longer is.
                if find(zendesk, ListedKind::ApiToken, id).await?.is_some_and(|token| token.active) {
                    return Ok(());
                }
            }
            ignoring_absence(zendesk.delete_api_token(id).await)
        }
    }
}

async fn is_so(zendesk: &Zendesk, id: CredentialId, deed: &Deed) -> Result<bool, VendorError> {
    let listed = find(zendesk, ListedKind::ApiToken, id).await?;
    Ok(match (deed, listed) {
        (Deed::Delete, None) => true,
        (Deed::Delete, Some(_)) | (_, None) => false,
        (Deed::Rename(name), Some(token)) => name.as_ref() == Some(&token.name),
        (Deed::Deactivate, Some(token)) => !token.active,
        (Deed::Reactivate, Some(token)) => token.active,
    })
}

/// Its request may have ended between our look and our call: then it must not be left switched on.
async fn take_back_if_ended(context: &Context, wanted: &Wanted<'_>) -> Result<(), HandError> {
    let ledger = Ledger::read(context, &wanted.instance.key).await?;
    let known = ledger.find(ListedKind::ApiToken, wanted.credential);
    if known.is_some_and(|known| !known.is_live() || known.is_due(context.now())) {
        zendesk(context, wanted)?.deactivate_api_token(wanted.credential).await?;
        return Err(NotAllowed::Ended.into());
    }
    Ok(())
}

async fn not_halted(context: &Context) -> Result<(), HandError> {
    match crate::reconcile::halted(&context.store).await? {
        Some(why) => Err(HandError::Halted(why)),
        None => Ok(()),
    }
}

/// Whether this ledger can tell an orphan at all: it is not halted, and something was issued by it.
pub async fn may_take_orphans(context: &Context) -> Result<(), HandError> {
    not_halted(context).await?;
    let mut any = false;
    context.store.each_attempt(|_, _, _| any = true).await?;
    if any { Ok(()) } else { Err(HandError::NothingIssued) }
}

/// Takes one orphan away, if everything still says that it is one and that it is ours to take. `Held`: by the brake.
pub async fn take_orphan_away(context: &Context, wanted: &Wanted<'_>, line: &Line) -> Result<(), HandError> {
    not_halted(context).await?;
    let before = look(context, wanted, line.kind).await?;
    let ourselves = context.owner(&wanted.instance.key).await.ok_or(HandError::NotListed)??;
    let rules = Rules { standards: &before.standards, exceptions: &wanted.instance.exceptions };
    let known = (before.known.as_ref(), before.pending);
    // A client belongs to whom it acts as, which need not be who we log in as.
    let acts_as = wanted.instance.integration_user.filter(|_| line.kind == ListedKind::OauthClient);
    let ours: Vec<_> = acts_as.into_iter().chain([ourselves.id]).collect();
    may_take_away(&before.listed, known, (rules, &ours), context.now())?;
    let subject = super::held::subject(&wanted.instance.key, line.kind, wanted.credential);
    let cause = "it is an orphan of the inventory".to_owned();
    if !ask_brake(context, MassEnding { subject, cause }).await? {
        return Err(HandError::Held);
    }
    let detail = json!({"instance": wanted.instance.key, "credential": wanted.credential, "kind": line.kind,
        "name": before.listed.name, "why": wanted.why, "by": wanted.by});
    note(context, "orphan.ordered", None, detail).await?;
    let gone = end(zendesk(context, wanted)?, &before.listed).await?;
    let detail = json!({"instance": wanted.instance.key, "credential": wanted.credential, "kind": line.kind, "proven": gone});
    note(context, "orphan.taken", None, detail).await?;
    if gone { Ok(()) } else { Err(HandError::NotProven) }
}

/// In the order of endings: a token is switched off and deleted; a client's secret is discarded, its tokens deleted
/// until two lists in a row are empty, then the client itself.
async fn end(zendesk: &Zendesk, listed: &Listed) -> Result<bool, VendorError> {
    let id = listed.id;
    if listed.kind == ListedKind::ApiToken {
        act(zendesk, id, &Deed::Delete, listed.active).await?;
        return Ok(find(zendesk, ListedKind::ApiToken, id).await?.is_none());
    }
    ignoring_absence(zendesk.discard_client_secret(id).await)?;
    if !delete_tokens(zendesk, id, |_| ()).await? {
        return Ok(false);
    }
    ignoring_absence(zendesk.delete_client(id).await)?;
    let no_tokens = zendesk.list_access_tokens(Some(id)).await?.is_empty();
    Ok(no_tokens && find(zendesk, ListedKind::OauthClient, id).await?.is_none())
}

async fn note(
    context: &Context,
    kind: &'static str,
    key: Option<IssueKey>,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    context.store.append(vec![Entry { kind: kind.into(), key, detail }]).await.map(drop)
}
