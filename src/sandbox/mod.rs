//! The three vendors as one HTTP server over a world of plain data.
//!
//! `countersign sandbox` and `demo` run it, and every story test does. It is written from the vendors' own
//! documents and uses no type of ours but the clock, so that a misreading in a client cannot hide in its fake,
//! and it is meant to be as nasty as they are: Guests label at creation, moved issues bring events along,
//! pages come back short, answers get lost after the effect. Public client libraries work against it.
//!
//! GitLab is below `/gitlab`, Zendesk below `/zendesk/KEY`, Slack below `/slack/api`; `/control` is for tests.

mod answer;
mod call;
mod control;
mod faults;
mod gitlab;
pub mod home;
mod line;
mod record;
mod seed;
mod server;
mod slack;
mod times;
mod webhooks;
mod world;
mod zendesk;

#[cfg(test)]
mod testing;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::world::World;
use crate::clock::{AdjustableClock, SharedRandomness};

/// What a sandbox needs to start.
#[derive(Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Moved by `POST /control/clock`, and by whoever else holds it.
    pub clock: Arc<AdjustableClock>,
    /// Where tokens and secrets come from.
    pub randomness: SharedRandomness,
}

/// A running sandbox. Dropping it leaves the server running until the runtime ends; see [`Sandbox::stop`].
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    courier: webhooks::Courier,
    stopping: CancellationToken,
    serving: JoinHandle<()>,
}

impl Sandbox {
    /// Listens, with the default world.
    pub async fn start(options: Options) -> io::Result<Sandbox> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let world = seed::world(format!("http://{address}"), options.clock, options.randomness);
        let world = Arc::new(Mutex::new(world));
        let courier = webhooks::Courier::new(Arc::clone(&world))?;
        let stopping = CancellationToken::new();
        let serving = tokio::spawn(server::serve(listener, courier.clone(), stopping.clone()));
        Ok(Self { address, world, courier, stopping, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a GitLab client takes as its base: without `/api/v4`.
    pub fn gitlab_url(&self) -> String {
        format!("{}/gitlab", self.base_url())
    }

    /// What a Slack client takes as its base: with `/api`.
    pub fn slack_url(&self) -> String {
        format!("{}/slack/api", self.base_url())
    }

    /// What a Zendesk client takes as its base: without `/api/v2`. The instances are `global` and `us-government`.
    pub fn zendesk_url(&self, instance: &str) -> String {
        format!("{}/zendesk/{instance}", self.base_url())
    }

    /// Who there is and what they log in with: the content of `people.json`.
    pub fn people(&self) -> Value {
        home::people(&webhooks::lock(&self.world))
    }

    /// The world itself; [`World::dump`] shows it.
    pub fn world(&self) -> Arc<Mutex<World>> {
        Arc::clone(&self.world)
    }

    /// From now on gives away each exchange of our own client with a vendor, as JSON without secrets. It is called
    /// while the world is locked, so it must not ask the sandbox anything.
    pub fn record(&self, keep: impl FnMut(Value) + Send + 'static) {
        webhooks::lock(&self.world).record = Some(record::Record(Box::new(keep)));
    }

    /// Returns when no webhook is on its way.
    pub async fn deliveries_settled(&self) {
        self.courier.settled().await;
    }

    /// Takes no more connections and ends; what is being answered gets two seconds.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if tokio::time::timeout(Duration::from_secs(2), &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}
