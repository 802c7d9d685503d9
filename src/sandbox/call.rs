//! One request, read as leniently as the vendors read theirs.
//!
//! All three take their parameters from the query, a form or JSON alike, so a handler asks a [`Call`] for a
//! parameter by name and never for where it came from. Segments of the path are percent-decoded one by one,
//! after splitting: `company%2Faccess-requests` is one segment.

use axum::http::{HeaderMap, Method, Uri};
use bytes::Bytes;
use serde_json::{Map, Value};
use url::form_urlencoded;

/// A request with its whole body.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// As sent, without the query.
    pub(crate) path: String,
    /// As sent, without the `?`.
    pub(crate) query: String,
    pub(crate) segments: Vec<String>,
    pub(crate) headers: HeaderMap,
    /// Query and body in one; the body wins.
    pub(crate) parameters: Map<String, Value>,
    /// The body was JSON. Some Slack methods do not read that.
    pub(crate) is_json: bool,
}

impl Call {
    /// Reads a request; a body that is not what it says is `None`.
    pub(crate) fn new(method: Method, uri: &Uri, headers: HeaderMap, body: &Bytes) -> Option<Self> {
        let query = uri.query().unwrap_or_default().to_owned();
        let mut parameters = pairs(query.as_bytes());
        let content_type =
            headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_json = content_type.starts_with("application/json");
        if is_json && !body.is_empty() {
            let body: Value = serde_json::from_slice(body).ok()?;
            parameters.extend(body.as_object().cloned().unwrap_or_default());
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            parameters.extend(pairs(body));
        }
        let path = uri.path().to_owned();
        let segments = path.split('/').filter(|part| !part.is_empty()).map(percent_decoded).collect();
        Some(Self { method, path, query, segments, headers, parameters, is_json })
    }

    /// A header's value, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of `Authorization: Bearer`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ").map(str::trim)
    }

    /// A parameter as it came; null counts as absent.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.parameters.get(name).filter(|value| !value.is_null())
    }

    /// A parameter as text; numbers and booleans are written out.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name).and_then(scalar)
    }

    /// A parameter as a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    /// A parameter as yes or no.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" | "" => Some(false),
            _ => None,
        }
    }

    /// A parameter as a list: an array, or text with commas.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        let items = match self.value(name)? {
            Value::Array(items) => items.iter().filter_map(scalar).collect(),
            other => scalar(other)?.split(',').map(str::to_owned).collect::<Vec<_>>(),
        };
        Some(items.iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
    }

    /// A parameter that is an instant.
    pub(crate) fn instant(&self, name: &str) -> Option<jiff::Timestamp> {
        self.text(name)?.parse().ok()
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// `a=1`, `a[]=1` (an array) and `a[b]=1` (an object), as Rack reads them.
fn pairs(encoded: &[u8]) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        let value = Value::String(value.into_owned());
        match name.split_once('[').map(|(outer, inner)| (outer, inner.trim_end_matches(']'))) {
            None => drop(map.insert(name.into_owned(), value)),
            Some((outer, "")) => match map.entry(outer).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(items) => items.push(value),
                other => *other = value,
            },
            Some((outer, inner)) => match map.entry(outer).or_insert_with(|| Value::Object(Map::new())) {
                Value::Object(members) => drop(members.insert(inner.to_owned(), value)),
                other => *other = value,
            },
        }
    }
    map
}

fn percent_decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = escaped.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(uri: &str, content_type: &str, body: &'static str) -> Option<Call> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        Call::new(Method::POST, &uri.parse().unwrap(), headers, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn an_escaped_slash_stays_inside_its_segment() {
        let call = call("/a/company%2Faccess-requests/%2Egitlab%2", "text/plain", "").unwrap();
        assert_eq!(call.segments, ["a", "company/access-requests", ".gitlab%2"]);
    }

    #[test]
    fn forms_and_queries_and_json_are_one() {
        let call =
            call("/?iids[]=1&iids[]=2&x=q", "application/x-www-form-urlencoded", "x=b+c&h[k]=v").unwrap();
        assert_eq!(Value::Object(call.parameters), json!({"iids": ["1", "2"], "x": "b c", "h": {"k": "v"}}));
    }

    #[test]
    fn a_list_is_an_array_or_commas() {
        let commas = call("/?l=a,%20b,", "text/plain", "").unwrap();
        let array = call("/", "application/json; charset=utf-8", r#"{"l": ["a", "b"], "n": 7}"#).unwrap();
        assert_eq!((commas.list("l"), commas.list("m")), (array.list("l"), None));
        assert_eq!(array.number("n"), Some(7));
    }

    #[test]
    fn a_body_that_is_not_the_json_it_says_is_no_call() {
        assert!(call("/", "application/json", "{").is_none());
    }
}
