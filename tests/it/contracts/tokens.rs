//! Zendesk's API tokens: no OpenAPI text has them, so these rules are written by hand, from what is known in public
//! (the help article 4408820361498, and public clients of the vendor's list operation).

use serde_json::{Value, json};

use jsonschema::Draft;

use super::openapi::Seen;
use super::schema::{Schemas, without_nulls};

pub(super) struct Tokens {
    schemas: Schemas,
}

impl Tokens {
    pub(super) fn new() -> Self {
        let definitions = json!({"definitions": {"listed": {
            "type": "object", "required": ["id", "user_id", "description", "active"],
            "properties": {
                "id": {"type": "integer"}, "user_id": {"type": "integer"}, "assigned_user_id": {"type": "integer"},
                "description": {"type": "string"}, "active": {"type": "boolean"}, "created_at": {"type": "string"},
                "updated_at": {"type": "string"}, "last_used": {"type": "string"}, "visible_token": {"type": "string"},
                "token": {"type": "string"}, "user_name": {"type": "string"}, "user_email": {"type": "string"},
            },
        }}});
        Self { schemas: Schemas::new(&definitions, "definitions", Draft::Draft7) }
    }

    /// `None`: no such operation.
    pub(super) fn faults(&self, seen: &Seen<'_>) -> Option<Vec<String>> {
        let rest = seen.path.strip_prefix("/api/v2/api_tokens")?;
        let id = rest.strip_prefix('/').map(|id| id.parse::<u64>().is_ok());
        let (request, answers) = match (seen.method.as_str(), id) {
            ("GET", None) => (None, listed()),
            ("POST", None) => (Some(description()), created()),
            ("PUT", Some(true)) => {
                (Some(change()), json!({"200": wrapped(&json!({"$ref": "#/definitions/listed"}))}))
            }
            ("DELETE", Some(true)) => (None, json!({})),
            _ => return None,
        };
        let name = format!("{} api_tokens", seen.method);
        let body = &seen.exchange["request"];
        let mut faults = match request {
            Some(schema) => self.schemas.faults(&format!("{name} request"), &schema, body),
            None if body.is_null() => Vec::new(),
            None => vec![format!("{name}: a body where none is known")],
        };
        let query = seen.exchange["query"].as_str().unwrap();
        if !matches!((seen.method.as_str(), query), (_, "") | ("GET", "include_users=true")) {
            faults.push(format!("{name}: no such parameter is known: {query}"));
        }
        let schema = &answers[seen.exchange["status"].to_string()];
        if seen.exchange["struck"] == false && !schema.is_null() {
            faults.extend(self.schemas.faults(&name, schema, &without_nulls(&seen.exchange["answer"])));
        }
        Some(faults)
    }
}

fn listed() -> Value {
    let list = json!({"type": "array", "items": {"$ref": "#/definitions/listed"}});
    json!({"200": {"type": "object", "required": ["api_tokens"], "properties": {"api_tokens": list}}})
}

fn created() -> Value {
    json!({"201": wrapped(&json!({"allOf": [{"$ref": "#/definitions/listed"}, {"required": ["token"]}]}))})
}

fn description() -> Value {
    wrapped(&json!({
        "type": "object", "required": ["description"], "additionalProperties": false,
        "properties": {"description": {"type": "string"}},
    }))
}

fn change() -> Value {
    wrapped(&json!({
        "type": "object", "minProperties": 1, "additionalProperties": false,
        "properties": {"description": {"type": "string"}, "active": {"type": "boolean"}},
    }))
}

fn wrapped(schema: &Value) -> Value {
    json!({"type": "object", "required": ["api_token"], "properties": {"api_token": schema}})
}
