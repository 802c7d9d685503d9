//! The direct message that hands a credential over: the only function that puts a secret into text.
//!
//! Slack shows `text` in notifications and on lock screens, so it never holds the secret; the secret is in a
//! preformatted block, literally, and the whole is wiped when dropped.
//! Source: Slack, `chat.postMessage`.

use super::terms::Terms;
use super::text;
use crate::secret::MintedSecret;
use jiff::tz::TimeZone;

/// A message with a secret in it.
#[derive(Debug)]
pub struct Message {
    /// For notifications. No secret.
    pub text: String,
    /// Slack blocks as JSON text. Holds the secret.
    pub blocks: MintedSecret,
}

/// Writes the message. `earlier_is_dead`: an earlier message may have gone, whose credential was taken away.
pub fn compose(terms: &Terms, issue_url: &str, secret: &MintedSecret, facts: Facts<'_>) -> Message {
    let text = format!(
        "Your Zendesk {} is here. Open the message to read it. Request: {issue_url}",
        terms.kind.title()
    );
    let mut opening = format!(
        "Your Zendesk {} for {} ({}), as asked for in {issue_url}:",
        terms.kind.title(),
        terms.instance_name,
        terms.instance_url
    );
    if facts.earlier_is_dead {
        opening.push_str(
            "\nIf you got an earlier message for this request: that credential is dead, use this one.",
        );
    }
    let closing = format!(
        "Use it as the password of basic authentication, with YOUR_EMAIL/token as the user name. It works until {}. \
         It can act as any user of the account: keep it in a password manager, never in code or in an issue. \
         It cannot be shown again; delete this message once you have stored it.",
        text::end(terms.ends_at, facts.zone)
    );
    Message { text, blocks: blocks(&opening, secret, &closing) }
}

/// Tells somebody that their approval is awaited. No secret is in it.
pub fn reminder(issue_url: &str) -> Message {
    let text = format!(
        "An access request waits for your approval: {issue_url}\nThe comment there says what would be issued. If you \
         agree, apply the label it names; if not, close the issue."
    );
    let mut json = String::from(r#"[{"type":"section","text":{"type":"plain_text","emoji":false,"text":"#);
    push_json(&mut json, &text);
    json.push_str("}}]");
    Message { text, blocks: MintedSecret::new(json) }
}

/// What else the message depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// An earlier message may have gone.
    pub earlier_is_dead: bool,
    /// The zone in which days end.
    pub zone: &'a TimeZone,
}

fn blocks(opening: &str, secret: &MintedSecret, closing: &str) -> MintedSecret {
    let secret_length = secret.expose().len();
    // Room for every character escaped, so that the text never moves and leaves no copy of the secret behind.
    let mut json = String::with_capacity(600 + 6 * (opening.len() + secret_length + closing.len()));
    json.push_str(r#"[{"type":"section","text":{"type":"plain_text","emoji":false,"text":"#);
    push_json(&mut json, opening);
    json.push_str(r#"}},{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":"#);
    push_json(&mut json, secret.expose());
    json.push_str(r#"}]}]},{"type":"section","text":{"type":"plain_text","emoji":false,"text":"#);
    push_json(&mut json, closing);
    json.push_str("}}]");
    MintedSecret::new(json)
}

/// Appends a JSON string literal without any intermediate copy.
fn push_json(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            control if u32::from(control) < 0x20 => json.push(' '),
            other => json.push(other),
        }
    }
    json.push('"');
}
