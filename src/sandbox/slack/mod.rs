//! Slack's face, below `/slack/api`.
//!
//! Written from docs.slack.dev. Every answer is 200 and says in `ok` whether it is one; the methods that do not
//! read JSON bodies do not read them here either.

mod conversations;
mod messages;
mod people;

use serde_json::{Value, json};

use crate::sandbox::answer::Answer;
use crate::sandbox::call::Call;
use crate::sandbox::world::{Person, World};

/// One call by one person or bot.
#[derive(Debug)]
pub(crate) struct Desk<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) call: &'w Call,
    pub(crate) caller: Person,
}

/// A method's result; the error is Slack's code.
pub(crate) type Outcome = Result<Value, &'static str>;

/// Answers `/slack/api/METHOD`.
pub(crate) fn answer(world: &mut World, call: &Call, method: &str) -> Answer {
    match run(world, call, method) {
        Ok(mut body) => {
            body["ok"] = true.into();
            Answer::ok(&body)
        }
        Err("invalid_arguments") => Answer::ok(&json!({
            "ok": false, "error": "invalid_arguments",
            "response_metadata": {"messages": ["[ERROR] missing required field"]},
        })),
        Err(code) => Answer::ok(&json!({"ok": false, "error": code})),
    }
}

fn run(world: &mut World, call: &Call, method: &str) -> Outcome {
    let token = call.bearer().map(str::to_owned).or_else(|| call.text("token")).ok_or("not_authed")?;
    let caller =
        world.slack.people.iter().find(|person| person.token == token).cloned().ok_or("invalid_auth")?;
    if caller.deleted {
        return Err("account_inactive");
    }
    let mut desk = Desk { world, call, caller };
    match method {
        "auth.test" => Ok(people::whoami(&desk)),
        "users.lookupByEmail" => people::by_email(&desk),
        "users.info" => people::info(&desk),
        "conversations.open" => conversations::open(&mut desk),
        "conversations.list" => Ok(conversations::list(&desk)),
        "conversations.history" => conversations::history(&desk),
        "chat.postMessage" => messages::post(&mut desk),
        "chat.update" => messages::update(&mut desk),
        "chat.delete" => messages::delete(&mut desk),
        _ => Err("unknown_method"),
    }
}
