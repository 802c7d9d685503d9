//! What a request costs: calls counted, never time.

use crate::harness::{Form, House};

/// Calls of countersign to a vendor so far, people's and the sandbox's own left out.
fn calls(house: &House, vendor: &str) -> usize {
    let world = house.world();
    let people = house.cast["people"].as_array().unwrap().len();
    assert!(people > 0);
    let all = world["calls"].as_array().unwrap().iter();
    all.filter(|call| call["vendor"] == vendor).count()
}

#[tokio::test]
async fn a_request_from_opened_to_delivered_costs_twenty_calls_of_gitlab_three_of_zendesk_four_of_slack() {
    let house = House::open().await;
    // What is asked once in a process's life: who we are at each vendor, and our login.
    house.approved().await;
    let count = |vendor| calls(&house, vendor);
    let before = ["gitlab", "zendesk", "slack"].map(count);
    let iid = house.opens("colleague", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.labels("provisioner", iid, "provisioner-approved").await;
    house.sandbox.deliveries_settled().await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "active");
    let people = 3;
    let world = house.world();
    let all = world["calls"].as_array().unwrap();
    let sent =
        all.iter().rposition(|call| call["path"].as_str().unwrap().ends_with("chat.postMessage")).unwrap();
    let after = all[sent..].iter().filter(|call| call["vendor"] == "gitlab").count();
    let [gitlab, zendesk, slack] = ["gitlab", "zendesk", "slack"].map(count);
    let lines: Vec<String> = all
        [all.len() - (gitlab - before[0]) - (zendesk - before[1]) - (slack - before[2])..]
        .iter()
        .map(|call| {
            format!(
                "{} {} {}",
                call["method"].as_str().unwrap(),
                call["path"].as_str().unwrap(),
                call["query"].as_str().unwrap()
            )
        })
        .collect();
    let counted = [gitlab - before[0] - people - after, zendesk - before[1], slack - before[2]];
    assert_eq!(counted, [20, 3, 4], "{lines:#?}");
    assert!(counted[0] <= 20 && counted[1] <= 3 && counted[2] <= 4);
    house.leave().await;
}
