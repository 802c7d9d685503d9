//! What hands do at Zendesk: an admin's, who makes and deletes beside us, and the holder's, who uses what they have.
//!
//! Nothing of this is ours but what is deleted, and we may touch none of it.

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::facts::{Opened, Token};
use super::history::Name;
use super::scene::Scene;
use super::watch::{ACTS_AS, INTEGRATION};
use super::wish::Kind;
use crate::sandbox::seed;
use crate::sandbox::world::ApiToken;

/// Another admin.
const ADMIN: u64 = 9002;
/// The longest life that Zendesk gives an access token, in seconds.
const LONGEST: u64 = 172_799;

impl Scene {
    /// An admin's own token, named as the process names them.
    pub(super) fn makes_by_hand(&mut self, name: Name, longer: bool) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let digit = if longer { "2" } else { "" };
        let (now, description) = (self.now(), format!("{}{digit}", self.address(issue)));
        let secret = self.sandbox.world.random_text(40);
        let Some(account) = self.sandbox.world.zendesk.get_mut("global") else { return };
        let id = account.fresh_id();
        // Of a namesake the admin is the creator; a longer name may even be our own user's.
        let user_id = if longer { INTEGRATION } else { ADMIN };
        let (active, last_used, deleted_at) = (true, None, None);
        let (created_at, updated_at) = (now, now);
        let token = ApiToken {
            id,
            user_id,
            description,
            active,
            created_at,
            updated_at,
            last_used,
            deleted_at,
            secret,
        };
        account.tokens.insert(id, token);
        self.facts.foreign.insert(("global".to_owned(), id));
        self.note_secrets();
    }

    /// An admin's own client, named as the process names them, with an access token that is in use.
    pub(super) fn makes_client_by_hand(&mut self, name: Name, ours: bool) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let (now, owner) = (self.now(), if ours { ACTS_AS } else { ADMIN });
        let Some(account) = self.sandbox.world.zendesk.get_mut("global") else { return };
        let (id, used) = (account.fresh_id(), account.fresh_id());
        let identifier = format!("{}_{id}", seed::CLIENT);
        let mut client = seed::client(&self.sandbox.world, (id, owner), &identifier);
        (client.created_at, client.updated_at) = (now, now);
        client.name = self.address(issue);
        let bearer = seed::bearer(&self.sandbox.world, (used, id, owner));
        let Some(account) = self.sandbox.world.zendesk.get_mut("global") else { return };
        account.clients.insert(id, client);
        account.bearers.insert(used, bearer);
        self.facts.foreign.insert(("global".to_owned(), id));
        self.note_secrets();
    }

    /// The newest of ours, of whatever kind. What a client fetched lives on.
    pub(super) fn deletes_by_hand(&mut self, name: Name) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let Some((token, _)) = self.newest(issue) else { return };
        let now = self.now();
        let Some(account) = self.sandbox.world.zendesk.get_mut(&token.0) else { return };
        if let Some(found) = account.tokens.get_mut(&token.1) {
            found.active = false;
            found.deleted_at.get_or_insert(now);
        }
        if let Some(found) = account.clients.get_mut(&token.1) {
            found.deleted_at.get_or_insert(now);
        }
        self.facts.deleted_by_hand.insert(token);
    }

    /// With the identifier and the secret in the message, for as long as Zendesk lets it live.
    pub(super) fn fetches(&mut self, name: Name) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let Some((token, Kind::OauthClient)) = self.newest(issue) else { return };
        let Some(secret) = self.handed_over(&token) else { return };
        let account = self.sandbox.world.zendesk.get(&token.0);
        let Some(client) = account.and_then(|account| account.clients.get(&token.1)) else { return };
        let body = json!({
            "grant_type": "client_credentials", "client_id": client.identifier, "client_secret": secret,
            "scope": "read", "expires_in": LONGEST,
        });
        let uri = format!("{}/zendesk/{}/oauth/tokens", self.sandbox.world.base_url, token.0);
        let request = Request::post(uri).header("content-type", "application/json");
        let Ok(request) = request.body(Bytes::from(body.to_string())) else { return };
        let answer = self.sandbox.call(&request, None);
        if answer.is_some_and(|answer| answer.status().is_success()) {
            self.counts.fetches += 1;
            self.note_secrets();
            let fetched = self.access_tokens(&token).last().map(|bearer| bearer.token.clone());
            self.facts.fetched.extend(fetched);
        }
    }

    fn newest(&self, issue: Opened) -> Option<(Token, Kind)> {
        let ours = self.facts.minted.iter().filter(|(_, minted)| minted.issue == issue.id);
        ours.map(|(token, minted)| (token.clone(), minted.approved.kind)).next_back()
    }

    /// An issue's own address, by which credentials are named.
    pub(super) fn address(&self, issue: Opened) -> String {
        format!("{}/gitlab/company/access-requests/-/issues/{}", self.sandbox.world.base_url, issue.iid)
    }
}
