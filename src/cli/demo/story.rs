//! The story, step by step: what each person does, and what is then to be seen.

use std::time::Duration;

use jiff::{SignedDuration, ToSpan as _};
use serde_json::{Value, json};

use super::people::{Person, Place};
use super::stage::Stage;
use crate::cli::output::{Failure, data};
use crate::domain::comment::unsealed;
use crate::domain::snapshot::Vendor;

/// What should happen is waited for this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// What should not happen is given this long to happen all the same.
const VIGIL: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(40);
/// The instance that still creates API tokens.
const INSTANCE: &str = "global";

/// The story on its stage.
pub(super) struct Story<'a> {
    pub(super) stage: &'a Stage,
    pub(super) pause: Duration,
}

/// The issue the story is about.
struct Request {
    requester: Person,
    place: Place,
    url: String,
    last_day: String,
}

impl Story<'_> {
    /// Tells it; the issue's number, and only if everything was seen to be as it should.
    pub(super) async fn tell(&self, broken: Option<Vendor>) -> Result<String, Failure> {
        let request = self.opened().await?;
        self.wrong_hands(&request).await?;
        self.manager_approves(&request).await?;
        if let Some(vendor) = broken {
            return Err(self.told_of_trouble(&request, vendor).await?);
        }
        let secret = self.provisioner_approves(&request).await?;
        self.ends(&request, &secret).await?;
        data("\nThe story came true.");
        Ok(request.place.number())
    }

    async fn step(&self, words: &str) {
        tokio::time::sleep(self.pause).await;
        data(format_args!("\n== {words}\n"));
    }

    async fn opened(&self) -> Result<Request, Failure> {
        let requester = self.stage.person("requester");
        let today = self.stage.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let last_day = today.saturating_add(30.days()).to_string();
        self.step(&format!("@{} opens an issue from the API_Token_Request template", requester.username))
            .await;
        let (place, url) =
            self.stage.hands.open_issue(&requester, self.stage.project(), &filled_in(&last_day)).await?;
        data(format_args!("{url}"));
        let request = Request { requester, place, url, last_day };
        self.comment_says(&request, "Waiting for the manager").await?;
        Ok(request)
    }

    async fn wrong_hands(&self, request: &Request) -> Result<(), Failure> {
        let colleague = self.stage.person("colleague");
        self.step(&format!("@{}, who is not the manager, applies the manager's label", colleague.username))
            .await;
        self.let_a_moment_pass();
        self.stage.hands.label(&colleague, request.place, "manager-approved").await?;
        self.comment_says(request, "does not count and was taken off").await
    }

    async fn manager_approves(&self, request: &Request) -> Result<(), Failure> {
        let manager = self.stage.person("manager");
        self.step(&format!("@{}, the manager, applies the label", manager.username)).await;
        self.let_a_moment_pass();
        self.stage.hands.label(&manager, request.place, "manager-approved").await?;
        self.comment_says(request, "Waiting for the provisioner").await
    }

    async fn second_label(&self, request: &Request) -> Result<(), Failure> {
        let provisioner = self.stage.person("provisioner");
        self.step(&format!("@{}, the provisioner, applies the label", provisioner.username)).await;
        self.let_a_moment_pass();
        self.stage.hands.label(&provisioner, request.place, "provisioner-approved").await
    }

    async fn provisioner_approves(&self, request: &Request) -> Result<String, Failure> {
        self.second_label(request).await?;
        self.comment_says(request, "Access request: Active").await?;
        let tokens = self.stage.hands.tokens(self.stage.instance(0), INSTANCE, &request.url).await?;
        let [token] = tokens.as_slice() else {
            return Err(Failure::not_true(format!(
                "{} tokens are named with the issue's URL, and not one",
                tokens.len()
            )));
        };
        self.step("at Zendesk there is one new API token").await;
        data(format_args!("    id {}, description {}", token["id"], request.url));
        self.step(&format!("@{} finds a direct message in Slack", request.requester.username)).await;
        let message = self.stage.hands.message(&request.requester).await?;
        let message = message.ok_or_else(|| Failure::not_true("no direct message arrived"))?;
        data(boxed(&words_of(&message)));
        let secret = secret_in(&message).ok_or_else(|| Failure::not_true("the message holds no secret"))?;
        if message["text"].as_str().unwrap_or_default().contains(&secret) {
            return Err(Failure::not_true("the secret is in the notification"));
        }
        self.must_work(&secret, true).await?;
        Ok(secret)
    }

    async fn must_work(&self, secret: &str, expected: bool) -> Result<(), Failure> {
        let email = self.stage.instance(0)["admin_email"].as_str().unwrap_or_default();
        let works = self.stage.hands.works(INSTANCE, email, secret).await?;
        data(if works {
            "    The token works at Zendesk."
        } else {
            "    The token does not work at Zendesk."
        });
        if works == expected { Ok(()) } else { Err(Failure::not_true("that is not as it should be")) }
    }

    async fn ends(&self, request: &Request, secret: &str) -> Result<(), Failure> {
        self.step(&format!("a month later: {} is over", request.last_day)).await;
        self.stage.let_time_pass(SignedDuration::from_hours(24 * 31));
        self.comment_says(request, "Access request: Ended").await?;
        let left = self.stage.hands.tokens(self.stage.instance(0), INSTANCE, &request.url).await?;
        if !left.is_empty() {
            return Err(Failure::not_true("the token is still listed at Zendesk"));
        }
        self.must_work(secret, false).await
    }

    async fn told_of_trouble(&self, request: &Request, vendor: Vendor) -> Result<Failure, Failure> {
        self.step(&format!("from now on {vendor} refuses")).await;
        let (fault, expected) = trouble(vendor);
        self.stage.break_vendor(fault).await?;
        self.second_label(request).await?;
        if let Some(words) = expected {
            self.comment_says(request, words).await?;
        } else {
            tokio::time::sleep(VIGIL).await;
            data(
                "GitLab does not show who applied the labels, so countersign cannot know who approved. It issues \
                 nothing, asks again by itself, and goes on when GitLab answers.",
            );
        }
        let left = self.stage.hands.tokens(self.stage.instance(0), INSTANCE, &request.url).await?;
        data(format_args!("\nAPI tokens named with the issue's URL at Zendesk: {}", left.len()));
        let message = self.stage.hands.message(&request.requester).await?;
        data(format_args!(
            "Direct messages to @{}: {}",
            request.requester.username,
            u8::from(message.is_some())
        ));
        Ok(Failure::not_true(format!("\nThe story did not come true: {vendor} refused, as you asked.")))
    }

    /// A label within two seconds of the description's last edit would not count; people are slower than that.
    fn let_a_moment_pass(&self) {
        self.stage.let_time_pass(SignedDuration::from_secs(90));
    }

    /// Waits until the comment says this, and shows it.
    async fn comment_says(&self, request: &Request, words: &str) -> Result<(), Failure> {
        let mut last = None;
        let seen = tokio::time::timeout(PATIENCE, async {
            loop {
                last = self.stage.hands.comment(&request.requester, request.place).await?;
                if last.as_ref().is_some_and(|comment| comment.contains(words)) {
                    return Ok::<_, Failure>(());
                }
                tokio::time::sleep(POLL).await;
            }
        });
        let seen = seen.await;
        data(boxed(last.as_deref().map_or("(no comment)", unsealed)));
        match seen {
            Ok(read) => read,
            Err(_) => Err(Failure::not_true(format!("the comment does not say “{words}”"))),
        }
    }
}

/// The fault that makes a vendor refuse at its step, and what the comment should then say.
fn trouble(vendor: Vendor) -> (Value, Option<&'static str>) {
    match vendor {
        // The demo's directory is a file, and nobody can choose to break it.
        Vendor::GitLab | Vendor::Directory => {
            let fault = json!({"vendor": "gitlab", "method": "GET", "path": "resource_label_events", "effect": "status:503", "times": 0});
            (fault, None)
        }
        Vendor::Zendesk => {
            let fault = json!({"vendor": "zendesk", "method": "POST", "path": "api_tokens", "effect": "status:403", "times": 0});
            (fault, Some("Zendesk refuses to create"))
        }
        Vendor::Slack => {
            let fault = json!({"vendor": "slack", "method": "POST", "path": "chat.postMessage", "effect": "slack_error:restricted_action", "times": 0});
            (fault, Some("Slack refuses to deliver"))
        }
    }
}

fn filled_in(last_day: &str) -> String {
    include_str!("../../../deploy/gitlab/API_Token_Request.md")
        .replace("- [ ] Zendesk Global", "- [x] Zendesk Global")
        .replace("- [ ] API token", "- [x] API token")
        .replace(
            "### Business purpose\n",
            "### Business purpose\n\nExport solved tickets to the data warehouse every night.\n",
        )
        .replace(
            "### Why admin access is needed\n",
            "### Why admin access is needed\n\nThe export reads tickets of all groups.\n",
        )
        .replace("### Remove on\n", &format!("### Remove on\n\n{last_day}\n"))
}

/// Text in a frame.
fn boxed(text: &str) -> String {
    text.lines().map(|line| format!("    | {line}")).collect::<Vec<_>>().join("\n")
}

/// The message as its reader sees it.
fn words_of(message: &Value) -> String {
    let blocks = message["blocks"].as_array().into_iter().flatten();
    let text = |block: &Value| match block["text"]["text"].as_str() {
        Some(text) => text.to_owned(),
        None => {
            format!("\n    {}\n", block["elements"][0]["elements"][0]["text"].as_str().unwrap_or_default())
        }
    };
    blocks.map(text).collect::<Vec<_>>().join("\n")
}

fn secret_in(message: &Value) -> Option<String> {
    let blocks = message["blocks"].as_array()?;
    blocks.iter().find_map(|block| block["elements"][0]["elements"][0]["text"].as_str().map(str::to_owned))
}
