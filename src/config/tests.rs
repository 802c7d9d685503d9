//! The configuration as an operator meets it: the example, the defaults, and what each mistake is told.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::domain::ids::{Email, ProjectId, UserId};
use crate::domain::terms::Kind;
use crate::key::Key;

const EXAMPLE: &str = include_str!("../../deploy/config.example.toml");

/// The least that an operator must write.
pub(super) const LEAST: &str = r#"
[gitlab]
url = "https://gitlab.example.com"
projects = ["company/access-requests"]
[directory]
file = "directory.toml"
[[instances]]
key = "global"
name = "Zendesk Global"
url = "https://company.zendesk.com"
kinds = ["api_token"]
provisioners = [104]
[instances.login]
kind = "oauth"
client_id = "countersign"
"#;

pub(super) fn variables() -> Vec<(&'static str, String)> {
    let signing_token = |byte| format!("whsec_{}", STANDARD.encode([byte; 32]));
    vec![
        ("COUNTERSIGN_AUDIT_KEY", STANDARD.encode([1; 32])),
        ("COUNTERSIGN_GITLAB_TOKEN", "glpat-secret".to_owned()),
        ("COUNTERSIGN_WEBHOOK_SIGNING_TOKENS", format!("{} {}", signing_token(2), signing_token(3))),
        ("COUNTERSIGN_SLACK_TOKEN", "xoxb-secret".to_owned()),
        ("COUNTERSIGN_ZENDESK_GLOBAL_CLIENT_SECRET", "client-secret".to_owned()),
    ]
}

pub(super) fn load_with(
    text: &str,
    variables: Vec<(&'static str, String)>,
) -> Result<(Config, PathBuf), Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, text).unwrap();
    let faults = |faults: Faults| faults.0.iter().map(ToString::to_string).collect::<Vec<_>>();
    let config = Config::load(&path, &Environment::from_pairs(variables)).map_err(faults)?;
    Ok((config, folder.path().to_owned()))
}

/// What the least configuration is told when `from` in it reads `to`.
fn faults_of(from: &str, to: &str) -> Vec<String> {
    assert!(LEAST.contains(from), "{from}");
    load_with(&LEAST.replacen(from, to, 1), variables()).err().unwrap_or_default()
}

/// What the least configuration is told with this behind it.
fn faults_with(more: &str) -> Vec<String> {
    load_with(&format!("{LEAST}\n{more}"), variables()).err().unwrap_or_default()
}

/// What the least configuration is told when this variable is set so.
fn faults_by(name: &'static str, value: &str) -> Vec<String> {
    let mut variables = variables();
    variables.retain(|(known, _)| *known != name);
    variables.push((name, value.to_owned()));
    load_with(LEAST, variables).err().unwrap_or_default()
}

#[test]
fn the_least_configuration_takes_the_defaults() {
    let (config, folder) = load_with(LEAST, variables()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.log, Log { format: LogFormat::Text, filter: "info".to_owned() });
    let Store::Sqlite(file) = &config.store else { panic!("a file") };
    assert_eq!(*file, folder.join("countersign.db"));
    assert_eq!(config.directory.cache_for, jiff::SignedDuration::from_mins(5));
    let DirectorySource::File(file) = &config.directory.source else { panic!("a file") };
    assert_eq!(*file, folder.join("directory.toml"));
    assert_eq!(config.audit.key.expose(), [1; 32]);
    assert_eq!(config.gitlab.url.as_str(), "https://gitlab.example.com/");
    assert_eq!(config.gitlab.projects, [ProjectName::Path("company/access-requests".to_owned())]);
    assert_eq!(config.gitlab.token.expose(), "glpat-secret");
    assert_eq!(config.gitlab.sweep_every, jiff::SignedDuration::from_mins(5));
    let keys: Vec<&[u8]> = config.gitlab.webhook.signing_tokens.iter().map(Key::expose).collect();
    assert_eq!(keys, [[2; 32], [3; 32]]);
    assert!(config.gitlab.webhook.token.is_none());
    assert_eq!(config.labels.denied, None);
    assert_eq!(config.form.titles.remove_on, ["Remove on"]);
    assert_eq!(config.policy.max_lifetime_days, 365);
    assert_eq!(config.policy.on_incomplete, OnIncomplete::Close);
    assert_eq!(config.slack.url.as_str(), "https://slack.com/api");
    let [instance] = config.instances.as_slice() else { panic!("one instance") };
    assert_eq!(instance.kinds, [Kind::ApiToken]);
    assert_eq!(instance.provisioners, BTreeSet::from([UserId(104)]));
    assert_eq!(instance.name_template, None);
    let Login::OAuth { client_id, client_secret, scope } = &instance.login else { panic!("oauth") };
    assert_eq!(
        (client_id.as_str(), client_secret.expose(), scope.as_str()),
        ("countersign", "client-secret", "read write")
    );
}

#[test]
fn no_secret_is_shown() {
    let (config, _) = load_with(LEAST, variables()).unwrap();
    let shown = format!("{config:?}");
    for (_, value) in variables() {
        assert!(!shown.contains(&value), "{value}");
    }
    assert!(!shown.contains("[1, 1, 1"), "{shown}");
}

/// The example's folder with every file of secrets that it names, and the example itself as `text`.
fn example_folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("config.toml", text);
    write("ldap-ca.pem", "-----BEGIN CERTIFICATE-----\n");
    write("audit.key", &format!("{}\n", STANDARD.encode([1; 32])));
    write("webhook.tokens", &format!("whsec_{0}\nwhsec_{0}\n", STANDARD.encode([2; 32])));
    for name in [
        "gitlab.token",
        "webhook.token",
        "slack.token",
        "zendesk-global.secret",
        "zendesk-us-government.token",
        "ldap.password",
        "scim.token",
        "store.password",
    ] {
        write(name, &format!("secret-of-{name}\n"));
    }
    folder
}

/// The example with its commented keys in force.
fn example_in_full() -> String {
    let is_key = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        line.contains(" = ") && name.chars().all(|one| one.is_ascii_lowercase() || one == '_')
    };
    let is_table = |line: &str| {
        (line.starts_with("[directory.") || line.starts_with("[[instances.")) && line.ends_with(']')
    };
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(inside) if is_key(inside) || is_table(inside) => inside,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_loads_once_its_secrets_are_there() {
    let folder = example_folder(EXAMPLE);
    let config = Config::load(&folder.path().join("config.toml"), &Environment::default()).unwrap();
    let [global, government] = config.instances.as_slice() else { panic!("two instances") };
    assert_eq!(global.key, "global");
    let Login::ApiToken { email, token } = &government.login else { panic!("api_token") };
    assert_eq!(*email, Email("integration@example.com".to_owned()));
    assert_eq!(token.expose(), "secret-of-zendesk-us-government.token");
}

#[test]
fn the_example_loads_with_its_commented_keys_too() {
    let folder = example_folder(&example_in_full());
    let config = Config::load(&folder.path().join("config.toml"), &Environment::default()).unwrap();
    assert_eq!(config.labels.denied.as_deref(), Some("request-denied"));
    assert_eq!(config.instances[0].name_template.as_deref(), Some("{issue_url} {requester}"));
    assert_eq!(config.gitlab.webhook.token.unwrap().expose(), "secret-of-webhook.token");
}

/// Every dotted key of a table, with `[]` for any index.
fn keys_of(table: &Table, path: &str, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let key = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Table(table) => keys_of(table, &key, keys),
            Value::Array(elements) => {
                elements
                    .iter()
                    .filter_map(Value::as_table)
                    .for_each(|table| keys_of(table, &format!("{key}[]"), keys));
            }
            _ => {}
        }
        keys.insert(key);
    }
}

#[test]
fn the_example_has_every_key_that_is_known_and_no_other() {
    let given: Table = toml::from_str(&example_in_full()).unwrap();
    let mut written = BTreeSet::new();
    keys_of(&given, "", &mut written);
    let environment = Environment::default();
    let origin = Origin { folder: Path::new("/nonexistent"), environment: &environment };
    let (_, gathered) = Config::read(given, origin);
    assert_eq!(gathered.known, written);
}

#[test]
fn the_example_shows_the_defaults() {
    let example: Table = toml::from_str(EXAMPLE).unwrap();
    let defaults: Table = toml::from_str(DEFAULTS).unwrap();
    let mut overlaid = example.clone();
    overlay(&mut overlaid, defaults);
    assert_eq!(overlaid, example);
}

#[test]
fn the_example_names_every_variable() {
    let others = ["COUNTERSIGN_LDAP_PASSWORD", "COUNTERSIGN_SCIM_TOKEN"];
    for name in variables().into_iter().map(|(name, _)| name).chain(others) {
        assert!(EXAMPLE.contains(&format!("{name},")) || EXAMPLE.contains(&format!("{name} (")), "{name}");
        assert!(EXAMPLE.contains(&format!("{name}_FILE")), "{name}_FILE");
    }
}

#[test]
fn an_empty_file_is_told_all_that_is_missing() {
    let faults = load_with("", Vec::new()).unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "audit.key_file",
            "gitlab.url",
            "gitlab.projects",
            "gitlab.token_file",
            "gitlab.webhook",
            "directory.file",
            "slack.token_file",
            "instances",
        ]
    );
    assert!(
        faults[3].contains("COUNTERSIGN_GITLAB_TOKEN, COUNTERSIGN_GITLAB_TOKEN_FILE or this key"),
        "{faults:?}"
    );
}

#[test]
fn each_mistake_is_told_with_its_key() {
    for (from, to, expected) in [
        ("url = \"https://g", "url = \"http://g", "gitlab.url: must begin with https://"),
        ("[\"company/access-requests\"]", "[]", "gitlab.projects: is empty"),
        ("[\"company/access-requests\"]", "[\"requests\"]", "gitlab.projects[0]: is neither"),
        ("[\"company/access-requests\"]", "[0]", "gitlab.projects[0]: is neither"),
        ("[\"company/access-requests\"]", "[7, \"7\"]", "gitlab.projects[1]: is the same as projects[0]"),
        ("[\"company/access-requests\"]", "[\"a/b\", \"A/B\"]", "gitlab.projects[1]: is the same as"),
        ("file = ", "fil = ", "directory.file: is missing"),
        ("key = \"global\"", "key = \"Global\"", "instances[0].key: must be lower-case"),
        ("key = \"global\"", "key = \"a_b\"", "instances[0].key: must be lower-case"),
        ("url = \"https://c", "url = \"c", "instances[0].url: is not an address"),
        (
            "[\"api_token\"]",
            "[\"password\"]",
            "instances[0].kinds[0]: is not a kind of credential; there are api_token, oauth_client, oauth_token",
        ),
        ("[\"api_token\"]", "[]", "instances[0].kinds: is empty"),
        ("[104]", "[\"kim\"]", "instances[0].provisioners[0]: is not a numeric GitLab user id"),
        ("[104]", "104", "instances[0].provisioners: must be an array, but its type is integer"),
        ("kind = \"oauth\"", "kind = \"basic\"", "instances[0].login.kind: must be"),
        ("client_id = \"countersign\"", "client_id = \"\"", "instances[0].login.client_id: is empty"),
        ("client_id", "email = \"a@b\"\nclient_id", "instances[0].login.email: is not a key"),
    ] {
        let faults = faults_of(from, to);
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{to}: {faults:?}");
    }
}

#[test]
fn each_mistake_in_place_of_a_default_is_told_with_its_key() {
    for (more, expected) in [
        ("[server]\nlisten = '8080'", "server.listen: is not an address with a port"),
        ("[server]\nport = 1", "server.port: is not a key"),
        ("[servers]", "servers: is not a key"),
        ("[log]\nformat = 'xml'", "log.format: must be \"text\" or \"json\""),
        ("[log]\nfilter = 'a=b=c'", "log.filter: is not a filter"),
        ("[labels]\nmanager = 'a,b'", "labels.manager: must not contain a comma"),
        (
            "[labels]\nprovisioner = 'Manager-Approved'",
            "labels.provisioner: is the same label as labels.manager",
        ),
        ("[labels]\ndenied = 'manager-approved'", "labels.denied: is the same label as labels.manager"),
        (
            "[labels]\nmanager = 'a::b'\nprovisioner = 'a::c'",
            "labels.provisioner: has the scope of labels.manager",
        ),
        (
            "[labels]\nmanager = 'x::a::b'\ndenied = 'x::a::c'",
            "labels.denied: has the scope of labels.manager",
        ),
        ("[form]\nmarker = \"a\\nb\"", "form.marker: must be one line"),
        ("[form.titles]\nkind = []", "form.titles.kind: is empty"),
        (
            "[form.titles]\nkind = ['remove ON:']",
            "form.titles.remove_on[0]: is the same title as form.titles.kind[0]",
        ),
        ("[form.titles]\nreason = ['Why']", "form.titles.reason: is not a key"),
        ("[policy]\nzone = 'Europe/Nowhere'", "policy.zone: is not a time zone"),
        ("[policy]\nmax_lifetime_days = 0", "policy.max_lifetime_days: must be between 1 and"),
        ("[policy]\napproval_max_age_days = -1", "policy.approval_max_age_days: must be between 1 and"),
        ("[policy]\npending_max_days = '30'", "policy.pending_max_days: must be a whole number"),
        ("[policy]\nminimum_access_level = 0", "policy.minimum_access_level: must be between 10 and 50"),
        ("[policy]\non_incomplete = 'ignore'", "policy.on_incomplete: must be \"close\" or \"ask\""),
        ("[policy]\nname_template = 'x'", "policy.name_template: must contain {issue_url}"),
        ("[slack]\nurl = 'http://slack.com/api'", "slack.url: must begin with https://"),
    ] {
        let faults = faults_with(more);
        assert_eq!(faults.len(), 1, "{more}: {faults:?}");
        assert!(faults[0].starts_with(expected), "{more}: {faults:?}");
    }
}

#[test]
fn labels_of_different_scopes_are_fine() {
    assert!(
        faults_with("[labels]\nmanager = 'a::ok'\nprovisioner = 'b::ok'\ndenied = 'a::b::no'").is_empty()
    );
}

#[test]
fn a_twin_of_an_instance_is_told_even_if_it_has_other_faults() {
    let faults = faults_with("[[instances]]\nkey = 'global'\nname = 'zendesk GLOBAL'");
    assert!(faults.contains(&"instances[1].key: is the same as instances[0].key".to_owned()), "{faults:?}");
    assert!(faults.contains(&"instances[1].name: is the same as instances[0].name".to_owned()), "{faults:?}");
    assert!(faults.contains(&"instances[1].url: is missing".to_owned()), "{faults:?}");
    assert!(faults.contains(&"instances[1].login.kind: is missing".to_owned()), "{faults:?}");
}

#[test]
fn keys_that_verify_anything_are_refused() {
    let audit = faults_by("COUNTERSIGN_AUDIT_KEY", &STANDARD.encode([1; 31]));
    assert_eq!(audit, ["audit.key_file: its secret holds fewer than 32 bytes"]);
    let audit = faults_by("COUNTERSIGN_AUDIT_KEY", "glpat-no-base64!");
    assert_eq!(audit.len(), 1);
    assert!(audit[0].contains("base64") && !audit[0].contains("glpat"), "{audit:?}");

    let good = format!("whsec_{}", STANDARD.encode([1; 32]));
    for (tokens, expected) in [
        ("whsec_".to_owned(), "its signing token 1 holds fewer than 24 bytes"),
        (format!("{good} plain"), "its signing token 2 must begin with `whsec_`"),
        (format!("{good}\nwhsec_?"), "its signing token 2 is not base64"),
        (" ".to_owned(), "COUNTERSIGN_WEBHOOK_SIGNING_TOKENS is set, but is empty"),
    ] {
        let faults = faults_by("COUNTERSIGN_WEBHOOK_SIGNING_TOKENS", &tokens);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].starts_with(&format!("gitlab.webhook.signing_tokens_file: {expected}")),
            "{faults:?}"
        );
    }
}

#[test]
fn a_plain_token_alone_is_enough_and_nothing_is_not() {
    let mut variables = variables();
    variables.retain(|(name, _)| *name != "COUNTERSIGN_WEBHOOK_SIGNING_TOKENS");
    let none = load_with(LEAST, variables.clone()).unwrap_err();
    assert_eq!(none.len(), 1);
    assert!(none[0].starts_with("gitlab.webhook: has neither"), "{none:?}");
    variables.push(("COUNTERSIGN_WEBHOOK_TOKEN", "plain".to_owned()));
    let (config, _) = load_with(LEAST, variables).unwrap();
    assert_eq!(config.gitlab.webhook.token.unwrap().expose(), "plain");
}

#[test]
fn a_part_of_a_section_leaves_the_other_defaults() {
    let (config, _) = load_with(&format!("{LEAST}\n[policy]\non_incomplete = 'ask'"), variables()).unwrap();
    assert_eq!(config.policy.on_incomplete, OnIncomplete::Ask);
    assert_eq!(config.policy.pending_max_days, 30);
}

#[test]
fn projects_may_be_numbers() {
    let text = LEAST.replace("[\"company/access-requests\"]", "[7, \"8\"]");
    let (config, _) = load_with(&text, variables()).unwrap();
    assert_eq!(config.gitlab.projects, [ProjectName::Id(ProjectId(7)), ProjectName::Id(ProjectId(8))]);
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_one_fault() {
    let environment = Environment::default();
    let missing = Config::load(Path::new("/nonexistent/config.toml"), &environment).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "config: /nonexistent/config.toml: cannot be read: there is no such file"
    );
    let broken = load_with("[server]\nlisten = \n", Vec::new()).unwrap_err();
    assert_eq!(broken.len(), 1);
    assert!(broken[0].contains("config.toml: line 2: "), "{broken:?}");
}

#[test]
fn faults_are_shown_one_a_line() {
    let fault = |key: &str| Fault { key: key.to_owned(), message: "is missing".to_owned() };
    let faults = Faults(vec![fault("a.b"), fault("c")]);
    assert_eq!(faults.to_string(), "config: a.b: is missing\nconfig: c: is missing");
}

#[test]
fn time_runs_faster_only_where_every_vendor_is_this_machine() {
    let faults = faults_with("[clock]\npace = 60\nsince = \"2026-12-01T09:00:00Z\"\n");
    assert_eq!(
        faults,
        ["clock.pace: must be 1: a vendor is another machine, and only the sandbox can keep pace"]
    );
    assert_eq!(
        faults_with("[clock]\npace = 60\n"),
        ["clock.since: is missing: since when does time run faster?"]
    );
    let local = LEAST.replace("https://gitlab.example.com", "http://127.0.0.1:1/gitlab");
    let local = local.replace("https://company.zendesk.com", "http://127.0.0.1:1/zendesk");
    let text = format!(
        "{local}\n[slack]\nurl = \"http://127.0.0.1:1/slack\"\n[clock]\npace = 60\nsince = \"2026-12-01T09:00:00Z\"\n"
    );
    assert_eq!(load_with(&text, variables()).unwrap().0.clock.pace.unwrap().times, 60);
}
