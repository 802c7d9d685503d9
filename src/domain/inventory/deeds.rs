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
        Standing::Ours => of_ours(deed, known.ok_or(NotAllowed::Nobodys)?, now),
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

fn of_ours(deed: &Deed, known: &Known, now: Timestamp) -> Result<Deed, NotAllowed> {
    match (known.expected, deed) {
        (Expected::Live { .. }, Deed::Reactivate) if known.is_due(now) => Err(NotAllowed::Ended),
        (Expected::Passing, _) => Err(NotAllowed::Passing),
        (Expected::Live { .. }, Deed::Delete) => Err(NotAllowed::Live),
        (Expected::Live { .. }, Deed::Rename(name)) => match name {
            Some(name) if *name != known.name => Err(NotAllowed::NamedByRequest),
            _ => Ok(Deed::Rename(Some(known.name.clone()))),
        },
        (Expected::Live { .. }, Deed::Deactivate | Deed::Reactivate)
        | (Expected::SwitchedOff { .. } | Expected::Gone, Deed::Deactivate | Deed::Delete) => {
            Ok(deed.clone())
        }
        (Expected::SwitchedOff { .. } | Expected::Gone, Deed::Reactivate | Deed::Rename(_)) => {
            Err(NotAllowed::Ended)
        }
    }
}

/// Whether an orphan may be taken away: made by our own user, not just now, and not by a creation whose answer is lost,
/// which its own request looks for.
pub fn may_take_away(
    listed: &Listed,
    (known, pending): (Option<&Known>, bool),
    (rules, ourselves): (Rules<'_>, &[ZendeskUserId]),
    now: Timestamp,
) -> Result<(), NotAllowed> {
    if pending {
        return Err(NotAllowed::Passing);
    }
    let orphan = judge(listed, known, rules, now).standing == Standing::Orphan;
    let by_us = listed.creator.is_some_and(|creator| ourselves.contains(&creator));
    if !orphan || !by_us || listed.kind == ListedKind::OauthToken {
        return Err(NotAllowed::NotOurOrphan);
    }
    let old = listed.created_at.is_some_and(|at| now.duration_since(at) >= YOUNGEST);
    if old { Ok(()) } else { Err(NotAllowed::TooYoung) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{exceptions, known, listed, standards};
    use super::super::{LastUse, Listed};
    use super::*;
    use crate::domain::ids::CredentialId;
    use crate::domain::testing::{URL, time};

    const NOW: &str = "2026-12-31T09:00:00Z";
    const OURSELVES: ZendeskUserId = ZendeskUserId(500);

    fn on(deed: &Deed, listed: &Listed, known: Option<&Known>) -> Result<Deed, NotAllowed> {
        let (standards, exceptions) = (standards(), exceptions());
        let rules = Rules { standards: &standards, exceptions: &exceptions };
        allowed(deed, (listed, known), rules, time(NOW))
    }

    fn taken(listed: &Listed, known: Option<&Known>, pending: bool) -> Result<(), NotAllowed> {
        let (standards, exceptions) = (standards(), exceptions());
        let rules = Rules { standards: &standards, exceptions: &exceptions };
        may_take_away(listed, (known, pending), (rules, &[OURSELVES]), time(NOW))
    }

    fn orphan() -> Listed {
        Listed { creator: Some(OURSELVES), ..listed(URL, 0) }
    }

    #[test]
    fn an_orphan_of_our_own_user_that_is_old_enough_and_nobodys_may_go() {
        assert_eq!(taken(&orphan(), None, false), Ok(()));
        assert_eq!(taken(&orphan(), None, true), Err(NotAllowed::Passing));
        for young in [Some(time("2026-12-31T08:30:00Z")), None] {
            let young = Listed { created_at: young, ..orphan() };
            assert_eq!(taken(&young, None, false), Err(NotAllowed::TooYoung));
        }
    }

    fn deeds() -> impl Strategy<Value = Deed> {
        let name = prop_oneof![Just("Ada Admin - other".to_owned()), Just(URL.to_owned()), any::<String>()];
        prop_oneof![
            prop::option::of(name).prop_map(Deed::Rename),
            Just(Deed::Deactivate),
            Just(Deed::Reactivate),
            Just(Deed::Delete),
        ]
    }

    fn expectations() -> impl Strategy<Value = Expected> {
        prop_oneof![
            Just(Expected::Live { ends_at: None }),
            Just(Expected::Live { ends_at: Some(time(NOW)) }),
            Just(Expected::SwitchedOff { deleted_from: time(NOW) }),
            Just(Expected::Passing),
            Just(Expected::Gone)
        ]
    }

    fn things() -> impl Strategy<Value = Listed> {
        let names = prop_oneof![Just("Ada Admin - x".to_owned()), Just(URL.to_owned()), any::<String>()];
        (names, prop_oneof![Just(11), Just(12), Just(500)], any::<bool>(), any::<bool>()).prop_map(
            |(name, creator, active, own_login)| {
                let id = CredentialId(900);
                Listed { id, active, own_login, last_use: LastUse::NotKnown, ..listed(&name, creator) }
            },
        )
    }

    proptest! {
        #[test]
        fn what_ended_is_never_switched_on_and_what_lives_never_deleted(
            deed in deeds(), thing in things(), expected in expectations(),
        ) {
            let known = known(expected);
            if let Ok(deed) = on(&deed, &thing, Some(&known)) {
                prop_assert!(expected != Expected::Passing);
                prop_assert!(deed != Deed::Reactivate || (known.is_live() && !known.is_due(time(NOW))));
                prop_assert!(deed != Deed::Delete || !known.is_live());
                if let Deed::Rename(name) = deed {
                    prop_assert_eq!(name, Some(known.name));
                }
            }
        }

        #[test]
        fn without_the_ledger_only_exceptions_are_touched_and_stay_exceptions(deed in deeds(), thing in things()) {
            let (standards, exceptions) = (standards(), exceptions());
            let rules = Rules { standards: &standards, exceptions: &exceptions };
            if let Ok(deed) = on(&deed, &thing, None) {
                prop_assert_eq!(judge(&thing, None, rules, time(NOW)).standing, Standing::Exception);
                if let Deed::Rename(name) = deed {
                    let renamed = Listed { name: name.unwrap(), ..thing };
                    prop_assert_eq!(judge(&renamed, None, rules, time(NOW)).standing, Standing::Exception);
                }
            }
        }

        #[test]
        fn nothing_is_taken_that_the_ledger_knows_or_somebody_else_made(
            thing in things(), expected in prop::option::of(expectations()), pending in any::<bool>(),
        ) {
            let known = expected.map(known);
            if taken(&thing, known.as_ref(), pending).is_ok() {
                prop_assert!(known.is_none() && !pending && thing.creator == Some(OURSELVES) && !thing.own_login);
            }
        }
    }
}
