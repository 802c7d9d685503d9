//! The status comment: one note, rendered whole from what is known, and never read back for state.
//!
//! It says where the request stands, who did what when, what is awaited from whom, what would be issued and
//! when it ends. `words` has the sentences, `seal` the last line that ties the comment to the audit chain.

mod kinds;
mod life;
mod refusals;
mod seal;
#[cfg(test)]
mod tests;
mod words;

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::form::{Field, Titles};
use super::ids::UserId;
use super::phase::{Closing, Phase};
use super::plan::Status;
use super::record::{Attempt, AttemptState, Bound, Record, Slot};
use super::snapshot::Doubt;
use super::terms::{FORM, Terms};
use super::text;

pub use life::end_reason;
pub use refusals::refusal;
pub use seal::{Reader, Seal, Writer, fingerprint, read_seal, sealed, unsealed};
pub use words::{doubt, next_step};

/// No comment is longer than this; GitLab's own limit is a million characters.
const LONGEST: usize = 60_000;

/// What the comment is rendered from.
pub struct View<'a> {
    /// What is remembered.
    pub record: &'a Record,
    /// The ledger.
    pub attempts: &'a [Attempt],
    /// What the last look found besides.
    pub status: &'a Status,
    /// Title of the manager's label.
    pub manager_label: &'a str,
    /// Title of the provisioner's label.
    pub provisioner_label: &'a str,
    /// Title of the label that revokes, once it is pinned.
    pub revoke_label: Option<&'a str>,
    /// The titles of the form's fields.
    pub titles: &'a Titles,
    /// The zone in which days end.
    pub zone: &'a TimeZone,
}

/// The comment, without its seal.
pub fn render(view: &View<'_>) -> String {
    let mut body = format!("#### Access request: {}\n\n", title(view));
    for paragraph in next_step(view) {
        let _ = write!(body, "{paragraph}\n\n");
    }
    steps(&mut body, view);
    refusals::remarks(&mut body, view);
    issued(&mut body, view);
    if body.chars().count() > LONGEST {
        body = body.chars().take(LONGEST).chain("…\n".chars()).collect();
    }
    body.trim_end().to_owned()
}

/// Where it stands, in a word or two.
fn title(view: &View<'_>) -> &'static str {
    match &view.record.phase {
        Phase::Issuing { .. } if view.status.halted => "Approved, and nothing is issued now",
        Phase::Issuing { .. } if view.status.paused.is_some() => "Approved, and issuing is paused",
        _ if view.record.is_switched_off() => "Switched off",
        phase => phase.title(),
    }
}

impl View<'_> {
    /// A person by their user name, mentioned so that GitLab tells them.
    fn mention(&self, person: UserId) -> String {
        match self.status.names.get(&person) {
            Some(name) => format!("@{name}"),
            None => format!("the person with GitLab id {person}"),
        }
    }

    fn mentions(&self, people: &[UserId]) -> String {
        people.iter().map(|person| self.mention(*person)).collect::<Vec<_>>().join(" or ")
    }

    fn title(&self, field: Field) -> &str {
        self.titles.get(&field).and_then(|titles| titles.first()).map_or(field.key(), String::as_str)
    }

    /// The name of a field of the terms as people know it: one of the form by its title.
    fn field<'f>(&'f self, name: &'f str) -> &'f str {
        let is_it =
            |field: &Field| name.strip_prefix(FORM).is_some_and(|rest| rest == field.key().replace('_', " "));
        self.titles.keys().find(|field| is_it(field)).map_or(name, |field| self.title(*field))
    }

    /// Who may give the second approval: people, then groups.
    fn provisioners(&self) -> Vec<String> {
        let people = self.status.provisioners.iter().map(|person| self.mention(*person));
        people.chain(self.provisioner_groups()).collect()
    }

    /// "a member of `company`".
    fn provisioner_groups(&self) -> impl Iterator<Item = String> {
        self.status.provisioner_groups.iter().map(|group| format!("a member of {}", text::quote(group)))
    }

    /// What was fixed when minting began, or else what would be issued now.
    fn terms(&self) -> Option<&Terms> {
        self.record.issued.as_ref().or(self.status.terms.as_ref())
    }

    /// What this generation handed over; an earlier one's is history.
    fn delivered(&self) -> Option<&Attempt> {
        let sent = |one: &Attempt| one.delivery.as_ref().is_some_and(|delivery| delivery.message.is_some());
        self.attempts.iter().rev().find(|one| one.generation == self.record.generation && sent(one))
    }
}

fn steps(body: &mut String, view: &View<'_>) {
    let record = view.record;
    if matches!(record.phase, Phase::New | Phase::Refused { .. }) {
        return;
    }
    let unknown = record.doubts.iter().find_map(|doubt| match doubt {
        Doubt::UnknownRequester { text } => Some(text),
        _ => None,
    });
    let form = match unknown {
        _ if !record.faults.is_empty() => "✗ needs a correction".to_owned(),
        Some(text) => format!(
            "✗ needs a correction: **{}** says {}; expected: a GitLab @username or e-mail address of somebody in the \
             directory",
            view.title(Field::Requester),
            text::quote(text)
        ),
        None => "✓ complete".to_owned(),
    };
    let _ = writeln!(body, "1. **Form**: {form}");
    let _ = writeln!(body, "1. **Manager**: {}", approval(&record.manager));
    let _ = writeln!(body, "1. **Provisioner**: {}", approval(&record.provisioner));
    let _ = writeln!(body, "1. **Hand-over**: {}", hand_over(view));
    let _ = writeln!(body, "1. **Taken away**: {}\n", taken_away(view));
}

fn approval(slot: &Slot) -> String {
    match &slot.bound {
        Some(Bound { username, at, digest, .. }) => {
            format!("✓ approved by @{username}, {} (terms `{}`)", text::time(*at), digest.short())
        }
        None => "not yet".to_owned(),
    }
}

fn hand_over(view: &View<'_>) -> String {
    match view.delivered().and_then(|attempt| attempt.delivery.as_ref()) {
        Some(delivery) => format!("✓ by Slack direct message, {}", text::time(delivery.sent_at)),
        None => "not yet".to_owned(),
    }
}

fn taken_away(view: &View<'_>) -> String {
    match &view.record.phase {
        Phase::Ended { since, .. } => format!("✓ seen to be gone, {}", text::time(*since)),
        Phase::Ending { .. } => "under way".to_owned(),
        Phase::Active { ends_at, .. } => format!("on {}", text::end(*ends_at, view.zone)),
        _ => "not yet".to_owned(),
    }
}

fn issued(body: &mut String, view: &View<'_>) {
    let Some(terms) = view.terms() else { return };
    let is_issued =
        matches!(view.record.phase, Phase::Active { .. } | Phase::Ending { .. } | Phase::Ended { .. });
    let title = if is_issued { "What was issued" } else { "What would be issued" };
    let _ = writeln!(body, "**{title}** (terms `{}`)\n", terms.digest().short());
    let integration = if terms.integration { ", for an integration" } else { "" };
    let kind = terms.kind.title();
    let _ = writeln!(body, "- {kind}{integration} for {} ({})", terms.instance_name, terms.instance_url);
    let _ = writeln!(body, "- named {}", text::quote(&terms.name));
    if !terms.scopes.is_empty() {
        let _ = writeln!(
            body,
            "- scopes: {}",
            text::quote_within(&terms.scopes.join(" "), super::form::LONGEST_TEXT)
        );
    }
    let _ = writeln!(body, "- for {}, by Slack direct message", view.mention(terms.beneficiary));
    let _ = writeln!(body, "- until {}", text::end(terms.ends_at, view.zone));
    for field in [Field::Purpose, Field::AdminAccess, Field::Replaces] {
        if let Some(value) = terms.fields.get(field.key()) {
            let value = text::quote_within(value, super::form::LONGEST_TEXT);
            let _ = writeln!(body, "- {}: {value}", view.title(field));
        }
    }
    life::extension(body, terms, view);
    let _ = writeln!(body, "\n{}", kinds::power(terms, is_issued));
}

/// Whether the issue was closed by us for its faults, or is about to be.
fn closed_for_faults(view: &View<'_>) -> bool {
    matches!(view.record.phase, Phase::Incomplete { closing: Closing::Wanted | Closing::Seen, .. })
}

/// The credential that could not be taken away yet, if there is one.
fn stubborn<'a>(view: &View<'a>) -> Option<&'a Attempt> {
    let failing =
        |attempt: &Attempt| matches!(attempt.state, AttemptState::TakingAway { .. }) && attempt.failures > 0;
    view.attempts.iter().find(|attempt| failing(attempt))
}
