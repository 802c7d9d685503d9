//! A directory that `countersign serve` can run from, against this sandbox.
//!
//! The configuration, the directory of people, and every secret in a file of its own that only its owner can
//! read. `people.json` is for whoever plays the people.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::clock::Pace;
use crate::sandbox::Sandbox;
use crate::sandbox::seed::{BOT, CAST, CLIENT, INTEGRATION, PROJECT};
use crate::sandbox::webhooks::lock;
use crate::sandbox::world::{Account, World};

/// Writes the directory; files that are there are replaced.
pub fn write(sandbox: &Sandbox, directory: &Path) -> io::Result<()> {
    write_for(&lock(&sandbox.world), directory)
}

/// The same for a world without a server.
pub(crate) fn write_for(world: &World, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("countersign.toml"), configuration(world))?;
    std::fs::write(directory.join("directory.toml"), directory_of_people())?;
    let people = serde_json::to_string_pretty(&people(world)).unwrap_or_default();
    let mut secrets = vec![
        ("audit.key", world.random_key()),
        ("webhook.tokens", format!("whsec_{}", world.random_key())),
        ("gitlab.token", gitlab_token(world, BOT)),
        ("maintainer.token", gitlab_token(world, 108)),
        ("slack.token", slack_token(world, |person| person.bot_id.is_some())),
        ("people.json", people),
    ];
    if let Some(account) = world.zendesk.get("global") {
        let client = account.clients.values().find(|client| client.identifier == CLIENT);
        secrets
            .push(("zendesk-global.secret", client.map(|client| client.secret.clone()).unwrap_or_default()));
    }
    if let Some(account) = world.zendesk.get("us-government") {
        secrets.push(("zendesk-us-government.token", token_of(account, INTEGRATION)));
    }
    secrets.iter().try_for_each(|(name, secret)| write_privately(&directory.join(name), secret))
}

fn write_privately(path: &Path, content: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        options.mode(0o600);
        if path.exists() {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        }
    }
    writeln!(options.open(path)?, "{content}")
}

fn gitlab_token(world: &World, user_id: u64) -> String {
    let mut tokens = world.gitlab.tokens.iter();
    tokens.find(|token| token.user_id == user_id).map(|token| token.token.clone()).unwrap_or_default()
}

fn slack_token(world: &World, whose: impl Fn(&crate::sandbox::world::Person) -> bool) -> String {
    let mut people = world.slack.people.iter();
    people.find(|person| whose(person)).map(|person| person.token.clone()).unwrap_or_default()
}

/// The first live API token made by the user with this address.
fn token_of(account: &Account, email: &str) -> String {
    let user = account.agents.iter().find(|agent| agent.email == email).map(|agent| agent.id);
    let mut tokens = account.tokens.values();
    tokens.find(|token| Some(token.user_id) == user).map(|token| token.secret.clone()).unwrap_or_default()
}

/// The content of `people.json`.
pub(crate) fn people(world: &World) -> Value {
    let people: Vec<Value> = CAST
        .iter()
        .map(|character| {
            let person = world.slack.people.iter().find(|person| person.name == character.username);
            json!({
                "role": character.role, "username": character.username, "name": character.name,
                "gitlab_id": character.id, "email": character.email(),
                "gitlab_token": gitlab_token(world, character.id),
                "slack_id": person.map(|person| &person.id), "slack_token": person.map(|person| &person.token),
            })
        })
        .collect();
    let instances: Vec<Value> = world
        .zendesk
        .values()
        .map(|account| {
            let email = format!("admin-{}@example.com", account.key);
            json!({
                "key": account.key, "name": account.name, "url": format!("{}/zendesk/{}", world.base_url, account.key),
                "admin_api_token": token_of(account, &email), "admin_email": email,
            })
        })
        .collect();
    let project = world.gitlab.projects.get(&PROJECT).map(|project| &project.full_path);
    json!({"project": {"id": PROJECT, "path": project}, "people": people, "instances": instances})
}

fn configuration(world: &World) -> String {
    let base = &world.base_url;
    let mut text = format!(
        r#"# Written by `countersign sandbox`. Nothing in it is real.

[server]
listen = "127.0.0.1:8080"

[store]
url = "countersign.db"

[audit]
key_file = "audit.key"

[gitlab]
url = "{base}/gitlab"
projects = ["company/access-requests"]
token_file = "gitlab.token"

[gitlab.webhook]
signing_tokens_file = "webhook.tokens"

[directory]
file = "directory.toml"

[slack]
url = "{base}/slack/api"
token_file = "slack.token"
"#
    );
    if let Some(Pace { times, since }) = world.clock.pace() {
        text.extend([format!("\n[clock]\npace = {times}\nsince = \"{since}\"\n")]);
    }
    let logins = [
        (
            "global",
            format!(
                "kind = \"oauth\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"zendesk-global.secret\""
            ),
        ),
        (
            "us-government",
            format!(
                "kind = \"api_token\"\nemail = \"{INTEGRATION}\"\ntoken_file = \"zendesk-us-government.token\""
            ),
        ),
    ];
    for (key, login) in logins {
        let offer = if key == "global" {
            "kinds = [\"oauth_client\", \"oauth_token\", \"api_token\"]\nintegrations = true\nintegration_user = 9003"
        } else {
            "kinds = [\"api_token\", \"oauth_token\"]"
        };
        let name = world.zendesk.get(key).map_or("", |account| &account.name);
        text.extend([format!(
            "\n[[instances]]\nkey = \"{key}\"\nname = \"{name}\"\nurl = \"{base}/zendesk/{key}\"\n\
             {offer}\n# Not after a week, so that a story ends on its day.\ndelete_after_days = 0\nprovisioners = [104]\n\n[instances.login]\n{login}\n"
        )]);
    }
    text
}

/// Who manages whom. The newcomer has no manager, nor has the owner.
fn directory_of_people() -> String {
    let mut text = "# Written by `countersign sandbox`: who people are and who manages them.\n".to_owned();
    for character in &CAST {
        let (name, email, id) = (character.name, character.email(), character.id);
        text.extend([format!("\n[[people]]\nname = \"{name}\"\nemail = \"{email}\"\ngitlab_id = {id}\n")]);
        match character.role {
            "requester" | "colleague" | "guest" | "contractor" => text.push_str("manager = 102\n"),
            "manager" | "provisioner" | "maintainer" => text.push_str("manager = 107\n"),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use crate::sandbox::testing::Stage;

    #[tokio::test]
    async fn every_secret_the_configuration_names_is_a_private_file() {
        let stage = Stage::set().await;
        let directory = tempfile::tempdir().unwrap();
        super::write(&stage.sandbox, directory.path()).unwrap();
        super::write(&stage.sandbox, directory.path()).unwrap();
        let text = std::fs::read_to_string(directory.path().join("countersign.toml")).unwrap();
        let configuration: toml::Table = text.parse().unwrap();
        assert_eq!(configuration["gitlab"]["url"].as_str(), Some(stage.sandbox.gitlab_url().as_str()));
        let named: Vec<&str> =
            text.lines().filter_map(|line| line.split_once("_file = \"")?.1.strip_suffix('"')).collect();
        assert_eq!(named.len(), 6);
        for name in named {
            let path = directory.path().join(name);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
            assert!(std::fs::read_to_string(&path).unwrap().trim().len() > 20, "{name}");
        }
    }

    #[tokio::test]
    async fn the_newcomer_has_no_manager_and_the_requester_has_kim() {
        let directory: toml::Table = super::directory_of_people().parse().unwrap();
        let manager = |id: i64| {
            let people = directory["people"].as_array().unwrap();
            let person = people.iter().find(|person| person["gitlab_id"].as_integer() == Some(id)).unwrap();
            person.get("manager").and_then(toml::Value::as_integer)
        };
        assert_eq!((manager(101), manager(109)), (Some(102), None));
    }
}
