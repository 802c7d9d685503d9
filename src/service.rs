//! The service, put together from a configuration: store, vendors, directory, door, worker and sweep.
//!
//! `serve`, `demo`, the commands that act, and the story tests all use this one assembly. Putting it together
//! calls no vendor: one that is down must not keep us from starting.

mod directory;
mod sink;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{SharedClock, SharedRandomness, random_id};
use crate::config::{self, Config};
use crate::directory::FileFaults;
use crate::domain::form::Field;
use crate::domain::ids::{IssueKey, ProjectId};
use crate::domain::policy::{Absence, Brake, Ending, Instance, OnIncomplete, Policy};
use crate::reconcile::inventory::keep_daily;
use crate::reconcile::{Context, Labels, Parts, Sweeper, Told, Worker};
use crate::shutdown;
use crate::store::{Location, Store, StoreError};
use crate::vendors::gitlab::GitLab;
use crate::vendors::http::Transport;
use crate::vendors::slack::Slack;
use crate::vendors::zendesk::{Login, Zendesk};
pub use sink::{Sink, SinkError};

use crate::web::{Authentication, Door, Marks, NotDurable, WatchedProjects};

/// How often it is looked which projects were set up meanwhile.
const PROJECTS: Duration = Duration::from_secs(1);
/// How long the second place of the audit entries is waited for at the end.
const LAST_ENTRIES: Duration = Duration::from_secs(10);

/// Why the service cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// The database.
    #[error("the database cannot be opened")]
    Store(#[source] StoreError),
    /// The directory file has faults.
    #[error("the directory has faults")]
    Directory(#[source] FileFaults),
}

/// What everything needs that is not configured.
#[derive(Debug, Clone)]
pub struct World {
    /// The time.
    pub clock: SharedClock,
    /// Identifiers that nobody can guess.
    pub randomness: SharedRandomness,
    /// The way out.
    pub transport: Transport,
}

/// The service, not yet running.
#[derive(Clone)]
pub struct Service {
    /// What a reconcile may touch.
    pub context: Arc<Context>,
    /// The door.
    pub door: Door,
    /// The second place of the audit entries, where one is configured.
    pub sink: Option<Sink>,
    sweep_every: SignedDuration,
}

impl Service {
    /// Puts it together.
    pub async fn assemble(config: &Config, world: World) -> Result<Self, AssemblyError> {
        let World { clock, randomness, transport } = world.clone();
        let store = Store::open(
            location(&config.store),
            clock.clone(),
            randomness.as_ref(),
            config.audit.key.clone(),
        )
        .await
        .map_err(AssemblyError::Store)?;
        // Each account has its own patience: what one is told does not stop another.
        let account = || transport.for_account(&clock);
        let gitlab = GitLab::new(account(), config.gitlab.url.clone(), config.gitlab.token.clone());
        let directory = directory::directory(config, &world, (&store, &gitlab)).await?;
        let (kept, time) = (store.clone(), clock.clone());
        let parts = Parts {
            gitlab,
            slack: Slack::new(account(), config.slack.url.clone(), config.slack.token.clone()),
            zendesk: zendesk(config, &transport, &clock),
            policy: policy(config, store.installation()),
            labels: labels(config),
            store,
            directory,
            clock,
            randomness,
        };
        let sweep_every = config.gitlab.sweep_every;
        let context = Arc::new(Context::new(parts));
        let door = door(config, Noting { store: kept, told: context.told().clone() }, time);
        let place = config.audit.sink.clone();
        let sink = place
            .map(|place| Sink::new(context.store().clone(), place, random_id(world.randomness.as_ref())));
        let service = Self { context, door, sink, sweep_every };
        service.watch().await.map_err(AssemblyError::Store)?;
        Ok(service)
    }

    /// Opens the door to the projects that are configured and set up. One that is new is swept: its first
    /// webhooks may have come before the door knew it.
    pub async fn watch(&self) -> Result<(), StoreError> {
        let store = self.context.store();
        let projects = store.projects().await?;
        let watched = projects.iter().filter(|one| self.context.policy().watches(one.id, &one.path));
        let watched: Vec<_> = watched.map(|project| project.id).collect();
        let before = self.door.watched.all();
        self.door.watched.replace(watched.iter().copied());
        for project in watched.into_iter().filter(|project| !before.contains(project)) {
            store.mark_for_sweep(project).await?;
        }
        Ok(())
    }

    /// Serves, works and sweeps until told to stop; finishes the step in hand.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let tasks = TaskTracker::new();
        tasks.spawn(Worker::new(Arc::clone(&self.context)).run(stop.clone()));
        tasks.spawn(Worker::new(Arc::clone(&self.context)).run(stop.clone()));
        tasks.spawn(keep_daily(Arc::clone(&self.context), stop.clone()));
        let sweeper = Sweeper { context: Arc::clone(&self.context), every: self.sweep_every };
        tasks.spawn(sweeper.run(stop.clone()));
        tasks.spawn(self.clone().keep_watching(stop.clone()));
        let ended = CancellationToken::new();
        let sink = self.sink.clone().map(|sink| tokio::spawn(sink.run(ended.clone())));
        let router = crate::web::router(self.door.clone());
        let stopping = stop.clone().cancelled_owned();
        let served = axum::serve(listener, router).with_graceful_shutdown(stopping).await;
        stop.cancel();
        shutdown::finish(tasks).await;
        // Only now: what the others did last is written there as well.
        ended.cancel();
        if let Some(sink) = sink
            && tokio::time::timeout(LAST_ENTRIES, sink).await.is_err()
        {
            tracing::warn!(
                "the second place of the audit entries does not take the last ones; they come at the next start"
            );
        }
        self.context.store().close().await;
        served
    }

    async fn keep_watching(self, stop: CancellationToken) {
        let mut warned = false;
        while !stop.is_cancelled() {
            if let Err(error) = self.watch().await {
                tracing::error!(error = %error, "the projects could not be read");
            }
            if self.door.watched.all().is_empty() && !warned {
                tracing::warn!(
                    "no watched project is set up: run `countersign setup`; until then nothing is a request"
                );
                warned = true;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(PROJECTS) => {}
            }
        }
    }
}

/// Where the database is, as configured.
pub fn location(store: &config::Store) -> Location {
    match store.clone() {
        config::Store::Sqlite(path) => Location::Sqlite(path),
        config::Store::Postgres { url, password } => Location::Postgres { url, password },
    }
}

/// The store's marks, and a note for this process of what a webhook named, before it is marked.
struct Noting {
    store: Store,
    told: Told,
}

#[async_trait]
impl Marks for Noting {
    async fn mark(&self, key: IssueKey) -> Result<(), NotDurable> {
        self.told.note(key);
        Marks::mark(&self.store, key).await
    }

    async fn mark_for_sweep(&self, project: ProjectId) -> Result<(), NotDurable> {
        Marks::mark_for_sweep(&self.store, project).await
    }

    async fn answers(&self) -> bool {
        self.store.answers().await
    }
}

fn door(config: &Config, marks: Noting, clock: SharedClock) -> Door {
    let webhook = config.gitlab.webhook.clone();
    Door {
        clock,
        authentication: Authentication { signing_keys: webhook.signing_tokens, token: webhook.token },
        calendars: Arc::new(marks.store.clone()),
        marks: Arc::new(marks),
        watched: Arc::new(WatchedProjects::new([])),
    }
}

fn zendesk(config: &Config, transport: &Transport, clock: &SharedClock) -> BTreeMap<String, Zendesk> {
    let client = |instance: &config::Instance| {
        let login = match instance.login.clone() {
            config::Login::OAuth { client_id, client_secret, scope } => {
                Login::OAuth { client_id, client_secret, scope }
            }
            config::Login::ApiToken { email, token } => Login::ApiToken { email, token },
        };
        Zendesk::new(transport.for_account(clock), instance.url.clone(), login, clock.clone())
    };
    config.instances.iter().map(|instance| (instance.key.clone(), client(instance))).collect()
}

fn labels(config: &Config) -> Labels {
    let labels = config.labels.clone();
    Labels {
        manager: labels.manager,
        provisioner: labels.provisioner,
        denied: labels.denied,
        revoke: labels.revoke,
    }
}

/// The rules as configured.
pub fn policy(config: &Config, installation: &str) -> Policy {
    let days = |days: u32| SignedDuration::from_hours(i64::from(days) * 24);
    let name = |project: &config::ProjectName| match project {
        config::ProjectName::Id(id) => id.to_string(),
        config::ProjectName::Path(path) => path.clone(),
    };
    Policy {
        installation: installation.to_owned(),
        projects: config.gitlab.projects.iter().map(name).collect(),
        marker: config.form.marker.clone(),
        titles: titles(&config.form.titles).into_iter().collect(),
        zone: config.policy.zone.clone(),
        max_lifetime_days: i32::try_from(config.policy.max_lifetime_days).unwrap_or(i32::MAX),
        on_incomplete: match config.policy.on_incomplete {
            config::OnIncomplete::Close => OnIncomplete::Close,
            config::OnIncomplete::Ask => OnIncomplete::Ask,
        },
        approval_max_age: days(config.policy.approval_max_age_days),
        pending_max: days(config.policy.pending_max_days),
        minimum_access_level: config.policy.minimum_access_level,
        absence: absence(&config.absence),
        ending: ending(&config.ending),
        instances: config.instances.iter().map(|instance| offered(instance, config)).collect(),
    }
}

fn absence(config: &config::Absence) -> Absence {
    let days = |days: u32| (days > 0).then(|| SignedDuration::from_hours(i64::from(days) * 24));
    Absence {
        chain_depth: config.chain_depth,
        remind_after: days(config.remind_after_days),
        escalate_after: days(config.escalate_after_days),
        delegates: config.delegates.clone(),
    }
}

fn ending(config: &config::Ending) -> Ending {
    let hours = |hours: u32| (hours > 0).then(|| SignedDuration::from_hours(i64::from(hours)));
    Ending {
        remind_days_before: config.remind_days_before.clone(),
        leavers_every: hours(config.leavers_every_hours),
        requester_left: hours(config.requester_left_days.saturating_mul(24)),
        manager_left: hours(config.manager_left_days.saturating_mul(24)),
        brake: Brake { most: config.brake_count, percent: config.brake_percent },
    }
}

fn offered(instance: &config::Instance, config: &Config) -> Instance {
    let template = instance.name_template.as_ref().unwrap_or(&config.policy.name_template);
    Instance {
        key: instance.key.clone(),
        name: instance.name.clone(),
        url: instance.url.as_str().trim_end_matches('/').to_owned(),
        kinds: instance.kinds.clone(),
        integrations: instance.integrations,
        integration_user: instance.integration_user,
        sensitive_scopes: instance.sensitive_scopes.clone(),
        delete_after_days: instance.delete_after_days,
        provisioners: instance.provisioners.iter().copied().collect(),
        provisioner_groups: instance.provisioner_groups.clone(),
        name_template: template.clone(),
        exceptions: instance.exceptions.clone(),
    }
}

fn titles(titles: &config::Titles) -> [(Field, Vec<String>); 8] {
    [
        (Field::Instance, titles.instance.clone()),
        (Field::Kind, titles.kind.clone()),
        (Field::Purpose, titles.purpose.clone()),
        (Field::AdminAccess, titles.admin_access.clone()),
        (Field::Scopes, titles.scopes.clone()),
        (Field::RemoveOn, titles.remove_on.clone()),
        (Field::Replaces, titles.replaces.clone()),
        (Field::Requester, titles.requester.clone()),
    ]
}
