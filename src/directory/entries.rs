//! The entries of a file in the plain form: what each says, and whether they fit together.
//!
//! TOML and YAML are read alike: a YAML text becomes the table that the same TOML would be. Two kinds of faults are kept apart. What cannot be understood leaves no entries at all; what merely
//! does not fit (twins, a manager without an entry) leaves entries that are answered with care.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use toml::{Table, Value};

use super::{DirectoryError, Found, Person, yaml};
use crate::domain::ids::UserId;
use crate::reader::{self, Fault, Reader, email_of};

/// All entries of one reading, in the file's order.
#[derive(Debug)]
pub(super) struct Entries(Vec<Entry>);

/// One entry.
#[derive(Debug)]
struct Entry {
    person: Person,
    /// The manager as written.
    manager: Option<UserId>,
    /// As TOML: the evidence.
    text: String,
}

impl Entries {
    /// Reads the text of a file; or tells everything in it that cannot be understood.
    pub(super) fn parse(text: &str, file: &str) -> Result<Self, Vec<Fault>> {
        let parse = if yaml::is_yaml(file) { yaml::parse } else { reader::parse };
        let table = parse(text, file).map_err(|fault| vec![fault])?;
        let (people, gathered) = Reader::read_all(&table, |reader| reader.sections("people", person));
        let people = people.filter(|_| gathered.faults.is_empty()).ok_or(gathered.faults)?;
        let texts = table.get("people").and_then(Value::as_array).into_iter().flatten().map(text_of_entry);
        let entry = |((person, manager), text)| Entry { person, manager, text };
        let mut entries = Self(people.into_iter().zip(texts).map(entry).collect());
        entries.settle_managers();
        Ok(entries)
    }

    fn settle_managers(&mut self) {
        let links: BTreeMap<UserId, Option<UserId>> =
            self.0.iter().map(|entry| (entry.person.gitlab_id, entry.manager)).collect();
        for entry in &mut self.0 {
            let circle = leads_in_circle(&links, entry.person.gitlab_id);
            entry.person.manager = if circle { Err(DirectoryError::Cycle) } else { Ok(entry.manager) };
        }
    }

    /// The one person of whom `wanted` is true, with the evidence.
    pub(super) fn answer(
        &self,
        wanted: impl Fn(&Person) -> bool,
        (source, read_at): (String, Timestamp),
    ) -> Result<Found, DirectoryError> {
        let entry = self.only(wanted)?;
        Ok(Found { person: entry.person.clone(), source, value: entry.text.clone(), read_at })
    }

    /// The one entry of whom `wanted` is true, if nobody else claims its account or address.
    fn only(&self, wanted: impl Fn(&Person) -> bool) -> Result<&Entry, DirectoryError> {
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
        for (index, Entry { person, manager, .. }) in self.0.iter().enumerate() {
            let mut fault = |field: &str, message: String| {
                faults.push(Fault { key: format!("people[{index}].{field}"), message });
            };
            if let Some(first) = ids.get(&person.gitlab_id) {
                fault("gitlab_id", format!("is the same as people[{first}].gitlab_id"));
            }
            let email = person.email.as_ref().map(|email| email.0.to_ascii_lowercase());
            if let Some(first) = emails.get(&email) {
                fault("email", format!("is the same as people[{first}].email"));
            }
            match manager {
                Some(manager) if *manager == person.gitlab_id => {
                    fault("manager", "is the person's own account".to_owned());
                }
                Some(manager) if !known.contains(manager) => fault("manager", "has no entry".to_owned()),
                Some(_) if person.manager.is_err() => fault("manager", "leads in a circle".to_owned()),
                _ => {}
            }
            ids.entry(person.gitlab_id).or_insert(index);
            emails.entry(email).or_insert(index);
        }
        faults
    }
}

/// Whether the managers above a person come back to somebody. Whoever is their own manager is the top.
fn leads_in_circle(links: &BTreeMap<UserId, Option<UserId>>, from: UserId) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut below = from;
    while let Some(Some(above)) = links.get(&below) {
        if *above == below {
            return false;
        }
        if !seen.insert(*above) {
            return true;
        }
        below = *above;
    }
    false
}

/// The manager stands apart: whether they lead in a circle is known when all were read.
fn person(reader: &mut Reader<'_>) -> Option<(Person, Option<UserId>)> {
    let name = reader.text("name");
    let email = reader.parsed("email", email_of);
    let gitlab_id = reader.integer("gitlab_id", 1..=i64::MAX);
    let manager = reader.optional_integer("manager", 1..=i64::MAX);
    let active = reader.boolean("active", true);
    let manager = manager.map(UserId);
    let person = Person {
        name: name?,
        email: Some(email?),
        gitlab_id: UserId(gitlab_id?),
        manager: Ok(manager),
        active: active?,
    };
    Some((person, manager))
}

fn text_of_entry(entry: &Value) -> String {
    let table: Option<&Table> = entry.as_table();
    table.map(ToString::to_string).unwrap_or_default()
}
