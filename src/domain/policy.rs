//! The policy: the validated form of configuration that decisions depend on.

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::form::Titles;
use super::ids::{LabelId, ProjectId, UserId, ZendeskUserId};
use super::inventory::Exception;
use super::terms::{Kind, hex};

/// Everything `decide` may know of the configuration.
#[derive(Debug, Clone)]
pub struct Policy {
    /// This installation's id.
    pub installation: String,
    /// The watched projects: full paths or numeric ids.
    pub projects: Vec<String>,
    /// The line that makes an issue a request.
    pub marker: String,
    /// Which titles name which field.
    pub titles: Titles,
    /// The time zone of "the end of that day".
    pub zone: TimeZone,
    /// The longest life, in days.
    pub max_lifetime_days: i32,
    /// What to do with a form without a purpose or an end date.
    pub on_incomplete: OnIncomplete,
    /// How old an approval may be when minting.
    pub approval_max_age: SignedDuration,
    /// How long a request may stay undecided.
    pub pending_max: SignedDuration,
    /// The least role of an approver.
    pub minimum_access_level: i64,
    /// Who may stand in for a manager, and when people are reminded.
    pub absence: Absence,
    /// What happens while a credential lives, and how many may end at once.
    pub ending: Ending,
    /// The Zendesk accounts.
    pub instances: Vec<Instance>,
}

/// Who may stand in for a manager, and when people are reminded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// How many steps up the chain of managers may approve; 1 is the manager alone.
    pub chain_depth: u32,
    /// Whoever must approve is reminded once after this.
    pub remind_after: Option<SignedDuration>,
    /// After this the manager's manager may approve as well, and is told.
    pub escalate_after: Option<SignedDuration>,
    /// Who stands in for whom, and when.
    pub delegates: Vec<Delegate>,
}

/// What happens while a credential lives, and how many may end at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its holder is reminded so many days before the end.
    pub remind_days_before: Vec<u32>,
    /// How often it is asked whether the people behind an active credential are still here; `None`: never.
    pub leavers_every: Option<SignedDuration>,
    /// From seeing that its holder left to taking it away; `None`: it is only told.
    pub requester_left: Option<SignedDuration>,
    /// The same of the manager who approved it.
    pub manager_left: Option<SignedDuration>,
    /// How many may end within an hour for a reason that concerns many.
    pub brake: Brake,
}

/// More than this many within an hour, or more than this share of those that live, are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brake {
    /// How many.
    pub most: u32,
    /// How many in a hundred.
    pub percent: u32,
}

impl Ending {
    /// Nobody is reminded and nobody is asked about.
    pub fn quiet() -> Self {
        let brake = Brake { most: 5, percent: 20 };
        let (leavers_every, requester_left, manager_left) = (None, None, None);
        Self { remind_days_before: Vec::new(), leavers_every, requester_left, manager_left, brake }
    }
}

impl Absence {
    /// Nobody stands in, and nobody is reminded.
    pub fn none() -> Self {
        Self { chain_depth: 1, remind_after: None, escalate_after: None, delegates: Vec::new() }
    }

    /// How many steps up the chain may ever matter.
    pub fn reach(&self) -> u32 {
        self.chain_depth.max(if self.escalate_after.is_some() { 2 } else { 1 })
    }
}

/// A person who stands in for a manager for a stated time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegate {
    /// The manager.
    pub of: UserId,
    /// Who stands in.
    pub to: UserId,
    /// The first day, in the policy's zone.
    pub from: Date,
    /// The last day.
    pub until: Date,
}

/// What to do with a form that lacks what a decision needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnIncomplete {
    /// Close the issue; reopening tries again.
    Close,
    /// Leave it open and ask.
    Ask,
}

/// A Zendesk account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its key in the configuration.
    pub key: String,
    /// Its name in the form.
    pub name: String,
    /// Its address.
    pub url: String,
    /// What may be asked for there.
    pub kinds: Vec<Kind>,
    /// Who may give the second approval. Empty is nobody.
    pub provisioners: Vec<UserId>,
    /// GitLab groups whose members, inherited ones included, may give it as well: full paths.
    pub provisioner_groups: Vec<String>,
    /// Integrations may be asked for.
    pub integrations: bool,
    /// Whom OAuth credentials act as there; `None`: our own user.
    pub integration_user: Option<ZendeskUserId>,
    /// The scopes of [`SENSITIVE`](super::scopes::SENSITIVE) that may be asked for there.
    pub sensitive_scopes: Vec<String>,
    /// How many days after its end an API token stays, switched off, before it is deleted.
    pub delete_after_days: i64,
    /// The credential's name: `{issue_url}`, `{requester}`, `{expires_on}`.
    pub name_template: String,
    /// What may be there without a request.
    pub exceptions: Vec<Exception>,
}

/// The labels of a project, pinned: a title alone can be given to another label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    /// The manager's approval.
    pub manager: Pin,
    /// The provisioner's approval.
    pub provisioner: Pin,
    /// A label that denies, if there is one.
    pub denied: Option<Pin>,
    /// A label that has a credential taken away; `None` until it is pinned.
    pub revoke: Option<Pin>,
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Its id, which events carry.
    pub id: LabelId,
    /// Its title, which the issue carries.
    pub name: String,
}

impl Policy {
    /// Whether a project is watched.
    pub fn watches(&self, id: ProjectId, path: &str) -> bool {
        self.projects.iter().any(|project| *project == id.to_string() || project.eq_ignore_ascii_case(path))
    }

    /// The instance of that key.
    pub fn instance(&self, key: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.key == key)
    }

    /// The version of everything that shapes terms at an instance: the first 16 digits of a hash over it.
    ///
    /// Who may approve is left out on purpose: it is asked anew at every look, and naming one more provisioner
    /// need not void the approvals under way. Nor do the other instances matter.
    pub fn version(&self, instance: &Instance) -> String {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        let offered = (&instance.key, &instance.kinds, &instance.name_template);
        let ages = (self.approval_max_age.as_secs(), self.minimum_access_level);
        let shaping = (zone, self.max_lifetime_days, self.on_incomplete, ages, offered);
        let mut text = serde_json::to_vec(&shaping).expect("strings and numbers always serialise");
        let given = (instance.integrations, instance.integration_user, &instance.sensitive_scopes);
        // An installation from before these keys keeps its version, and the approvals that were given under it.
        if given != (false, None, &Vec::new()) {
            text.extend(serde_json::to_vec(&given).expect("strings and numbers always serialise"));
        }
        hex(&Sha256::digest(text))[..16].to_owned()
    }
}
