//! What an operator types, as processes: what is asked, what is said, what is done, and what is written down of it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::black_box::{Town, countersign, filled_in, filled_in_for, secret_in};
use super::inventory::with_exceptions;
use super::processes::{done, text};
use crate::harness::says;

/// Runs it, and says this on its standard input.
fn answered(command: &mut Command, input: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

impl Town {
    /// A command to which this is said on its standard input, which is no terminal.
    fn piped(&self, arguments: &[&str], input: &str) -> Output {
        let config = self.home("countersign.toml");
        answered(countersign().args(arguments).arg("--config").arg(config), input)
    }

    /// A command at a terminal, where a person types this; both of its outputs are what they see.
    #[cfg(target_os = "linux")]
    fn typed(&self, arguments: &[&str], input: &str) -> (Option<i32>, String) {
        let config = self.home("countersign.toml").display().to_string();
        let program = env!("CARGO_BIN_EXE_countersign");
        let words = [&[program], arguments, &["--config", &config]].concat();
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let mut terminal = Command::new("script");
        let seen = answered(terminal.args(["-qec", &words.join(" "), "/dev/null"]), input);
        (seen.status.code(), text(&seen.stdout).replace("\r\n", "\n"))
    }
}

/// Whether a terminal can be had on this machine.
#[cfg(target_os = "linux")]
fn has_terminal() -> bool {
    let there = Command::new("script").arg("--version").output().is_ok_and(|done| done.status.success());
    assert!(there || std::env::var_os("COUNTERSIGN_REQUIRE_REAL").is_none(), "`script` is not installed");
    there
}

/// Without `--yes`.
const TAKE_AWAY: [&str; 5] = ["inventory", "--instance", "global", "--take-away", "orphans"];

#[tokio::test]
async fn orphans_are_not_taken_away_where_nobody_can_be_asked() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (_, url, _) = town.hands_over(&filled_in()).await;
    let orphan = format!("{url}0");
    town.has_orphans(std::slice::from_ref(&orphan)).await;
    let asked = ["", "yes\n"].map(|said| town.piped(&TAKE_AWAY, said));
    for one in &asked {
        assert_eq!((one.status.code(), text(&one.stdout)), (Some(2), String::new()));
        assert_eq!(one.stderr, asked[0].stderr);
    }
    assert_snapshot!(text(&asked[0].stderr), @"
    --take-away asks before it takes anything away, and nobody is at the terminal

    hint: look at what `countersign inventory` shows, then add --yes
    ");
    assert_eq!(town.tokens(&orphan).await.len(), 1);
    assert!(!town.chain().contains("orphan.ordered"), "nothing was even intended");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn orphans_are_taken_away_when_the_person_at_the_terminal_says_yes_and_not_before() {
    if !has_terminal() {
        return;
    }
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (_, url, _) = town.hands_over(&filled_in()).await;
    let orphan = format!("{url}0");
    town.has_orphans(std::slice::from_ref(&orphan)).await;
    for said in ["no\n", "\n", "y\n", "\u{4}"] {
        let (status, seen) = town.typed(&TAKE_AWAY, said);
        assert_eq!(status, Some(0), "{seen}");
        says(
            &seen,
            "Take away 1 orphan for good? Those that our own user did not make are left alone. [yes/no]",
        );
        says(&seen, "Nothing was taken away.");
        assert_eq!(town.tokens(&orphan).await.len(), 1, "{said:?} is no yes");
    }
    let (status, seen) = town.typed(&TAKE_AWAY, "yes\n");
    assert_eq!(status, Some(0), "{seen}");
    says(&seen, "\tgone\n");
    assert_eq!((town.tokens(&orphan).await.len(), town.tokens(&url).await.len()), (0, 1));
    says(&town.chain(), "orphan.ordered");
}

/// What stands at the begin of a text and is shaped so, where `#` is a number, is left out: the rest.
fn after<'a>(text: &'a str, shape: &str) -> Option<&'a str> {
    shape.chars().try_fold(text, |rest, letter| match letter {
        '#' => Some(rest.trim_start_matches(|letter: char| letter.is_ascii_digit()))
            .filter(|after| after.len() < rest.len()),
        _ => rest.strip_prefix(letter),
    })
}

/// Everything shaped so becomes these words.
fn blotted(text: &str, (shape, words): (&str, &str)) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(letter) = rest.chars().next() {
        if let Some(behind) = after(rest, shape) {
            out.push_str(words);
            rest = behind;
        } else {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    out
}

impl Town {
    /// What is said, without what differs from run to run: the sandbox's address, the time, and how long it still is.
    fn steady(&self, said: &str) -> String {
        let shapes = [("#-#-# #:# UTC", "DAY TIME"), ("#-W#", "YEAR-WEEK"), ("# day", "N day")];
        let said = said.replace(&self.sandbox.address, "http://sandbox");
        shapes.into_iter().fold(said, |said, shape| blotted(&said, shape))
    }

    /// An admin's own call at Zendesk.
    async fn by_hand(&self, method: Method, path: &str, body: Value) -> Value {
        let instance = &self.people["instances"][0];
        let text = |name: &str| instance[name].as_str().unwrap();
        let request = self.http.request(method, format!("{}/api/v2/{path}", text("url"))).json(&body);
        let login = format!("{}/token", text("admin_email"));
        let answer = request.basic_auth(login, Some(text("admin_api_token"))).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }
}

#[tokio::test]
async fn whose_a_leaked_credential_is_and_how_it_is_revoked_now() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (_, url, message) = town.hands_over(&filled_in()).await;
    let secret = secret_in(&message);
    assert_eq!(town.works(&secret).await, 200);
    let id = town.tokens(&url).await[0]["id"].to_string();
    let asked = town.piped(&["whose", "--stdin"], &secret);
    assert_snapshot!(town.steady(&done(&asked)).replace(&id, "ID"), @"
    issue:       http://sandbox/gitlab/company/access-requests/-/issues/4
    credential:  API token ID at global, named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    state:       alive, or not proven gone; the request is active
    holder:      @robin (101)
    manager:     @kim (102), DAY TIME
    provisioner: @pat (104), DAY TIME
    revoke now:  countersign revoke http://sandbox/gitlab/company/access-requests/-/issues/4 --why …
    last used:   DAY TIME
    known by:    its fingerprint
    ");
    assert_eq!(text(&asked.stderr), "");
    assert_snapshot!(town.steady(&done(&town.command(&["whose", &secret[..10]]))).replace(&id, "ID"), @"
    issue:       http://sandbox/gitlab/company/access-requests/-/issues/4
    credential:  API token ID at global, named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    state:       alive, or not proven gone; the request is active
    holder:      @robin (101)
    manager:     @kim (102), DAY TIME
    provisioner: @pat (104), DAY TIME
    revoke now:  countersign revoke http://sandbox/gitlab/company/access-requests/-/issues/4 --why …
    last used:   DAY TIME
    known by:    its beginning alone: others may begin alike
    ");
}

#[tokio::test]
async fn whose_an_oauth_client_is_by_its_secret_and_by_its_identifier() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (_, _, message) = town.hands_over(&filled_in_for("OAuth client", 20)).await;
    assert_eq!(town.fetches(&message).await.0, 200);
    let steady = |said: &str| blotted(&town.steady(said), ("OAuth client #", "OAuth client ID"));
    let by_secret = steady(&done(&town.piped(&["whose", "--stdin"], &secret_in(&message))));
    assert_snapshot!(by_secret, @"
    issue:       http://sandbox/gitlab/company/access-requests/-/issues/4
    credential:  OAuth client ID at global, named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    state:       alive, or not proven gone; the request is active
    holder:      @robin (101)
    manager:     @kim (102), DAY TIME
    provisioner: @pat (104), DAY TIME
    revoke now:  countersign revoke http://sandbox/gitlab/company/access-requests/-/issues/4 --why …
    last used:   not known
    known by:    its fingerprint
    ");
    let said = message.to_string();
    let identifier = said.split("client_id=").nth(1).unwrap().split(' ').next().unwrap();
    let by_identifier = steady(&done(&town.command(&["whose", identifier])));
    assert_eq!(by_identifier.replace("its identifier", "its fingerprint"), by_secret);
    says(&by_identifier, "known by:    its identifier");
}

#[tokio::test]
async fn what_was_not_issued_here_is_said_to_be_so_and_what_to_do_about_it() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let made =
        town.by_hand(Method::POST, "api_tokens", json!({"api_token": {"description": "who knows"}})).await;
    let (secret, id) = (made["api_token"]["token"].as_str().unwrap(), made["api_token"]["id"].to_string());
    assert_eq!(town.works(secret).await, 200);
    let asked = town.piped(&["whose", "--stdin"], secret);
    assert_snapshot!(town.steady(&done(&asked)).replace(&id, "ID"), @"
    credential:  API token ID at Zendesk Global, named `who knows`
    issue:       none: it was not issued here
    created by:  `Zendesk Admin` (9002)
    revoke now:  Admin Center, Apps and integrations > APIs; or `countersign credential deactivate` if it is an exception
    last used:   DAY TIME
    known by:    its beginning alone: others may begin alike
    ");
    let refused = town.piped(&["whose", "--stdin", "--revoke", "--why", "leaked"], secret);
    assert_eq!(refused.status.code(), Some(2));
    assert_snapshot!(text(&refused.stderr), @"
    it was not issued here, so there is no request to revoke

    hint: switch it off in the Admin Center, under Apps and integrations > APIs
    ");
    assert_eq!(town.works(secret).await, 200, "nothing was done to what is not ours");
    let unknown = town.piped(&["whose", "--stdin"], "nobodys-secret");
    assert_eq!((unknown.status.code(), text(&unknown.stdout)), (Some(1), String::new()));
    assert_snapshot!(text(&unknown.stderr), @"
    No credential that was issued here, and no API token or access token at Zendesk, is known by that.

    hint: what was issued before fingerprints were kept, and what an OAuth client fetched, is known by its beginning alone, while Zendesk lists it
    ");
}
