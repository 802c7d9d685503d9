//! What the comment says of a kind of credential: what its holder can do, and what there is in its place.

use super::View;
use crate::domain::form::Field;
use crate::domain::terms::{Kind, Terms};
use crate::domain::text;

/// What a holder of this kind can do; approvers read it before they approve. Once it was issued there is nothing left
/// to approve.
pub(super) fn power(terms: &Terms, is_issued: bool) -> String {
    let owner = terms.owner;
    let power = match terms.kind {
        Kind::ApiToken => {
            let advice = if is_issued { "" } else { " Approve it only if that is needed." };
            format!(
                "**Any holder of an API token can act as any user of that account, admins included.**{advice}"
            )
        }
        Kind::OauthClient => format!(
            "Whoever holds this client can fetch access tokens that act as Zendesk user {owner}. **Zendesk's API cannot \
             limit a client to the scopes above: it can also fetch tokens for anything that user may do**, unless an \
             admin sets its allowed scopes in Admin Center. Each token lives for less than 48 hours; all of them end \
             with the client."
        ),
        Kind::OauthToken => format!(
            "Whoever holds this token can do what the scopes above allow, as Zendesk user {owner}, and nothing else. \
             Zendesk itself ends it, and cannot lengthen it."
        ),
    };
    if terms.integration {
        return format!(
            "{power}\n\n**It is for an integration, and integrations are harder to revoke**: a system that runs on it \
             stops on the day it ends."
        );
    }
    power
}

/// Final, and what else there is.
pub(super) fn creation_refused(view: &View<'_>) -> String {
    let kind = view.terms().map_or(Kind::ApiToken, |terms| terms.kind);
    let why = match kind {
        Kind::ApiToken => {
            "no account can create API tokens since 2026-10-27, and no account can hold more than its limit"
        }
        Kind::OauthClient => "it takes no OAuth client as this one was to be made",
        Kind::OauthToken => "it gives no access token with these scopes",
    };
    let others: Vec<&str> =
        view.status.kinds.iter().filter(|other| **other != kind).map(|other| other.title()).collect();
    let instead = if others.is_empty() {
        "This instance offers no other kind: ask an operator.".to_owned()
    } else {
        let offered = text::either(&others);
        format!("What this instance can issue instead: {offered}. To have that, open a new request.")
    };
    format!(
        "Zendesk refuses to create this credential: {why}. Nothing was issued, and trying again will not help by itself. \
         {instead} If Zendesk allows it again, ask an operator to run `countersign retry`."
    )
}

/// What to ask for in place of what can do everything.
pub(super) fn smaller(view: &View<'_>, instead: &[Kind]) -> String {
    let kinds: Vec<&str> = instead.iter().map(|kind| kind.title()).collect();
    if kinds.is_empty() {
        return "This instance offers no kind with scopes: ask an operator.".to_owned();
    }
    format!(
        "Please ask for a kind with scopes: choose {} under “{}”, fill in “{}”, and reopen the issue.",
        text::either(&kinds),
        view.title(Field::Kind),
        view.title(Field::Scopes)
    )
}
