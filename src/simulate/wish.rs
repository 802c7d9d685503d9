//! What people ask for, and the form as they write it that day.
//!
//! What an instance offers and which scopes are given is written down here a second time on purpose: the judge asks
//! neither the program nor its configuration.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::cast::Person;

/// What is filled in. Days are counted from the day on which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) instance: Instance,
    pub(super) kind: Kind,
    /// Which of several answers; `None`: left empty.
    pub(super) scopes: Option<Scopes>,
    /// Which of several purposes; `None`: left empty.
    pub(super) purpose: Option<u8>,
    pub(super) admin_needed: bool,
    /// `None`: left empty.
    pub(super) days: Option<i16>,
    pub(super) on_behalf_of: Option<Person>,
    /// Without the template's marker it is an issue like any other.
    pub(super) marked: bool,
}

/// A Zendesk account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instance {
    Global,
    Government,
}

/// A kind of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ApiToken,
    OauthClient,
    OauthToken,
}

/// An answer to what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scopes {
    One,
    Two,
    Reading,
    /// Not given at any instance.
    Writing,
    /// Not one of Zendesk's.
    Unknown,
}

impl Instance {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Government => "us-government",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Global => "Zendesk Global",
            Self::Government => "Zendesk US Government",
        }
    }

    /// Whether it can come to a credential of this kind there: the government's account makes no API tokens any more,
    /// and offers no clients.
    pub(super) fn makes(self, kind: Kind) -> bool {
        self == Self::Global || kind == Kind::OauthToken
    }
}

impl Kind {
    /// As the counts name it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::ApiToken => "api_token",
            Self::OauthClient => "oauth_client",
            Self::OauthToken => "oauth_token",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::ApiToken => "API token",
            Self::OauthClient => "OAuth client",
            Self::OauthToken => "OAuth access token",
        }
    }

    pub(super) fn is_oauth(self) -> bool {
        self != Self::ApiToken
    }
}

impl Scopes {
    fn text(self) -> &'static str {
        match self {
            Self::One => "tickets:read",
            Self::Two => "tickets:read users:read",
            Self::Reading => "read",
            Self::Writing => "write",
            Self::Unknown => "tickets:burn",
        }
    }
}

impl Wish {
    /// The scopes it would be given, sorted; `None`: the answer is a fault.
    pub(super) fn given_scopes(&self) -> Option<Vec<&'static str>> {
        match (self.kind.is_oauth(), self.scopes) {
            (false, None) => Some(Vec::new()),
            (true, Some(scopes @ (Scopes::One | Scopes::Two | Scopes::Reading))) => {
                Some(scopes.text().split(' ').collect())
            }
            _ => None,
        }
    }

    /// The form as it is written that day, and the last day in it.
    pub(super) fn written(&self, now: Timestamp) -> (String, Option<Date>) {
        if !self.marked {
            return ("The link in the README is broken.".to_owned(), None);
        }
        let today = now.to_zoned(TimeZone::UTC).date();
        let day = self.days.and_then(|days| today.checked_add(jiff::Span::new().days(i64::from(days))).ok());
        let purpose =
            self.purpose.map(|purpose| format!("Export solved tickets, way {purpose}.")).unwrap_or_default();
        let admin = if self.admin_needed { "The export reads tickets of all groups." } else { "Not needed" };
        let requester =
            self.on_behalf_of.map(|person| format!("{}@example.com", person.username())).unwrap_or_default();
        let text = format!(
            "<!-- countersign: API_Token_Request -->\n\n### Zendesk instance\n\n- [x] {}\n\n\
             ### Kind of credential\n\n- [x] {}\n\n### Business purpose\n\n{purpose}\n\n### Scopes\n\n{}\n\n\
             ### Why admin access is needed\n\n{admin}\n\n### Remove on\n\n{}\n\n### Requester\n\n{requester}",
            self.instance.title(),
            self.kind.title(),
            self.scopes.map(Scopes::text).unwrap_or_default(),
            day.map(|day| day.to_string()).unwrap_or_default(),
        );
        (text, day)
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.marked {
            return write!(out, "an issue that is no request");
        }
        write!(out, "{} at {}", self.kind.title(), self.instance.title())?;
        if let Some(scopes) = self.scopes {
            write!(out, ", scopes {}", scopes.text())?;
        }
        match self.purpose {
            Some(purpose) => write!(out, ", purpose {purpose}")?,
            None => write!(out, ", no purpose")?,
        }
        match self.days {
            Some(days) => write!(out, ", for {days} days")?,
            None => write!(out, ", no end")?,
        }
        if !self.admin_needed {
            write!(out, ", admin access not needed")?;
        }
        match self.on_behalf_of {
            Some(person) => write!(out, ", for {person}"),
            None => Ok(()),
        }
    }
}
