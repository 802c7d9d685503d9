//! The closed list of what a reconcile may touch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::foresight::Told;
use super::hand::Hand;
use crate::clock::{SharedClock, SharedRandomness, random_id};
use crate::directory::Directory;
use crate::domain::ids::{CredentialId, Email, IssueKey, SlackUserId, UserId};
use crate::domain::observed::SlackPerson;
use crate::domain::policy::Policy;
use crate::store::Store;
use crate::vendors::VendorError;
use crate::vendors::gitlab::GitLab;
use crate::vendors::slack::{Slack, SlackError};
use crate::vendors::zendesk::{Ourselves, Zendesk};

/// What was seen to be listed is not looked for again for this long.
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// User names are shown for this long without asking again. They decide nothing.
const NAMES_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How long a fit Slack account is believed to be the same while a request waits.
const SLACK_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What a context is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Where requests are.
    pub gitlab: GitLab,
    /// Where secrets are handed over.
    pub slack: Slack,
    /// Where credentials are, by the instance's key.
    pub zendesk: BTreeMap<String, Zendesk>,
    /// Who people are.
    pub directory: Directory,
    /// The rules of this installation.
    pub policy: Policy,
    /// Titles of the approval labels.
    pub labels: Labels,
    /// The time.
    pub clock: SharedClock,
    /// Identifiers that nobody can guess.
    pub randomness: SharedRandomness,
}

/// Titles of the approval labels, as configured.
#[derive(Debug, Clone)]
pub struct Labels {
    /// The manager's.
    pub manager: String,
    /// The provisioner's.
    pub provisioner: String,
    /// The one that denies.
    pub denied: Option<String>,
    /// The one that revokes.
    pub revoke: String,
}

/// Everything a reconcile may touch.
#[derive(Debug)]
pub struct Context {
    pub(super) store: Store,
    pub(super) gitlab: GitLab,
    pub(super) slack: Slack,
    pub(super) zendesk: BTreeMap<String, Zendesk>,
    pub(super) directory: Directory,
    pub(super) policy: Policy,
    pub(super) labels: Labels,
    pub(super) clock: SharedClock,
    pub(super) randomness: SharedRandomness,
    pub(super) hand: Hand,
    pub(super) told: Told,
    /// What this process is known by where processes share a work.
    pub(super) process: String,
    known: Mutex<Known>,
}

/// What never changes while a token lives, asked once; names and accounts, for a while; and what was opened or found
/// out for the look under way.
#[derive(Debug, Default)]
struct Known {
    ourselves: Option<UserId>,
    team: Option<String>,
    owners: HashMap<String, Ourselves>,
    seen_listed: HashMap<(String, CredentialId), Timestamp>,
    names: HashMap<UserId, (String, Timestamp)>,
    managers: HashMap<UserId, UserId>,
    slack: HashMap<String, (SlackPerson, Timestamp)>,
    channels: BTreeMap<IssueKey, (SlackUserId, String)>,
    said: HashSet<String>,
}

impl Context {
    /// Puts the parts together. Asks nobody anything yet: a vendor that is down must not keep us from starting.
    pub fn new(parts: Parts) -> Self {
        let process = random_id(parts.randomness.as_ref());
        Self {
            store: parts.store,
            gitlab: parts.gitlab,
            slack: parts.slack,
            zendesk: parts.zendesk,
            directory: parts.directory,
            policy: parts.policy,
            labels: parts.labels,
            clock: parts.clock,
            randomness: parts.randomness,
            hand: Hand::default(),
            told: Told::default(),
            process,
            known: Mutex::default(),
        }
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether neither the database nor the directory's file is at work for anybody: whatever still waits, waits for a
    /// vendor.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.store.is_at_rest() && self.directory.is_at_rest()
    }

    /// The rules of this installation.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The titles of the approval labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Where requests are.
    pub fn gitlab(&self) -> &GitLab {
        &self.gitlab
    }

    /// Where a webhook notes what it named.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An identifier that nobody can guess.
    pub(super) fn random_id(&self) -> String {
        random_id(self.randomness.as_ref())
    }

    /// Our own GitLab account.
    pub(super) async fn ourselves(&self) -> Result<UserId, VendorError> {
        if let Some(known) = self.known().ourselves {
            return Ok(known);
        }
        let account = self.gitlab.current_user().await?;
        self.known().ourselves = Some(account.id);
        Ok(account.id)
    }

    /// The workspace our Slack token belongs to.
    pub(super) async fn team(&self) -> Result<String, SlackError> {
        if let Some(known) = self.known().team.clone() {
            return Ok(known);
        }
        let team = self.slack.team().await?;
        self.known().team = Some(team.clone());
        Ok(team)
    }

    /// Our own user at an instance. `None`: no such instance is configured.
    pub(super) async fn owner(&self, instance: &str) -> Option<Result<Ourselves, VendorError>> {
        if let Some(known) = self.known().owners.get(instance).cloned() {
            return Some(Ok(known));
        }
        let asked = self.zendesk.get(instance)?.ourselves().await;
        if let Ok(owner) = &asked {
            self.known().owners.insert(instance.to_owned(), owner.clone());
        }
        Some(asked)
    }

    /// A live credential was just seen to be listed.
    pub(super) fn note_listed(&self, instance: &str, credential: CredentialId) {
        let now = self.now();
        let mut known = self.known();
        known.seen_listed.retain(|_, at| now.duration_since(*at) < LISTED_FOR);
        known.seen_listed.insert((instance.to_owned(), credential), now);
    }

    /// Whether it was seen so lately that it need not be asked again. A busy issue is looked at often.
    pub(super) fn was_just_listed(&self, instance: &str, credential: CredentialId) -> bool {
        let at = self.known().seen_listed.get(&(instance.to_owned(), credential)).copied();
        at.is_some_and(|at| self.now().duration_since(at) < LISTED_FOR)
    }

    /// The user names of these people, as far as GitLab tells. To show, never to decide.
    pub(super) async fn names(&self, people: &[UserId]) -> BTreeMap<UserId, String> {
        let unknown: Vec<UserId> = people.iter().copied().filter(|one| self.name(*one).is_none()).collect();
        if let Ok(found) = self.gitlab.people(&unknown).await {
            for user in found {
                self.note_name(user.id, &user.username);
            }
        }
        people.iter().filter_map(|one| Some((*one, self.name(*one)?))).collect()
    }

    fn name(&self, person: UserId) -> Option<String> {
        let known = self.known().names.get(&person).cloned();
        known.filter(|(_, at)| self.now().duration_since(*at) < NAMES_FOR).map(|(name, _)| name)
    }

    /// Keeps a name that was read anyway.
    pub(super) fn note_name(&self, person: UserId, username: &str) {
        let now = self.now();
        self.known().names.insert(person, (username.to_owned(), now));
    }

    /// Whom the directory last called somebody's manager. A guess.
    pub(super) fn manager_of(&self, person: UserId) -> Option<UserId> {
        self.known().managers.get(&person).copied()
    }

    pub(super) fn note_manager(&self, person: UserId, manager: UserId) {
        self.known().managers.insert(person, manager);
    }

    /// The fit Slack account that was last found for an address. Good enough to say what would be issued: whatever
    /// changed since is found when it is read anew for issuing, and is then not what was approved.
    pub(super) fn slack_person(&self, email: &Email) -> Option<SlackPerson> {
        let known = self.known().slack.get(&email.0.to_lowercase()).cloned();
        known.filter(|(_, at)| self.now().duration_since(*at) < SLACK_FOR).map(|(person, _)| person)
    }

    pub(super) fn note_slack_person(&self, email: &Email, person: Option<&SlackPerson>) {
        let now = self.now();
        match person {
            Some(person) => self.known().slack.insert(email.0.to_lowercase(), (person.clone(), now)),
            None => self.known().slack.remove(&email.0.to_lowercase()),
        };
    }

    /// Keeps a conversation that was opened for the look under way.
    pub(super) fn keep_channel(&self, key: IssueKey, user: SlackUserId, channel: String) {
        self.known().channels.insert(key, (user, channel));
    }

    pub(super) fn forget_channel(&self, key: IssueKey) {
        self.known().channels.remove(&key);
    }

    /// The conversation with this person, if it was opened for the look under way.
    pub(super) fn take_channel(&self, key: IssueKey, user: &SlackUserId) -> Option<String> {
        self.known().channels.remove(&key).filter(|(opened, _)| opened == user).map(|(_, channel)| channel)
    }

    /// Whether this is the first time that this process asks it: for what is worth one line in the log.
    pub(super) fn say_once(&self, what: &str) -> bool {
        self.known().said.insert(what.to_owned())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
