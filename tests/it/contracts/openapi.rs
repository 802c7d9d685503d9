//! GitLab's and Zendesk's OpenAPI documents, read by the rules that stand in them.

use jsonschema::Draft;
use serde_json::Value;

use super::schema::{Schemas, without_nulls};

pub(super) struct OpenApi {
    document: Value,
    schemas: Schemas,
    /// Parameters that the document defines and no operation names: whoever wrote it forgot where they belong.
    adrift: Vec<Value>,
}

/// An exchange with a path as the vendor has it.
pub(super) struct Seen<'a> {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) exchange: &'a Value,
}

struct Operation<'a> {
    name: String,
    template: &'a str,
    item: &'a Value,
    declared: &'a Value,
}

impl OpenApi {
    pub(super) fn new(document: Value) -> Self {
        let schemas = Schemas::new(&document, "components", Draft::Draft4);
        let adrift = adrift(&document);
        Self { document, schemas, adrift }
    }

    /// `None`: no such operation is declared.
    pub(super) fn faults(&self, seen: &Seen<'_>) -> Option<Vec<String>> {
        let operation = self.find(seen)?;
        let mut faults = self.parameters(&operation, seen);
        faults.extend(self.request(&operation, &body(seen.exchange)));
        if seen.exchange["struck"] == false {
            faults.extend(self.answer(&operation, seen));
        }
        Some(faults)
    }

    /// The operation of the template that fits with the most literal segments.
    fn find(&self, seen: &Seen<'_>) -> Option<Operation<'_>> {
        let paths = self.document["paths"].as_object().unwrap();
        let fitting = paths
            .iter()
            .filter_map(|(template, item)| Some((literals(template, &seen.path)?, template, item)));
        let (_, template, item) = fitting.max_by_key(|(literals, ..)| *literals)?;
        let declared = item.get(seen.method.to_lowercase())?;
        Some(Operation { name: format!("{} {template}", seen.method), template, item, declared })
    }

    fn parameters(&self, operation: &Operation<'_>, seen: &Seen<'_>) -> Vec<String> {
        let declared: Vec<&Value> = [operation.item, operation.declared]
            .into_iter()
            .filter_map(|place| place["parameters"].as_array())
            .flatten()
            .map(|parameter| self.resolved(parameter))
            .chain(self.adrift.iter().filter(|one| one["required"] != true))
            .collect();
        let of = |place: &str, name: &str| {
            declared.iter().copied().find(|one| one["in"] == place && one["name"] == name)
        };
        let mut faults = Vec::new();
        for (part, given) in operation.template.split('/').zip(seen.path.split('/')) {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            if let Some(parameter) = name.and_then(|name| of("path", name)) {
                faults.extend(
                    misfit(&parameter["schema"], given)
                        .map(|why| format!("{}: {part} {why}", operation.name)),
                );
            }
        }
        let query = seen.exchange["query"].as_str().unwrap();
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for (name, value) in &query {
            let outer = name.split('[').next().unwrap();
            match of("query", name)
                .or_else(|| of("query", name.trim_end_matches("[]")))
                .or_else(|| of("query", outer))
            {
                None => faults.push(format!("{}: the parameter {name} is not declared", operation.name)),
                Some(one) => faults.extend(
                    misfit(&one["schema"], value).map(|why| format!("{}: {name} {why}", operation.name)),
                ),
            }
        }
        for one in declared.iter().filter(|one| one["in"] == "query" && one["required"] == true) {
            let name = one["name"].as_str().unwrap();
            if !query.iter().any(|(given, _)| given == name) {
                faults.push(format!("{}: the parameter {name} is missing", operation.name));
            }
        }
        faults
    }

    fn request(&self, operation: &Operation<'_>, body: &Value) -> Vec<String> {
        let key = format!("{} request", operation.name);
        let declared = &operation.declared["requestBody"];
        let supplement = &self.document["x-supplements"][&key];
        let schema =
            [json_schema(declared), &supplement["schema"]].into_iter().find(|schema| !schema.is_null());
        let Some(schema) = schema else {
            let takes_none = declared.is_null() && supplement.is_null();
            return if takes_none && !body.is_null() {
                vec![format!("{key}: no body is declared")]
            } else {
                Vec::new()
            };
        };
        if body.is_null() {
            let required = declared["required"] == true || !schema["required"].is_null();
            return if required { vec![format!("{key}: the body is missing")] } else { Vec::new() };
        }
        let mut faults = self.schemas.faults(&key, schema, body);
        faults.extend(self.read_only(operation, body));
        faults
    }

    /// The documents' rule: what an answer declares as read-only never belongs in a request.
    fn read_only(&self, operation: &Operation<'_>, body: &Value) -> Vec<String> {
        let answers = operation.declared["responses"].as_object().unwrap();
        let success = answers.iter().find(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer);
        let Some(shape) = success.map(|answer| self.resolved(json_schema(answer))) else { return Vec::new() };
        let mut faults = Vec::new();
        for (wrapper, members) in body.as_object().into_iter().flatten() {
            let inner = self.resolved(&shape["properties"][wrapper]);
            for name in members.as_object().into_iter().flat_map(|members| members.keys()) {
                if inner["properties"][name]["readOnly"] == true {
                    faults.push(format!("{}: {wrapper}.{name} is read-only", operation.name));
                }
            }
        }
        faults
    }

    fn answer(&self, operation: &Operation<'_>, seen: &Seen<'_>) -> Vec<String> {
        let (status, body) = (seen.exchange["status"].to_string(), &seen.exchange["answer"]);
        let key = format!("{} {status}", operation.name);
        let declared = &operation.declared["responses"][&status];
        let supplement = &self.document["x-supplements"][&key]["schema"];
        let schema =
            [json_schema(self.resolved(declared)), supplement].into_iter().find(|schema| !schema.is_null());
        match schema {
            Some(schema) => self.schemas.faults(&key, schema, &without_nulls(body)),
            None if status == "204" && !body.is_null() => vec![format!("{key}: a body where none may be")],
            None => Vec::new(),
        }
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|place| self.document.pointer(place.strip_prefix('#')?));
        target.map_or(value, |target| self.resolved(target))
    }
}

fn adrift(document: &Value) -> Vec<Value> {
    let used = document["paths"].to_string();
    let defined = document["components"]["parameters"].as_object().into_iter().flatten();
    let unused = defined.filter(|(key, _)| !used.contains(&format!("\"#/components/parameters/{key}\"")));
    unused.map(|(_, parameter)| parameter.clone()).collect()
}

/// What was sent. A form has texts alone: a truth in it is its word.
fn body(exchange: &Value) -> Value {
    let mut sent = exchange["request"].clone();
    let form = exchange["content_type"] == "application/x-www-form-urlencoded";
    for value in sent.as_object_mut().filter(|_| form).into_iter().flat_map(|members| members.values_mut()) {
        if let Some(truth) = value.as_str().and_then(|text| text.parse::<bool>().ok()) {
            *value = truth.into();
        }
    }
    sent
}

fn json_schema(place: &Value) -> &Value {
    &place["content"]["application/json"]["schema"]
}

/// How many segments are alike to the letter; `None`: it does not fit.
pub(super) fn literals(template: &str, path: &str) -> Option<usize> {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    let fits = |(part, given): (&&str, &&str)| part == given || (part.starts_with('{') && !given.is_empty());
    let all = template.len() == path.len() && template.iter().zip(&path).all(fits);
    all.then(|| template.iter().zip(&path).filter(|(part, given)| part == given).count())
}

/// Why a text is not of a parameter's type.
fn misfit(schema: &Value, given: &str) -> Option<String> {
    let fits = match schema["type"].as_str() {
        Some("integer") => given.parse::<i64>().is_ok(),
        Some("boolean") => matches!(given, "true" | "false"),
        Some("string") => schema["enum"].as_array().is_none_or(|all| all.iter().any(|one| one == given)),
        _ => true,
    };
    (!fits).then(|| format!("is {given:?}, and must be {schema}"))
}
