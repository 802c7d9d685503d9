//! JSON Schema by a library that is not ours, over the parts of one document.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

pub(super) struct Schemas {
    /// What `$ref` may point into: `components` or `definitions`.
    parts: Map<String, Value>,
    draft: Draft,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Schemas {
    pub(super) fn new(document: &Value, part: &str, draft: Draft) -> Self {
        let mut shared = document[part].clone();
        admit_null(&mut shared);
        let parts = Map::from_iter([(part.to_owned(), shared)]);
        Self { parts, draft, compiled: Mutex::default() }
    }

    /// What is wrong with `instance`, each with its place. `name` stands for the schema, which is compiled once.
    pub(super) fn faults(&self, name: &str, schema: &Value, instance: &Value) -> Vec<String> {
        let validator = self.validator(name, schema);
        let fault = |error: jsonschema::ValidationError<'_>| {
            format!("{name}: at {:?}: {error}", error.instance_path().to_string())
        };
        validator.iter_errors(instance).map(fault).collect()
    }

    fn validator(&self, name: &str, schema: &Value) -> Arc<Validator> {
        let mut compiled = self.compiled.lock().unwrap();
        let build = || {
            let mut schema = schema.clone();
            admit_null(&mut schema);
            let mut whole = self.parts.clone();
            whole.insert("allOf".to_owned(), json!([schema]));
            // The documents' rule: format is a comment.
            let options = jsonschema::options().with_draft(self.draft).should_validate_formats(false);
            Arc::new(options.build(&Value::Object(whole)).unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        Arc::clone(compiled.entry(name.to_owned()).or_insert_with(build))
    }
}

/// OpenAPI 3.0's `nullable`, in the words of JSON Schema.
fn admit_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(admit_null),
        Value::Object(members) => {
            members.values_mut().for_each(admit_null);
            if members.get("nullable") == Some(&Value::Bool(true)) {
                members.remove("nullable");
                let inner = Value::Object(std::mem::take(members));
                *members = Map::from_iter([("anyOf".to_owned(), json!([inner, {"type": "null"}]))]);
            }
        }
        _ => {}
    }
}

/// The documents' rule for answers: members that are null are left out, at every depth.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}
