//! `[[instances.exceptions]]`: what may be at an account without a request.
//!
//! A pattern of names, and the users of that account who may have created it. A pattern that fits everything, or an
//! exception without creators, would excuse anybody and is refused.

use toml::Value;

use super::values::choice;
use crate::domain::ids::ZendeskUserId;
use crate::domain::inventory::{Exception, ExceptionUse};
use crate::reader::Reader;

/// Fewer letters than these, apart from `*`, would fit nearly anything.
const LEAST_LETTERS: usize = 3;

/// All exceptions of an instance; none where none are written.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Vec<Exception>> {
    match reader.value("exceptions") {
        Some(_) => reader.sections("exceptions", exception),
        None => Some(Vec::new()),
    }
}

fn exception(reader: &mut Reader<'_>) -> Option<Exception> {
    let uses = [ExceptionUse::Person, ExceptionUse::Target, ExceptionUse::Script].map(|one| (one.key(), one));
    let purpose = reader.parsed("for", |text| choice(text, &uses));
    let pattern = reader.parsed("pattern", pattern);
    let creators = reader.filled_list("creators", creator);
    Some(Exception { purpose: purpose?, pattern: pattern?, creators: creators? })
}

fn pattern(text: &str) -> Result<String, String> {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric()).count();
    if letters < LEAST_LETTERS {
        return Err(format!("must hold at least {LEAST_LETTERS} letters or digits besides `*`"));
    }
    if text.contains(char::is_control) {
        return Err("must be one line".to_owned());
    }
    Ok(text.to_owned())
}

fn creator(value: &Value) -> Result<ZendeskUserId, String> {
    match value {
        Value::Integer(id) if *id > 0 => Ok(ZendeskUserId(*id)),
        _ => Err("is not a numeric user id of that Zendesk account".to_owned()),
    }
}
