//! OAuth clients page by page, each with its access tokens below it.
//!
//! An access token has no name: it is what its client is. Those whose client is no longer listed are traced to the
//! ledger by their client's id; one of ours that outlives its client is a zombie, not somebody else's.

use super::grants::{Grants, Pages};
use super::{CLIENTS, TOKENS, Taking};
use crate::domain::inventory::{Finding, Judgement, Known, Line, Listed, ListedKind, Rules, judge};
use crate::domain::observed::ListedClient;
use crate::store::StoreError;
use crate::vendors::zendesk::Zendesk;

impl Taking<'_> {
    pub(super) async fn oauth(&mut self, zendesk: &Zendesk) -> Result<(), StoreError> {
        let mut grants = match Grants::read(zendesk).await {
            Ok(grants) => grants,
            Err(error) => {
                self.unreadable(TOKENS, &error);
                Grants::default()
            }
        };
        if !self.clients(zendesk, &mut grants).await? {
            return Ok(());
        }
        self.tell_missing(ListedKind::OauthClient).await?;
        for token in grants.rest() {
            self.tell_without_client(token);
        }
        Ok(())
    }

    /// Every client with its tokens; whether the list was read to its end.
    async fn clients(&mut self, zendesk: &Zendesk, grants: &mut Grants) -> Result<bool, StoreError> {
        let (mut after, mut pages) = (None, Pages::default());
        loop {
            let page = zendesk.clients(after.as_ref()).await;
            let page = match page.and_then(|page| Ok((page.items, pages.next(page.next)?))) {
                Ok(page) => page,
                Err(error) => {
                    self.unreadable(CLIENTS, &error);
                    let why = "they belong to OAuth clients, which could not be read";
                    self.summary.could_not_read(TOKENS, why.to_owned());
                    return Ok(false);
                }
            };
            let clients: Vec<Listed> =
                page.0.into_iter().map(|client| listed_client(zendesk, client)).collect();
            self.catch_up(&clients).await?;
            if clients.iter().any(|client| self.lost_its_token(client, grants)) {
                self.ledger.catch_up(self.context).await?;
            }
            for client in clients {
                self.tell_client(client, grants);
            }
            if page.1.is_none() {
                return Ok(true);
            }
            after = page.1;
        }
    }

    /// A client, and its tokens below it.
    fn tell_client(&mut self, client: Listed, grants: &mut Grants) {
        let (id, own_login) = (client.id, client.own_login);
        let tokens = grants.of(id);
        let lost = self.lost_its_token(&client, grants);
        let listed = Listed { last_use: grants.last_use(&tokens), ..client };
        let (judgement, known) = self.tell_with(listed, lost.then_some(Finding::Missing));
        for token in tokens {
            let listed = Listed { own_login, ..token.listed(id) };
            self.tell_token(listed, known.as_ref(), &judgement);
        }
    }

    /// The access token that was handed over is gone, and only its client is there.
    fn lost_its_token(&self, client: &Listed, grants: &Grants) -> bool {
        let known = self.ledger.find(ListedKind::OauthClient, client.id);
        known.is_some_and(|known| known.has_a_token(self.context.now())) && grants.none_of(client.id)
    }

    fn tell_token(&mut self, listed: Listed, known: Option<&Known>, client: &Judgement) {
        let rules = Rules { standards: &self.standards, exceptions: &[] };
        let mut judgement = judge(&listed, known, rules, self.context.now());
        judgement.standing = client.standing;
        judgement.exception = client.exception;
        judgement.issue.clone_from(&client.issue);
        judgement.findings.retain(|finding| *finding != Finding::Foreign && *finding != Finding::Unclaimed);
        let line = Line::of(&self.instance.key, listed, known, judgement);
        self.tell_line(line, None);
    }

    /// A token whose client is not listed: ours if the ledger knows that client.
    fn tell_without_client(&mut self, listed: Listed) {
        let known =
            listed.client.and_then(|client| self.ledger.find(ListedKind::OauthClient, client)).cloned();
        let rules = Rules { standards: &self.standards, exceptions: &[] };
        let judgement = judge(&listed, known.as_ref(), rules, self.context.now());
        let line = Line::of(&self.instance.key, listed, known.as_ref(), judgement);
        self.tell_line(line, None);
    }
}

/// A client as it is listed, but for the use of its tokens.
pub(super) fn listed_client(zendesk: &Zendesk, client: ListedClient) -> Listed {
    Listed {
        kind: ListedKind::OauthClient,
        id: client.id,
        name: client.name,
        own_login: zendesk.is_own_client(&client.identifier),
        identifier: Some(client.identifier),
        client: None,
        creator: client.owner,
        creator_name: None,
        creator_email: None,
        active: true,
        created_at: client.created_at,
        last_use: crate::domain::inventory::LastUse::NotKnown,
        expires_at: None,
        visible: None,
    }
}
