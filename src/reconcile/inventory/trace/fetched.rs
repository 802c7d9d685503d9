//! Access tokens that begin like a leaked one.
//!
//! Whoever holds an OAuth client of ours fetches tokens with it that we never see. Zendesk lists the first ten letters of
//! each, and its client's id, which the ledger knows. Expired ones are not asked for: they open nothing.

use super::super::grants::Pages;
use super::super::ledger::Ledger;
use super::{Found, Owned, Trace, Traced, add, alike};
use crate::domain::inventory::{LastUse, ListedKind};
use crate::domain::observed::ListedAccess;
use crate::domain::policy::Instance;
use crate::reconcile::context::Context;
use crate::store::StoreError;
use crate::vendors::VendorError;
use crate::vendors::zendesk::Zendesk;

/// Adds the requests of those of our own clients, and those of others.
pub(super) async fn by_beginning(
    context: &Context,
    beginning: &str,
    traced: &mut Traced,
) -> Result<(), StoreError> {
    for instance in &context.policy.instances {
        let Some(zendesk) = context.zendesk.get(&instance.key) else { continue };
        match all_alike(zendesk, beginning).await {
            Ok(tokens) if tokens.is_empty() => {}
            Ok(tokens) => add_all(context, (instance, zendesk), tokens, traced).await?,
            Err(_) => traced.unreadable.push(format!("the access tokens of {}", instance.name)),
        }
    }
    Ok(())
}

/// Page by page, and only those that fit are kept: there may be thousands.
async fn all_alike(zendesk: &Zendesk, beginning: &str) -> Result<Vec<ListedAccess>, VendorError> {
    let (mut found, mut after, mut pages) = (Vec::new(), None, Pages::default());
    loop {
        let page = zendesk.access_tokens(None, after.as_ref()).await?;
        let fits =
            |token: &ListedAccess| token.visible.as_deref().is_some_and(|visible| alike(visible, beginning));
        found.extend(page.items.into_iter().filter(fits));
        after = pages.next(page.next)?;
        if after.is_none() {
            return Ok(found);
        }
    }
}

async fn add_all(
    context: &Context,
    (instance, zendesk): (&Instance, &Zendesk),
    tokens: Vec<ListedAccess>,
    traced: &mut Traced,
) -> Result<(), StoreError> {
    // Read after the list: whoever fetched a token has a client that was written down before.
    let ledger = Ledger::read(context, &instance.key).await?;
    for token in tokens {
        let last_use = token.used_at.map_or(LastUse::NotKnown, LastUse::At);
        let known = token.client.and_then(|client| ledger.find(ListedKind::OauthClient, client));
        match known {
            Some(known) => {
                let found = Found { fetched: Some(last_use), ..Found::of(known.key, known.attempt) };
                add(context, traced, (found, &[])).await?;
            }
            None => traced.traces.push(of_others((instance, zendesk), &token, last_use).await),
        }
    }
    Ok(())
}

async fn of_others(
    (instance, zendesk): (&Instance, &Zendesk),
    token: &ListedAccess,
    last_use: LastUse,
) -> Trace {
    let client = match token.client {
        Some(id) => zendesk.client(id).await.ok().filter(|client| client.id == id),
        None => None,
    };
    let name = match (client, token.client) {
        (Some(client), _) if zendesk.is_own_client(&client.identifier) => {
            format!("our own login ({})", client.identifier)
        }
        (Some(client), _) => format!("{} ({})", client.name, client.identifier),
        (None, Some(id)) => format!("client {id}"),
        (None, None) => "not known".to_owned(),
    };
    let creator = token.user.map_or_else(|| "not known".to_owned(), |user| format!("Zendesk user {user}"));
    let (kind, instance) = (ListedKind::OauthToken, instance.name.clone());
    let owned = Owned::Others { kind, instance, id: token.id, name, creator };
    Trace { owned, exact: false, fetched: false, last_use: Some(last_use) }
}
