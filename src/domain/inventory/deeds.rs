//! What an operator may do by hand to an API token, and to which.
//!
//! Only to what the ledger or an exception accounts for: what is nobody's is first made somebody's, or taken away as
//! an orphan. What ended stays ended; what lives by the ledger is not deleted behind its request's back; our own login
//! is left alone.

use jiff::{SignedDuration, Timestamp};

use super::judge::Rules;
use super::{Expected, Known, Listed, ListedKind, Standing, judge};
use crate::domain::ids::ZendeskUserId;

/// An orphan younger than this may be a creation whose answer is on its way.
const YOUNGEST: SignedDuration = SignedDuration::from_hours(1);

/// What to do with an API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Give it this name; without one, the name that the ledger has.
    Rename(Option<String>),
    /// Switch it off.
    Deactivate,
    /// Switch it on again.
    Reactivate,
    /// Switch it off and delete it.
    Delete,
}

impl Deed {
    /// One word.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Rename(_) => "rename",
            Self::Deactivate => "deactivate",
            Self::Reactivate => "reactivate",
            Self::Delete => "delete",
        }
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Neither ours nor an exception.
    #[error("it is neither in the ledger nor an exception of the policy")]
    Nobodys,
    /// We log in with it.
    #[error("countersign logs in with it")]
    OwnLogin,
    /// It is being made or taken away.
    #[error("it is being made or taken away just now")]
    Passing,
    /// Its request ended.
    #[error("its request has ended")]
    Ended,
    /// It lives by the ledger.
    #[error("it is live by the ledger")]
    Live,
    /// A name was given where the ledger has one.
    #[error("its name is the one that its request gave it")]
    NamedByRequest,
    /// A name is needed.
    #[error("a name is needed")]
    NoName,
    /// With that name it would no longer be an exception.
    #[error("with that name no exception would cover it")]
    NotExcused,
    /// Not an orphan of ours.
    #[error("it is not an orphan that our own user made")]
    NotOurOrphan,
    /// Too young to tell.
    #[error("it was made within the last hour, or nobody knows when")]
    TooYoung,
}

/// The exact deed, with the name it leads to, or why it may not be.
pub fn allowed(
    deed: &Deed,
    (listed, known): (&Listed, Option<&Known>),
    rules: Rules<'_>,
    now: Timestamp,
) -> Result<Deed, NotAllowed> {
    match judge(listed, known, rules, now).standing {
        Standing::OwnLogin => Err(NotAllowed::OwnLogin),
        Standing::Orphan | Standing::Foreign => Err(NotAllowed::Nobodys),
        Standing::Exception => of_exception(deed, listed, rules, now),
        Standing::Ours => of_ours(deed, known.ok_or(NotAllowed::Nobodys)?),
    }
}

fn of_exception(deed: &Deed, listed: &Listed, rules: Rules<'_>, now: Timestamp) -> Result<Deed, NotAllowed> {
    let Deed::Rename(name) = deed else { return Ok(deed.clone()) };
    let name = name.clone().ok_or(NotAllowed::NoName)?;
    let renamed = Listed { name, ..listed.clone() };
    if judge(&renamed, None, rules, now).standing == Standing::Exception {
        Ok(Deed::Rename(Some(renamed.name)))
    } else {
        Err(NotAllowed::NotExcused)
    }
}

fn of_ours(deed: &Deed, known: &Known) -> Result<Deed, NotAllowed> {
    match (known.expected, deed) {
        (Expected::Passing, _) => Err(NotAllowed::Passing),
        (Expected::Live { .. }, Deed::Delete) => Err(NotAllowed::Live),
        (Expected::Live { .. }, Deed::Rename(name)) => match name {
            Some(name) if *name != known.name => Err(NotAllowed::NamedByRequest),
            _ => Ok(Deed::Rename(Some(known.name.clone()))),
        },
        (Expected::Live { .. }, Deed::Deactivate | Deed::Reactivate)
        | (Expected::Gone, Deed::Deactivate | Deed::Delete) => Ok(deed.clone()),
        (Expected::Gone, Deed::Reactivate | Deed::Rename(_)) => Err(NotAllowed::Ended),
    }
}

/// Whether an orphan may be taken away: made by our own user, not just now, and not by a creation whose answer is lost,
/// which its own request looks for.
pub fn may_take_away(
    listed: &Listed,
    (known, pending): (Option<&Known>, bool),
    (rules, ourselves): (Rules<'_>, ZendeskUserId),
    now: Timestamp,
) -> Result<(), NotAllowed> {
    if pending {
        return Err(NotAllowed::Passing);
    }
    let orphan = judge(listed, known, rules, now).standing == Standing::Orphan;
    if !orphan || listed.creator != Some(ourselves) || listed.kind == ListedKind::OauthToken {
        return Err(NotAllowed::NotOurOrphan);
    }
    let old = listed.created_at.is_some_and(|at| now.duration_since(at) >= YOUNGEST);
    if old { Ok(()) } else { Err(NotAllowed::TooYoung) }
}
