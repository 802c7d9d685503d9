//! `countersign inventory`: every credential at Zendesk against the ledger and the naming standards.
//!
//! Lines are written as they come, so that thousands of them are never held. Reading changes nothing.

mod csv;
mod json;
mod table;
pub mod take_away;

use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};

use self::take_away::{Sayso, TakeAway, ask, take_away};
use super::output::{self, ExitStatus, Failure, say};
use super::{ConfigFile, load};
use crate::domain::inventory::{Finding, Line, Summary};
use crate::domain::policy::Instance;
use crate::reconcile::Context;
use crate::reconcile::inventory::take;

/// How far back Zendesk's audit log is looked through.
const AUDIT_LOG: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Arguments of `inventory`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this instance, by its key or name in the configuration; otherwise all.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// End with status 4 if any of these is found, separated by commas: see `--help`.
    #[arg(long, value_name = "FINDING,…", value_delimiter = ',', value_parser = finding,
        long_help = every_finding())]
    fail_on: Vec<Finding>,
    /// Take away what is found of this, after asking: only what our own user made, and never what the ledger knows.
    #[arg(long, value_enum, value_name = "WHAT")]
    take_away: Option<TakeAway>,
    /// Take it away without asking.
    #[arg(long, requires = "take_away")]
    yes: bool,
    /// Why, for the audit chain.
    #[arg(long, value_name = "TEXT", requires = "take_away", default_value = "an orphan of the inventory")]
    why: String,
    #[command(flatten)]
    config: ConfigFile,
}

/// How an inventory is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people, 100 columns.
    Table,
    /// One document.
    Json,
    /// One line a credential, safe to open in a spreadsheet.
    Csv,
}

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The instance's key; all without one.
    pub instance: Option<String>,
    /// How to write it.
    pub format: Format,
}

/// Writes one inventory in some format.
trait Writes: Send {
    fn begin(&mut self, at: Timestamp) -> io::Result<()>;
    fn instance(&mut self, instance: &Instance) -> io::Result<()>;
    fn line(&mut self, line: &Line) -> io::Result<()>;
    fn summary(&mut self, of: Sums<'_>) -> io::Result<()>;
    fn end(&mut self) -> io::Result<()>;
}

/// What an instance came to.
#[derive(Debug, Clone, Copy)]
struct Sums<'a> {
    instance: &'a Instance,
    summary: &'a Summary,
    at: Timestamp,
}

impl Sums<'_> {
    /// Where a person sees what Zendesk has no public API for. Source: "Managing API usage in your account".
    fn usage(&self) -> String {
        format!("{}/admin/", self.instance.url)
    }
}

fn finding(text: &str) -> Result<Finding, String> {
    let found = Finding::ALL.iter().find(|finding| finding.key() == text);
    found.copied().ok_or_else(|| {
        let all: Vec<&str> = Finding::ALL.iter().map(|finding| finding.key()).collect();
        format!("there is {}", all.join(", "))
    })
}

fn every_finding() -> String {
    let lines = Finding::ALL.iter().map(|finding| format!("  {:<13}{}", finding.key(), finding.words()));
    let lines: Vec<String> = lines.collect();
    format!("End with status 4 if any of these is found, separated by commas:\n\n{}", lines.join("\n"))
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    let config = load::config(&arguments.config)?;
    let service = load::service(&config).await?;
    if let Some(TakeAway::Orphans) = arguments.take_away {
        let sayso = Sayso { why: load::why(&arguments.why)?, by: load::operator() };
        let yes = arguments.yes;
        let mut agreed = |count| if yes { Ok(true) } else { ask(count) };
        return take_away(&service.context, arguments.instance.as_deref(), &sayso, &mut agreed).await;
    }
    let wish = Wish { instance: arguments.instance, format: arguments.format };
    let summaries = report(&service.context, &wish, &mut output::Stream).await?;
    Ok(ended(&summaries, &arguments.fail_on))
}

/// Writes the inventory; the sums of each instance, in the order of the policy.
pub async fn report(
    context: &Context,
    wish: &Wish,
    out: &mut (dyn Write + Send),
) -> Result<Vec<Summary>, Failure> {
    let instances = chosen(context, wish.instance.as_deref())?;
    let mut writer: Box<dyn Writes + '_> = match wish.format {
        Format::Table => Box::new(table::Table::new(out)),
        Format::Json => Box::new(json::Json::new(out)),
        Format::Csv => Box::new(csv::Csv::new(out)),
    };
    let at = context.now();
    let since = at.checked_sub(AUDIT_LOG).unwrap_or(at);
    // What cannot be written is noted by the stream, and tells in the exit status.
    let _ = writer.begin(at);
    let mut summaries = Vec::new();
    for instance in instances {
        let _ = writer.instance(instance);
        let mut tell = |line: &Line| {
            let _ = writer.line(line);
        };
        let summary = take(context, instance, since, &mut tell).await?;
        for list in &summary.unreadable {
            say(format_args!("{}: {} could not be read: {}", instance.key, list.what, list.why));
        }
        let sums = Sums { instance, summary: &summary, at };
        if wish.format == Format::Csv {
            // A file of lines has no place for them.
            say(format_args!("{}:\n{}", instance.name, table::words_of(sums)));
        }
        let _ = writer.summary(sums);
        summaries.push(summary);
    }
    let _ = writer.end();
    Ok(summaries)
}

/// The exit status: what `--fail-on` names comes before a list that could not be read.
pub fn ended(summaries: &[Summary], fail_on: &[Finding]) -> ExitStatus {
    let found = |finding: &Finding| summaries.iter().any(|one| one.findings.contains_key(finding));
    if fail_on.iter().any(found) {
        ExitStatus::Found
    } else if summaries.iter().any(|one| !one.unreadable.is_empty()) {
        ExitStatus::Unavailable
    } else {
        ExitStatus::Done
    }
}

/// The instance of that key or name, or all.
pub(super) fn chosen<'a>(context: &'a Context, wanted: Option<&str>) -> Result<Vec<&'a Instance>, Failure> {
    let all = &context.policy().instances;
    let is_it = |one: &&Instance| wanted.is_none_or(|wanted| wanted == one.key || wanted == one.name);
    let chosen: Vec<&Instance> = all.iter().filter(is_it).collect();
    if chosen.is_empty() {
        let known: Vec<String> = all.iter().map(|one| format!("{} ({})", one.key, one.name)).collect();
        return Err(Failure::usage(format!(
            "no instance has that key or name; there is {}",
            known.join(", ")
        )));
    }
    Ok(chosen)
}
