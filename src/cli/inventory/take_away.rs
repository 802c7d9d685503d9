//! `countersign inventory --take-away orphans`: what our own user made, is named after an issue of ours, and
//! the ledger knows nothing of.
//!
//! Asks first, or needs `--yes`. Each is looked at anew right before it is taken away, written down before, and proven
//! by looking after. Nothing is taken by a database that is new, empty, or known to be older than what it published:
//! there everything looks like an orphan.

use std::io::{IsTerminal as _, stdin};

use super::super::load;
use super::super::output::{ExitStatus, Failure, data, say};
use super::chosen;
use crate::domain::inventory::{Line, ListedKind, Standing};
use crate::domain::policy::Instance;
use crate::domain::text::counted;
use crate::reconcile::Context;
use crate::reconcile::inventory::{HandError, Orphans, Wanted, may_take_orphans, take, take_orphan_away};

/// What to take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TakeAway {
    /// API tokens and OAuth clients that are named after an issue of ours, were made by our own user, and are not in the ledger.
    Orphans,
}

/// Who says so, and why.
#[derive(Debug, Clone)]
pub struct Sayso {
    /// Why.
    pub why: String,
    /// Who.
    pub by: String,
}

/// Takes them away after `agreed` said yes to their number. The status: 1 if any is not proven gone.
pub async fn take_away(
    context: &Context,
    instance: Option<&str>,
    sayso: &Sayso,
    agreed: &mut (dyn FnMut(usize) -> Result<bool, Failure> + Send),
) -> Result<ExitStatus, Failure> {
    may_take_orphans(context).await.map_err(refused)?;
    let mut orphans = Vec::new();
    for instance in chosen(context, instance)? {
        let mut lines: Vec<Line> = Vec::new();
        let mut held = Orphans::of(context, &instance.key);
        let mut tell = |line: &Line| {
            held.see(line);
            if line.standing == Standing::Orphan && line.kind != ListedKind::OauthToken {
                lines.push(line.clone());
            }
        };
        let summary = take(context, instance, context.now(), &mut tell).await?;
        held.forget_others(context, &summary).await?;
        orphans.extend(lines.into_iter().map(|line| (instance, line)));
    }
    if orphans.is_empty() {
        say("No orphan was found; nothing is taken away.");
        return Ok(ExitStatus::Done);
    }
    if !agreed(orphans.len())? {
        say("Nothing was taken away.");
        return Ok(ExitStatus::Done);
    }
    let mut status = ExitStatus::Done;
    for (instance, line) in &orphans {
        if !one(context, (instance, line), sayso).await? {
            status = ExitStatus::NotTrue;
        }
    }
    Ok(status)
}

/// Why none is taken away, and what to do.
fn refused(error: HandError) -> Failure {
    match error {
        HandError::Halted(why) => load::halted(&why),
        HandError::Store(error) => error.into(),
        error => Failure::usage(error.to_string()).hint(load::RIGHT_DATABASE),
    }
}

/// Whether it is gone, or rightly left alone.
async fn one(
    context: &Context,
    (instance, line): (&Instance, &Line),
    sayso: &Sayso,
) -> Result<bool, Failure> {
    let wanted = Wanted { instance, credential: line.id, why: &sayso.why, by: &sayso.by };
    let (so, fine) = match take_orphan_away(context, &wanted, line).await {
        Ok(()) => ("gone".to_owned(), true),
        Err(HandError::NotListed) => ("gone already".to_owned(), true),
        Err(HandError::NotAllowed(why)) => (format!("left alone: {why}"), true),
        Err(HandError::Held) => {
            ("held back by the brake: `countersign brake release`, then again".to_owned(), false)
        }
        Err(error @ (HandError::Store(_) | HandError::Halted(_))) => return Err(refused(error)),
        Err(error) => (format!("not gone: {error}"), false),
    };
    data(format_args!("{}\t{}\t{}\t{so}", instance.key, line.kind.key(), line.id));
    Ok(fine)
}

/// Asks the person at the terminal.
pub(super) fn ask(count: usize) -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::usage(
            "--take-away asks before it takes anything away, and nobody is at the terminal",
        )
        .hint("look at what `countersign inventory` shows, then add --yes"));
    }
    say(format_args!(
        "Take away {} for good? Those that our own user did not make are left alone. [yes/no]",
        counted(count, "orphan")
    ));
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(|error| Failure::unavailable("the terminal", &error))?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}
