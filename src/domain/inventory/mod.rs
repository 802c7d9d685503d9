//! The inventory: each credential that is listed at an instance, held against the ledger and the naming standards.
//!
//! Pure classification. What is listed is a [`Listed`], what the ledger knows of it a [`Known`], and what may be there
//! without a request an [`Exception`]; [`judge`] says what it is and what is wrong with it. A name alone excuses
//! nobody and proves nothing: an exception is tied to its creators, and what is ours is known by its id.

pub mod deeds;
pub mod exceptions;
mod judge;
pub mod known;
mod line;
pub mod names;
pub mod summary;
#[cfg(test)]
mod tests;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::ids::{CredentialId, Email, ZendeskUserId};
use super::observed;
pub use exceptions::{Exception, ExceptionUse, who_may_make};
pub use judge::{Judgement, Rules, judge};
pub use known::{Expected, Known};
pub use line::Line;
pub use names::Standards;
pub use summary::Summary;

/// Zendesk switches an API token off that was idle for so long. Source: "Migrating from API tokens to OAuth access
/// tokens".
pub const IDLE_END: SignedDuration = SignedDuration::from_hours(30 * 24);
/// From here on an idle API token is warned of.
pub const IDLE_WARNING: SignedDuration = SignedDuration::from_hours(20 * 24);
/// The day on which Zendesk ends every API token. Source: the same page.
pub const LAST_DAY: Date = Date::constant(2027, 4, 30);
/// A handed-over credential that its holder has not used for so long is unclaimed.
pub const UNCLAIMED_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What sort of thing is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListedKind {
    /// An API token.
    ApiToken,
    /// An OAuth client.
    OauthClient,
    /// An OAuth access token.
    OauthToken,
}

impl ListedKind {
    /// As the table and the database have it.
    pub fn key(self) -> &'static str {
        match self {
            Self::ApiToken => "api_token",
            Self::OauthClient => "oauth_client",
            Self::OauthToken => "oauth_token",
        }
    }
}

/// When something was last used, as far as Zendesk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LastUse {
    /// Then.
    At(Timestamp),
    /// Zendesk says: never.
    Never,
    /// Zendesk does not say, which is not "never".
    NotKnown,
}

/// One credential as it is listed. Nothing of its secret but the beginning that Zendesk shows to every admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub kind: ListedKind,
    /// Zendesk's id, unique within the kind.
    pub id: CredentialId,
    /// An API token's description, a client's name; empty for an OAuth token.
    pub name: String,
    /// A client's identifier.
    pub identifier: Option<String>,
    /// The client that an OAuth token belongs to.
    pub client: Option<CredentialId>,
    /// Who created it, or owns it.
    pub creator: Option<ZendeskUserId>,
    /// Their name, if Zendesk says it.
    pub creator_name: Option<String>,
    /// Their address there, if Zendesk says it.
    pub creator_email: Option<Email>,
    /// Not switched off.
    pub active: bool,
    /// When, if said.
    pub created_at: Option<Timestamp>,
    /// The last use.
    pub last_use: LastUse,
    /// When Zendesk itself ends it.
    pub expires_at: Option<Timestamp>,
    /// The beginning that Zendesk shows.
    pub visible: Option<String>,
    /// We log in with it ourselves.
    pub own_login: bool,
}

impl Listed {
    /// The same as decisions about one request see it.
    pub fn as_observed(&self) -> observed::Listed {
        let last_used = match self.last_use {
            LastUse::At(at) => Some(at),
            LastUse::Never | LastUse::NotKnown => None,
        };
        observed::Listed {
            id: self.id,
            name: self.name.clone(),
            identifier: self.identifier.clone(),
            creator: self.creator,
            active: self.active,
            created_at: self.created_at,
            last_used,
        }
    }
}

/// What a listed credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Issued by us: its id is in the ledger.
    Ours,
    /// What we log in with ourselves.
    OwnLogin,
    /// One that needs no request, by its name and its creator.
    Exception,
    /// Named as ours are, and not in the ledger.
    Orphan,
    /// Anything else.
    Foreign,
}

impl Standing {
    /// One word, for people.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OwnLogin => "own_login",
            Self::Exception => "exception",
            Self::Orphan => "orphan",
            Self::Foreign => "foreign",
        }
    }
}

macro_rules! findings {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $words:literal;)*) => {
        /// What somebody should look at.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Finding { $($(#[$doc])* $name,)* }

        impl Finding {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// One word, for `--fail-on` and machines.
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// What it means, for people.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

findings! {
    /// Named as ours are, and not in the ledger.
    Orphan = "orphan", "named like an issued credential, but not in the ledger";
    /// Not ours and no exception.
    Foreign = "foreign", "neither issued by a request nor an exception of the policy";
    /// Named like an exception, by somebody whom the exception does not name.
    Disguised = "disguised", "named like an exception, but created by somebody it does not name";
    /// Ours by its id, with another name.
    Renamed = "renamed", "issued here, but no longer has the name it was given";
    /// Ours, and should be gone.
    Zombie = "zombie", "should be gone by the ledger, and is still there";
    /// Ours and live by the ledger, and switched off at Zendesk.
    SwitchedOff = "switched_off", "live by the ledger, and switched off at Zendesk";
    /// Ended by the ledger, which waits to delete it, and switched on at Zendesk.
    SwitchedOn = "switched_on", "ended by the ledger, and switched on again at Zendesk";
    /// Live by the ledger, and not listed.
    Missing = "missing", "live by the ledger, and not at Zendesk";
    /// Live by the ledger, and its issue cannot be seen any more.
    IssueGone = "issue_gone", "live, and its issue was deleted, moved or hidden";
    /// Handed over and not used by its holder.
    Unclaimed = "unclaimed", "handed over, and never used since";
    /// Zendesk says that it was never used.
    NeverUsed = "never_used", "never used, as Zendesk says";
    /// Unused for so long that Zendesk will end it soon.
    Idle = "idle", "unused for 20 days or more; Zendesk ends API tokens after 30";
    /// Nine tenths of the account's limit are used up.
    NearLimit = "near_limit", "nearly as many API tokens as Zendesk allows";
    /// Zendesk's audit log tells of a creation that was not ours.
    Outside = "outside", "created outside the process, by Zendesk's audit log";
    /// A list could not be read: what is on it is not known.
    Unreadable = "unreadable", "a list could not be read; nothing is known of what is on it";
}

impl Finding {
    /// Whether issues, ledger and Zendesk tell different stories: what the daily run alarms on.
    pub fn is_difference(self) -> bool {
        matches!(
            self,
            Self::Orphan
                | Self::Disguised
                | Self::Renamed
                | Self::Zombie
                | Self::SwitchedOff
                | Self::SwitchedOn
                | Self::Missing
                | Self::IssueGone
                | Self::Outside
                | Self::Unreadable
        )
    }
}

/// Whether the day on which Zendesk ends every API token is over.
pub fn is_over(now: Timestamp) -> bool {
    now.to_zoned(jiff::tz::TimeZone::UTC).date() > LAST_DAY
}

/// How many days are left until Zendesk ends every API token; 0 from that day on.
pub fn days_left(now: Timestamp) -> i64 {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    (LAST_DAY - today).get_days().max(0).into()
}
