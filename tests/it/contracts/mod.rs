//! Recorded calls against what the vendors publish, where the folder is there: `COUNTERSIGN_SPECS` names it.
//!
//! Every story's calls are compared when it is left, our requests and the sandbox's answers alike: a client that asks
//! wrongly and a sandbox that answers wrongly could otherwise agree. An operation that no contract has must be in the
//! list below, with the reason.

mod openapi;
mod schema;
mod slack;
mod tokens;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use serde_json::{Value, json};

use self::openapi::{OpenApi, Seen, literals};
use self::slack::SlackMethods;
use self::tokens::Tokens;
use crate::harness::House;

/// Called, and declared in none of the documents.
const UNDECLARED: [(&str, &str, &str); 3] = [
    (
        "POST",
        "/gitlab/api/graphql",
        "GraphQL is not in the REST text; the time of the last edit is nowhere else",
    ),
    (
        "POST",
        "/gitlab/api/v4/projects/{id}/repository/files/{file_path}",
        "`setup` adds the template; the extract of GitLab's text has only the reading of files",
    ),
    (
        "GET",
        "/gitlab/api/v4/projects/{id}/repository/branches/{branch}",
        "whether the branch of a directory in GitLab is protected; the extract has no branches",
    ),
];

pub(crate) struct Contracts {
    gitlab: OpenApi,
    zendesk: OpenApi,
    tokens: Tokens,
    slack: SlackMethods,
}

static CONTRACTS: LazyLock<Option<Contracts>> = LazyLock::new(|| {
    let folder = std::env::var("COUNTERSIGN_SPECS").ok().filter(|folder| !folder.is_empty())?;
    Some(Contracts::read(Path::new(&folder)))
});

/// Every operation that was compared in this run of the tests, for the one that says how much it was.
static COMPARED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The contracts, where a folder of them is named.
pub(crate) fn contracts() -> Option<&'static Contracts> {
    CONTRACTS.as_ref()
}

impl Contracts {
    fn read(folder: &Path) -> Self {
        let document = |name: &str| -> Value {
            let file = folder.join(name);
            let text =
                std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            serde_json::from_str(&text).unwrap()
        };
        Self {
            gitlab: OpenApi::new(document("gitlab.json")),
            zendesk: OpenApi::new(document("zendesk.json")),
            tokens: Tokens::new(),
            slack: SlackMethods::new(document("slack.json")),
        }
    }

    /// What does not fit in these exchanges, each once.
    pub(crate) fn faults_of(&self, exchanges: &[Value]) -> BTreeSet<String> {
        exchanges.iter().flat_map(|exchange| self.faults(exchange)).collect()
    }

    fn faults(&self, exchange: &Value) -> Vec<String> {
        let text = |name: &str| exchange[name].as_str().unwrap();
        let (method, path) = (text("method").to_owned(), text("path"));
        if UNDECLARED.iter().any(|(known, place, _)| *known == method && literals(place, path).is_some()) {
            return Vec::new();
        }
        let below = |prefix: &str| path.strip_prefix(prefix).unwrap().trim_end_matches(".json").to_owned();
        let seen = |path: String| Seen { method: method.clone(), path, exchange };
        let found = match text("vendor") {
            "gitlab" => self.gitlab.faults(&seen(below("/gitlab"))),
            "slack" => self.slack.faults(&seen(below("/slack"))),
            _ => {
                let account = path.split('/').nth(2).unwrap();
                let seen = seen(below(&format!("/zendesk/{account}")));
                self.tokens.faults(&seen).or_else(|| self.zendesk.faults(&seen))
            }
        };
        let shape: String = path
            .split('/')
            .map(|part| {
                if part.bytes().any(|byte| byte.is_ascii_digit()) && part != "v4" && part != "v2" {
                    "/*".to_owned()
                } else {
                    format!("/{part}")
                }
            })
            .collect();
        COMPARED.lock().unwrap().insert(format!("{method} {shape}"));
        found.unwrap_or_else(|| vec![format!("{method} {path}: no contract has it")])
    }
}

/// The contracts, or a word that they are not compared: past the tests' capture, so that it is seen.
fn skipped() -> Option<&'static Contracts> {
    let contracts = contracts();
    if contracts.is_none() {
        say("skipped: the vendors' contracts are not compared, since COUNTERSIGN_SPECS names no folder");
    }
    contracts
}

fn say(words: &str) {
    #[expect(clippy::explicit_write, reason = "what the macro says is kept back where a test passes")]
    writeln!(std::io::stderr(), "{words}").unwrap();
}

/// An exchange that fits, to be spoilt.
fn exchange(method: &str, path: &str, more: &Value) -> Value {
    let mut exchange = json!({
        "vendor": path.split('/').nth(1), "method": method, "path": path, "query": "", "headers": ["authorization"],
        "content_type": "application/json", "request": null, "status": 200, "answer_type": "application/json",
        "answer": null, "struck": false,
    });
    exchange.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    exchange
}

#[tokio::test]
async fn the_calls_of_a_whole_life_fit_the_vendors_contracts() {
    let Some(contracts) = skipped() else { return };
    let house = House::open().await;
    let iid = house.approved().await;
    house.orders(iid, countersign::domain::snapshot::OrderKind::Revoke).await;
    house.sweep().await;
    let exchanges = house.exchanges();
    let of = |vendor: &str, method: &str| {
        exchanges.iter().filter(|one| one["vendor"] == vendor && one["method"] == method).count()
    };
    for (vendor, method) in [
        ("gitlab", "GET"),
        ("gitlab", "POST"),
        ("gitlab", "PUT"),
        ("zendesk", "POST"),
        ("zendesk", "DELETE"),
        ("slack", "POST"),
    ] {
        assert!(of(vendor, method) > 0, "no {method} to {vendor} was recorded");
    }
    let secrets = house.secrets();
    let text = json!(exchanges).to_string();
    assert!(
        !secrets.is_empty() && !secrets.iter().any(|secret| text.contains(secret)),
        "a secret was recorded"
    );
    assert_eq!(contracts.faults_of(&exchanges), BTreeSet::new());
    let compared = COMPARED.lock().unwrap().len();
    say(&format!("the vendors' contracts: {compared} operations compared so far"));
    house.leave().await;
}

#[test]
fn a_call_or_an_answer_that_does_not_fit_is_found() {
    let Some(contracts) = skipped() else { return };
    let issue = "/gitlab/api/v4/projects/42/issues/4";
    let tokens = "/zendesk/global/api/v2/api_tokens";
    let post = "/slack/api/chat.postMessage";
    let sent = json!({"channel": "D012345678", "text": "hello"});
    let good_answer = json!({"ok": true, "channel": "D012345678", "ts": "1503435956.000247"});
    let fits = [
        exchange("GET", issue, &json!({"answer": {"id": 1, "title": "t", "closed_at": null}})),
        exchange("POST", tokens, &json!({"request": {"api_token": {"description": "d"}}, "status": 422})),
        exchange("POST", post, &json!({"request": sent, "answer": good_answer})),
        exchange("GET", issue, &json!({"status": 503, "answer": "<html>", "struck": true})),
    ];
    for exchange in fits {
        assert_eq!(contracts.faults(&exchange), Vec::<String>::new(), "{exchange}");
    }
    let misfits = [
        ("no contract has it", exchange("PATCH", issue, &json!({}))),
        ("no contract has it", exchange("GET", "/gitlab/api/v4/projects/42/tissues/4", &json!({}))),
        ("must be", exchange("GET", "/gitlab/api/v4/projects/42/issues/four", &json!({}))),
        ("is not declared", exchange("GET", issue, &json!({"query": "colour=red"}))),
        ("is not of type", exchange("GET", issue, &json!({"answer": {"id": "one"}}))),
        ("no body is declared", exchange("GET", issue, &json!({"request": {"a": 1}}))),
        ("is not of type", exchange("PUT", issue, &json!({"request": {"description": 7}}))),
        ("is a required property", exchange("POST", tokens, &json!({"request": {"api_token": {}}}))),
        ("is a required property", exchange("GET", tokens, &json!({"answer": {"api_tokens": [{"id": 1}]}}))),
        ("no such parameter", exchange("GET", tokens, &json!({"query": "page=2"}))),
        (
            "is not valid",
            exchange("GET", "/zendesk/global/api/v2/users/me", &json!({"answer": {"user": {"id": "x"}}})),
        ),
        ("is missing", exchange("POST", post, &json!({"request": {"text": "hello"}, "answer": good_answer}))),
        (
            "must be",
            exchange("POST", post, &json!({"request": {"channel": 7, "text": "x"}, "answer": good_answer})),
        ),
        (
            "the token is in the body",
            exchange(
                "POST",
                post,
                &json!({"request": {"token": "x", "channel": "D0", "text": "x"}, "answer": good_answer}),
            ),
        ),
        (
            "takes no JSON",
            exchange("POST", "/slack/api/users.info", &json!({"request": {"user": "U1"}, "status": 429})),
        ),
        (
            "is not listed",
            exchange("POST", post, &json!({"request": sent, "answer": {"ok": false, "error": "made_up"}})),
        ),
        (
            "is a required property",
            exchange(
                "POST",
                post,
                &json!({"request": sent, "answer": {"ok": true, "channel": "D012345678"}}),
            ),
        ),
    ];
    for (expected, exchange) in misfits {
        let faults = contracts.faults(&exchange);
        assert!(
            faults.iter().any(|fault| fault.contains(expected)),
            "{expected:?} is not among {faults:?} of {exchange}"
        );
    }
}
