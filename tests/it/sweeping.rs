//! The sweep: what it finds, what it costs, and where it is when it was stopped.

use countersign::reconcile::{Rounds, Step, Sweeper, inspect, sweep};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Form, House, PROJECT};

const MANAGER: &str = "manager-approved";

impl House {
    /// Nobody tells us anything any more.
    async fn deaf(&self) {
        let hooks = format!("projects/{PROJECT}/hooks");
        let (_, list) = self.gitlab("maintainer", Method::GET, &hooks, Value::Null).await;
        for hook in list.as_array().unwrap() {
            let path = format!("{hooks}/{}", hook["id"]);
            self.gitlab("maintainer", Method::DELETE, &path, Value::Null).await;
        }
    }

    async fn hook(&self) -> i64 {
        let hooks = format!("projects/{PROJECT}/hooks");
        let (_, list) = self.gitlab("maintainer", Method::GET, &hooks, Value::Null).await;
        list[0]["id"].as_i64().unwrap()
    }

    fn sweeper(&self) -> Sweeper {
        let context = std::sync::Arc::clone(&self.service().context);
        Sweeper { context, every: SignedDuration::from_mins(5) }
    }

    /// Many issues that are no requests.
    async fn others(&self, count: usize) {
        for _ in 0..count {
            self.opens("colleague", "Something else.").await;
        }
    }
}

#[tokio::test]
async fn what_did_not_change_costs_a_list_call_for_a_hundred_and_no_other() {
    let house = House::open().await;
    house.deaf().await;
    let form = Form::default().text();
    for _ in 0..120 {
        house.opens("requester", &form).await;
    }
    // The first look writes a comment, which is a change; the second one finds that nothing follows from it.
    for _ in 0..2 {
        house.clock.advance(SignedDuration::from_mins(3));
        sweep(&house.service().context, false).await;
        house.works_off().await;
    }
    house.clock.advance(SignedDuration::from_mins(3));
    let before = house.calls_so_far();
    sweep(&house.service().context, false).await;
    assert_eq!(house.try_step().await.unwrap(), Step::Idle, "nothing is looked at again");
    let calls = house.gitlab_calls(before);
    assert_eq!(calls.len(), 2, "two pages: {calls:#?}");
    assert!(calls.iter().all(|call| call.contains(&format!("/projects/{PROJECT}/issues?"))));
    assert_eq!(house.calls_so_far() - before, 2, "no other vendor is asked anything");
    let iid = 7;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.labels("manager", iid, MANAGER).await;
    sweep(&house.service().context, false).await;
    assert_eq!(house.try_step().await.unwrap(), Step::Looked(House::key(iid)), "what changed is");
    assert_eq!(house.try_step().await.unwrap(), Step::Idle);
    assert_eq!(house.phase(iid).await, "awaiting_provisioner");
    house.leave().await;
}

#[tokio::test]
async fn t16d_a_sweep_that_was_cut_off_goes_on_where_it_was_and_loses_nothing() {
    let mut house = House::open().await;
    house.deaf().await;
    let first = house.opens("requester", &Form::default().text()).await;
    house.others(210).await;
    let last = house.opens("requester", &Form::default().text()).await;
    let list = format!("/projects/{PROJECT}/issues");
    let cut =
        json!({"vendor": "gitlab", "path": list, "query": "page=2&", "effect": "status:503", "times": 0});
    house.fault(cut).await;
    sweep(&house.service().context, false).await;
    house.works_off().await;
    assert_eq!(house.phase(first).await, "awaiting_manager", "the first page was read");
    assert_eq!(house.phase(last).await, "unseen");
    let project = house.service().context.store().projects().await.unwrap().remove(0);
    assert_eq!(project.swept_to, None, "half a sweep is none");
    house.clock.advance(SignedDuration::from_hours(30));
    house.heal().await;
    house.restart().await;
    let before = house.calls_so_far();
    sweep(&house.service().context, true).await;
    let calls = house.gitlab_calls(before);
    assert_eq!(calls.len(), 2, "the first page is not read again: {calls:#?}");
    house.works_off().await;
    assert_eq!(house.phase(last).await, "awaiting_manager");
    // What changed while it was interrupted is found by the next one: it begins where that one began.
    house.labels("manager", first, MANAGER).await;
    house.clock.advance(SignedDuration::from_hours(30));
    sweep(&house.service().context, false).await;
    house.works_off().await;
    assert_eq!(house.phase(first).await, "awaiting_provisioner");
    house.leave().await;
}

#[tokio::test]
async fn an_issue_that_is_deleted_during_a_sweep_hides_no_other() {
    let house = House::open().await;
    house.deaf().await;
    let doomed = house.opens("colleague", "Something else.").await;
    house.others(98).await;
    let mut edge = Vec::new();
    for _ in 0..3 {
        edge.push(house.opens("requester", &Form::default().text()).await);
    }
    let list = format!("/projects/{PROJECT}/issues");
    house
        .fault(
            json!({"vendor": "gitlab", "path": list, "query": "page=2&", "effect": "status:503", "times": 0}),
        )
        .await;
    sweep(&house.service().context, false).await;
    house.heal().await;
    let path = format!("projects/{PROJECT}/issues/{doomed}");
    let (status, _) = house.gitlab("owner", Method::DELETE, &path, Value::Null).await;
    assert!(status.is_success());
    house.sweep().await;
    house.sweep().await;
    for iid in edge {
        assert_eq!(house.phase(iid).await, "awaiting_manager", "{iid}");
    }
    house.leave().await;
}

#[tokio::test]
async fn what_happened_goes_before_what_was_swept() {
    let house = House::open().await;
    let hook = house.hook().await;
    house.control(&format!("hooks/{hook}"), json!({"alert_status": "disabled"})).await;
    for _ in 0..5 {
        house.opens("requester", &Form::default().text()).await;
    }
    sweep(&house.service().context, false).await;
    house.control(&format!("hooks/{hook}"), json!({"alert_status": "executable"})).await;
    let told = house.opens("requester", &Form::default().text()).await;
    assert_eq!(house.try_step().await.unwrap(), Step::Looked(House::key(told)));
    house.settle().await;
    house.leave().await;
}

#[tokio::test]
async fn t15_a_webhook_that_gitlab_switched_off_is_alarmed_where_it_may_be_seen() {
    let house = House::open().await;
    inspect(&house.service().context).await;
    assert!(
        house.chain("webhook.broken").await.is_empty(),
        "our token may not see webhooks, and that is right"
    );
    let bot = house.world()["gitlab"]["users"]
        .as_object()
        .unwrap()
        .values()
        .find(|one| one["bot"] == true)
        .unwrap()["id"]
        .clone();
    house.control(&format!("people/{bot}"), json!({"membership": {"access_level": 40}})).await;
    inspect(&house.service().context).await;
    assert!(house.chain("webhook.broken").await.is_empty(), "it is as it should be");
    let hook = house.hook().await;
    for status in ["temporarily_disabled", "disabled"] {
        house.control(&format!("hooks/{hook}"), json!({"alert_status": status})).await;
        inspect(&house.service().context).await;
        inspect(&house.service().context).await;
    }
    let broken = house.chain("webhook.broken").await;
    assert_eq!(broken.len(), 1, "a state is written down once");
    assert_eq!(broken[0]["fault"], "GitLab switched the webhook off after failures");
    let iid = house.opens("requester", &Form::default().text()).await;
    house.sweep().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "the sweep finds what is not told");
    house.deaf().await;
    inspect(&house.service().context).await;
    assert_eq!(house.chain("webhook.broken").await[1]["fault"], "the project has no webhook to countersign");
    house.set_up().await;
    inspect(&house.service().context).await;
    assert_eq!(house.chain("webhook.restored").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t17_a_webhook_that_leaves_confidential_issues_out_is_alarmed_and_the_sweep_finds_them() {
    let house = House::open().await;
    let world = house.world();
    let users = world["gitlab"]["users"].as_object().unwrap();
    let bot = users.values().find(|one| one["bot"] == true).unwrap()["id"].clone();
    house.control(&format!("people/{bot}"), json!({"membership": {"access_level": 40}})).await;
    let path = format!("projects/{PROJECT}/hooks/{}", house.hook().await);
    let off = json!({"confidential_issues_events": false});
    let (status, _) = house.gitlab("maintainer", Method::PUT, &path, off).await;
    assert!(status.is_success());
    let iid = house.opens("requester", &Form::default().text()).await;
    inspect(&house.service().context).await;
    let broken = house.chain("webhook.broken").await;
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0]["fault"], "the webhook does not send all issue events");
    house.settle().await;
    assert_eq!(house.phase(iid).await, "unseen");
    house.sweep().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.leave().await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_holds_nothing_up() {
    let house = House::open().await;
    let waiting = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    let mut rounds = Rounds::default();
    let sweeper = house.sweeper();
    sweeper.round(&mut rounds).await;
    house.works_off().await;
    // For an hour the clock is three days ahead: a label is put on, its mark is three days ahead, and so are sweeps.
    house.clock.advance(SignedDuration::from_hours(72));
    house.labels("manager", waiting, MANAGER).await;
    house.sandbox.deliveries_settled().await;
    sweeper.round(&mut rounds).await;
    house.clock.advance(SignedDuration::from_hours(-71));
    assert_eq!(house.try_step().await.unwrap(), Step::Idle, "it is due in three days");
    sweeper.round(&mut rounds).await;
    house.works_off().await;
    assert_eq!(house.phase(waiting).await, "awaiting_provisioner");
    house.leave().await;
}
