//! Promise 3: a secret is in one message to one person, and nowhere else.

use super::super::facts::Token;
use super::super::scene::Scene;
use super::super::watch::is_alive;
use super::Promise;
use crate::sandbox::world::{Channel, Message, World};

/// Every message there ever was, with its conversation.
pub(in super::super) fn messages(world: &World) -> impl Iterator<Item = (&Channel, &Message)> {
    world
        .slack
        .channels
        .iter()
        .flat_map(|channel| channel.messages.iter().map(move |message| (channel, message)))
}

impl Scene {
    /// The messages that hold this secret: the members of the conversation, and the notification's text.
    fn held_by(&self, secret: &str) -> Vec<(Vec<String>, bool)> {
        let holds = |message: &Message| {
            let blocks = message.blocks.as_ref().is_some_and(|blocks| blocks.to_string().contains(secret));
            blocks || message.text.contains(secret)
        };
        let found = messages(&self.sandbox.world).filter(|(_, message)| holds(message));
        found.map(|(channel, message)| (channel.members.clone(), message.text.contains(secret))).collect()
    }

    /// Whether a credential was handed over.
    pub(in super::super) fn is_delivered(&self, token: &Token) -> bool {
        let found = self.tokens().find(|(other, _)| other == token);
        found.is_some_and(|(_, it)| !self.held_by(&it.secret.clone()).is_empty())
    }

    /// A message was sent.
    pub(in super::super) fn judge_message(&mut self) {
        let minted: Vec<(Token, String, bool)> =
            self.tokens().map(|(token, it)| (token, it.secret.clone(), is_alive(it))).collect();
        let mut alive = std::collections::BTreeMap::new();
        for (token, secret, is_alive) in minted {
            let held = self.held_by(&secret);
            if held.is_empty() {
                continue;
            }
            self.checked(Promise::Secret);
            if self.facts.sent.insert(token.clone()) {
                self.counts.hand_overs += 1;
            }
            let Some(minted) = self.facts.minted.get(&token).cloned() else {
                self.breaks(
                    Promise::Secret,
                    "a secret that was not minted for a request was sent".to_owned(),
                );
                return;
            };
            if held.len() > 1 {
                self.breaks(
                    Promise::One,
                    format!("the secret of token {} was sent {} times", token.1, held.len()),
                );
            }
            let person = self.sandbox.world.slack.people.iter();
            let person = person
                .filter(|one| one.name == minted.approved.beneficiary.username())
                .map(|one| &one.id)
                .next();
            let wrong = |(members, in_text): &(Vec<String>, bool)| {
                *in_text || members.len() != 2 || !members.iter().any(|member| Some(member) == person)
            };
            if held.iter().any(wrong) {
                self.breaks(
                    Promise::Secret,
                    format!("the secret of token {} is where it must not be", token.1),
                );
            }
            if is_alive {
                *alive.entry(minted.issue).or_insert(0) += 1;
            }
        }
        self.checked(Promise::One);
        if alive.values().any(|count| *count > 1) {
            self.breaks(Promise::One, "two live credentials of one request were handed over".to_owned());
        }
    }

    /// Database, log, notes and all that GitLab has: no secret of ours is there.
    pub(in super::super) async fn secrets_are_nowhere(&mut self) {
        let minted = self.facts.minted.keys().cloned().collect::<Vec<_>>();
        let found = self.tokens().filter(|(token, _)| minted.contains(token));
        let secrets: Vec<String> = found.map(|(_, it)| it.secret.clone()).collect();
        if secrets.is_empty() {
            return;
        }
        let notes: Vec<String> =
            self.sandbox.world.gitlab.notes.values().map(|note| note.body.clone()).collect();
        let places = [
            ("the database", self.books.bytes().await),
            ("the log", self.log.text().into_bytes()),
            ("a comment", notes.join("\n").into_bytes()),
        ];
        for (place, bytes) in places {
            self.checked(Promise::Secret);
            if secrets.iter().any(|secret| contains(&bytes, secret.as_bytes())) {
                self.breaks(Promise::Secret, format!("a minted secret is in {place}"));
            }
        }
    }
}

/// Whether `needle` is somewhere in `hay`. A secret has letters and digits only, so its first bytes are rare.
fn contains(hay: &[u8], needle: &[u8]) -> bool {
    let Some((first, _)) = needle.split_first() else { return false };
    let mut rest = hay;
    while let Some(place) = rest.iter().position(|byte| byte == first) {
        if rest[place..].starts_with(needle) {
            return true;
        }
        rest = &rest[place + 1..];
    }
    false
}
