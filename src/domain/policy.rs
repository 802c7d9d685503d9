//! The policy: the validated form of configuration that decisions depend on.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::form::Titles;
use super::ids::{LabelId, ProjectId, UserId};
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
    /// The Zendesk accounts.
    pub instances: Vec<Instance>,
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
    /// The credential's name: `{issue_url}`, `{requester}`, `{expires_on}`.
    pub name_template: String,
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
        let text = serde_json::to_vec(&shaping).expect("strings and numbers always serialise");
        hex(&Sha256::digest(text))[..16].to_owned()
    }
}
