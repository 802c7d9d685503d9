//! The OAuth tokens of an account, a few numbers each, sorted by the client they belong to.
//!
//! They are listed apart from their clients; keeping numbers alone lets the clients be told page by page.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::domain::ids::{CredentialId, ZendeskUserId};
use crate::domain::inventory::{LastUse, Listed, ListedKind};
use crate::domain::observed::ListedAccess;
use crate::vendors::zendesk::{Cursor, Zendesk};
use crate::vendors::{Vendor, VendorError};

/// A walk through pages. One that comes to the same place twice would never end.
#[derive(Default)]
pub(super) struct Pages {
    seen: HashSet<Cursor>,
}

impl Pages {
    pub(super) fn next(&mut self, next: Option<Cursor>) -> Result<Option<Cursor>, VendorError> {
        match next {
            Some(cursor) if !self.seen.insert(cursor.clone()) => {
                Err(VendorError::Malformed { vendor: Vendor::Zendesk })
            }
            next => Ok(next),
        }
    }
}

#[derive(Default)]
pub(super) struct Grants {
    /// By client; taken out as their clients come.
    tokens: Vec<Grant>,
    /// The list was read to its end.
    whole: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Grant {
    client: Option<CredentialId>,
    id: CredentialId,
    user: Option<ZendeskUserId>,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    used_at: Option<Timestamp>,
    told: bool,
}

impl Grants {
    pub(super) async fn read(zendesk: &Zendesk) -> Result<Self, VendorError> {
        let (mut tokens, mut after, mut pages) = (Vec::new(), None, Pages::default());
        loop {
            let page = zendesk.access_tokens(None, after.as_ref()).await?;
            tokens.extend(page.items.iter().map(Grant::of));
            after = pages.next(page.next)?;
            if after.is_none() {
                break;
            }
        }
        tokens.sort_unstable_by_key(|grant: &Grant| (grant.client, grant.id));
        Ok(Self { tokens, whole: true })
    }

    /// The tokens of a client, which is thereby told of.
    pub(super) fn of(&mut self, client: CredentialId) -> Vec<Grant> {
        let begin = self.tokens.partition_point(|grant| grant.client < Some(client));
        let end = self.tokens.partition_point(|grant| grant.client <= Some(client));
        let these = self.tokens.get_mut(begin..end).unwrap_or_default();
        for grant in &mut *these {
            grant.told = true;
        }
        these.to_vec()
    }

    /// Whether the whole list shows no token of a client.
    pub(super) fn none_of(&self, client: CredentialId) -> bool {
        self.whole && self.tokens.binary_search_by_key(&Some(client), |grant| grant.client).is_err()
    }

    /// The last use of any of a client's tokens. A client without one may have had others, which are gone.
    pub(super) fn last_use(&self, tokens: &[Grant]) -> LastUse {
        let last = tokens.iter().filter_map(|grant| grant.used_at).max();
        last.filter(|_| self.whole).map_or(LastUse::NotKnown, LastUse::At)
    }

    /// Those whose client was not listed.
    pub(super) fn rest(self) -> impl Iterator<Item = Listed> {
        self.tokens.into_iter().filter(|grant| !grant.told).map(|grant| grant.shown(grant.client))
    }
}

impl Grant {
    fn of(listed: &ListedAccess) -> Self {
        Self {
            client: listed.client,
            id: listed.id,
            user: listed.user,
            created_at: listed.created_at,
            expires_at: listed.expires_at,
            used_at: listed.used_at,
            told: false,
        }
    }

    /// As it is listed below its client.
    pub(super) fn listed(self, client: CredentialId) -> Listed {
        self.shown(Some(client))
    }

    fn shown(self, client: Option<CredentialId>) -> Listed {
        Listed {
            kind: ListedKind::OauthToken,
            id: self.id,
            name: String::new(),
            identifier: None,
            client,
            creator: self.user,
            creator_name: None,
            creator_email: None,
            active: true,
            created_at: self.created_at,
            last_use: self.used_at.map_or(LastUse::NotKnown, LastUse::At),
            expires_at: self.expires_at,
            visible: None,
            own_login: false,
        }
    }
}
