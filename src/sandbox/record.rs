//! A record of what our service and the vendors said to each other, to be compared with what the vendors publish.
//!
//! One JSON value an exchange: method, path, query, names of headers, both bodies. No secret is in it: members that hold
//! one by their name, and every secret the sandbox ever minted wherever it stands, are blotted out. Only calls of our own
//! client are kept (by its `User-Agent`); an answer that a fault made up instead of the vendor is marked as struck.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::sandbox::call::Call;
use crate::sandbox::faults::Outcome;
use crate::sandbox::world::World;

/// Members that hold a secret.
const SECRETS: [&str; 8] = [
    "token",
    "full_token",
    "secret",
    "client_secret",
    "access_token",
    "refresh_token",
    "password",
    "signing_token",
];

/// Where exchanges are kept.
pub(crate) struct Record(pub(crate) Box<dyn FnMut(Value) + Send>);

impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Record(…)")
    }
}

/// Keeps one exchange, if anybody wants it.
pub(crate) fn keep(world: &mut World, call: &Call, body: &[u8], outcome: &Outcome) {
    let ours = call.header("user-agent").is_some_and(|agent| agent.starts_with("countersign/"));
    let Some(mut record) = world.record.take_if(|_| ours) else { return };
    let minted: Vec<&str> =
        world.zendesk.values().flat_map(|account| account.ever_minted.iter()).map(String::as_str).collect();
    let content = |bytes: &[u8], kind: &str| blotted(read(bytes, kind), &minted);
    let kind = call.header("content-type").unwrap_or_default();
    let answer = &outcome.answer;
    let is_type = |(name, value): &(&'static str, String)| (*name == "content-type").then(|| value.clone());
    let answer_type = answer.headers.iter().find_map(is_type).unwrap_or_default();
    let mut headers: Vec<&str> = call.headers.keys().map(http::HeaderName::as_str).collect();
    headers.sort_unstable();
    (record.0)(json!({
        "vendor": call.segments.first(), "method": call.method.as_str(), "path": call.path, "query": call.query,
        "headers": headers, "content_type": kind, "request": content(body, kind),
        "status": answer.status, "answer_type": answer_type, "answer": content(&answer.body, &answer_type),
        "struck": outcome.struck,
    }));
    world.record = Some(record);
}

/// JSON as JSON, a form as an object of texts, nothing as null, and everything else as text.
fn read(bytes: &[u8], content_type: &str) -> Value {
    let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
    if bytes.is_empty() {
        Value::Null
    } else if content_type.starts_with("application/json") {
        serde_json::from_slice(bytes).unwrap_or_else(|_| text())
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        let pairs = url::form_urlencoded::parse(bytes);
        Value::Object(pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect())
    } else {
        text()
    }
}

fn blotted(value: Value, minted: &[&str]) -> Value {
    let object = |members: Map<String, Value>| {
        let member = |(name, value): (String, Value)| {
            let secret = value.is_string() && SECRETS.contains(&name.as_str());
            let value = if secret { json!("[blotted out]") } else { blotted(value, minted) };
            (name, value)
        };
        Value::Object(members.into_iter().map(member).collect())
    };
    match value {
        Value::Object(members) => object(members),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| blotted(item, minted)).collect()),
        Value::String(text) => {
            Value::String(minted.iter().fold(text, |text, secret| text.replace(secret, "[blotted out]")))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_by_name_and_by_value() {
        let value = json!({"api_token": {"token": "a", "id": 1}, "blocks": [{"text": "it is sesame."}], "token": {"id": 2}});
        let expected = json!({
            "api_token": {"token": "[blotted out]", "id": 1}, "blocks": [{"text": "it is [blotted out]."}], "token": {"id": 2},
        });
        assert_eq!(blotted(value, &["sesame"]), expected);
    }

    #[test]
    fn a_body_is_read_by_its_type() {
        assert_eq!(read(b"", "application/json"), Value::Null);
        assert_eq!(read(b"{\"a\": 1}", "application/json; charset=utf-8"), json!({"a": 1}));
        assert_eq!(read(b"a=1&b=x+y", "application/x-www-form-urlencoded"), json!({"a": "1", "b": "x y"}));
        assert_eq!(read(b"{", "application/json"), json!("{"));
    }
}
