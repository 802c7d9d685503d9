//! From an entry as it came over the wire to what is known of a person.
//!
//! Taken apart by hand: the library's own function panics at an entry that is not well formed.

use ldap3::ResultEntry;

use super::{Attributes, Inactive};
use crate::directory::DirectoryError;
use crate::directory::resolver::{Entry, Single};
use crate::reader::email_of;

struct Read {
    dn: String,
    attributes: Vec<(String, Vec<String>)>,
}

pub(super) fn read(entry: ResultEntry, names: &Attributes, source: &str) -> Result<Entry, DirectoryError> {
    let read = taken_apart(entry).ok_or_else(|| unusable("an entry cannot be read"))?;
    let active = read.is_active(names.inactive.as_ref())?;
    let single = |name: &str| Single::of(read.values(name).map(str::to_owned));
    let email = match single(&names.mail) {
        Single::None => Single::None,
        Single::One(text) => email_of(&text).map_or(Single::None, Single::One),
        Single::Several => Single::Several,
    };
    Ok(Entry {
        key: read.dn.to_lowercase(),
        name: read.values(&names.name).next().unwrap_or(&read.dn).to_owned(),
        username: single(&names.username),
        manager: single(&names.manager),
        active,
        source: source.to_owned(),
        value: read.evidence(),
        email,
    })
}

impl Read {
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.attributes.iter().filter(move |(one, _)| one.eq_ignore_ascii_case(name));
        named.flat_map(|(_, values)| values.iter().map(String::as_str))
    }

    fn is_active(&self, inactive: Option<&Inactive>) -> Result<bool, DirectoryError> {
        match inactive {
            None => Ok(true),
            Some(Inactive::Value { attribute, value }) => {
                Ok(!self.values(attribute).any(|one| one.eq_ignore_ascii_case(value)))
            }
            Some(Inactive::Bits { attribute, mask }) => {
                let number = self.values(attribute).next().and_then(|text| text.parse::<i64>().ok());
                let number = number.ok_or_else(|| unusable("an entry does not say whether it is active"))?;
                Ok(number & mask == 0)
            }
        }
    }

    /// As LDIF would have it, in an order that does not change.
    fn evidence(&self) -> String {
        let mut lines: Vec<String> = self
            .attributes
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| format!("{name}: {value}")))
            .collect();
        lines.sort_unstable();
        lines.insert(0, format!("dn: {}", self.dn));
        lines.join("\n")
    }
}

/// RFC 4511, section 4.5.2: the DN, and a list of attributes, each with its values.
fn taken_apart(entry: ResultEntry) -> Option<Read> {
    const SEARCH_RESULT_ENTRY: u64 = 4;
    let mut parts = entry.0.match_id(SEARCH_RESULT_ENTRY)?.expect_constructed()?.into_iter();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
    let dn = text(parts.next()?.expect_primitive()?)?;
    let mut attributes = Vec::new();
    for attribute in parts.next()?.expect_constructed()? {
        let mut attribute = attribute.expect_constructed()?.into_iter();
        let name = text(attribute.next()?.expect_primitive()?)?;
        let values = attribute.next()?.expect_constructed()?.into_iter();
        let values: Option<Vec<String>> = values.map(|value| text(value.expect_primitive()?)).collect();
        attributes.push((name, values?));
    }
    Some(Read { dn, attributes })
}

fn unusable(what: &str) -> DirectoryError {
    tracing::error!("the directory cannot be used: {what}");
    DirectoryError::Unreachable
}
