//! The configuration: one TOML file, secrets from variables or files, defaults compiled in.
//!
//! What is written in `default.toml` is laid under the operator's file, so the documented default is the
//! default. All faults are told at once, each with its dotted key; with a single fault nothing starts.
//! A loaded [`Config`] is complete and checked: no reader of it need check again, and no path in it is
//! relative. No message repeats a value, since any value may be a misplaced secret.

mod absence;
mod audit;
mod clock;
mod directory;
mod ending;
pub mod environment;
mod exceptions;
mod form;
mod gitlab;
mod instances;
mod labels;
mod log;
mod policy;
mod secrets;
mod server;
mod slack;
mod store;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

pub use absence::Absence;
pub use audit::{Audit, AuditSink};
pub use clock::Clock;
pub use directory::{Directory, DirectorySource, FileForm, GitLabFile, Inactive, Ldap, Scim};
pub use ending::Ending;
pub use environment::Environment;
pub use form::{Form, Titles};
pub use gitlab::{GitLab, ProjectName, Webhook};
pub use instances::{Instance, Login};
pub use labels::Labels;
pub use log::{Log, LogFormat};
pub use policy::{OnIncomplete, Policy};
pub use server::Server;
pub use slack::Slack;
pub use store::Store;

pub use crate::reader::Fault;
use crate::reader::{self, Gathered, Reader};
use secrets::Origin;

/// The defaults, as TOML.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Everything that an operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the door is.
    pub server: Server,
    /// What is logged.
    pub log: Log,
    /// How fast time runs.
    pub clock: Clock,
    /// Where the memory is.
    pub store: Store,
    /// The key of the audit chain.
    pub audit: Audit,
    /// Where requests are opened.
    pub gitlab: GitLab,
    /// The labels that approve.
    pub labels: Labels,
    /// How a request is recognised and read.
    pub form: Form,
    /// The rules that an installation may choose.
    pub policy: Policy,
    /// Who may stand in for a manager, and when people are reminded.
    pub absence: Absence,
    /// What happens while a credential lives, and how many may end at once.
    pub ending: Ending,
    /// Who people are and who manages them.
    pub directory: Directory,
    /// Where credentials are handed over.
    pub slack: Slack,
    /// The Zendesk accounts; at least one, no key and no name twice.
    pub instances: Vec<Instance>,
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}config: {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Config {
    /// Reads the file at `path` and the secrets that it or the environment names.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, Faults> {
        let file = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            Faults(vec![Fault {
                key: file.clone(),
                message: format!("cannot be read: {}", crate::reader::why_unreadable(&error)),
            }])
        };
        let path = std::path::absolute(path).map_err(unreadable)?;
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let given = reader::parse(&text, &file).map_err(|fault| Faults(vec![fault]))?;
        let folder = path.parent().unwrap_or(&path);
        let (config, gathered) = Self::read(given, Origin { folder, environment });
        config.filter(|_| gathered.faults.is_empty()).ok_or(Faults(gathered.faults))
    }

    fn read(given: Table, origin: Origin<'_>) -> (Option<Self>, Gathered) {
        let mut table: Table =
            toml::from_str(DEFAULTS).expect("the compiled-in defaults are TOML, as the tests prove");
        overlay(&mut table, given);
        Reader::read_all(&table, |reader| Self::read_sections(reader, origin))
    }

    fn read_sections(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let server = reader.section("server", Server::read);
        let log = reader.section("log", Log::read);
        let clock = reader.section("clock", Clock::read);
        let store = reader.section("store", |reader| Store::read(reader, origin));
        let audit = reader.section("audit", |reader| Audit::read(reader, origin));
        let gitlab = reader.section("gitlab", |reader| GitLab::read(reader, origin));
        let labels = reader.section("labels", Labels::read);
        let form = reader.section("form", Form::read);
        let policy = reader.section("policy", Policy::read);
        let absence = reader.section("absence", Absence::read);
        let ending = reader.section("ending", Ending::read);
        let directory = reader.section("directory", |reader| Directory::read(reader, origin));
        let slack = reader.section("slack", |reader| Slack::read(reader, origin));
        let instances = instances::read(reader, origin);
        if let (Some(clock), Some(gitlab), Some(slack), Some(instances)) =
            (&clock, &gitlab, &slack, &instances)
        {
            let vendors = [&gitlab.url, &slack.url].into_iter().chain(instances.iter().map(|one| &one.url));
            if clock.pace.is_some() && !vendors.into_iter().all(values::is_loopback) {
                reader.fault(
                    "clock.pace",
                    "must be 1: a vendor is another machine, and only the sandbox can keep pace",
                );
            }
        }
        Some(Self {
            server: server?,
            log: log?,
            clock: clock?,
            store: store?,
            audit: audit?,
            gitlab: gitlab?,
            labels: labels?,
            form: form?,
            policy: policy?,
            absence: absence?,
            ending: ending?,
            directory: directory?,
            slack: slack?,
            instances: instances?,
        })
    }
}

/// Lays `given` over `under`, table by table; whatever is not a table replaces what was there.
fn overlay(under: &mut Table, given: Table) {
    for (key, value) in given {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(value)) => overlay(under, value),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}
