//! The stage of the demo: the vendors, the service and a folder for both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::people::{Call, Hands, Person};
use crate::cli::load;
use crate::cli::output::Failure;
use crate::cli::setup::{self, Wish};
use crate::clock::{AdjustableClock, Clock as _, SystemRandomness, random_id};
use crate::config::{Config, LogFormat};
use crate::sandbox::{Options, Sandbox, home};
use crate::secret::Secret;
use crate::service::{Service, World};
use crate::telemetry;
use crate::vendors::gitlab::GitLab;
use crate::vendors::http::Transport;

/// The vendors and the service, running.
pub(super) struct Stage {
    pub(super) hands: Hands,
    sandbox: Sandbox,
    service: Service,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
    clock: Arc<AdjustableClock>,
    folder: PathBuf,
    door: String,
    cast: Value,
}

impl Stage {
    /// Starts everything on free ports of this machine.
    pub(super) async fn build() -> Result<Self, Failure> {
        telemetry::start(LogFormat::Text, "error");
        let clock = AdjustableClock::running_from(opening_day());
        let randomness = Arc::new(SystemRandomness);
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let options = Options { listen, clock: clock.clone(), randomness: randomness.clone() };
        let sandbox =
            Sandbox::start(options).await.map_err(|error| Failure::unavailable("the sandbox", &error))?;
        let folder = std::env::temp_dir().join(format!("countersign-demo-{}", random_id(&SystemRandomness)));
        home::write(&sandbox, &folder).map_err(|error| Failure::unavailable("the demo's folder", &error))?;
        let config = load::config_at(&folder.join("countersign.toml"))?;
        let listener =
            TcpListener::bind(listen).await.map_err(|error| Failure::unavailable("the door", &error))?;
        let address = listener.local_addr().map_err(|error| Failure::unavailable("the door", &error))?;
        let door = format!("http://{address}/hooks/gitlab");
        let transport = load::transport()?;
        set_up(
            &config,
            &folder,
            &transport,
            Wish { webhook_url: address_of(&door)?, dry_run: false, clock: clock.clone() },
        )
        .await?;
        let world = World { clock: clock.clone(), randomness, transport: transport.clone() };
        let service = Service::assemble(&config, world).await.map_err(|error| load::assembly(&error))?;
        let stop = CancellationToken::new();
        let running = tokio::spawn(service.clone().run(listener, stop.clone()));
        let hands = Hands::new(transport, sandbox.base_url());
        let cast = sandbox.people();
        Ok(Self { hands, sandbox, service, running, stop, clock, folder, door, cast })
    }

    /// Who plays a role.
    pub(super) fn person(&self, role: &str) -> Person {
        let people = self.cast["people"].as_array().into_iter().flatten();
        let found = people.into_iter().find(|person| person["role"] == role);
        Person::read(found.unwrap_or(&Value::Null))
    }

    /// The project that is watched: its id.
    pub(super) fn project(&self) -> i64 {
        self.cast["project"]["id"].as_i64().unwrap_or_default()
    }

    /// A Zendesk instance of the cast, by its place.
    pub(super) fn instance(&self, place: usize) -> &Value {
        &self.cast["instances"][place]
    }

    /// Moves the time for everybody, and lets the service notice at once.
    pub(super) fn let_time_pass(&self, time: SignedDuration) {
        self.clock.advance(time);
        self.service.context.store().wake().notify_waiters();
    }

    /// The time on stage.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes a vendor refuse from now on.
    pub(super) async fn break_vendor(&self, fault: Value) -> Result<(), Failure> {
        self.hands.ask(Call::post("/control/faults", fault), None).await.map(drop)
    }

    /// What to try next, for people who keep the demo open.
    pub(super) fn where_to_look(&self, request: &str) -> Vec<String> {
        let base = self.sandbox.base_url();
        let home = self.folder.display();
        vec![
            String::new(),
            "The demo stays up until you stop it with Ctrl-C. Where to look:".to_owned(),
            format!("  people, their tokens, the configuration   {home}"),
            format!("  everything the vendors know               curl {base}/control/world"),
            format!(
                "  the requests                              countersign show --config {home}/countersign.toml"
            ),
            format!(
                "  one request and its history               countersign show {request} --config {home}/countersign.toml"
            ),
            format!(
                "  GitLab, Zendesk, Slack                    {base}/gitlab  {base}/zendesk/global  {base}/slack/api"
            ),
            format!("  the webhook door                          {}", self.door),
        ]
    }

    /// Stops everything and removes the folder.
    pub(super) async fn clear(self) {
        self.stop.cancel();
        let _ = self.running.await;
        self.sandbox.stop().await;
        let _ = tokio::fs::remove_dir_all(&self.folder).await;
    }
}

/// A fixed day, so that the demo tells the same story while there are days before Zendesk ends its API tokens.
fn opening_day() -> Timestamp {
    let morning = date(2026, 12, 1).at(9, 0, 0, 0).to_zoned(TimeZone::UTC);
    morning.map(|zoned| zoned.timestamp()).unwrap_or_default()
}

fn address_of(door: &str) -> Result<Url, Failure> {
    Url::parse(door).map_err(|error| Failure::unavailable("the door's address", &error))
}

async fn set_up(config: &Config, folder: &Path, transport: &Transport, wish: Wish) -> Result<(), Failure> {
    let token = std::fs::read_to_string(folder.join("maintainer.token"))
        .map_err(|error| Failure::unavailable("the maintainer's token", &error))?;
    let token = Secret::new(token.trim().to_owned());
    let gitlab = GitLab::new(transport.clone(), config.gitlab.url.clone(), token);
    setup::set_up(config, &gitlab, wish).await.map(drop)
}
