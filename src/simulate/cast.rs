//! Who plays: the sandbox's people as the simulation knows them, and what is true of each before anything happens.
//!
//! Written down here a second time on purpose. The judge of the approvals must not ask the program, nor its
//! configuration, who anybody's manager is.

use std::fmt;

/// Somebody of the cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Person {
    Robin,
    Kim,
    Pat,
    Casey,
    Gil,
    Oda,
    Mika,
    Nova,
    Cory,
}

pub(super) use Person::{Casey, Cory, Gil, Kim, Mika, Nova, Oda, Pat, Robin};

impl Person {
    /// Everybody.
    pub(super) const ALL: [Self; 9] = [Robin, Kim, Pat, Casey, Gil, Oda, Mika, Nova, Cory];

    /// GitLab's number of them.
    pub(super) fn id(self) -> u64 {
        match self {
            Robin => 101,
            Kim => 102,
            Pat => 104,
            Casey => 105,
            Gil => 106,
            Oda => 107,
            Mika => 108,
            Nova => 109,
            Cory => 110,
        }
    }

    pub(super) fn by_id(id: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|person| person.id() == id)
    }

    /// Whom the directory names as their manager.
    pub(super) fn manager(self) -> Option<Self> {
        match self {
            Robin | Casey | Gil | Cory => Some(Kim),
            Kim | Pat | Mika => Some(Oda),
            Oda | Nova => None,
        }
    }

    /// In the list of provisioners; the same for both instances.
    pub(super) fn provisions(self) -> bool {
        self == Pat
    }

    /// The access level in the project at the beginning.
    pub(super) fn level(self) -> u8 {
        match self {
            Gil => 10,
            Robin | Casey | Nova | Cory => 20,
            Kim | Pat => 30,
            Mika => 40,
            Oda => 50,
        }
    }

    /// A full member of the Slack workspace at the beginning: Cory is a guest there.
    pub(super) fn on_slack(self) -> bool {
        self != Cory
    }

    pub(super) fn username(self) -> &'static str {
        match self {
            Robin => "robin",
            Kim => "kim",
            Pat => "pat",
            Casey => "casey",
            Gil => "gil",
            Oda => "oda",
            Mika => "mika",
            Nova => "nova",
            Cory => "cory",
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.username())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::seed::CAST;

    #[test]
    fn everybody_is_who_the_sandbox_says() {
        for character in &CAST {
            let person = Person::by_id(character.id).unwrap();
            assert_eq!(person.username(), character.username);
        }
        assert_eq!(CAST.len(), Person::ALL.len());
    }
}
