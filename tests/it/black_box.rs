//! The program as it is shipped: three processes, and people who know nothing but HTTP.
//!
//! What should happen is asked for again and again until it is so; the bound is there so that a failure ends.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::contracts::contracts;
use crate::harness::Database;

pub(crate) const BOUND: Duration = Duration::from_mins(1);

pub(crate) fn countersign() -> Command {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
}

/// A process that says where it listens, and is ended when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("no line of JSON, but {line:?}"));
        Self { address: said["listening"].as_str().unwrap().to_owned(), child }
    }

    /// The same with its standard output in a file; where it listens is then on its standard error.
    pub(crate) fn start_into(command: &mut Command, output: &Path, log: &Path) -> Self {
        let output = std::fs::File::options().append(true).create(true).open(output).unwrap();
        let mut child = command.stdout(output).stderr(std::fs::File::create(log).unwrap()).spawn().unwrap();
        let begun = std::time::Instant::now();
        loop {
            let told = std::fs::read_to_string(log).unwrap();
            let said = told.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let mut said = said.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(address) = said.find_map(|line| Some(line["listening"].as_str()?.to_owned())) {
                return Self { child, address };
            }
            assert!(
                begun.elapsed() < BOUND && child.try_wait().unwrap().is_none(),
                "it does not listen: {told}"
            );
            std::thread::yield_now();
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power failure does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop as systemd does, and gives its exit status.
    #[cfg(unix)]
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program and the vendors say to each other: the sandbox's record, compared with the vendors' contracts at the
/// end of the story that it is of.
pub(crate) struct Spoken(PathBuf);

impl Spoken {
    /// Lets this sandbox write the record into this folder, where there are contracts to compare it with.
    pub(crate) fn of(sandbox: &mut Command, folder: &Path) -> Self {
        let record = folder.join("spoken.jsonl");
        if contracts().is_some() {
            sandbox.arg("--record").arg(&record);
        }
        Self(record)
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        let Some(contracts) = contracts().filter(|_| !std::thread::panicking()) else { return };
        let record = std::fs::read_to_string(&self.0).unwrap();
        // The sandbox may be writing the last line.
        let whole = record.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let exchanges: Vec<Value> = whole.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(!exchanges.is_empty(), "a record of nothing proves nothing");
        let faults = contracts.faults_of(&exchanges);
        assert!(faults.is_empty(), "calls do not fit the vendors' contracts: {faults:#?}");
    }
}

/// The sandbox and the service as processes, and what people know of them.
pub(crate) struct Town {
    /// Before the folder that it is in.
    _spoken: Spoken,
    pub(crate) folder: tempfile::TempDir,
    database: Database,
    pub(crate) sandbox: Running,
    pub(crate) serve: Running,
    pub(crate) http: Client,
    pub(crate) people: Value,
}

impl Town {
    async fn build() -> Self {
        Self::build_with("1", |_| {}).await
    }

    /// With time that runs so many times as fast, and a changed configuration.
    pub(crate) async fn build_with(pace: &str, adjust: impl FnOnce(&mut String)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let mut sandbox = countersign();
        sandbox.args(["sandbox", "--pace", pace, "--listen", "127.0.0.1:0", "--home"]).arg(&home);
        let spoken = Spoken::of(&mut sandbox, folder.path());
        let sandbox = Running::start(&mut sandbox, &folder.path().join("sandbox.log"));
        let file = home.join("countersign.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let database = Database::fresh(&home).await;
        let mut text = text.replace("url = \"countersign.db\"", &format!("url = \"{}\"", database.url()));
        adjust(&mut text);
        std::fs::write(&file, text).unwrap();
        let serve = serve(folder.path(), "127.0.0.1:0");
        let people = std::fs::read_to_string(home.join("people.json")).unwrap();
        let http = Client::new();
        let people = serde_json::from_str(&people).unwrap();
        Self { _spoken: spoken, folder, database, sandbox, serve, http, people }
    }

    /// The service is started again at the same address.
    pub(crate) fn serves_again(&mut self) {
        let address = self.serve.address.trim_start_matches("http://").to_owned();
        self.serve = serve(self.folder.path(), &address);
    }

    /// What the service logged since it was started last.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap()
    }

    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join("home").join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        countersign().args(arguments).arg("--config").arg(self.home("countersign.toml")).output().unwrap()
    }

    pub(crate) fn set_up(&self) -> String {
        let url = format!("{}/hooks/gitlab", self.serve.address);
        let token = self.home("maintainer.token").display().to_string();
        let done = self.command(&["setup", "--maintainer-token-file", &token, "--webhook-url", &url]);
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn person(&self, role: &str) -> &Value {
        self.people["people"].as_array().unwrap().iter().find(|person| person["role"] == role).unwrap()
    }

    pub(crate) async fn gitlab(&self, role: &str, method: Method, path: &str, body: Value) -> Value {
        let project = &self.people["project"]["id"];
        let url = format!("{}/gitlab/api/v4/projects/{project}/{path}", self.sandbox.address);
        let token = self.person(role)["gitlab_token"].as_str().unwrap();
        let mut request = self.http.request(method, url).header("PRIVATE-TOKEN", token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{role} at {path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    pub(crate) async fn opens(&self, description: &str) -> (i64, String) {
        let body = json!({"title": "API access", "description": description});
        let issue = self.gitlab("requester", Method::POST, "issues", body).await;
        (issue["iid"].as_i64().unwrap(), issue["web_url"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn labels(&self, role: &str, iid: i64, label: &str) {
        self.gitlab(role, Method::PUT, &format!("issues/{iid}"), json!({"add_labels": label})).await;
    }

    pub(crate) async fn notes(&self, iid: i64) -> Vec<String> {
        let notes =
            self.gitlab("owner", Method::GET, &format!("issues/{iid}/notes?per_page=100"), Value::Null).await;
        let notes = notes.as_array().unwrap().iter().filter(|note| note["system"] == false);
        notes.map(|note| note["body"].as_str().unwrap().to_owned()).collect()
    }

    async fn issue_labels(&self, iid: i64) -> Value {
        self.gitlab("owner", Method::GET, &format!("issues/{iid}"), Value::Null).await["labels"].clone()
    }

    /// Waits until the one comment says this.
    pub(crate) async fn comment_says(&self, iid: i64, words: &str) -> String {
        let asking = async {
            loop {
                if let [comment] = self.notes(iid).await.as_slice()
                    && comment.contains(words)
                {
                    return comment.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        let Ok(comment) = tokio::time::timeout(BOUND, asking).await else {
            panic!("not one comment says “{words}”, but {:#?}", self.notes(iid).await)
        };
        comment
    }

    pub(crate) async fn tokens(&self, name: &str) -> Vec<Value> {
        let instance = &self.people["instances"][0];
        let text = |name: &str| instance[name].as_str().unwrap();
        let login = format!("{}/token", text("admin_email"));
        let request = self.http.get(format!("{}/api/v2/api_tokens", text("url")));
        let list: Value = request
            .basic_auth(login, Some(text("admin_api_token")))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        list["api_tokens"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|token| token["description"] == name)
            .cloned()
            .collect()
    }

    pub(crate) async fn works(&self, secret: &str) -> u16 {
        let instance = &self.people["instances"][0];
        let url = format!("{}/api/v2/users/me", instance["url"].as_str().unwrap());
        let login = format!("{}/token", instance["admin_email"].as_str().unwrap());
        self.http.get(url).basic_auth(login, Some(secret)).send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn messages(&self, role: &str) -> Vec<Value> {
        let token = self.person(role)["slack_token"].as_str().unwrap();
        let base = format!("{}/slack/api", self.sandbox.address);
        let ask = |url: String| self.http.get(url).bearer_auth(token);
        let list: Value =
            ask(format!("{base}/conversations.list?types=im")).send().await.unwrap().json().await.unwrap();
        let mut messages = Vec::new();
        for channel in list["channels"].as_array().unwrap() {
            let url = format!("{base}/conversations.history?channel={}", channel["id"].as_str().unwrap());
            let history: Value = ask(url).send().await.unwrap().json().await.unwrap();
            messages.extend(history["messages"].as_array().unwrap().iter().cloned());
        }
        messages
    }
}

/// Starts the service of this folder.
fn serve(folder: &Path, listen: &str) -> Running {
    let mut serve = countersign();
    let config = folder.join("home").join("countersign.toml");
    serve.arg("serve").arg("--config").arg(config).args(["--listen", listen]);
    let log = folder.join("serve.log");
    if std::fs::read_to_string(folder.join("home").join("countersign.toml")).unwrap().contains("\"stdout\"") {
        return Running::start_into(&mut serve, &folder.join("stdout"), &log);
    }
    Running::start(&mut serve, &log)
}

/// The shipped template, filled in, ending well ahead of the machine's own date.
pub(crate) fn filled_in() -> String {
    let now = countersign::clock::Clock::now(&countersign::clock::SystemClock);
    let day = now.checked_add(jiff::SignedDuration::from_hours(24 * 20)).unwrap().to_string();
    let template = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/gitlab/API_Token_Request.md"),
    );
    template
        .unwrap()
        .replace("- [ ] Zendesk Global", "- [x] Zendesk Global")
        .replace("- [ ] API token", "- [x] API token")
        .replace("### Business purpose\n", "### Business purpose\n\nExport tickets.\n")
        .replace("### Why admin access is needed\n", "### Why admin access is needed\n\nAll groups.\n")
        .replace("### Remove on\n", &format!("### Remove on\n\n{}\n", &day[..10]))
}

pub(crate) fn secret_in(message: &Value) -> String {
    let blocks = message["blocks"].as_array().unwrap();
    blocks.iter().find_map(|block| block["elements"][0]["elements"][0]["text"].as_str()).unwrap().to_owned()
}

#[tokio::test]
async fn sandbox_setup_serve_and_revoke_as_processes() {
    let town = Town::build().await;
    let before = town
        .gitlab("requester", Method::POST, "issues", json!({"title": "early", "description": filled_in()}))
        .await;
    let first = town.set_up();
    assert!(first.contains("webhook") && first.contains("created"), "{first}");
    let second = town.set_up();
    assert!(second.lines().all(|line| line.ends_with("already there")), "{second}");

    let (iid, url) = town.opens(&filled_in()).await;
    town.comment_says(iid, "Waiting for the manager").await;
    for (role, label, why) in [
        ("provisioner", "provisioner-approved", "approves first"),
        ("colleague", "manager-approved", "only @kim"),
        ("requester", "manager-approved", "nobody approves an issue that they opened"),
    ] {
        town.labels(role, iid, label).await;
        town.comment_says(iid, why).await;
        assert_eq!(town.tokens(&url).await, Vec::<Value>::new());
    }
    town.labels("manager", iid, "manager-approved").await;
    town.comment_says(iid, "Waiting for the provisioner").await;
    town.labels("provisioner", iid, "provisioner-approved").await;
    town.comment_says(iid, "Access request: Active").await;
    assert_eq!(town.tokens(&url).await.len(), 1);
    let messages = town.messages("requester").await;
    assert_eq!(messages.len(), 1);
    let secret = secret_in(&messages[0]);
    assert_eq!(town.works(&secret).await, 200);

    let shown = town.command(&["show", &url]);
    let explained = town.command(&["explain", &url]);
    let revoked = town.command(&["revoke", &url, "--why", "no longer needed"]);
    assert_eq!(revoked.status.code(), Some(0), "{}", String::from_utf8_lossy(&revoked.stderr));
    assert_eq!(town.tokens(&url).await, Vec::<Value>::new());
    assert_eq!(town.works(&secret).await, 401);
    assert!(town.comment_says(iid, "Access request: Ended").await.contains("no longer needed"));
    assert_eq!(town.command(&["audit", "verify"]).status.code(), Some(0));

    let early = before["iid"].as_i64().unwrap();
    assert_eq!(town.notes(early).await, Vec::<String>::new(), "an issue older than the set-up is left alone");
    for output in [shown, explained, revoked] {
        for text in [output.stdout, output.stderr] {
            assert!(!String::from_utf8_lossy(&text).contains(&secret), "a command shows the secret");
        }
    }
    let folder = town.folder.path().to_owned();
    let Town { mut serve, database, .. } = town;
    #[cfg(unix)]
    assert_eq!(serve.terminate(), Some(0));
    let mut searched = database.contents().await;
    searched.push(("serve.log".to_owned(), std::fs::read(folder.join("serve.log")).unwrap()));
    for (place, content) in searched {
        let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the secret is in {place}");
    }
    database.remove().await;
}

/// The shipped template, filled in for a kind with scopes.
pub(crate) fn filled_in_for(kind: &str, days: i64) -> String {
    let now = countersign::clock::Clock::now(&countersign::clock::SystemClock);
    let day = now.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap().to_string();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/gitlab/API_Token_Request.md");
    std::fs::read_to_string(template)
        .unwrap()
        .replace("- [ ] Zendesk Global", "- [x] Zendesk Global")
        .replace(&format!("- [ ] {kind}"), &format!("- [x] {kind}"))
        .replace("### Business purpose\n", "### Business purpose\n\nExport tickets.\n")
        .replace("### Scopes\n", "### Scopes\n\ntickets:read\n")
        .replace("### Remove on\n", &format!("### Remove on\n\n{}\n", &day[..10]))
}

impl Town {
    /// Does what the command of a message does that hands over an OAuth client; the status and the access token.
    pub(crate) async fn fetches(&self, message: &Value) -> (u16, String) {
        let blocks = message["blocks"].as_array().unwrap();
        let literal = |block: &Value| block["elements"][0]["elements"][0]["text"].as_str().map(str::to_owned);
        let literals: Vec<String> = blocks.iter().filter_map(literal).collect();
        let [secret, command] = literals.as_slice() else { panic!("no secret and command in {message}") };
        let words: Vec<&str> = command.split([' ', '\'']).collect();
        let url = words.iter().find(|word| word.starts_with("http")).unwrap();
        let mut pairs: Vec<(&str, &str)> = words.iter().filter_map(|word| word.split_once('=')).collect();
        pairs.push(("client_secret", secret));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = self.http.post(*url).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let grant: Value = answer.json().await.unwrap();
        (status, grant["access_token"].as_str().unwrap_or_default().to_owned())
    }

    /// What Zendesk answers to an access token.
    async fn bears(&self, token: &str) -> u16 {
        let url = format!("{}/api/v2/tickets", self.people["instances"][0]["url"].as_str().unwrap());
        self.http.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    }

    /// A request from its opening to the message; the issue's address and what the requester got.
    pub(crate) async fn hands_over(&self, form: &str) -> (i64, String, Value) {
        let (iid, url) = self.opens(form).await;
        self.comment_says(iid, "Waiting for the manager").await;
        self.labels("manager", iid, "manager-approved").await;
        self.comment_says(iid, "Waiting for the provisioner").await;
        self.labels("provisioner", iid, "provisioner-approved").await;
        self.comment_says(iid, "Access request: Active").await;
        let messages = self.messages("requester").await;
        let of_this = |message: &&Value| message["text"].as_str().unwrap().ends_with(&url);
        let message = messages.iter().find(of_this).unwrap().clone();
        (iid, url, message)
    }

    /// Nothing of it is anywhere in what the service wrote.
    async fn is_nowhere(&self, secret: &str) {
        let mut searched = self.database.contents().await;
        searched.push(("serve.log".to_owned(), std::fs::read(self.folder.path().join("serve.log")).unwrap()));
        for (place, content) in searched {
            let there = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!there, "the secret is in {place}");
        }
    }
}

#[tokio::test]
async fn oauth_credentials_from_the_message_work_at_zendesk_until_they_are_revoked() {
    let town = Town::build().await;
    town.set_up();
    for (kind, days) in [("OAuth client", 20), ("Integration", 20), ("OAuth access token", 1)] {
        let (iid, url, message) = town.hands_over(&filled_in_for(kind, days)).await;
        let is_client = kind != "OAuth access token";
        let secret = secret_in(&message);
        let token = if is_client { town.fetches(&message).await.1 } else { secret.clone() };
        assert_eq!(town.bears(&token).await, 200, "{kind}");
        let revoked = town.command(&["revoke", &url, "--why", "no longer needed"]);
        assert_eq!(revoked.status.code(), Some(0), "{}", String::from_utf8_lossy(&revoked.stderr));
        town.comment_says(iid, "Access request: Ended").await;
        assert_eq!(town.bears(&token).await, 401, "{kind}");
        if is_client {
            assert_eq!(town.fetches(&message).await.0, 401);
        }
        town.is_nowhere(&secret).await;
    }
}

#[tokio::test]
async fn issues_that_are_no_requests_are_left_alone_labelled_or_not() {
    let town = Town::build().await;
    town.set_up();
    let (plain, _) = town.opens("We need more chairs.").await;
    town.labels("manager", plain, "manager-approved").await;
    town.labels("provisioner", plain, "provisioner-approved").await;
    // Webhooks are looked at in order of arrival: once a later request has its comment, these were looked at.
    let (request, _) = town.opens(&filled_in()).await;
    town.comment_says(request, "Waiting for the manager").await;
    assert_eq!(town.notes(plain).await, Vec::<String>::new());
    assert_eq!(town.issue_labels(plain).await, json!(["manager-approved", "provisioner-approved"]));
}

#[test]
fn the_demo_comes_true_and_tells_when_a_vendor_refuses() {
    let story = countersign().args(["demo", "--once"]).output().unwrap();
    let told = String::from_utf8_lossy(&story.stdout);
    assert_eq!(story.status.code(), Some(0), "{told}\n{}", String::from_utf8_lossy(&story.stderr));
    assert!(told.contains("The story came true."), "{told}");
    for (vendor, words) in [
        ("gitlab", "GitLab does not show who applied the labels"),
        ("zendesk", "Zendesk refuses to create this credential"),
        ("slack", "Slack refuses to deliver the message"),
    ] {
        let story = countersign().args(["demo", "--once", "--break", vendor]).output().unwrap();
        let told = String::from_utf8_lossy(&story.stdout);
        assert_eq!(story.status.code(), Some(1), "{told}");
        assert!(told.contains(words), "{told}");
        assert!(told.contains("API tokens named with the issue's URL at Zendesk: 0"), "{told}");
    }
}

#[test]
fn every_fault_of_the_configuration_is_a_line_and_the_status_is_two() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, "[gitlab]\nurl = \"nonsense\"\ntypo = 1\n[policy]\nzone = \"Mars\"\n").unwrap();
    let ended = countersign().arg("serve").arg("--config").arg(&file).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let told = String::from_utf8(ended.stderr).unwrap();
    for key in
        ["gitlab.url", "gitlab.typo", "gitlab.projects", "policy.zone", "slack.token_file", "instances"]
    {
        assert!(told.lines().any(|line| line.contains(key)), "{key} is not in\n{told}");
    }
    assert!(ended.stdout.is_empty());
}

#[tokio::test]
async fn the_inventory_a_leak_and_the_campaign_as_processes() {
    let town = Town::build().await;
    town.set_up();
    let (iid, url) = town.opens(&filled_in()).await;
    town.comment_says(iid, "Waiting for the manager").await;
    town.labels("manager", iid, "manager-approved").await;
    town.comment_says(iid, "Waiting for the provisioner").await;
    town.labels("provisioner", iid, "provisioner-approved").await;
    town.comment_says(iid, "Access request: Active").await;
    let secret = secret_in(&town.messages("requester").await[0]);

    let json = town.command(&["inventory", "--instance", "global", "--format", "json"]);
    assert_eq!(json.status.code(), Some(0), "{}", String::from_utf8_lossy(&json.stderr));
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    let lines = document["instances"][0]["credentials"].as_array().unwrap();
    let ours = lines.iter().find(|line| line["name"] == url.as_str()).unwrap();
    assert_eq!((&ours["standing"], &ours["findings"]), (&json!("ours"), &json!([])));
    let fine = town.command(&["inventory", "--fail-on", "orphan,zombie,missing", "--format", "csv"]);
    assert_eq!(fine.status.code(), Some(0));
    assert_eq!(town.command(&["inventory", "--fail-on", "foreign"]).status.code(), Some(4));
    assert_eq!(town.command(&["inventory", "--fail-on", "nonsense"]).status.code(), Some(2));
    assert_eq!(town.command(&["inventory", "--instance", "nowhere"]).status.code(), Some(2));
    let orphans = town.command(&["inventory", "--take-away", "orphans", "--yes"]);
    assert_eq!(orphans.status.code(), Some(0), "{}", String::from_utf8_lossy(&orphans.stderr));
    let plan = town.command(&["retire", "plan"]);
    assert!(String::from_utf8_lossy(&plan.stdout).contains(&url));

    let mut whose = countersign();
    whose
        .args(["whose", "--stdin", "--revoke", "--why", "leaked", "--config"])
        .arg(town.home("countersign.toml"));
    let mut whose =
        whose.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut whose.stdin.take().unwrap(), secret.as_bytes()).unwrap();
    let whose = whose.wait_with_output().unwrap();
    let told = String::from_utf8(whose.stdout.clone()).unwrap();
    assert_eq!(whose.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&whose.stderr));
    assert!(told.contains(&url) && told.contains("@robin") && told.contains("@kim"), "{told}");
    assert_eq!(town.works(&secret).await, 401);
    for output in [json, fine, orphans, plan, whose] {
        for text in [output.stdout, output.stderr] {
            assert!(!String::from_utf8_lossy(&text).contains(&secret), "a command shows the secret");
        }
    }
}

impl Town {
    /// The most memory, in KiB, that an inventory written by the program as it is shipped took; and its lines.
    #[cfg(target_os = "linux")]
    async fn fills(&self, mut what: Value) {
        what["instance"] = json!("global");
        let url = format!("{}/control/fill", self.sandbox.address);
        assert!(self.http.post(url).json(&what).send().await.unwrap().status().is_success());
    }

    /// The most memory it ever had in KiB, and its lines: as many as a pipe does not hold, so that it is alive while
    /// they are read.
    fn peak_of_inventory(&self) -> (u64, usize) {
        let mut command = countersign();
        command.args(["inventory", "--instance", "global", "--format", "csv", "--config"]);
        let mut child = command.arg(self.home("countersign.toml")).stdout(Stdio::piped()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let (mut peak, mut lines) = (0, 0);
        // The peak never falls, so what is seen with the last lines is it.
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            line.unwrap();
            lines += 1;
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let said = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let said = said.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = peak.max(said.unwrap_or(0));
        }
        assert!(child.wait().unwrap().success());
        (peak, lines)
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_inventory_of_thousands_takes_hardly_more_memory_than_that_of_one() {
    let town = Town::build().await;
    town.set_up();
    town.fills(json!({"clients": 1_000})).await;
    let (few, lines) = town.peak_of_inventory();
    assert!((1_000..1_020).contains(&lines) && few > 0, "{lines} lines, {few} KiB");
    town.fills(json!({"api_tokens": 2_046, "clients": 3_999, "tokens_of_each_client": 1})).await;
    let (peak, lines) = town.peak_of_inventory();
    assert!(lines > 11_000, "{lines} lines");
    assert!(peak < few + 8 * 1024, "{peak} KiB for {lines} lines, and {few} KiB for a thousand");
}
