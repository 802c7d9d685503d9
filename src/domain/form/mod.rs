//! The form: what the requester filled in, read from the Markdown.
//!
//! `markdown` finds which text stands under which title; `check` turns those answers into a whole [`Form`]
//! or into all its faults at once. A form is checked anew at every look, since a date can pass.

mod check;
mod markdown;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::terms::Kind;

pub use check::check;
pub use markdown::{Answer, Answers, carries_marker, read};

/// The fields a form can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Which Zendesk account.
    Instance,
    /// Which kind of credential.
    Kind,
    /// What for.
    Purpose,
    /// Why a credential that can do everything is needed.
    AdminAccess,
    /// What the credential may do, where it has scopes.
    Scopes,
    /// The last day it should work.
    RemoveOn,
    /// The earlier issue that this one extends.
    Replaces,
    /// Who it is for, if not the author.
    Requester,
}

impl Field {
    /// All of them, in the order of the template.
    pub const ALL: [Self; 8] = [
        Self::Instance,
        Self::Kind,
        Self::Purpose,
        Self::AdminAccess,
        Self::Scopes,
        Self::RemoveOn,
        Self::Replaces,
        Self::Requester,
    ];

    /// As configuration and the digest write it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Kind => "kind",
            Self::Purpose => "purpose",
            Self::AdminAccess => "admin_access",
            Self::Scopes => "scopes",
            Self::RemoveOn => "remove_on",
            Self::Replaces => "replaces",
            Self::Requester => "requester",
        }
    }
}

/// The longest text of a field, in characters: approvers are shown all of it.
pub const LONGEST_TEXT: usize = 1000;

/// Which titles name which field. The first one is shown to people.
pub type Titles = BTreeMap<Field, Vec<String>>;

/// A whole form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Key of the instance.
    pub instance: String,
    /// The kind of credential.
    pub kind: Kind,
    /// Asked for as an integration.
    pub integration: bool,
    /// What it may do, sorted; empty for kinds that have no scopes.
    pub scopes: Vec<String>,
    /// Why admin access is needed, or that it is not.
    pub admin_access: AdminAccess,
    /// The last day.
    pub remove_on: Date,
    /// The instant that day ends.
    pub ends_at: Timestamp,
    /// Who it is for, as typed, if not the author.
    pub requester: Option<String>,
    /// Every filled field as read, for the digest.
    pub fields: BTreeMap<String, String>,
}

/// What people choose where they mean an integration: an OAuth client for a system that stays.
pub const INTEGRATION: &str = "Integration";

impl Form {
    /// It asks for a credential that can do everything, and says that this is not needed.
    pub fn asks_for_too_much(&self) -> bool {
        self.kind == Kind::ApiToken && self.admin_access == AdminAccess::NotNeeded
    }
}

/// What the form says of admin access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminAccess {
    /// Needed, for this reason.
    Needed(String),
    /// Not needed.
    NotNeeded,
}

/// One fault of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The field; `None` for the form as a whole.
    pub field: Option<Field>,
    /// What is there, as typed.
    pub found: String,
    /// What should be there.
    pub expected: String,
    /// Without this there is nothing to decide: the issue is closed, if the policy says so.
    pub essential: bool,
}
