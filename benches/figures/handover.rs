//! (c): from the second approval to the message, with 100 ms added to every call of a vendor, beside three such calls
//! one after the other.
//!
//! Sandbox, service and people are in this process; the 100 ms are slept before each call of the service goes on over
//! the network of this machine. It ends when Slack has the message.

use std::time::{Duration, Instant};

use countersign::vendors::gitlab::GitLab;
use serde_json::{Value, json};

use crate::measure::{Figure, median, milliseconds, percentile};
use crate::stage::{Stage, slower_by};

const ADDED: Duration = Duration::from_millis(100);
const REQUESTS: usize = 20;

pub(crate) fn measure() -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = Stage::build(slower_by(ADDED)).await;
        let gitlab = GitLab::new(
            stage.transport.clone(),
            stage.config.gitlab.url.clone(),
            stage.config.gitlab.token.clone(),
        );
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for number in 0..=REQUESTS {
            let time = one(&stage, number).await;
            let began = Instant::now();
            for _ in 0..3 {
                gitlab.current_user().await.unwrap();
            }
            // The first one logs in and learns who everybody is.
            if number > 0 {
                ours.push(time);
                bare.push(milliseconds(began.elapsed()));
            }
        }
        let (time, three) = (median(&ours), median(&bare));
        vec![
            Figure::new("three calls one after the other", three, "ms"),
            Figure::new("approval to message", time, "ms")
                .with(json!({"p90": percentile(&ours, 90.0), "all": ours})),
            Figure::new("(c) approval to message, of 300 ms", time / 300.0, "").at_most(1.15),
        ]
    })
}

async fn one(stage: &Stage, number: usize) -> f64 {
    let iid = stage.opens().await;
    let says = |world: &Value, words: &str| {
        let issue =
            world["gitlab"]["issues"].as_object().unwrap().values().find(|one| one["iid"] == iid).unwrap();
        let notes = world["gitlab"]["notes"].as_object().unwrap().values();
        notes
            .filter(|note| note["issue_id"] == issue["id"])
            .any(|note| note["body"].to_string().contains(words))
    };
    stage.until(|world| says(world, "Waiting for the manager")).await;
    stage.labels("manager", iid, "manager-approved").await;
    stage.until(|world| says(world, "Waiting for the provisioner")).await;
    // The comment is written a moment before the request is given back.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    stage.labels("provisioner", iid, "provisioner-approved").await;
    let sandbox = stage.sandbox.world();
    while sandbox.lock().unwrap().messages() <= number {
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    let time = milliseconds(began.elapsed());
    stage.until(|world| says(world, "Access request: Active")).await;
    time
}
