//! Promise 3: a secret is in one message to one person, and nowhere else.

use std::collections::{BTreeMap, HashMap};

use super::super::facts::{Minted, Secret, Token, What};
use super::super::report::tally;
use super::super::scene::Scene;
use super::super::wish::Kind;
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

/// A message as it went out.
struct Sent {
    members: Vec<String>,
    text: String,
    blocks: String,
}

impl Scene {
    fn sent(&self) -> Vec<Sent> {
        let sent = |(channel, message): (&Channel, &Message)| {
            let blocks = message.blocks.as_ref().map(ToString::to_string).unwrap_or_default();
            Sent { members: channel.members.clone(), text: message.text.clone(), blocks }
        };
        messages(&self.sandbox.world).map(sent).collect()
    }

    /// The secret of a credential that went out in a message, if one did.
    pub(in super::super) fn handed_over(&self, token: &Token) -> Option<String> {
        let sent = self.sent();
        let theirs = self.facts.secrets.iter().filter(|(_, secret)| secret.token == *token);
        let out =
            |text: &&String| sent.iter().any(|one| one.blocks.contains(*text) || one.text.contains(*text));
        theirs.map(|(text, _)| text).find(out).cloned()
    }

    /// Whether a credential was handed over.
    pub(in super::super) fn is_delivered(&self, token: &Token) -> bool {
        self.handed_over(token).is_some()
    }

    /// A message was sent.
    pub(in super::super) fn judge_message(&mut self) {
        let sent = self.sent();
        let mut alive = BTreeMap::new();
        for (text, secret) in self.facts.secrets.clone() {
            let holds = |one: &&Sent| one.blocks.contains(&text) || one.text.contains(&text);
            let held: Vec<&Sent> = sent.iter().filter(holds).collect();
            if held.is_empty() {
                continue;
            }
            self.checked(Promise::Secret);
            let Some(minted) = self.facts.minted.get(&secret.token).cloned() else {
                let what = "a secret that was not minted for a request was sent".to_owned();
                return self.breaks(Promise::Secret, what);
            };
            if self.facts.sent.insert(secret.token.clone()) {
                self.counts.hand_overs += 1;
                tally(&mut self.counts.hand_overs_by_kind, minted.approved.kind.key());
            }
            self.judge_sending(&held, (&text, &secret), &minted);
            if self.is_alive(&secret.token) {
                *alive.entry(minted.issue).or_insert(0) += 1;
            }
        }
        self.checked(Promise::One);
        if alive.values().any(|count| *count > 1) {
            self.breaks(Promise::One, "two live credentials of one request were handed over".to_owned());
        }
    }

    /// Once, what is to be sent of that kind, to the right person, and not in the notification.
    fn judge_sending(&mut self, held: &[&Sent], (text, secret): (&str, &Secret), minted: &Minted) {
        let id = secret.token.1;
        if held.len() > 1 {
            self.breaks(Promise::One, format!("the secret of token {id} was sent {} times", held.len()));
        }
        if !is_to_be_sent(minted.approved.kind, secret.what) {
            self.breaks(Promise::Secret, format!("a secret of token {id} was sent that nobody is to have"));
        }
        let mut people = self.sandbox.world.slack.people.iter();
        let person = people.find(|one| one.name == minted.approved.beneficiary.username()).map(|one| &one.id);
        let wrong = |one: &&Sent| {
            one.text.contains(text)
                || one.members.len() != 2
                || !one.members.iter().any(|member| Some(member) == person)
        };
        if held.iter().any(wrong) {
            self.breaks(Promise::Secret, format!("the secret of token {id} is where it must not be"));
        }
    }

    /// Database, log, notes and all that GitLab has: no secret that Zendesk ever gave out is there, whatever it is of.
    pub(in super::super) async fn secrets_are_nowhere(&mut self) {
        if self.facts.minted.is_empty() {
            return;
        }
        let minted = self.sandbox.world.zendesk.values().flat_map(|account| account.ever_minted.iter());
        let secrets: Vec<String> = self.facts.secrets.keys().chain(minted).cloned().collect();
        let notes: Vec<String> =
            self.sandbox.world.gitlab.notes.values().map(|note| note.body.clone()).collect();
        let places = [
            ("the database", self.books.bytes().await),
            ("the log", self.log.text().into_bytes()),
            ("a comment", notes.join("\n").into_bytes()),
        ];
        for (place, bytes) in places {
            self.checked(Promise::Secret);
            if contains_any(&bytes, &secrets) {
                self.breaks(Promise::Secret, format!("a secret that Zendesk gave out is in {place}"));
            }
        }
    }
}

/// What is handed over of a kind.
fn is_to_be_sent(kind: Kind, what: What) -> bool {
    match kind {
        Kind::ApiToken => what == What::ApiToken,
        Kind::OauthClient => what == What::Client,
        Kind::OauthToken => what == What::Access,
    }
}

/// As many bytes of a secret as make it rare.
const RARE: usize = 8;

/// Whether one of the secrets is somewhere in `hay`. In one pass: there may be hundreds.
fn contains_any(hay: &[u8], secrets: &[String]) -> bool {
    let all = secrets.iter().map(String::as_bytes).filter_map(|secret| Some((secret.get(..RARE)?, secret)));
    let by_beginning: HashMap<&[u8], &[u8]> = all.collect();
    let places = hay.windows(RARE).enumerate();
    let mut found = places.filter_map(|(place, window)| Some((place, by_beginning.get(window)?)));
    found.any(|(place, secret)| hay[place..].starts_with(secret))
}

#[cfg(test)]
mod tests {
    use super::contains_any;

    #[test]
    fn a_secret_is_found_wherever_it_is() {
        let secrets = ["abcdefghij".to_owned(), "klmnopqrst".to_owned()];
        for (hay, is_there) in [
            ("abcdefghij", true),
            ("..klmnopqrst", true),
            ("abcdefghi", false),
            ("abcdefgh", false),
            ("", false),
        ] {
            assert_eq!(contains_any(hay.as_bytes(), &secrets), is_there, "{hay}");
        }
    }
}
