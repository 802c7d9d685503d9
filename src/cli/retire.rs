//! `countersign retire`: the campaign that moves every API token to OAuth before Zendesk ends them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::{self, ExitStatus, Failure, say};
use super::{ConfigFile, inventory, load};
use crate::domain::inventory::{LAST_DAY, days_left};
use crate::domain::text::counted;
use crate::reconcile::Context;
use crate::reconcile::retire::{
    Followed, IssueState, Opened, Planned, RetireError, closed, follow, open, plan, prepared, state,
};
use crate::store::Retirement;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List every API token that still works with its owner, issue, last use and the scopes it seems to need.
    Plan {
        /// Only this instance, by its key in the configuration; otherwise all.
        #[arg(long, value_name = "KEY")]
        instance: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Open one GitLab issue for each of them, for its owner; once, however often it is run.
    Open {
        /// Only this instance, by its key in the configuration; otherwise all.
        #[arg(long, value_name = "KEY")]
        instance: Option<String>,
        /// Only say what would be opened, with title and text.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// How far it is, by owner and by week.
    Progress {
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitStatus, Failure> {
    let (Command::Plan { config, .. } | Command::Open { config, .. } | Command::Progress { config }) =
        &command;
    let config = load::config(config)?;
    let service = load::service(&config).await?;
    let (context, out) = (&*service.context, &mut output::Stream);
    match command {
        Command::Plan { instance, .. } => tell_plan(context, instance.as_deref(), out).await?,
        Command::Open { instance, dry_run, .. } => {
            let wish = Wish { instance, dry_run, by: load::operator() };
            open_all(context, &wish, out).await?;
        }
        Command::Progress { .. } => tell_progress(context, out).await?,
    }
    Ok(ExitStatus::Done)
}

/// What is to be opened.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The instance's key; all without one.
    pub instance: Option<String>,
    /// Only say it.
    pub dry_run: bool,
    /// Who says so.
    pub by: String,
}

/// Writes the plan.
pub async fn tell_plan(
    context: &Context,
    instance: Option<&str>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    for instance in inventory::chosen(context, instance)? {
        let planned = match plan(context, instance).await {
            Err(RetireError::SwitchedOff(name)) => {
                put(out, format_args!("{}\n", switched_off(&name)));
                continue;
            }
            planned => planned?,
        };
        let left = days_left(context.now());
        put(
            out,
            format_args!(
                "{}: {} to move by {LAST_DAY}, {} from now",
                instance.name,
                counted(planned.len(), "API token"),
                counted(left, "day")
            ),
        );
        for one in planned {
            put(out, format_args!("\n{}", described(&one)));
        }
        put(out, "");
    }
    Ok(())
}

/// What is to be known of an instance whose tokens nobody can see or use.
fn switched_off(name: &str) -> String {
    format!(
        "{name}: access by API tokens is switched off for this account. None of them works, and Zendesk lists none,\n\
         so there is nothing to move now; run this again if an admin switches it on."
    )
}

fn described(one: &Planned) -> String {
    let candidate = &one.candidate;
    let rows = [
        ("token", format!("{} {}", candidate.token, plain(&candidate.name, 70))),
        ("owner", candidate.owner.clone().unwrap_or_else(|| "not known: for the provisioners".to_owned())),
        ("made for", candidate.issue.clone().unwrap_or_else(|| "no issue".to_owned())),
        ("last used", candidate.last_used.clone()),
        (
            "needs",
            if candidate.scopes.is_empty() {
                "not clear".to_owned()
            } else {
                format!("{} (a guess by its purpose)", candidate.scopes.join(" "))
            },
        ),
        ("moving", moving(one.row.as_ref())),
    ];
    let lines: Vec<String> =
        rows.iter().map(|(name, value)| format!("  {:<11}{value}", format!("{name}:"))).collect();
    lines.join("\n")
}

fn moving(row: Option<&Retirement>) -> String {
    match row {
        None => "not begun".to_owned(),
        Some(Retirement { url: Some(url), .. }) => url.clone(),
        Some(_) => "begun; the answer to opening its issue was lost, `retire open` goes on".to_owned(),
    }
}

/// Opens what is not open yet; a line for each, and with it what an issue would say that only would be opened.
pub async fn open_all(context: &Context, wish: &Wish, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    for instance in inventory::chosen(context, wish.instance.as_deref())? {
        let all = match plan(context, instance).await {
            Err(RetireError::SwitchedOff(name)) => {
                say(switched_off(&name));
                continue;
            }
            all => all?,
        };
        for planned in all {
            let candidate = &planned.candidate;
            let whose = candidate
                .owner
                .clone()
                .unwrap_or_else(|| "the provisioners: its owner is not known".to_owned());
            let (what, url) = if wish.dry_run {
                would(context, planned.row.as_ref()).await?
            } else {
                done(open(context, &planned, &wish.by).await?)
            };
            let line = format!("{}\t{}\t{}", instance.key, candidate.token, what.replace("WHOM", &whose));
            put(out, url.as_ref().map_or_else(|| line.clone(), |url| format!("{line}\t{url}")));
            if wish.dry_run && url.is_none() {
                put(out, shown(prepared(context, &planned)));
            }
        }
    }
    if wish.dry_run {
        say("Nothing was opened.");
    }
    Ok(())
}

/// An issue as it would be read, set off from the lines around it.
fn shown((title, description): (String, String)) -> String {
    let text = format!("{title}\n\n{description}");
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
    format!("\n{}", text.lines().map(line).collect::<String>())
}

/// What opening came to, for whom, and the issue's address.
fn done(opened: Opened) -> (&'static str, Option<String>) {
    match opened {
        Opened::Now(row) => ("opened for WHOM", row.url),
        Opened::Already(row) => ("open already for WHOM", row.url),
        Opened::Again(row) => ("opened again for WHOM", row.url),
        Opened::Hidden(row) => (HIDDEN, row.url),
        Opened::ByAnother => ("begun by another run less than five minutes ago; run it again later", None),
    }
}

const HIDDEN: &str = "had an issue that GitLab does not show any more: deleted, moved or hidden from us";

/// What opening would come to.
async fn would(
    context: &Context,
    row: Option<&Retirement>,
) -> Result<(&'static str, Option<String>), Failure> {
    let Some(row) = row.filter(|row| row.iid.is_some()) else {
        return Ok(("would be opened for WHOM", None));
    };
    let what = match state(context, row).await? {
        IssueState::Open => "open already for WHOM",
        IssueState::Closed => "would be opened again for WHOM",
        IssueState::Hidden => HIDDEN,
    };
    Ok((what, row.url.clone()))
}

/// Follows what was opened, and writes how far it is.
pub async fn tell_progress(context: &Context, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let Followed { rows, unseen } = follow(context).await?;
    let rows: Vec<Retirement> = rows.into_iter().filter(|row| row.iid.is_some()).collect();
    let done = rows.iter().filter(|row| row.ended_at.is_some()).count();
    put(
        out,
        format_args!(
            "{done} of {} moved; {} left",
            counted(rows.len(), "API token"),
            counted(days_left(context.now()), "day")
        ),
    );
    for (instance, why) in unseen {
        put(
            out,
            format_args!(
                "{instance}: its API tokens could not be seen, so they count as not moved:\n  {why}"
            ),
        );
    }
    tell_closed(&closed(context, &rows).await?, out);
    put(out, format_args!("\n{:<30} {:>6} {:>6}", "OWNER", "OPEN", "MOVED"));
    for (owner, (open, moved)) in by(&rows, |row| Some(row.owner_name.clone()), |row| row.ended_at.is_none())
    {
        put(out, format_args!("{:<30} {open:>6} {moved:>6}", plain(&owner, 30)));
    }
    put(out, format_args!("\n{:<30} {:>6} {:>6}", "WEEK", "OPENED", "MOVED"));
    let mut weeks: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for row in &rows {
        if let Some(at) = row.opened_at {
            weeks.entry(week(at)).or_default().0 += 1;
        }
        if let Some(at) = row.ended_at {
            weeks.entry(week(at)).or_default().1 += 1;
        }
    }
    for (week, (opened, moved)) in weeks {
        put(out, format_args!("{week:<30} {opened:>6} {moved:>6}"));
    }
    Ok(())
}

fn tell_closed(closed: &[Retirement], out: &mut (dyn Write + Send)) {
    if closed.is_empty() {
        return;
    }
    let were = if closed.len() == 1 {
        "was closed although the token still works"
    } else {
        "were closed although the tokens still work"
    };
    put(
        out,
        format_args!(
            "{} {were}; `countersign retire open` opens them again:",
            counted(closed.len(), "issue")
        ),
    );
    for row in closed {
        put(out, format_args!("  {}", row.url.as_deref().unwrap_or_default()));
    }
}

fn by(
    rows: &[Retirement],
    key: impl Fn(&Retirement) -> Option<String>,
    first: impl Fn(&Retirement) -> bool,
) -> BTreeMap<String, (usize, usize)> {
    let mut sums: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for row in rows {
        let Some(key) = key(row) else { continue };
        let sum = sums.entry(key).or_default();
        if first(row) { sum.0 += 1 } else { sum.1 += 1 }
    }
    sums
}

/// `2026-W49`, the week of ISO 8601.
fn week(at: Timestamp) -> String {
    let week = at.to_zoned(TimeZone::UTC).date().iso_week_date();
    format!("{}-W{:02}", week.year(), week.week())
}

fn plain(text: &str, width: usize) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// What cannot be written is noted by the stream, and tells in the exit status.
fn put(out: &mut (dyn Write + Send), line: impl Display) {
    let _ = writeln!(out, "{line}");
}

impl From<RetireError> for Failure {
    fn from(error: RetireError) -> Self {
        match error {
            RetireError::Store(error) => error.into(),
            RetireError::Vendor(error) => Self::from(error).hint("run it again: it goes on where it was"),
            RetireError::NoProject => Self::usage(error.to_string()).hint("run `countersign setup`"),
            RetireError::Unreadable { .. } | RetireError::SwitchedOff(_) => {
                Self { status: ExitStatus::Unavailable, message: error.to_string(), hint: None }
            }
        }
    }
}
