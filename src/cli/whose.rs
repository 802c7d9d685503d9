//! `countersign whose`: to whom a leaked credential belongs, and how to revoke it now.
//!
//! By a keyed fingerprint or by the beginning that Zendesk itself shows, of access tokens as well that were fetched with an
//! OAuth client of ours; neither tells the secret. A whole secret is
//! read from standard input alone, so that it is in no history and no list of processes, and is never written back.

use std::io::Read as _;

use zeroize::Zeroizing;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load, orders};
use crate::domain::ids::IssueKey;
use crate::domain::inventory::{LastUse, ListedKind};
use crate::domain::record::{Attempt, Record};
use crate::domain::snapshot::OrderKind;
use crate::domain::text;
use crate::reconcile::Context;
use crate::reconcile::inventory::{Leaked, Owned, Trace, Traced, trace};

/// Longer than any secret of Zendesk's; more is not read.
const LONGEST: u64 = 4096;
/// Fewer letters fit too many.
const SHORTEST: usize = 4;
/// What Zendesk shows of a token is not longer; more would be a secret on the command line.
const SHOWN: usize = 12;

/// Arguments of `whose`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The beginning that Zendesk shows (4 to 12 letters), a fingerprint (at least its first 16 digits), or an OAuth
    /// client's identifier (`countersign_…`). A whole secret never goes here: use --stdin.
    #[arg(value_name = "PREFIX-OR-FINGERPRINT", required_unless_present = "stdin", conflicts_with = "stdin")]
    text: Option<String>,
    /// Read a whole secret from standard input. It is not kept and not shown.
    #[arg(long)]
    stdin: bool,
    /// Revoke it now; only if exactly one credential fits, and by a beginning only where every list could be read.
    #[arg(long, requires = "why")]
    revoke: bool,
    /// Why: kept in the audit chain, and read by people in the comment and in the holder's message.
    #[arg(long, value_name = "TEXT", requires = "revoke")]
    why: Option<String>,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    let leaked = match &arguments.text {
        Some(text) => by_text(text)?,
        None => by_secret(&mut std::io::stdin().lock())?,
    };
    let why = arguments.why.as_deref().map(load::why).transpose()?;
    let config = load::config(&arguments.config)?;
    let service = load::service(&config).await?;
    let found = tell(&service.context, &leaked).await?;
    if !arguments.revoke {
        return Ok(ExitStatus::Done);
    }
    let key = only(&leaked, &found)?;
    orders::order(&service, (key, OrderKind::Revoke), why.unwrap_or_default()).await
}

/// The request of the only one that fits: by its fingerprint, or by a beginning where every list was read. A whole
/// secret that only begins like one that was handed over is another; of what was fetched with an OAuth client nobody
/// knows more than the beginning.
pub fn only(leaked: &Leaked, found: &Traced) -> Result<IssueKey, Failure> {
    match found.traces.as_slice() {
        [Trace { owned: Owned::Ours { key, .. }, exact: true, .. }] => Ok(*key),
        [Trace { owned: Owned::Ours { key, .. }, fetched: false, .. }] if leaked.is_whole() => Err(
            Failure::usage("this secret is not known here, only one that begins alike: nothing was revoked")
                .hint(format!("if it is that one after all: countersign revoke {key} --why …")),
        ),
        _ if !found.unreadable.is_empty() => Err(Failure::usage(format!(
            "{} could not be read, so another credential may fit as well: nothing was revoked",
            found.unreadable.join(", ")
        ))
        .hint("try again later, or give its whole on standard input with --stdin")),
        [Trace { owned: Owned::Ours { key, .. }, .. }] => Ok(*key),
        [Trace { owned: Owned::Others { .. }, .. }] => {
            Err(Failure::usage("it was not issued here, so there is no request to revoke")
                .hint("switch it off in the Admin Center, under Apps and integrations > APIs"))
        }
        _ => Err(Failure::usage("more than one credential fits: nothing was revoked")
            .hint("give more of it, or its whole on standard input with --stdin")),
    }
}

/// What a person may write on a command line.
pub fn by_text(text: &str) -> Result<Leaked, Failure> {
    let text = text.trim().trim_end_matches(['…', '.', '*']);
    let hexadecimal = text.chars().all(|digit| digit.is_ascii_hexdigit());
    if text.starts_with("countersign_") {
        // No secret: Zendesk shows it to every admin, and Slack's message has it beside the secret.
        return Ok(Leaked::identifier(text));
    }
    match text.chars().count() {
        0..SHORTEST => Err(Failure::usage(format!("at least {SHORTEST} letters are needed"))
            .hint("a whole secret can be looked up with --stdin, which leaves no trace of it")),
        SHORTEST..=SHOWN => Ok(Leaked::beginning(text)),
        16..=64 if hexadecimal => Ok(Leaked::fingerprint(&text.to_ascii_lowercase())),
        _ => Err(Failure::usage("that looks like a whole secret, and now it is in your shell's history")
            .hint("have it revoked; and look it up with --stdin, which leaves no trace of it")),
    }
}

/// A whole secret, from where it leaves no trace.
pub fn by_secret(from: &mut dyn std::io::Read) -> Result<Leaked, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = from.take(LONGEST).read_to_string(&mut text);
    read.map_err(|_| Failure::usage("standard input is not text"))?;
    let secret = text.trim();
    if secret.chars().count() < SHORTEST {
        return Err(Failure::usage("there is no secret on standard input"));
    }
    Ok(Leaked::secret(secret))
}

/// Finds it and says whose it is; all that fit.
pub async fn tell(context: &Context, leaked: &Leaked) -> Result<Traced, Failure> {
    let found = trace(context, leaked).await?;
    for list in &found.unreadable {
        say(format_args!("{list} could not be read; more may be known of it later"));
    }
    if found.traces.is_empty() {
        return Err(Failure::not_true("No credential that was issued here, and no API token or access token at Zendesk, is known by that.")
            .hint("what was issued before fingerprints were kept, and what an OAuth client fetched, is known by its beginning alone, while Zendesk lists it"));
    }
    for one in &found.traces {
        let by = match one.exact {
            true if leaked.is_identifier() => "its identifier",
            true => "its fingerprint",
            false if one.fetched => {
                "the beginning of an access token that was fetched with it: others may begin alike"
            }
            false => "its beginning alone: others may begin alike",
        };
        data(describe(context, one, by).await);
    }
    Ok(found)
}

async fn describe(context: &Context, one: &Trace, by: &str) -> String {
    let used = match one.last_use {
        Some(LastUse::At(at)) => text::time(at),
        Some(LastUse::Never) => "never".to_owned(),
        Some(LastUse::NotKnown) | None => "not known".to_owned(),
    };
    let rows = match &one.owned {
        Owned::Ours { key, record, attempt } => ours(context, (*key, record, attempt)).await,
        Owned::Others { kind: ListedKind::OauthToken, instance, id, name, creator } => vec![
            ("credential", format!("access token {id} at {instance}, of the OAuth client {}", text::quote(name))),
            ("issue", "none: it was not issued here".to_owned()),
            ("acts as", creator.clone()),
            ("revoke now", "Admin Center, Apps and integrations > APIs: a new secret for that client, and its tokens deleted".to_owned()),
        ],
        Owned::Others { instance, id, name, creator, .. } => vec![
            ("credential", format!("API token {id} at {instance}, named {}", text::quote(name))),
            ("issue", "none: it was not issued here".to_owned()),
            ("created by", creator.clone()),
            ("revoke now", "Admin Center, Apps and integrations > APIs; or `countersign credential deactivate` if it is an exception".to_owned()),
        ],
    };
    let last = [("last used", used), ("known by", by.to_owned())];
    let row = |(name, value): (&str, String)| format!("{:<13}{value}", format!("{name}:"));
    let rows: Vec<String> = rows.into_iter().chain(last).map(row).collect();
    format!("{}\n", rows.join("\n"))
}

async fn ours(
    context: &Context,
    (key, record, attempt): (IssueKey, &Record, &Attempt),
) -> Vec<(&'static str, String)> {
    let holder = record.issued.as_ref().map(|terms| terms.beneficiary);
    let holder = match holder {
        Some(id) => {
            let name = context.gitlab().username(id).await;
            name.map_or_else(|_| format!("GitLab user {id}"), |name| format!("@{name} ({id})"))
        }
        None => "not known".to_owned(),
    };
    // An earlier generation's approvals are in the history.
    let approvers = [&record.manager, &record.provisioner].map(|slot| {
        let bound = slot.bound.as_ref().filter(|_| attempt.generation == record.generation);
        bound.map_or_else(
            || format!("see `countersign show {key}`"),
            |bound| format!("@{} ({}), {}", bound.username, bound.actor, text::time(bound.at)),
        )
    });
    let [manager, provisioner] = approvers;
    let id = attempt.credential.map(|id| id.to_string()).unwrap_or_default();
    let state = if attempt.is_unsettled() { "alive, or not proven gone" } else { "gone" };
    vec![
        ("issue", record.url.clone()),
        (
            "credential",
            format!(
                "{} {id} at {}, named {}",
                attempt.kind.title(),
                attempt.instance,
                text::quote(&attempt.name)
            ),
        ),
        ("state", format!("{state}; the request is {}", record.phase.key())),
        ("holder", holder),
        ("manager", manager),
        ("provisioner", provisioner),
        ("revoke now", format!("countersign revoke {} --why …", record.url)),
    ]
}
