//! What a token's scopes allow.
//!
//! `read` and `write` are for everything; the others for one kind of thing. Tokens, clients and the OAuth addresses
//! have no scope of their own, so that only the two great ones open them; whether a narrow token may at least ask
//! after itself is not documented, and here it may not.

use super::{Caller, Desk, explained};
use crate::sandbox::answer::Answer;

/// Things that scopes of their own are for. Source: Zendesk, "OAuth tokens for grant types", "Scope".
const THINGS: [&str; 27] = [
    "tickets",
    "users",
    "auditlogs",
    "organizations",
    "hc",
    "apps",
    "triggers",
    "automations",
    "targets",
    "webhooks",
    "macros",
    "requests",
    "satisfaction_ratings",
    "dynamic_content",
    "any_channel",
    "web_widget",
    "security",
    "themes",
    "zis",
    "account_settings",
    "brands",
    "custom_objects",
    "deletion_schedules",
    "groups",
    "sla_policies",
    "ticket_attachments",
    "ticket_views",
];

/// Whether Zendesk knows it.
pub(crate) fn is_known(scope: &str) -> bool {
    match scope.split_once(':') {
        None => matches!(scope, "read" | "write" | "impersonate"),
        Some((thing, access)) => {
            let some = thing == "unrestricted" || THINGS.contains(&thing);
            some && matches!(access, "read" | "write")
        }
    }
}

/// Reading needs the scope `read` or that of the thing, the rest `write` or that of the thing.
pub(super) fn allow(desk: &Desk<'_>, caller: &Caller, segments: &[&str]) -> Result<(), Answer> {
    let needed = if desk.call.method == "GET" { "read" } else { "write" };
    let thing = match segments.first() {
        Some(&"audit_logs") => "auditlogs",
        Some(&"account") => "account_settings",
        Some(thing @ (&"tickets" | &"users" | &"organizations")) => thing,
        _ => "",
    };
    let narrow = format!("{thing}:{needed}");
    let fits = |scope: &String| scope == needed || *scope == narrow;
    let allowed = caller.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(fits));
    let refusal =
        || explained(403, "Forbidden", &format!("You are missing the following required scopes: {needed}"));
    allowed.then_some(()).ok_or_else(refusal)
}
