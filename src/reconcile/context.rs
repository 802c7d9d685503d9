//! The closed list of what a reconcile may touch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::hand::Hand;
use crate::clock::{SharedClock, SharedRandomness, random_id};
use crate::directory::Directory;
use crate::domain::ids::{ProjectId, UserId};
use crate::domain::policy::Policy;
use crate::store::Store;
use crate::vendors::VendorError;
use crate::vendors::gitlab::GitLab;
use crate::vendors::slack::{Slack, SlackError};
use crate::vendors::zendesk::{Ourselves, Zendesk};

/// User names are shown for this long without asking again. They decide nothing.
const NAMES_FOR: SignedDuration = SignedDuration::from_hours(1);

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
    /// What this process is known by where processes share a work.
    pub(super) process: String,
    known: Mutex<Known>,
}

/// What never changes while a token lives, asked once; and names, for a while.
#[derive(Debug, Default)]
struct Known {
    ourselves: Option<UserId>,
    team: Option<String>,
    owners: HashMap<String, Ourselves>,
    names: HashMap<UserId, (String, Timestamp)>,
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
            process,
            known: Mutex::default(),
        }
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
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

    /// The user names of these people, as far as GitLab tells. To show, never to decide.
    pub(super) async fn names(&self, project: ProjectId, people: &[UserId]) -> BTreeMap<UserId, String> {
        let mut names = BTreeMap::new();
        for person in people {
            if let Some(name) = self.name(project, *person).await {
                names.insert(*person, name);
            }
        }
        names
    }

    async fn name(&self, project: ProjectId, person: UserId) -> Option<String> {
        let fresh = |(name, at): &(String, Timestamp)| {
            (self.now().duration_since(*at) < NAMES_FOR).then(|| name.clone())
        };
        if let Some(name) = self.known().names.get(&person).and_then(fresh) {
            return Some(name);
        }
        let account = self.gitlab.account(project, person).await.ok()?;
        self.note_name(person, &account.username);
        Some(account.username)
    }

    /// Keeps a name that was read anyway.
    pub(super) fn note_name(&self, person: UserId, username: &str) {
        let now = self.now();
        self.known().names.insert(person, (username.to_owned(), now));
    }

    /// Whether this is the first time that this process asks it: for what is worth one line in the log.
    pub(super) fn say_once(&self, what: &str) -> bool {
        self.known().said.insert(what.to_owned())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
