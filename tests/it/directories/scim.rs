//! SCIM, against a server of the Python SCIM project.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::server::{Server, free_port, program};
use super::with_directory;
use crate::harness::House;

const TOKEN: &str = "a-token-that-may-read-users";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

struct Service {
    /// Kept for its end.
    _server: Server,
    folder: tempfile::TempDir,
    url: String,
    http: reqwest::Client,
}

impl Service {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let program = program("scim2-server", &[])?;
        for _ in 0..5 {
            let port = free_port();
            let mut command = Command::new(&program);
            command.args(["--port", &port.to_string(), "--bearer-token", TOKEN]);
            let server = Server::start(command.stdout(Stdio::null()).stderr(Stdio::null()), port);
            if let Some(server) = server {
                let folder = tempfile::tempdir().unwrap();
                std::fs::write(folder.path().join("token"), TOKEN).unwrap();
                let url = format!("http://127.0.0.1:{port}/v2");
                return Some(Self { _server: server, folder, url, http: reqwest::Client::new() });
            }
        }
        panic!("scim2-server does not start");
    }

    /// Makes a user; their id.
    async fn knows(&self, name: &str, manager: Option<&str>, active: bool) -> String {
        let mut user = json!({
            "schemas": [CORE, ENTERPRISE], "userName": name, "displayName": format!("{name} of SCIM"), "active": active,
            "emails": [
                {"value": format!("{name}@home.example"), "type": "home"},
                {"value": format!("{name}@example.com"), "type": "work", "primary": true},
            ],
        });
        if let Some(manager) = manager {
            user[ENTERPRISE] = json!({"manager": {"value": manager}});
        }
        let request = self.http.post(format!("{}/Users", self.url)).bearer_auth(TOKEN);
        let request = request.header("content-type", "application/scim+json").body(user.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let made: Value = answer.json().await.unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    fn section(&self) -> String {
        let file = self.folder.path().join("token");
        format!(
            "[directory]\nkind = \"scim\"\n\n[directory.scim]\nurl = \"{}\"\ntoken_file = \"{}\"\n",
            self.url,
            file.display()
        )
    }
}

#[tokio::test]
async fn the_manager_by_scim_approves_and_a_token_is_made() {
    let Some(service) = Service::start() else { return };
    let kim = service.knows("kim", None, true).await;
    service.knows("robin", Some(&kim), true).await;
    let house = House::open_with(|text| with_directory(text, &service.section())).await;
    let iid = house.approved().await;
    house.has_exactly_one(iid).await;
    assert!(house.pinned().await.iter().any(|pin| pin["entry"] == kim.as_str() && pin["gitlab_id"] == 102));
    house.leave().await;
}

#[tokio::test]
async fn each_doubt_of_the_service_is_said_and_nothing_is_issued() {
    let Some(service) = Service::start() else { return };
    let oda = service.knows("oda", None, false).await;
    service.knows("robin", Some(&oda), true).await;
    service.knows("casey", Some("nobody-has-this-id"), true).await;
    service.knows("nova", None, true).await;
    service.knows("gil", None, false).await;
    let house = House::open_with(|text| with_directory(text, &service.section())).await;
    for (role, expected) in [
        ("requester", "The directory says that the manager has left"),
        ("colleague", "The directory does not know the manager"),
        ("newcomer", "The directory names no manager for the requester"),
        ("guest", "The directory says that the requester has left"),
        ("maintainer", "The directory does not know the requester"),
    ] {
        let comment = house.doubt_about(role).await;
        assert!(comment.contains(expected), "{role}: {comment}");
    }
    house.leave().await;
}

#[tokio::test]
async fn a_service_that_refuses_our_token_is_unreachable() {
    let Some(service) = Service::start() else { return };
    std::fs::write(service.folder.path().join("token"), "another-token").unwrap();
    let house = House::open_with(|text| with_directory(text, &service.section())).await;
    let comment = house.doubt_about("requester").await;
    assert!(comment.contains("The directory cannot be read: an operator must mend it."), "{comment}");
    house.leave().await;
}
