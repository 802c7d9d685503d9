//! The one HTTP handler: read, let faults strike, answer, write down, send webhooks.
//!
//! There is no table of routes: a face splits the path itself, since a late effect needs to run a call that no
//! connection waits for any more.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::sandbox::answer::Answer;
use crate::sandbox::call::Call;
use crate::sandbox::faults::{self, Outcome};
use crate::sandbox::line::{Door, Switch};
use crate::sandbox::webhooks::{Courier, lock};
use crate::sandbox::world::{LoggedCall, World};
use crate::sandbox::{control, gitlab, record, slack, times, zendesk};

const LARGEST_BODY: usize = 32 * 1024 * 1024;

/// Serves until told to stop.
pub(crate) async fn serve(listener: TcpListener, courier: Courier, stopping: CancellationToken) {
    let router = Router::new().fallback(handle).with_state(courier);
    let service = router.into_make_service_with_connect_info::<Switch>();
    let serving = axum::serve(Door(listener), service).with_graceful_shutdown(stopping.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the sandbox stopped serving");
    }
}

async fn handle(
    State(courier): State<Courier>,
    ConnectInfo(line): ConnectInfo<Switch>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return Answer::text(413, "text/plain", "").into_response();
    };
    let Some(call) = Call::new(parts.method, &parts.uri, parts.headers, &body) else {
        return Answer::json(400, &json!({"error": "the body is not the JSON it says"})).into_response();
    };
    let (outcome, outbox) = {
        let mut world = lock(&courier.world);
        let outcome = run(&mut world, &call);
        record::keep(&mut world, &call, &body, &outcome);
        (outcome, std::mem::take(&mut world.gitlab.outbox))
    };
    for outgoing in outbox {
        courier.send(outgoing);
    }
    if let Some(hold) = outcome.hold {
        tokio::time::sleep(hold).await;
    }
    if outcome.cut {
        line.cut();
    }
    settle(&courier, outcome.answer).await.into_response()
}

/// An answer that waits for a delivery gets its status from it.
async fn settle(courier: &Courier, mut answer: Answer) -> Answer {
    match answer.after.take() {
        Some(outgoing) => {
            let status = courier.deliver(*outgoing).await;
            Answer::json(201, &json!({"response_status": status}))
        }
        None => answer,
    }
}

fn run(world: &mut World, call: &Call) -> Outcome {
    faults::land(world);
    let vendor = call.segments.first().cloned().unwrap_or_default();
    if vendor == "control" {
        return Outcome::plain(control::answer(world, call));
    }
    let mut outcome = faults::perform(world, call);
    // By the sandbox's clock: the server would add the machine's.
    if !outcome.answer.headers.iter().any(|(name, _)| *name == "date") {
        outcome.answer.headers.push(("date", times::http_date(world.now())));
    }
    let logged = LoggedCall {
        vendor,
        method: call.method.to_string(),
        path: call.path.clone(),
        query: call.query.clone(),
        status: if outcome.cut { 0 } else { outcome.answer.status },
        at: world.now(),
    };
    world.calls.push(logged);
    outcome
}

/// The vendor's answer to a call.
pub(crate) fn face(world: &mut World, call: &Call) -> Answer {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["gitlab", rest @ ..] => gitlab::answer(world, call, rest),
        ["zendesk", instance, rest @ ..] => zendesk::answer(world, call, (instance, rest)),
        ["slack", "api", method] => slack::answer(world, call, method),
        _ => Answer::text(404, "text/plain", "nobody lives here"),
    }
}
