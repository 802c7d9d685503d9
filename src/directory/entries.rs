//! The entries of a directory file: what each says, and whether they fit together.
//!
//! Two kinds of faults are kept apart. What cannot be understood leaves no entries at all; what merely
//! does not fit (twins, a manager without an entry) leaves entries that are answered with care.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{DirectoryError, Person};
use crate::domain::ids::UserId;
use crate::reader::{self, Fault, Reader, email_of};

/// All entries of one reading, in the file's order.
#[derive(Debug)]
pub(super) struct Entries(Vec<Entry>);

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) person: Person,
    /// As TOML: the evidence.
    pub(super) text: String,
}

impl Entries {
    /// Reads the text of a file; or tells everything in it that cannot be understood.
    pub(super) fn parse(text: &str, file: &str) -> Result<Self, Vec<Fault>> {
        let table = reader::parse(text, file).map_err(|fault| vec![fault])?;
        let (people, gathered) = Reader::read_all(&table, |reader| reader.sections("people", person));
        let people = people.filter(|_| gathered.faults.is_empty()).ok_or(gathered.faults)?;
        let texts = table.get("people").and_then(Value::as_array).into_iter().flatten().map(text_of_entry);
        Ok(Self(people.into_iter().zip(texts).map(|(person, text)| Entry { person, text }).collect()))
    }

    /// The one entry of whom `wanted` is true, if nobody else claims its account or address.
    pub(super) fn only(&self, wanted: impl Fn(&Person) -> bool) -> Result<&Entry, DirectoryError> {
        let found = self.0.iter().find(|entry| wanted(&entry.person)).ok_or(DirectoryError::NotFound)?;
        let claims = |other: &&Entry| {
            wanted(&other.person)
                || other.person.gitlab_id == found.person.gitlab_id
                || other.person.email == found.person.email
        };
        if self.0.iter().filter(claims).count() == 1 { Ok(found) } else { Err(DirectoryError::Ambiguous) }
    }

    /// Everything that does not fit together.
    pub(super) fn inconsistencies(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut ids = BTreeMap::new();
        let mut emails = BTreeMap::new();
        let known: BTreeSet<UserId> = self.0.iter().map(|entry| entry.person.gitlab_id).collect();
        for (index, Entry { person, .. }) in self.0.iter().enumerate() {
            let mut fault = |field: &str, message: String| {
                faults.push(Fault { key: format!("people[{index}].{field}"), message });
            };
            if let Some(first) = ids.get(&person.gitlab_id) {
                fault("gitlab_id", format!("is the same as people[{first}].gitlab_id"));
            }
            let email = person.email.0.to_ascii_lowercase();
            if let Some(first) = emails.get(&email) {
                fault("email", format!("is the same as people[{first}].email"));
            }
            match person.manager {
                Some(manager) if manager == person.gitlab_id => {
                    fault("manager", "is the person's own account".to_owned());
                }
                Some(manager) if !known.contains(&manager) => fault("manager", "has no entry".to_owned()),
                _ => {}
            }
            ids.entry(person.gitlab_id).or_insert(index);
            emails.entry(email).or_insert(index);
        }
        faults
    }
}

fn person(reader: &mut Reader<'_>) -> Option<Person> {
    let name = reader.text("name");
    let email = reader.parsed("email", email_of);
    let gitlab_id = reader.integer("gitlab_id", 1..=i64::MAX);
    let manager = reader.optional_integer("manager", 1..=i64::MAX);
    let active = reader.boolean("active", true);
    Some(Person {
        name: name?,
        email: email?,
        gitlab_id: UserId(gitlab_id?),
        manager: manager.map(UserId),
        active: active?,
    })
}

fn text_of_entry(entry: &Value) -> String {
    let table: Option<&Table> = entry.as_table();
    table.map(ToString::to_string).unwrap_or_default()
}
