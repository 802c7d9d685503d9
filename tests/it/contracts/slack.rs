//! Slack's methods, read by the rules that stand in their document.

use jsonschema::Draft;
use serde_json::{Value, json};

use super::openapi::Seen;
use super::schema::Schemas;

/// Codes that can come from any method, though the document lists them for one or for none (its K01).
const ANYWHERE: [&str; 2] = ["invalid_auth", "invalid_arguments"];
/// Arguments that the document names by their errors and leaves out of the list (its K09).
const UNLISTED: [&str; 1] = ["client_msg_id"];

pub(super) struct SlackMethods {
    document: Value,
    schemas: Schemas,
}

impl SlackMethods {
    pub(super) fn new(document: Value) -> Self {
        let schemas = Schemas::new(&document, "definitions", Draft::Draft7);
        Self { document, schemas }
    }

    /// `None`: no such method is declared.
    pub(super) fn faults(&self, seen: &Seen<'_>) -> Option<Vec<String>> {
        let methods = self.document["methods"].as_object().unwrap();
        let (name, method) = methods.iter().find(|(_, method)| method["path"] == seen.path.as_str())?;
        let mut faults = request(name, method, seen);
        if seen.exchange["struck"] == false && seen.exchange["status"] == 200 {
            faults.extend(self.answer(name, method, &seen.exchange["answer"]));
        }
        Some(faults)
    }

    fn answer(&self, name: &str, method: &Value, body: &Value) -> Vec<String> {
        if body["ok"] == true {
            let schema = json!({"allOf": [{"$ref": "#/definitions/ok_response"}, method["output"]]});
            return self.schemas.faults(&format!("{name} ok"), &schema, body);
        }
        let mut faults = self.schemas.faults(
            &format!("{name} error"),
            &json!({"$ref": "#/definitions/error_response"}),
            body,
        );
        let code = body["error"].as_str().unwrap_or_default();
        let listed = |list: &str| {
            method["errors"][list].as_array().is_some_and(|all| all.iter().any(|one| one == code))
        };
        if !listed("of_this_method") && !listed("general") && !ANYWHERE.contains(&code) {
            faults.push(format!("{name}: the error {code:?} is not listed"));
        }
        faults
    }
}

fn request(name: &str, method: &Value, seen: &Seen<'_>) -> Vec<String> {
    let exchange = seen.exchange;
    let mut faults = Vec::new();
    if method["http_method"] != seen.method.as_str() && !matches!(seen.method.as_str(), "GET" | "POST") {
        faults.push(format!("{name}: Slack takes GET and POST"));
    }
    let is_json = exchange["content_type"].as_str().unwrap().starts_with("application/json");
    if is_json && method["json_body_accepted"] != true {
        faults.push(format!("{name}: takes no JSON"));
    }
    if !exchange["headers"].as_array().unwrap().contains(&json!("authorization")) {
        faults.push(format!("{name}: no token in the header"));
    }
    let mut given: Vec<(String, Value)> = exchange["request"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let query = url::form_urlencoded::parse(exchange["query"].as_str().unwrap().as_bytes());
    given.extend(query.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))));
    let arguments = method["arguments"].as_array().unwrap();
    for (argument, value) in &given {
        match arguments.iter().find(|one| one["name"] == argument.as_str()) {
            _ if argument == "token" => faults.push(format!("{name}: the token is in the body")),
            Some(declared) if is_json && !fits(declared, value) => {
                faults.push(format!("{name}: {argument} is {value}, and must be {}", declared["type"]));
            }
            None if !UNLISTED.contains(&argument.as_str()) => {
                faults.push(format!("{name}: the argument {argument} is not declared"));
            }
            _ => {}
        }
    }
    let is_given = |wanted: &Value| given.iter().any(|(name, _)| wanted == name.as_str());
    for one in arguments.iter().filter(|one| one["required"] == true && one["name"] != "token") {
        if !is_given(&one["name"]) {
            faults.push(format!("{name}: the argument {} is missing", one["name"]));
        }
    }
    for group in method["argument_groups"].as_array().into_iter().flatten() {
        let there = group["args"].as_array().unwrap().iter().filter(|one| is_given(one)).count();
        if (group["mutually_exclusive"] == true && there > 1) || (group["required"] != false && there == 0) {
            faults.push(format!("{name}: {there} of {}", group["args"]));
        }
    }
    faults
}

/// Whether a JSON value is of an argument's type. What is JSON text in forms is real JSON here (the document's K03).
fn fits(declared: &Value, value: &Value) -> bool {
    if declared["json_text_in_forms"] == true && (value.is_array() || value.is_object()) {
        return true;
    }
    let types: Vec<&Value> = match &declared["type"] {
        Value::Array(types) => types.iter().collect(),
        one => vec![one],
    };
    types.into_iter().any(|one| match one.as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    }) || (declared["nullable"] == true && value.is_null())
}
