//! What stories of OAuth credentials need: Zendesk's books on clients and tokens, and a requester who uses them.

use std::io::Write;

use serde_json::{Value, json};

use super::{Form, House, OWN_CLIENT};

impl Form {
    /// For an OAuth client until the last day of the year.
    pub(crate) fn oauth_client() -> Self {
        Self { kind: "OAuth client", scopes: "tickets:read", admin: "", ..Self::default() }
    }

    /// For an access token until the end of tomorrow.
    pub(crate) fn oauth_token() -> Self {
        Self { kind: "OAuth access token", remove_on: "2026-12-02", ..Self::oauth_client() }
    }
}

impl House {
    /// The OAuth clients of Zendesk Global that are there, but for our own login's.
    pub(crate) fn clients(&self) -> Vec<Value> {
        let world = self.world();
        let clients = world["zendesk"]["global"]["clients"].as_object().unwrap().values();
        let there = |client: &&Value| client["deleted_at"].is_null() && client["id"] != OWN_CLIENT;
        clients.filter(there).cloned().collect()
    }

    /// The access tokens of Zendesk Global that work, but for our own login's.
    pub(crate) fn bearers(&self) -> Vec<Value> {
        let (world, now) = (self.world(), self.now());
        let bearers = world["zendesk"]["global"]["bearers"].as_object().unwrap().values();
        let works = |bearer: &&Value| {
            let end = bearer["expires_at"].as_str().map(|end| end.parse::<jiff::Timestamp>().unwrap());
            let over = end.is_some_and(|end| end <= now);
            bearer["deleted_at"].is_null() && !over && bearer["client_id"] != OWN_CLIENT
        };
        bearers.filter(works).cloned().collect()
    }

    /// Nothing of any OAuth credential is alive.
    pub(crate) fn no_oauth(&self) {
        assert_eq!((self.clients(), self.bearers()), (Vec::new(), Vec::new()));
    }

    /// The command in a message, as the requester copies it.
    pub(crate) fn command_in(message: &Value) -> String {
        let blocks = message["blocks"].as_array().unwrap();
        let literal = |block: &Value| block["elements"][0]["elements"][0]["text"].as_str().map(str::to_owned);
        blocks.iter().filter_map(literal).nth(1).unwrap_or_else(|| panic!("no command in {message}"))
    }

    /// Runs the command of a message for an OAuth client in a shell, and gives it the secret of that message.
    pub(crate) async fn fetches(&self, message: &Value) -> (u16, Value) {
        let (command, secret) = (Self::command_in(message), Self::secret_in(message));
        // The status as a last line: told to curl beside the command, which stays as it is.
        std::fs::write(self.path(".curlrc"), "write-out = \"\\n%{http_code}\"\n").unwrap();
        let mut shell = std::process::Command::new("bash");
        shell.arg("-c").arg(&command).env("CURL_HOME", self.path("."));
        // The sandbox answers in this process.
        let said = tokio::task::spawn_blocking(move || answer_of(shell, &secret)).await.unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap_or_else(|| panic!("{command} says {said}"));
        (status.parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// What Zendesk Global answers to an access token.
    pub(crate) async fn bears(&self, token: &str, path: &str) -> u16 {
        let url = format!("{}/api/v2/{path}", self.sandbox.zendesk_url("global"));
        self.http.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    }

    /// Zendesk Global does something odd from now on.
    pub(crate) async fn quirk(&self, quirks: Value) {
        self.control("world", json!({"zendesk": {"global": {"quirks": quirks}}})).await;
    }

    /// The calls about OAuth at Zendesk since then, our own log-ins and plain lists left out, as `METHOD path status`.
    pub(crate) fn oauth_calls(&self, since: usize) -> Vec<String> {
        let world = self.world();
        let calls = world["calls"].as_array().unwrap().iter().skip(since);
        let about = calls.filter(|call| call["path"].as_str().unwrap().contains("/api/v2/oauth/"));
        let line = |call: &Value| {
            let path = call["path"].as_str().unwrap().split("/oauth/").nth(1).unwrap().to_owned();
            let path: String =
                path.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
            format!("{} {} {}", call["method"].as_str().unwrap(), path.replace("00000", "ID"), call["status"])
        };
        about.map(line).collect()
    }

    /// How many calls there were.
    pub(crate) fn all_calls(&self) -> usize {
        self.world()["calls"].as_array().unwrap().len()
    }
}

/// What a command says to this line of input.
fn answer_of(mut command: std::process::Command, line: &str) -> String {
    let (input, output) = (std::process::Stdio::piped(), std::process::Stdio::piped());
    let mut running = command.stdin(input).stdout(output).spawn().expect("bash, with curl beside it");
    writeln!(running.stdin.take().unwrap(), "{line}").unwrap();
    String::from_utf8(running.wait_with_output().unwrap().stdout).unwrap()
}
