//! People in a repository, in both forms.

use serde_json::json;

use super::with_directory;
use crate::harness::{Form, House};

const SECTION: &str = "[directory]\nkind = \"gitlab_file\"\n\n[directory.gitlab_file]\nproject = 42\n\
                       path = \"data/team.yml\"\n";

const TEAM: &str = "---
- slug: kim-manager
  type: person
  name: Kim Manager
  gitlab: kim
  reports_to: oda-owner
- slug: robin-requester
  type: person
  name: Robin Requester
  gitlab: robin
  reports_to: kim-manager
- slug: oda-owner
  type: person
  name: Oda Owner
  gitlab: oda
";

const PLAIN: &str = "people:
- {name: Kim Manager, email: kim@example.com, gitlab_id: 102}
- {name: Robin Requester, email: robin@example.com, gitlab_id: 101, manager: 102}
";

async fn house(more: &str) -> House {
    House::open_with(|text| with_directory(text, &format!("{SECTION}{more}"))).await
}

#[tokio::test]
async fn the_manager_by_the_handbook_approves_and_a_token_is_made() {
    let house = house("form = \"handbook\"\naddress = \"{gitlab}@example.com\"\n").await;
    house.pushes("data/team.yml", TEAM).await;
    let iid = house.approved().await;
    house.has_exactly_one(iid).await;
    let world = house.world();
    let head = world["gitlab"]["projects"]["42"]["head"].as_str().unwrap();
    let history = house.service().context.store().history(House::key(iid)).await.unwrap();
    assert!(history.iter().any(|entry| entry.detail.contains(head)), "the commit is in the audit chain");
    house.leave().await;
}

#[tokio::test]
async fn a_branch_that_anybody_may_push_to_says_nothing_about_managers() {
    let house = house("").await;
    house.pushes("data/team.yml", PLAIN).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.control("projects/42", json!({"protected": false})).await;
    house.provisioner_approves(iid).await;
    let comment = house.comment(iid).await;
    assert!(comment.contains("The directory cannot be read: an operator must mend it."), "{comment}");
    house.nothing_issued(iid).await;
    house.control("projects/42", json!({"protected": true})).await;
    house.later(jiff::SignedDuration::from_hours(1)).await;
    house.both_approve(iid).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_handbook_without_addresses_cannot_hand_anything_over() {
    let house = house("form = \"handbook\"\n").await;
    house.pushes("data/team.yml", TEAM).await;
    let comment = house.doubt_about("requester").await;
    assert!(comment.contains("The directory has no e-mail address of the requester"), "{comment}");
    let comment = house.doubt_about("colleague").await;
    assert!(comment.contains("The directory does not know the requester"), "{comment}");
    house.leave().await;
}
