//! `[form]`: what makes an issue a request, and which heading names which field.

use std::collections::BTreeMap;

use crate::reader::{Reader, text_of};

/// How a request is recognised and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The line of the description that makes an issue a request.
    pub marker: String,
    /// The titles of each field.
    pub titles: Titles,
}

/// Headings or bold lead-ins by field; at least one each, none for two fields. Case and closing
/// punctuation do not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Titles {
    /// Which Zendesk instance.
    pub instance: Vec<String>,
    /// Which kind of credential.
    pub kind: Vec<String>,
    /// What it is for.
    pub purpose: Vec<String>,
    /// Why it must be an admin's.
    pub admin_access: Vec<String>,
    /// With which scopes, where the kind has them.
    pub scopes: Vec<String>,
    /// The day it ends.
    pub remove_on: Vec<String>,
    /// The earlier issue it extends.
    pub replaces: Vec<String>,
    /// For whom, if not for the author.
    pub requester: Vec<String>,
}

impl Form {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let marker = reader.parsed("marker", |text| {
            let marker = text.trim();
            let fits = !marker.contains(char::is_control);
            if fits { Ok(marker.to_owned()) } else { Err("must be one line".to_owned()) }
        });
        let titles = reader.section("titles", Titles::read);
        Some(Self { marker: marker?, titles: titles? })
    }
}

impl Titles {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut taken = BTreeMap::new();
        let mut titles = |key: &'static str| {
            let titles = reader.filled_list(key, text_of)?;
            refuse_taken(reader, &mut taken, key, &titles);
            Some(titles)
        };
        let (instance, kind) = (titles("instance"), titles("kind"));
        let (purpose, admin_access) = (titles("purpose"), titles("admin_access"));
        let (scopes, remove_on) = (titles("scopes"), titles("remove_on"));
        let (replaces, requester) = (titles("replaces"), titles("requester"));
        Some(Self {
            instance: instance?,
            kind: kind?,
            purpose: purpose?,
            admin_access: admin_access?,
            scopes: scopes?,
            remove_on: remove_on?,
            replaces: replaces?,
            requester: requester?,
        })
    }
}

fn refuse_taken(reader: &mut Reader<'_>, taken: &mut BTreeMap<String, String>, key: &str, titles: &[String]) {
    for (index, title) in titles.iter().enumerate() {
        let here = format!("{key}[{index}]");
        let plain = title.trim().trim_end_matches(|one: char| one.is_ascii_punctuation()).to_lowercase();
        if plain.is_empty() {
            reader.fault(&here, "has no letters");
        } else if let Some(earlier) = taken.insert(plain, reader.dotted(&here)) {
            reader.fault(&here, format!("is the same title as {earlier}"));
        }
    }
}
