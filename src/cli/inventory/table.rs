//! The inventory for people: a line a credential, its findings below it, and the sums; in 100 columns.

use std::io::{self, Write};

use jiff::Timestamp;

use super::{Sums, Writes};
use crate::domain::inventory::summary::AuditLogRead;
use crate::domain::inventory::{
    Finding, LAST_DAY, LastUse, Line, ListedKind, Standing, Summary, days_left, is_over,
};
use crate::domain::policy::Instance;
use crate::domain::text::counted;

/// What is left of 100 columns for the name.
const NAME: usize = 34;
const CREATOR: usize = 18;

pub(super) struct Table<'w> {
    out: &'w mut (dyn Write + Send),
}

/// The sums alone.
pub(super) fn words_of(sums: Sums<'_>) -> String {
    let mut text = Vec::new();
    // A vector takes everything.
    let _ = Table::new(&mut text).summary(sums);
    String::from_utf8_lossy(&text).trim().to_owned()
}

impl<'w> Table<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send)) -> Self {
        Self { out }
    }
}

impl Writes for Table<'_> {
    fn begin(&mut self, _: Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn instance(&mut self, instance: &Instance) -> io::Result<()> {
        writeln!(self.out, "{} ({})\n", instance.name, instance.url)?;
        self.row(["", "KIND", "ID", "CREATED BY", "LAST USED", "NAME"])
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        let used = match line.last_use {
            LastUse::At(at) => day(at),
            LastUse::Never => "never".to_owned(),
            LastUse::NotKnown => "not known".to_owned(),
        };
        // A client of ours is looked for by its issue, which is its name; anybody else's by what it logs in with.
        let name = match (&line.identifier, line.client) {
            (Some(identifier), _) if line.standing != Standing::Ours => identifier.clone(),
            (None, Some(client)) => format!("of client {client}"),
            _ => line.name.clone(),
        };
        let creator = creator(line);
        let (id, standing) = (line.id.to_string(), line.standing.key().replace('_', " "));
        let creator = fit(&creator, CREATOR);
        self.row([&standing, kind(line.kind), &id, &creator, &used, &tail(&name)])?;
        for finding in &line.findings {
            writeln!(self.out, "           ! {}", self.words(*finding, line))?;
        }
        match so(line) {
            Some(so) => writeln!(self.out, "           - {so}"),
            None => Ok(()),
        }
    }

    fn summary(&mut self, of: Sums<'_>) -> io::Result<()> {
        let summary = of.summary;
        let count = |kind| summary.listed.get(&kind).copied().unwrap_or_default();
        let unread = |what: &str| summary.unreadable.iter().any(|list| list.what == what);
        writeln!(self.out)?;
        match summary.tokens_of_limit() {
            Some((count, limit)) => writeln!(self.out, "API tokens: {count} of {limit}")?,
            None => writeln!(self.out, "API tokens: not known")?,
        }
        for (what, kind) in
            [("OAuth clients", ListedKind::OauthClient), ("OAuth tokens", ListedKind::OauthToken)]
        {
            match (unread(what), count(kind)) {
                (true, 0) => writeln!(self.out, "{what}: not known")?,
                (true, count) => writeln!(self.out, "{what}: {count}, and not all could be read")?,
                (false, count) => writeln!(self.out, "{what}: {count}")?,
            }
        }
        let standings: Vec<String> = summary
            .standings
            .iter()
            .map(|(standing, count)| format!("{} {count}", standing.key().replace('_', " ")))
            .collect();
        if !standings.is_empty() {
            writeln!(self.out, "Of these: {}", standings.join(", "))?;
        }
        for (finding, count) in &summary.findings {
            writeln!(self.out, "  {count:>5} {}: {}", finding.key(), finding.words())?;
        }
        for list in &summary.unreadable {
            writeln!(self.out, "Could not be read: {}: {}.", list.what, list.why)?;
        }
        self.audit_log(summary)?;
        writeln!(
            self.out,
            "{}\n\
             The usage of a whole account has no public API; an admin sees it in the Admin Center, under\n\
             Account > Usage > API: {}\n",
            last_day(of.at),
            of.usage()
        )
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Table<'_> {
    fn audit_log(&mut self, summary: &Summary) -> io::Result<()> {
        if summary.audit_log == AuditLogRead::NotInPlan {
            writeln!(
                self.out,
                "This plan has no audit log: who created what outside the process is not told."
            )?;
        }
        if summary.audit_log == AuditLogRead::Whole {
            let of_ours = &summary.of_ours;
            writeln!(
                self.out,
                "Zendesk's audit log tells of {} and {} of ours.",
                counted(of_ours.created, "creation"),
                counted(of_ours.ended, "end")
            )?;
            if !of_ours.not_told.is_empty() {
                let ids: Vec<String> = of_ours.not_told.iter().map(ToString::to_string).collect();
                writeln!(self.out, "It does not tell that we made {}.", ids.join(", "))?;
            }
        }
        for line in &summary.outside {
            let who = line.actor.map_or("somebody".to_owned(), |actor| format!("user {actor}"));
            let id = line.credential.map(|id| id.to_string()).unwrap_or_default();
            let (action, kind) = (fit(&line.action, 10), fit(&line.source_type, 20));
            writeln!(self.out, "Zendesk's audit log: {action} of {kind} {id} by {who}, {}", day(line.at))?;
        }
        Ok(())
    }

    fn row(&mut self, cells: [&str; 6]) -> io::Result<()> {
        let [standing, kind, id, creator, used, name] = cells;
        let row = format!("{standing:<10} {kind:<12} {id:<10} {creator:<CREATOR$} {used:<10} {name}");
        writeln!(self.out, "{}", row.trim_end())
    }

    #[expect(clippy::unused_self, reason = "words of this table")]
    fn words(&self, finding: Finding, line: &Line) -> String {
        match finding {
            Finding::Renamed => {
                format!("renamed: it was named {}", line.given_name.as_deref().unwrap_or_default())
            }
            Finding::Idle => {
                format!(
                    "idle: unused for {} days; Zendesk ends it after 30",
                    line.idle_days.unwrap_or_default()
                )
            }
            Finding::Zombie
            | Finding::Missing
            | Finding::SwitchedOff
            | Finding::SwitchedOn
            | Finding::IssueGone => {
                let issue = line.issue.as_deref().unwrap_or_default();
                format!("{}: {}: {issue}", finding.key(), finding.words())
            }
            other => format!("{}: {}", other.key(), other.words()),
        }
    }
}

/// What is no fault and yet worth knowing.
fn so(line: &Line) -> Option<String> {
    let issue = line.issue.as_deref().unwrap_or_default();
    match (line.deleted_from, line.expected) {
        (Some(at), _) if line.active == Some(false) => {
            Some(format!("ended: switched off, deleted from {} on: {issue}", day(at)))
        }
        (_, Some("passing")) => Some(format!("being made or taken away just now: {issue}")),
        _ if line.active == Some(false) && !line.findings.contains(&Finding::SwitchedOff) => {
            Some("switched off".to_owned())
        }
        _ => None,
    }
}

fn kind(kind: ListedKind) -> &'static str {
    match kind {
        ListedKind::ApiToken => "API token",
        ListedKind::OauthClient => "OAuth client",
        ListedKind::OauthToken => "OAuth token",
    }
}

/// When Zendesk ends what is listed here, and how soon that is.
fn last_day(now: Timestamp) -> String {
    match days_left(now) {
        0 if is_over(now) => format!("Zendesk ended every API token on {LAST_DAY}."),
        0 => format!("Zendesk ends every API token on {LAST_DAY}, which is today."),
        days => format!("Zendesk ends every API token on {LAST_DAY}, {} from now.", counted(days, "day")),
    }
}

fn creator(line: &Line) -> String {
    match (&line.creator_name, line.creator) {
        (Some(name), Some(id)) => format!("{} {id}", fit(name, CREATOR - 1 - id.to_string().len().min(12))),
        (None, Some(id)) => id.to_string(),
        (_, None) => "not known".to_owned(),
    }
}

fn day(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// At most so many letters, one line.
fn fit(text: &str, width: usize) -> String {
    let plain: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if plain.chars().count() <= width {
        return plain;
    }
    let kept: String = plain.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The end of a name: of addresses, that is the part that tells them apart.
fn tail(text: &str) -> String {
    let plain: Vec<char> = text.chars().filter(|letter| !letter.is_control()).collect();
    if plain.len() <= NAME {
        return plain.into_iter().collect();
    }
    let kept: String = plain.iter().skip(plain.len() - (NAME - 1)).collect();
    format!("…{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_name_makes_a_line_wider_or_a_second_one(text in any::<String>()) {
            for (cut, width) in [(fit(&text, CREATOR), CREATOR), (tail(&text), NAME)] {
                prop_assert!(cut.chars().count() <= width);
                prop_assert!(!cut.contains(char::is_control));
            }
        }
    }
}
