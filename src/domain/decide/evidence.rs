//! What was read when an approval was bound, or did not count: for an auditor, in the entry itself.
//!
//! The terms and the authority stand beside it in the bound approval. Minimal: numbers and user names of people, and of
//! the directory what it says of them, word for word; of an endless text or an endless list the beginning or the end, with
//! the hash or the count of the whole.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Draft;
use crate::domain::ids::{EventId, UserId};
use crate::domain::observed::LabelEvent;
use crate::domain::snapshot::IssueView;
use crate::domain::terms::hex;

/// Longer descriptions are written down up to here, and by their hash: far above any form, and the chain is for good.
const TEXT: usize = 16 * 1024;
/// Label events written down, the newest; anybody who may label can make more.
const EVENTS: usize = 100;

impl Draft<'_> {
    /// The form's text, the label events, the last edit, the approver's account and the directory's answer.
    pub(super) fn as_read(&self, approver: UserId) -> Value {
        let description = match &self.snapshot.issue {
            IssueView::Seen(issue) => issue.description.as_str(),
            IssueView::Gone | IssueView::Unknown => "",
        };
        let mut events: Vec<&LabelEvent> = self.snapshot.events.iter().collect();
        events.sort_by_key(|event| event.id);
        let newest = &events[events.len().saturating_sub(EVENTS)..];
        json!({
            "at": self.now,
            "form": {
                "text": beginning(description), "bytes": description.len(),
                "sha256": hex(&Sha256::digest(description)),
            },
            "last_edit": self.snapshot.last_edit.map(|edit| json!({"at": edit.at, "by": edit.by})),
            "label_events": {"all": events.len(), "newest": newest.iter().copied().map(label_event).collect::<Vec<_>>()},
            "account": self.account(approver),
            "directory": self.directory(),
        })
    }

    /// Whose event it was, as far as that is known.
    pub(super) fn actor_of(&self, event: Option<EventId>) -> Value {
        let event = self.snapshot.events.iter().find(|one| Some(one.id) == event);
        let actor = event.and_then(|event| event.actor);
        json!(actor.map(|id| json!({"id": id, "username": self.username(id)})))
    }

    pub(super) fn username(&self, person: UserId) -> Option<String> {
        let account = self.snapshot.accounts.get(&person).and_then(|account| account.as_ref().ok());
        account.map(|account| account.username.clone()).or_else(|| self.status.names.get(&person).cloned())
    }

    fn account(&self, person: UserId) -> Value {
        let Some(Ok(account)) = self.snapshot.accounts.get(&person) else { return Value::Null };
        let membership = account.membership.as_ref();
        json!({
            "id": account.id, "username": account.username, "bot": account.bot, "active": account.active,
            "access_level": membership.map(|one| one.access_level),
            "expires_on": membership.and_then(|one| one.expires_on).map(|day| day.to_string()),
        })
    }

    fn directory(&self) -> Value {
        let parties = &self.snapshot.parties;
        let beneficiary = parties.beneficiary.as_ref().map(|person| person.id);
        let manager = parties.manager.as_ref().map(|one| json!({"id": one.id, "authority": one.authority}));
        json!({
            "beneficiary": beneficiary.map_or_else(|doubt| json!(doubt), |id| json!(id)),
            "manager": manager.unwrap_or_else(|doubt| json!(doubt)),
        })
    }
}

fn label_event(event: &LabelEvent) -> Value {
    json!({
        "id": event.id, "actor": event.actor, "at": event.at, "label": event.label,
        "action": if event.added { "add" } else { "remove" },
    })
}

/// No more than the limit, and no half character.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_between_two_characters() {
        assert_eq!(beginning("short"), "short");
        let long = "é".repeat(TEXT);
        assert_eq!(beginning(&long).len(), TEXT);
        assert_eq!(beginning(&format!("a{long}")).len(), TEXT - 1);
    }
}
