//! One request in words: where it stands, what happens next, who approved what, each credential, and the last entries.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::Shown;
use crate::domain::comment::{doubt, end_reason};
use crate::domain::notice::{About, Notice, NoticeState};
use crate::domain::phase::Phase;
use crate::domain::record::{Attempt, AttemptState, Deed, Record, Slot};
use crate::domain::terms::Terms;
use crate::domain::text::{self, counted};
use crate::store::StoredEntry;

/// So many of the last audit entries are shown.
const ENTRIES: usize = 8;

pub(super) fn told(shown: &Shown, zone: &TimeZone) -> String {
    let mut lines = vec![
        format!("Access request {}", shown.record.url),
        format!("{}{}", state(&shown.record), since(&shown.record)),
        String::new(),
    ];
    lines.extend(rows(shown, zone).into_iter().map(|(name, value)| format!("{name:<13} {value}")));
    lines.extend(credentials(shown));
    lines.extend(messages(&shown.record));
    lines.extend(entries(&shown.history));
    lines.join("\n")
}

fn state(record: &Record) -> &'static str {
    if record.is_switched_off() { "Active, but switched off by an operator" } else { record.phase.title() }
}

fn since(record: &Record) -> String {
    let first = text::time(record.first_seen_at);
    let again = match record.generation {
        0 | 1 => String::new(),
        many => {
            let times = counted(many - 1, "time");
            format!(", reopened {times}, last {}", text::time(record.generation_since))
        }
    };
    match record.phase.since() {
        Some(at) => format!(" since {} (first seen {first}{again})", text::time(at)),
        None => format!(" (first seen {first}{again})"),
    }
}

fn rows(shown: &Shown, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let Shown { request, record, .. } = shown;
    let mut rows = vec![("Next:", next(shown, zone))];
    rows.extend(record.faults.iter().map(|fault| {
        let field = fault.field.map_or("the form", |field| field.key());
        ("", format!("- {field}: expected {}", fault.expected))
    }));
    rows.extend(record.doubts.iter().map(|one| ("", format!("- {}", doubt(one)))));
    if let Some(why) = shown.stopped.as_ref().filter(|_| is_not_issued_yet(&record.phase)) {
        rows.push(("", format!("Nothing is issued at the moment: {why}")));
    }
    if let Some(at) = request.next_look_at {
        rows.push(("", format!("It is looked at again by {}, or when something happens.", text::time(at))));
    }
    if let Some(error) = &request.last_error {
        rows.push(("Last error:", format!("{error} ({} in a row)", counted(request.failures, "look"))));
    }
    rows.push(("Opened by:", format!("the person with GitLab id {}", record.author)));
    rows.push(("Manager:", approval(&record.manager)));
    rows.push(("Provisioner:", approval(&record.provisioner)));
    if let Some(terms) = approved(record) {
        rows.push(("Approved:", asked(terms, zone)));
        rows.push(("For:", format!("the person with GitLab id {}", terms.beneficiary)));
        rows.extend(terms.fields.get("purpose").map(|purpose| ("Purpose:", text::one_line(purpose))));
    }
    rows
}

/// What was issued; before that what was approved so far.
fn approved(record: &Record) -> Option<&Terms> {
    let bound = || record.manager.bound.as_ref().map(|bound| &bound.terms);
    record.issued.as_ref().or_else(bound)
}

fn asked(terms: &Terms, zone: &TimeZone) -> String {
    let scopes =
        if terms.scopes.is_empty() { String::new() } else { format!(", scopes {}", terms.scopes.join(" ")) };
    format!(
        "{} at {}{scopes}, until {} (terms {})",
        terms.kind.title(),
        terms.instance_name,
        text::end(terms.ends_at, zone),
        terms.digest().short()
    )
}

fn is_not_issued_yet(phase: &Phase) -> bool {
    phase.is_undecided() || matches!(phase, Phase::Issuing { .. } | Phase::Delivering { .. })
}

fn next(shown: &Shown, zone: &TimeZone) -> String {
    let over = "nothing, unless the issue is reopened; then both approve anew";
    match &shown.record.phase {
        phase if phase.is_undecided() && !shown.record.doubts.is_empty() => {
            "nothing is issued before this is put right or certain:".to_owned()
        }
        Phase::New => "it is looked at".to_owned(),
        Phase::Incomplete { .. } => "whoever opened it corrects the form".to_owned(),
        Phase::AwaitingManager { .. } => "the manager approves by label, or closes the issue".to_owned(),
        Phase::AwaitingProvisioner { .. } => {
            "a provisioner approves by label, or closes the issue".to_owned()
        }
        Phase::Issuing { .. } => "the credential is made".to_owned(),
        Phase::Delivering { .. } => "the credential is handed over by Slack".to_owned(),
        Phase::Active { ends_at, .. } => {
            format!("the credential is taken away at its end, {}", text::end(*ends_at, zone))
        }
        Phase::Ending { why, .. } => {
            format!("it is taken away until it is seen to be gone. {}", end_reason(why))
        }
        Phase::Ended { why, .. } => format!("{over}. {}", end_reason(why)),
        Phase::Blocked { .. } => format!(
            "a person must look: `countersign explain {0}` says why, `countersign retry {0} --why TEXT` tries again",
            shown.request.key
        ),
        Phase::Refused { .. } => "nothing: it takes a new issue".to_owned(),
        Phase::Denied { .. } | Phase::Withdrawn { .. } => over.to_owned(),
    }
}

fn approval(slot: &Slot) -> String {
    match (&slot.bound, &slot.last_refusal) {
        (Some(bound), _) => format!(
            "approved by @{} on {} (terms {})",
            bound.username,
            text::time(bound.at),
            bound.digest.short()
        ),
        (None, Some(last)) => format!(
            "not yet; a label by {} did not count on {} (`countersign explain` says why)",
            last.username.as_deref().map_or("somebody".to_owned(), |name| format!("@{name}")),
            text::time(last.at)
        ),
        (None, None) => "not yet".to_owned(),
    }
}

fn credentials(shown: &Shown) -> Vec<String> {
    if shown.attempts.is_empty() {
        return vec![String::new(), "No credential was made.".to_owned()];
    }
    let mut lines = vec![String::new(), "Credentials, a line for each try:".to_owned()];
    for attempt in &shown.attempts {
        let id = attempt.credential.map_or("without an id".to_owned(), |id| id.to_string());
        lines.push(format!(
            "  {}. {} {id} at {}: {}",
            attempt.number,
            attempt.kind.title(),
            attempt.instance,
            fate(attempt, &shown.record)
        ));
        lines.push(format!("     named {}", text::one_line(&attempt.name)));
    }
    lines
}

fn fate(attempt: &Attempt, record: &Record) -> String {
    let handed_over = attempt.delivery.as_ref().filter(|delivery| delivery.message.is_some());
    let handed_over =
        handed_over.map_or(String::new(), |one| format!("handed over {}, ", text::time(one.sent_at)));
    let now = match &attempt.state {
        AttemptState::Intended => "being made; Zendesk has not answered yet".to_owned(),
        AttemptState::NotMade => "Zendesk made nothing".to_owned(),
        AttemptState::NotFound => "Zendesk did not answer, and nothing was found".to_owned(),
        AttemptState::Minted => "made, and not handed over yet".to_owned(),
        AttemptState::Sending => "its message may be under way".to_owned(),
        AttemptState::Delivered if record.is_switched_off() => "switched off by an operator".to_owned(),
        AttemptState::Delivered => "works".to_owned(),
        AttemptState::TakingAway { .. } => taking_away(attempt),
        AttemptState::Gone if attempt.found_gone => "was found gone".to_owned(),
        AttemptState::Gone => "taken away and seen to be gone".to_owned(),
    };
    format!("{handed_over}{now}")
}

fn taking_away(attempt: &Attempt) -> String {
    match (attempt.switched_off_at, attempt.not_before) {
        (Some(off), Some(deleted)) if attempt.failures == 0 => {
            format!("switched off {}, deleted on {}", text::time(off), text::time(deleted))
        }
        (_, Some(again)) => format!(
            "being taken away; failed {} so far, tried again on {}",
            counted(attempt.failures, "time"),
            text::time(again)
        ),
        _ => "being taken away".to_owned(),
    }
}

fn messages(record: &Record) -> Vec<String> {
    if record.notices.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "Messages by Slack besides the credential:".to_owned()];
    lines.extend(record.notices.iter().map(message));
    lines
}

fn message(notice: &Notice) -> String {
    let about = match notice.about {
        About::End { days, .. } => format!("that the end is {} away", counted(days, "day")),
        About::Left { .. } => "that somebody seems to have left".to_owned(),
        About::ByHand { deed: Deed::SwitchedOff } => "that an operator switched it off".to_owned(),
        About::ByHand { deed: Deed::SwitchedOn } => "that an operator switched it on again".to_owned(),
        About::ByHand { .. } => "what an operator did to it".to_owned(),
        About::Ended => "that it ended before its day".to_owned(),
    };
    let state = match notice.state {
        NoticeState::Due { not_before: None } => "to be sent",
        NoticeState::Due { .. } => "could not be sent yet; it is tried again",
        NoticeState::Trying => "being sent",
        NoticeState::Told => "sent",
        NoticeState::GivenUp => "not sent: overtaken, or Slack did not take it for a day",
    };
    format!("  {}  to GitLab id {}, {about}: {state}", text::time(notice.at), notice.to)
}

fn entries(history: &[StoredEntry]) -> Vec<String> {
    let last = &history[history.len().saturating_sub(ENTRIES)..];
    let mut lines =
        vec![String::new(), format!("In the audit chain, the last of {} (--json has all):", history.len())];
    lines.extend(last.iter().map(|entry| {
        let line =
            format!("  {:>6}  {}  {}  {}", entry.seq, text::time(entry.time()), entry.kind, gist(entry));
        line.trim_end().to_owned()
    }));
    lines
}

/// What an entry is about, in a few words.
fn gist(entry: &StoredEntry) -> String {
    let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
    let places =
        [&detail["to"]["phase"], &detail["role"], &detail["deed"], &detail["kind"], &detail["error"]];
    let first = places.into_iter().find_map(Value::as_str).unwrap_or_default();
    let words =
        [first, detail["why"].as_str().unwrap_or_default(), detail["by"].as_str().unwrap_or_default()];
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).map(text::one_line).collect();
    words.join(", ")
}
