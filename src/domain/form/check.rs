//! Answers to a form, or to all its faults at once.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::markdown::{Answer, Answers};
use super::{AdminAccess, Fault, Field, Form, INTEGRATION, LONGEST_TEXT};
use crate::domain::policy::{Instance, Policy};
use crate::domain::scopes;
use crate::domain::terms::Kind;

/// The day on which Zendesk ends all API tokens.
/// Source: Zendesk, "Migrating from API tokens to OAuth access tokens".
const LAST_DAY_OF_API_TOKENS: Date = jiff::civil::date(2027, 4, 30);

/// Zendesk lets no access token live as long as this.
/// Source: Zendesk, "OAuth Tokens for Grant Types", `expires_in`.
const LIFE_OF_ACCESS_TOKENS: SignedDuration = SignedDuration::from_hours(48);

/// An access token with less left than this is of no use by the time it is handed over.
const SHORTEST_ACCESS: SignedDuration = SignedDuration::from_hours(1);

/// What people write where they mean that admin access is not needed.
const NOT_NEEDED: [&str; 8] = [
    "no",
    "none",
    "not needed",
    "not required",
    "n/a",
    "na",
    "it is not needed",
    "admin access is not needed",
];

/// Turns answers into a form. `Err` holds every fault, in the order of the template.
pub fn check(answers: &Answers, policy: &Policy, now: Timestamp) -> Result<Form, Vec<Fault>> {
    let mut faults = Faults { answers, list: Vec::new() };
    faults.repeated();
    let instance = instance(&mut faults, policy);
    let at = instance.as_deref().and_then(|key| policy.instance(key));
    let asked = kind(&mut faults, at);
    let kind = asked.map(|(kind, _)| kind);
    let purpose = faults.required(Field::Purpose, "what will use the credential, and what for", true);
    let admin_access = admin_access(&mut faults, kind);
    let scopes = scopes(&mut faults, kind, at);
    let remove_on = remove_on(&mut faults, policy, now, kind);
    let requester = faults.optional(Field::Requester);
    faults.too_long();
    faults.name_repeated_once();
    faults.list.sort_by_key(|fault| fault.field);
    let whole = || Some((instance?, asked?, (purpose?, admin_access?, scopes?), remove_on?));
    match whole() {
        Some((instance, (kind, integration), (_, admin_access, scopes), (remove_on, ends_at)))
            if faults.list.is_empty() =>
        {
            let fields = filled(answers);
            Ok(Form {
                instance,
                kind,
                integration,
                scopes,
                admin_access,
                remove_on,
                ends_at,
                requester,
                fields,
            })
        }
        _ => Err(faults.list),
    }
}

struct Faults<'a> {
    answers: &'a Answers,
    list: Vec<Fault>,
}

impl<'a> Faults<'a> {
    fn add(&mut self, field: Field, found: &str, expected: impl Into<String>) {
        // What is kept of it is only shown, and shown cut.
        let (found, expected) = (found.chars().take(LONGEST_TEXT).collect(), expected.into());
        self.list.push(Fault { field: Some(field), found, expected, essential: false });
    }

    fn answer(&self, field: Field) -> Option<&'a Answer> {
        self.answers.by_field.get(&field).filter(|answer| answer.entries().next().is_some())
    }

    fn optional(&self, field: Field) -> Option<String> {
        self.answer(field).map(Answer::whole)
    }

    fn required(&mut self, field: Field, expected: &str, essential: bool) -> Option<String> {
        let found = self.optional(field);
        if found.is_none() {
            let (found, expected) = (String::new(), expected.to_owned());
            self.list.push(Fault { field: Some(field), found, expected, essential });
        }
        found
    }

    fn too_long(&mut self) {
        let answers = self.answers;
        for (field, answer) in &answers.by_field {
            let whole = answer.whole();
            if whole.chars().count() > LONGEST_TEXT {
                self.add(*field, &whole, format!("at most {LONGEST_TEXT} characters"));
            }
        }
    }

    fn repeated(&mut self) {
        let answers = self.answers;
        for field in &answers.repeated {
            self.add(*field, "this part more than once", "each part once");
        }
    }

    /// What stands under a title that is there twice is of two parts; nothing else can be said of it.
    fn name_repeated_once(&mut self) {
        for field in &self.answers.repeated {
            let about = |fault: &Fault| fault.field == Some(*field);
            let essential = self.list.iter().any(|fault| about(fault) && fault.essential);
            let place = self.list.iter().position(about);
            let mut index = 0;
            self.list.retain_mut(|fault| {
                let kept = !about(fault) || Some(index) == place;
                fault.essential |= about(fault) && essential;
                index += 1;
                kept
            });
        }
    }

    /// The one choice among `choices`: `Err` holds what people should read.
    fn choice<T: Clone>(&mut self, field: Field, choices: &[(Vec<&str>, T)], expected: &str) -> Option<T> {
        let found = self.required(field, expected, false)?;
        let entries: Vec<&str> = self.answer(field)?.entries().collect();
        let named = |entry: &str| {
            let is_it = |names: &Vec<&str>| names.iter().any(|name| name.eq_ignore_ascii_case(entry.trim()));
            choices.iter().find(|(names, _)| is_it(names)).map(|(_, value)| value.clone())
        };
        match entries.as_slice() {
            [one] if named(one).is_some() => named(one),
            _ => {
                self.add(field, &found, expected);
                None
            }
        }
    }
}

fn instance(faults: &mut Faults<'_>, policy: &Policy) -> Option<String> {
    let choices: Vec<(Vec<&str>, String)> = policy
        .instances
        .iter()
        .map(|instance| (vec![instance.name.as_str(), instance.key.as_str()], instance.key.clone()))
        .collect();
    let names: Vec<&str> = policy.instances.iter().map(|instance| instance.name.as_str()).collect();
    faults.choice(Field::Instance, &choices, &format!("one of: {}", names.join(", ")))
}

/// The kind, and whether it is asked for as an integration.
fn kind(faults: &mut Faults<'_>, instance: Option<&Instance>) -> Option<(Kind, bool)> {
    let offered = instance.map_or(Kind::ALL.as_slice(), |instance| instance.kinds.as_slice());
    let mut choices: Vec<(Vec<&str>, (Kind, bool))> =
        offered.iter().map(|kind| (vec![kind.title(), kind.key()], (*kind, false))).collect();
    let mut names: Vec<&str> = offered.iter().map(|kind| kind.title()).collect();
    if instance.is_none_or(|instance| instance.integrations) {
        choices.push((vec![INTEGRATION], (Kind::OauthClient, true)));
        names.push(INTEGRATION);
    }
    let mut expected = format!("one of: {}", names.join(", "));
    let integration = faults.optional(Field::Kind).is_some_and(|text| text.eq_ignore_ascii_case(INTEGRATION));
    if let Some(instance) = instance.filter(|instance| integration && !instance.integrations) {
        expected = format!("{expected}; integrations are not made for {}", instance.name);
    }
    faults.choice(Field::Kind, &choices, &expected)
}

/// Why a credential that can do everything is needed. The others have scopes, so that nobody need say it for them.
fn admin_access(faults: &mut Faults<'_>, kind: Option<Kind>) -> Option<AdminAccess> {
    let reason = match kind {
        Some(Kind::OauthClient | Kind::OauthToken) => faults.optional(Field::AdminAccess).unwrap_or_default(),
        // A kind that is to be chosen anew: whether a reason is needed is not known yet.
        None if faults.answer(Field::Kind).is_some() => {
            faults.optional(Field::AdminAccess).unwrap_or_default()
        }
        _ => faults.required(Field::AdminAccess, "the reason, or: not needed", false)?,
    };
    let words = reason.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let plain = words.trim_end_matches('.');
    if plain.is_empty() || NOT_NEEDED.contains(&plain) {
        return Some(AdminAccess::NotNeeded);
    }
    Some(AdminAccess::Needed(reason))
}

/// What it may do. Nothing chosen would be everything, so it is refused for the kinds that have scopes.
fn scopes(faults: &mut Faults<'_>, kind: Option<Kind>, instance: Option<&Instance>) -> Option<Vec<String>> {
    let found = faults.optional(Field::Scopes);
    match kind? {
        Kind::ApiToken => {
            if let Some(found) = found {
                faults.add(Field::Scopes, &found, "nothing: an API token has no scopes");
            }
            Some(Vec::new())
        }
        Kind::OauthClient | Kind::OauthToken => {
            let entries = faults.answer(Field::Scopes);
            let entries = entries.into_iter().flat_map(Answer::entries);
            match scopes::parse(entries, instance) {
                Ok(scopes) => Some(scopes),
                Err(expected) => {
                    faults.add(Field::Scopes, &found.unwrap_or_default(), expected);
                    None
                }
            }
        }
    }
}

fn remove_on(
    faults: &mut Faults<'_>,
    policy: &Policy,
    now: Timestamp,
    kind: Option<Kind>,
) -> Option<(Date, Timestamp)> {
    let expected = "the last day it should work, as YYYY-MM-DD";
    let found = faults.required(Field::RemoveOn, expected, true)?;
    let Some((date, ends_at)) =
        strict_date(&found).and_then(|date| Some((date, end_of(date, &policy.zone)?)))
    else {
        faults.add(Field::RemoveOn, &found, expected);
        return None;
    };
    let left = ends_at.duration_since(now);
    if left < SignedDuration::from_hours(24) && kind != Some(Kind::OauthToken) {
        faults.add(Field::RemoveOn, &found, "a day at least one whole day ahead");
        return None;
    }
    // For at most two days, a whole day ahead would leave one date, and none that lasts until both approved.
    if kind == Some(Kind::OauthToken) && left < SHORTEST_ACCESS {
        faults.add(Field::RemoveOn, &found, "a day that is not over within the hour");
        return None;
    }
    if kind == Some(Kind::OauthToken) && left >= LIFE_OF_ACCESS_TOKENS {
        let expected = "today or tomorrow: Zendesk lets no access token live for 48 hours";
        faults.add(Field::RemoveOn, &found, expected);
        return None;
    }
    let (latest, why) = latest_day(policy, now, kind);
    if date > latest {
        faults.add(Field::RemoveOn, &found, format!("a day not after {latest}: {why}"));
        return None;
    }
    Some((date, ends_at))
}

fn latest_day(policy: &Policy, now: Timestamp, kind: Option<Kind>) -> (Date, String) {
    let today = now.to_zoned(policy.zone.clone()).date();
    // A lifetime that no calendar holds allows nothing.
    let lifetime = Span::new().try_days(policy.max_lifetime_days);
    let by_policy = lifetime.map_or(today, |days| today.saturating_add(days));
    let why = format!("at most {} days", policy.max_lifetime_days);
    match kind {
        Some(Kind::ApiToken) if LAST_DAY_OF_API_TOKENS < by_policy => {
            (LAST_DAY_OF_API_TOKENS, "on that day Zendesk ends all API tokens".to_owned())
        }
        _ => (by_policy, why),
    }
}

/// `YYYY-MM-DD` and nothing else.
fn strict_date(text: &str) -> Option<Date> {
    let shape = |(place, byte): (usize, u8)| {
        if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
    };
    let fits = text.len() == 10 && text.bytes().enumerate().all(shape);
    fits.then(|| text.parse().ok()).flatten()
}

/// The instant at which `date` is over in `zone`.
fn end_of(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next_day = date.tomorrow().ok()?;
    Some(next_day.to_zoned(zone.clone()).ok()?.timestamp())
}

fn filled(answers: &Answers) -> std::collections::BTreeMap<String, String> {
    let filled = answers.by_field.iter().filter(|(_, answer)| answer.entries().next().is_some());
    filled.map(|(field, answer)| (field.key().to_owned(), answer.whole())).collect()
}
