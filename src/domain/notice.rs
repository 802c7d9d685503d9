//! Notices: what a person is told by direct message while a credential lives, and when it ends before its day, each once.
//!
//! A notice is written down before it is sent and marked as under way before the call, so that no crash sends it
//! twice; one of which nobody knows whether it went is not sent again. It holds no secret, decides nothing, and no
//! ending ever waits for one. The comment says the same, for whoever cannot be reached.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ids::UserId;
use super::record::{Deed, Leaver};
use super::snapshot::Role;
use super::terms::{Kind, Terms};
use super::text;

pub mod early;

/// Something to tell one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub about: About,
    /// Who is told.
    pub to: UserId,
    /// When it was decided.
    pub at: Timestamp,
    /// How far it came.
    pub state: NoticeState,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum About {
    /// The end is near.
    End {
        /// The configured reminder: so many days before.
        days: u32,
        /// When the credential was last used, if Zendesk told; `None` is "not known", never "never used".
        last_used: Option<Timestamp>,
        /// That use was our own, before it was handed over.
        #[serde(default)]
        by_us: bool,
    },
    /// Somebody the credential rests on has left.
    Left {
        /// Which of them.
        who: Role,
    },
    /// An operator did something to it at Zendesk.
    ByHand {
        /// What.
        deed: Deed,
    },
    /// It ended before its day.
    Ended,
}

/// How far a notice came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NoticeState {
    /// To be sent.
    Due {
        /// Not before this, after a failure.
        not_before: Option<Timestamp>,
    },
    /// The call may be under way; if the process is gone, nobody knows.
    Trying,
    /// It went, or may have.
    Told,
    /// Not sent within a day, or overtaken by a nearer one.
    GivenUp,
}

/// What the text of a notice depends on.
pub struct Facts<'a> {
    /// The address.
    pub url: &'a str,
    /// What was issued.
    pub terms: &'a Terms,
    /// The zone in which days end.
    pub zone: &'a TimeZone,
    /// The label that revokes, where there is one.
    pub revoke_label: Option<&'a str>,
    /// The address and the end of the request that extends this one, if one does.
    pub extended_by: Option<(&'a str, Timestamp)>,
    /// When the text is written.
    pub now: Timestamp,
}

/// "Your API token for Zendesk Global ends in 3 days."
pub fn end_is_near(last_use: &str, facts: &Facts<'_>) -> String {
    let Facts { url, terms, zone, .. } = facts;
    let mut lines = vec![format!(
        "Your Zendesk {} for {} ends {}: {}. Request: {url}",
        terms.kind.title(),
        terms.instance_name,
        left(terms.ends_at, facts.now),
        text::end(terms.ends_at, zone)
    )];
    lines.push(format!("It was last used: {last_use}."));
    lines.push("Then it is taken away, and whatever still uses it stops working.".to_owned());
    lines.push(match facts.extended_by {
        Some((newer, until)) => format!(
            "It is extended by {newer}, whose own credential works until {}. Change over to that one.",
            text::end(until, zone)
        ),
        None => "If you need it for longer, open a new request and name this one under \"Replaces\": both people approve \
                 it anew, and you get a new credential while this one still works."
            .to_owned(),
    });
    if let Some(label) = facts.revoke_label {
        lines.push(format!("If you need it no more, put the label {label} on the issue."));
    }
    lines.join("\n")
}

/// "Robin, who has it, is no longer there."
pub fn somebody_left(leaver: &Leaver, ends_at: Option<Timestamp>, facts: &Facts<'_>) -> String {
    let Facts { url, terms, .. } = facts;
    let (kind, instance) = (terms.kind.title(), &terms.instance_name);
    let who = match leaver.who {
        Role::Requester => "the person who has it",
        Role::Manager => "the manager who approved it",
    };
    let then = match ends_at {
        Some(at) => format!("It is taken away on {}, unless that changes before.", text::time(at)),
        None => {
            format!("It goes on until {}, unless somebody revokes it.", text::end(terms.ends_at, facts.zone))
        }
    };
    let mut lines = vec![
        format!("Zendesk {kind} for {instance}: {who} seems to have left. Request: {url}"),
        format!("{} (seen {}).", sentence(leaver), text::time(leaver.since)),
        then,
        "If that is a mistake, have the directory or the account corrected.".to_owned(),
    ];
    if let Some(label) = facts.revoke_label {
        lines.push(format!("To have it taken away now, put the label {label} on the issue."));
    }
    lines.join("\n")
}

/// What was seen of somebody who left.
pub fn sentence(leaver: &Leaver) -> &'static str {
    use super::record::Sign;
    match leaver.sign {
        Sign::DirectoryInactive => "The directory says that they have left",
        Sign::NotInDirectory => "The directory does not know them any more",
        Sign::AccountInactive => "Their GitLab account is blocked or deactivated",
        Sign::NoAccount => "Their GitLab account does not exist any more",
    }
}

/// When a credential was last used, as far as Zendesk tells. A client's own use it shows nowhere, and of an access token
/// it tells "never" and "not known" alike.
pub fn last_use(kind: Kind, last_used: Option<Timestamp>, by_us: bool) -> String {
    match (last_used, kind) {
        (Some(at), _) if by_us => {
            format!(
                "{}, to try it out before it was handed over; as far as Zendesk tells, not since",
                text::time(at)
            )
        }
        (Some(at), _) => text::time(at),
        (None, Kind::OauthClient) => {
            "not known: Zendesk records it for access tokens only, and none of this client's shows any use"
                .to_owned()
        }
        (None, Kind::ApiToken | Kind::OauthToken) => "not known, Zendesk does not tell".to_owned(),
    }
}

/// `in 3 days`, never less than is left.
pub fn left(end: Timestamp, now: Timestamp) -> String {
    let day = SignedDuration::from_hours(24).as_secs();
    let seconds = end.duration_since(now).as_secs().max(0);
    match (seconds + day - 1) / day {
        0 | 1 => "within a day".to_owned(),
        days => format!("in {days} days"),
    }
}
