//! What Zendesk's accounts hold: API tokens, and OAuth clients with the access tokens they fetched, seen alike.
//!
//! An access token belongs to its client, so a client is the credential of both OAuth kinds, as it is in the ledger.
//! A credential is alive as long as anything of it lets anybody in, whatever became of the rest.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::facts::{Secret, Token, What};
use super::scene::Scene;
use crate::sandbox::world::{Account, ApiToken, Bearer, Client};

/// An API token or a client, as it is or was.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub(super) token: Token,
    pub(super) is_client: bool,
    /// Whose it is at Zendesk.
    pub(super) owner: u64,
    pub(super) name: String,
}

/// Something that lets somebody in: what it belongs to, and the secret.
pub(super) type Key = (Token, String);

impl Scene {
    /// All there ever were.
    pub(super) fn holdings(&self) -> Vec<Holding> {
        let mut all = Vec::new();
        for (key, account) in &self.sandbox.world.zendesk {
            let holding = |is_client, id: &u64, owner, name: &str| {
                let (token, name) = ((key.clone(), *id), name.to_owned());
                Holding { token, is_client, owner, name }
            };
            all.extend(account.tokens.iter().map(|(id, it)| holding(false, id, it.user_id, &it.description)));
            all.extend(account.clients.iter().map(|(id, it)| holding(true, id, it.user_id, &it.name)));
        }
        all
    }

    /// Everything that lets anybody in now.
    pub(super) fn keys(&self) -> BTreeSet<Key> {
        let now = self.now();
        let accounts = self.sandbox.world.zendesk.iter();
        accounts.flat_map(|(key, account)| keys(account, now, key)).collect()
    }

    /// Whether anything of it lets anybody in.
    pub(super) fn is_alive(&self, (account, id): &Token) -> bool {
        let now = self.now();
        self.sandbox.world.zendesk.get(account).is_some_and(|account| {
            account.tokens.get(id).is_some_and(token_works)
                || account.clients.get(id).is_some_and(|client| client.deleted_at.is_none())
                || live(account, now).any(|bearer| bearer.client_id == *id)
        })
    }

    /// Whether Zendesk still has it, or anything of it that works.
    pub(super) fn is_there(&self, token: &Token) -> bool {
        let account = self.sandbox.world.zendesk.get(&token.0);
        let kept = account.and_then(|account| account.tokens.get(&token.1));
        kept.is_some_and(|token| token.deleted_at.is_none()) || self.is_alive(token)
    }

    /// Whether Zendesk's books say that it was deleted.
    pub(super) fn is_deleted(&self, (account, id): &Token) -> bool {
        self.sandbox.world.zendesk.get(account).is_some_and(|account| {
            account.tokens.get(id).is_some_and(|token| token.deleted_at.is_some())
                || account.clients.get(id).is_some_and(|client| client.deleted_at.is_some())
        })
    }

    /// The access tokens of a client that work.
    pub(super) fn access_tokens(&self, (account, client): &Token) -> Vec<&Bearer> {
        let now = self.now();
        let account = self.sandbox.world.zendesk.get(account);
        account
            .into_iter()
            .flat_map(|account| live(account, now))
            .filter(|one| one.client_id == *client)
            .collect()
    }

    /// Writes down every secret that is new, with what it is of.
    pub(super) fn note_secrets(&mut self) {
        for (key, account) in &self.sandbox.world.zendesk {
            let known = &mut self.facts.secrets;
            let mut note = |id: u64, secret: &String, what| {
                if !known.contains_key(secret) {
                    known.insert(secret.clone(), Secret { token: (key.clone(), id), what });
                }
            };
            account.tokens.values().for_each(|it| note(it.id, &it.secret, What::ApiToken));
            for client in account.clients.values() {
                let rotated = client.updated_at != client.created_at;
                note(client.id, &client.secret, if rotated { What::Replaced } else { What::Client });
            }
            account.bearers.values().for_each(|it| note(it.client_id, &it.token, What::Access));
        }
    }
}

fn token_works(token: &ApiToken) -> bool {
    token.active && token.deleted_at.is_none()
}

fn live(account: &Account, now: Timestamp) -> impl Iterator<Item = &Bearer> {
    account.bearers.values().filter(move |bearer| bearer.is_live(now))
}

fn keys(account: &Account, now: Timestamp, name: &str) -> Vec<Key> {
    let key = |id: u64, secret: &String| ((name.to_owned(), id), secret.clone());
    let there = |client: &&Client| client.deleted_at.is_none();
    let tokens = account.tokens.values().filter(|token| token_works(token));
    let tokens = tokens.map(|token| key(token.id, &token.secret));
    let clients = account.clients.values().filter(there).map(|client| key(client.id, &client.secret));
    let bearers = live(account, now).map(|bearer| key(bearer.client_id, &bearer.token));
    tokens.chain(clients).chain(bearers).collect()
}
