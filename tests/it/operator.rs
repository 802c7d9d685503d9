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
    pub(crate) async fn by_hand(&self, method: Method, path: &str, body: Value) -> Value {
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

impl Town {
    /// `countersign credential …` at the first instance; what it says on both outputs.
    fn credential(&self, deed: &[&str], why: &str) -> (Option<i32>, String, String) {
        let said = self.command(&[&["credential"], deed, &["--instance", "global", "--why", why]].concat());
        (said.status.code(), text(&said.stdout), text(&said.stderr))
    }

    /// What the chain has of what was done by hand: what, to which request's credential, why, and whether it is proven.
    fn handled(&self) -> String {
        let entries = self.chain();
        let entries = entries.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let these = entries.filter(|entry| {
            ["credential.ordered", "credential.handled"].contains(&entry["kind"].as_str().unwrap())
        });
        let line = |entry: Value| {
            let of = |name: &str| entry["detail"][name].as_str().unwrap_or("-").to_owned();
            let whose = if entry["issue"] == "" { "of no request" } else { "of a request" };
            let so = if entry["detail"]["proven"] == true { "proven".to_owned() } else { of("why") };
            format!("{} {} {whose}: {so}\n", entry["kind"].as_str().unwrap(), of("deed"))
        };
        these.map(line).collect()
    }
}

#[tokio::test]
async fn a_live_token_is_switched_off_on_and_named_by_hand_with_a_reason_and_never_deleted() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (iid, url, message) = town.hands_over(&filled_in()).await;
    let id = town.tokens(&url).await[0]["id"].to_string();
    let secret = secret_in(&message);
    let (status, so, said) = town.credential(&["deactivate", &id], "incident 42");
    assert_eq!((status, so), (Some(0), format!("global\t{id}\tswitched off\n")));
    assert_snapshot!(said, @"
    Zendesk's list shows it so.
    Whoever has it is told by Slack, and the issue's comment says it.
    ");
    assert_eq!(town.works(&secret).await, 401);
    town.comment_says(iid, "incident 42").await;
    let (status, so, _) = town.credential(&["reactivate", &id], "it was another one");
    assert_eq!((status, so), (Some(0), format!("global\t{id}\tswitched on\n")));
    assert_eq!(town.works(&secret).await, 200);
    town.comment_says(iid, "it was another one").await;
    town.by_hand(Method::PUT, &format!("api_tokens/{id}"), json!({"api_token": {"description": "mine now"}}))
        .await;
    let (status, so, _) = town.credential(&["rename", &id], "its name tells its request");
    assert_eq!((status, so), (Some(0), format!("global\t{id}\tnamed {url}\n")));
    assert_eq!(town.tokens(&url).await.len(), 1);
    let (status, so, said) = town.credential(&["delete", &id], "away with it");
    assert_eq!((status, so), (Some(2), String::new()));
    assert_snapshot!(town.steady(&said).replace(&id, "ID"), @"
    API token ID is live by the ledger

    hint: its request is what ends: countersign revoke http://sandbox/gitlab/company/access-requests/-/issues/4 --why …
    ");
    assert_eq!(town.works(&secret).await, 200);
    assert_eq!(town.messages("requester").await.len(), 4, "the credential, off, on, and its name");
    assert_snapshot!(town.handled(), @"
    credential.ordered deactivate of a request: incident 42
    credential.handled deactivate of a request: proven
    credential.ordered reactivate of a request: it was another one
    credential.handled reactivate of a request: proven
    credential.ordered rename of a request: its name tells its request
    credential.handled rename of a request: proven
    ");
    done(&town.command(&["audit", "verify"]));
}

#[tokio::test]
async fn an_exception_is_named_switched_off_on_and_deleted_by_hand_with_a_reason() {
    let town = Town::build_with("1", with_exceptions).await;
    town.set_up();
    let body = json!({"api_token": {"description": "Zendesk Admin - sync"}});
    let made = town.by_hand(Method::POST, "api_tokens", body).await;
    let (secret, id) = (made["api_token"]["token"].as_str().unwrap(), made["api_token"]["id"].to_string());
    let (status, so, said) = town.credential(&["rename", &id, "--name", "hidden"], "to hide it");
    assert_eq!((status, so), (Some(2), String::new()));
    assert_snapshot!(said.replace(&id, "ID"), @"
    not done with API token ID: with that name no exception would cover it

    hint: choose a name that fits a pattern of [[instances.exceptions]]
    ");
    for (deed, why, so, answer) in [
        (
            &["rename", &id, "--name", "Zendesk Admin - nightly"][..],
            "it runs at night",
            "named Zendesk Admin - nightly",
            200,
        ),
        (&["deactivate", &id], "incident 42", "switched off", 401),
        (&["reactivate", &id], "it was another one", "switched on", 200),
        (&["delete", &id], "nothing uses it", "gone", 401),
    ] {
        let (status, told, said) = town.credential(deed, why);
        assert_eq!((status, told), (Some(0), format!("global\t{id}\t{so}\n")), "{said}");
        assert_eq!(town.works(secret).await, answer);
    }
    assert_snapshot!(town.handled(), @"
    credential.ordered rename of no request: it runs at night
    credential.handled rename of no request: proven
    credential.ordered deactivate of no request: incident 42
    credential.handled deactivate of no request: proven
    credential.ordered reactivate of no request: it was another one
    credential.handled reactivate of no request: proven
    credential.ordered delete of no request: nothing uses it
    credential.handled delete of no request: proven
    ");
    done(&town.command(&["audit", "verify"]));
}

impl Town {
    /// What a command of the campaign says of the first instance, where the token with this id is `ID`.
    fn retires(&self, arguments: &[&str], id: &str) -> String {
        let output = self.command(&[&["retire"], arguments].concat());
        self.steady(&done(&output)).replace(id, "ID")
    }

    /// The issues of the campaign, as their owner sees them.
    async fn campaign(&self) -> Vec<Value> {
        let issues = self.gitlab("owner", Method::GET, "issues?per_page=100", Value::Null).await;
        let of_it = |issue: &&Value| issue["title"].as_str().unwrap().starts_with("Move API token");
        issues.as_array().unwrap().iter().filter(of_it).cloned().collect()
    }

    /// A credential was handed over: the issue's address and the token's id.
    async fn with_a_token(&self) -> (String, String) {
        self.set_up();
        let (_, url, _) = self.hands_over(&filled_in()).await;
        let id = self.tokens(&url).await[0]["id"].to_string();
        (url, id)
    }
}

/// One instance, and nothing done.
const DRY: [&str; 4] = ["open", "--instance", "global", "--dry-run"];

#[tokio::test]
async fn the_campaign_is_planned_opened_and_followed() {
    let town = Town::build_with("1", |_| {}).await;
    let (url, id) = town.with_a_token().await;
    assert_snapshot!(town.retires(&["plan", "--instance", "global"], &id), @"
    Zendesk Global: 3 API tokens to move by 2027-04-30, N days from now

      token:     8101 Integration bot's own login
      owner:     not known: for the provisioners
      made for:  no issue
      last used: never
      needs:     not clear
      moving:    not begun

      token:     8102 Admin's own scripts
      owner:     not known: for the provisioners
      made for:  no issue
      last used: DAY TIME
      needs:     not clear
      moving:    not begun

      token:     ID http://sandbox/gitlab/company/access-requests/-/issues/4
      owner:     @robin
      made for:  http://sandbox/gitlab/company/access-requests/-/issues/4
      last used: DAY TIME
      needs:     tickets:read (a guess by its purpose)
      moving:    not begun
    ");
    assert_snapshot!(town.retires(&["open", "--instance", "global"], &id), @"
    global	8101	opened for the provisioners: its owner is not known	http://sandbox/gitlab/company/access-requests/-/issues/5
    global	8102	opened for the provisioners: its owner is not known	http://sandbox/gitlab/company/access-requests/-/issues/6
    global	ID	opened for @robin	http://sandbox/gitlab/company/access-requests/-/issues/7
    ");
    assert_eq!(town.campaign().await.len(), 3);
    says(&town.retires(&DRY, &id), "ID\topen already for @robin\t");
    done(&town.command(&["revoke", &url, "--why", "moved"]));
    assert_snapshot!(town.retires(&["progress"], &id), @"
    1 of 3 API tokens moved; N days left

    OWNER                            OPEN  MOVED
    @robin                              0      1
    provisioners                        2      0

    WEEK                           OPENED  MOVED
    YEAR-WEEK                            3      1
    ");
    let closed = town.campaign().await.into_iter().filter(|issue| issue["state"] == "closed").count();
    assert_eq!(closed, 1, "the token is gone, so its issue is closed");
}

#[tokio::test]
async fn a_dry_run_of_the_campaign_shows_each_issue_as_it_is_opened_and_opens_none() {
    let town = Town::build_with("1", |_| {}).await;
    let (_, id) = town.with_a_token().await;
    let prepared = town.retires(&DRY, &id);
    assert_eq!(town.campaign().await, Vec::<Value>::new());
    let robins = prepared.find("global\tID").unwrap();
    let mark = prepared.split("countersign retire: ").nth(1).unwrap().split(' ').next().unwrap();
    assert_snapshot!(prepared[robins..].replace(mark, "INSTALLATION"), @"
    global	ID	would be opened for @robin

        Move API token ID of Zendesk Global to OAuth before 2027-04-30

        <!-- countersign retire: INSTALLATION global ID -->

        Zendesk ends every API token on 2027-04-30. After that, every call with this one fails. It is @robin's, as far as is known.

        - Token: ID at Zendesk Global, named `http://sandbox/gitlab/company/access-requests/-/issues/4`
        - Last used: DAY TIME
        - Made for: http://sandbox/gitlab/company/access-requests/-/issues/4
        - Purpose: `Export tickets.`
        - Scopes it seems to need: `tickets:read` (a guess by its purpose; check it)

        What to do:

        1. If nothing uses it any more, say so here; a provisioner deactivates it.
        1. Otherwise open an access request for an OAuth client of Zendesk Global with those scopes.
        1. Change what uses the token to the new credential, and have the token deactivated.

        This issue is closed by itself once the token is deactivated or gone.
    ");
    town.retires(&["open", "--instance", "global"], &id);
    let issues = town.campaign().await;
    assert_eq!(issues.len(), 3);
    for issue in &issues {
        let told = |name: &str| town.steady(issue[name].as_str().unwrap()).replace(&id, "ID");
        let text = format!("{}\n\n{}", told("title"), told("description"));
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        says(&prepared.replace("\n\n", "\n"), &format!("\n    {}\n", lines.join("\n    ")));
    }
}
