//! The running service and an operator beside it, as processes: the second place of the audit entries, pausing, and the
//! brake.
//!
//! What should happen is asked for again and again until it is so, as in `black_box`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::black_box::{BOUND, Town, filled_in, secret_in};
use crate::harness::says;

/// Another configuration of the second place.
fn second_place(place: &'static str) -> impl FnOnce(&mut String) {
    move |config| *config = config.replace("[audit]\n", &format!("[audit]\nsink = \"{place}\"\n"))
}

/// Asks until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let asking = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(BOUND, asking).await.is_ok(), "it does not come true: {what}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

impl Town {
    /// Every entry of the chain in its order, one line each.
    pub(crate) fn chain(&self) -> String {
        done(&self.command(&["audit", "export", "--format", "json"]))
    }

    /// The second place has every entry in order and each of them once, now or soon.
    async fn is_the_chain(&self, place: &Path) {
        let read = || std::fs::read_to_string(place).unwrap_or_default();
        until("the second place is the chain", || read() == self.chain()).await;
    }

    /// It verifies as an export does, and the whole of it is there.
    fn verifies(&self, place: &Path) {
        let key = self.home("audit.key").display().to_string();
        let place = place.display().to_string();
        done(&self.command(&["audit", "verify", "--export", &place, "--key-file", &key]));
    }

    async fn both_approve(&self, iid: i64) {
        self.comment_says(iid, "Waiting for the manager").await;
        self.labels("manager", iid, "manager-approved").await;
        self.comment_says(iid, "Waiting for the provisioner").await;
        self.labels("provisioner", iid, "provisioner-approved").await;
    }

    pub(crate) async fn sandbox_clock_moves(&self, seconds: i64) {
        let url = format!("{}/control/clock", self.sandbox.address);
        let answer = self.http.post(url).json(&json!({"advance_seconds": seconds.to_string()})).send().await;
        assert!(answer.unwrap().status().is_success());
    }

    /// Tokens that our own user made hours ago and the ledger does not know, named as ours are.
    pub(crate) async fn has_orphans(&self, names: &[String]) {
        let url = format!("{}/control/world", self.sandbox.address);
        let world: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        let secret = world["zendesk"]["global"]["tokens"]["8101"]["secret"].as_str().unwrap();
        self.sandbox_clock_moves(-7200).await;
        for name in names {
            let url = format!("{}/zendesk/global/api/v2/api_tokens", self.sandbox.address);
            let request = self.http.post(url).basic_auth("integration@example.com/token", Some(secret));
            let answer = request.json(&json!({"api_token": {"description": name}})).send().await.unwrap();
            assert!(answer.status().is_success());
        }
        self.sandbox_clock_moves(7200).await;
    }

    /// The service is stopped, more than a day passes for it and for the vendors, and it is started again. Time runs ten
    /// times as fast: three hours of that more are twenty-seven gained.
    #[cfg(unix)]
    async fn a_day_passes(&mut self) {
        assert_eq!(self.serve.terminate(), Some(0));
        self.sandbox_clock_moves(27 * 3600).await;
        let file = self.home("countersign.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        let line = config.lines().find(|line| line.starts_with("since = ")).unwrap();
        let since: jiff::Timestamp = line.split('"').nth(1).unwrap().parse().unwrap();
        let earlier = since - jiff::SignedDuration::from_hours(3);
        std::fs::write(file, config.replace(line, &format!("since = \"{earlier}\""))).unwrap();
        self.serves_again();
    }

    /// So many inventories were taken and written down, of two instances each day.
    async fn has_inventories(&self, count: usize) {
        let taken = || self.chain().matches("\"inventory.taken\"").count();
        until("the inventory is taken", || taken() >= count).await;
        assert_eq!(taken(), count);
    }

    fn takes_orphans_away(&self) -> Output {
        self.command(&["inventory", "--instance", "global", "--take-away", "orphans", "--yes"])
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_gets_every_entry_once_in_order_whatever_is_stopped_and_killed() {
    // Ten times as fast: whoever was killed had the right to write there for a minute.
    let mut town = Town::build_with("10", second_place("second.jsonl")).await;
    let place = town.home("second.jsonl");
    town.set_up();
    let (iid, _, message) = town.hands_over(&filled_in()).await;
    town.is_the_chain(&place).await;
    town.labels("requester", iid, "revoke").await;
    assert_eq!(town.serve.terminate(), Some(0));
    assert_eq!(
        std::fs::read_to_string(&place).unwrap(),
        town.chain(),
        "what was done last is there at the end"
    );

    // An entry of somebody else's while nobody serves: whoever is started next writes it.
    done(&town.command(&["calendar", "add", "--instance", "global"]));
    town.serves_again();
    town.comment_says(iid, "Access request: Ended").await;
    town.is_the_chain(&place).await;
    town.verifies(&place);

    // Killed and started anew: nothing is missing, and what it had not noted may come once more.
    let (iid, _) = town.opens(&filled_in()).await;
    town.comment_says(iid, "Waiting for the manager").await;
    town.serve.kill();
    town.serves_again();
    let (iid, _) = town.opens(&filled_in()).await;
    town.comment_says(iid, "Waiting for the manager").await;
    until("nothing is missing after a kill", || {
        let mut seen = BTreeSet::new();
        let second = std::fs::read_to_string(&place).unwrap();
        let lines: Vec<&str> = second.lines().filter(|line| seen.insert(line.to_owned())).collect();
        lines == town.chain().lines().collect::<Vec<_>>()
    })
    .await;
    town.verifies(&place);
    let second = std::fs::read_to_string(&place).unwrap();
    assert!(!second.contains(&secret_in(&message)), "the secret is in the second place");
}

#[tokio::test]
async fn standard_output_is_the_entries_alone_and_the_log_is_elsewhere() {
    let mut town = Town::build_with("1", second_place("stdout")).await;
    let place = town.folder.path().join("stdout");
    town.set_up();
    town.hands_over(&filled_in()).await;
    town.is_the_chain(&place).await;
    says(&town.logged(), "carrying out");
    #[cfg(unix)]
    {
        assert_eq!(town.serve.terminate(), Some(0));
        town.serves_again();
        let (iid, _) = town.opens(&filled_in()).await;
        town.comment_says(iid, "Waiting for the manager").await;
        town.is_the_chain(&place).await;
    }
    town.verifies(&place);
}

#[tokio::test]
async fn a_place_that_takes_nothing_stops_nothing_and_the_operator_is_told_until_it_has_everything() {
    let town = Town::build_with("10", second_place("place/second.jsonl")).await;
    let told = |words: &str| text(&town.command(&["show"]).stderr).contains(words);
    let words = "lacks";
    town.set_up();
    let (_, url, message) = town.hands_over(&filled_in()).await;
    until("the log tells", || {
        let log = town.logged();
        log.contains("audit entries do not reach their second place") && log.contains("No such file")
    })
    .await;
    until("`show` tells", || told(words)).await;
    done(&town.command(&["revoke", &url, "--why", "no longer needed"]));
    assert_eq!(town.works(&secret_in(&message)).await, 401);
    std::fs::create_dir(town.home("place")).unwrap();
    town.is_the_chain(&town.home("place").join("second.jsonl")).await;
    assert!(!told(words), "nothing is missing any more");
}

#[tokio::test]
async fn paused_by_an_operator_nothing_is_issued_endings_go_on_and_it_goes_on_after_resume() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (first, _, message) = town.hands_over(&filled_in()).await;
    done(&town.command(&["pause", "--why", "incident 42"]));
    let (second, url) = town.opens(&filled_in()).await;
    town.both_approve(second).await;
    let comment = town.comment_says(second, "Access request: Approved, and issuing is paused").await;
    says(&comment, "**Issuing is paused** by an operator since");
    says(&comment, "`incident 42`. Nothing is lost: approvals are taken as usual");
    says(&text(&town.command(&["show"]).stderr), "Issuing is paused since");

    town.labels("manager", first, "revoke").await;
    town.comment_says(first, "Access request: Ended").await;
    assert_eq!(town.works(&secret_in(&message)).await, 401);
    // The credential, and that it was revoked.
    assert_eq!((town.tokens(&url).await.len(), town.messages("requester").await.len()), (0, 2));

    done(&town.command(&["resume"]));
    town.comment_says(second, "Access request: Active").await;
    let messages = town.messages("requester").await;
    assert_eq!((town.tokens(&url).await.len(), messages.len()), (1, 3));
    let newest = messages.iter().find(|one| one["text"].as_str().unwrap().ends_with(&url)).unwrap();
    assert_eq!(town.works(&secret_in(newest)).await, 200);
    done(&town.command(&["audit", "verify"]));
}

#[tokio::test]
async fn t23_the_brake_stops_a_mass_ending_until_an_operator_answers() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (iid, url, message) = town.hands_over(&filled_in()).await;
    let orphans: Vec<String> = (10..14).map(|number| format!("{url}{number}")).collect();
    town.has_orphans(&orphans).await;
    let count = async || {
        let mut count = 0;
        for name in &orphans {
            count += town.tokens(name).await.len();
        }
        count
    };
    for _ in 0..2 {
        let taken = town.takes_orphans_away();
        assert_eq!(taken.status.code(), Some(1), "{}", text(&taken.stderr));
        assert_eq!(text(&taken.stdout).matches("held back by the brake").count(), 3);
        assert_eq!(count().await, 3, "one is no mass; the second is, where a single credential lives");
    }
    says(&text(&town.command(&["show"]).stderr), "The brake holds 3 endings back.");
    let held = done(&town.command(&["brake", "show"]));
    assert_eq!(held.lines().filter(|line| line.contains("it is an orphan of the inventory")).count(), 3);

    // A person's word about one request is never held back.
    town.labels("requester", iid, "revoke").await;
    town.comment_says(iid, "Access request: Ended").await;
    assert_eq!((town.works(&secret_in(&message)).await, count().await), (401, 3));

    assert_eq!(
        done(&town.command(&["brake", "release", "--why", "left over from the trial"])),
        "3 released\n"
    );
    done(&town.takes_orphans_away());
    assert_eq!((count().await, done(&town.command(&["brake", "show"])).as_str()), (0, ""));
    let chain = town.chain();
    says(&chain, "brake.applied");
    says(&chain, "left over from the trial");
    done(&town.command(&["audit", "verify"]));
}

#[tokio::test]
async fn a_single_ending_that_the_brake_holds_back_is_told_as_one() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (_, url, _) = town.hands_over(&filled_in()).await;
    town.has_orphans(&[format!("{url}0"), format!("{url}1")]).await;
    assert_eq!(town.takes_orphans_away().status.code(), Some(1));
    says(
        &text(&town.command(&["show"]).stderr),
        "The brake holds 1 ending back. Look at `countersign brake show`",
    );
}

#[tokio::test]
async fn t20_an_ending_that_fails_is_alarmed_from_the_third_time_on_and_told_in_the_comment_until_it_is_done()
{
    let town = Town::build_with("10", |_| {}).await;
    town.set_up();
    let (iid, _, message) = town.hands_over(&filled_in()).await;
    let stuck = json!({"vendor": "zendesk", "method": "PUT", "path": "api_tokens/", "effect": "status:503", "times": 0});
    let faults = format!("{}/control/faults", town.sandbox.address);
    assert!(town.http.post(&faults).json(&stuck).send().await.unwrap().status().is_success());
    town.labels("requester", iid, "revoke").await;
    town.comment_says(iid, "It is tried again until it is seen to be gone.").await;
    until("it is alarmed", || town.logged().contains("a credential could not be taken away")).await;
    let log = town.logged();
    let alarm = log.lines().find(|line| line.contains("could not be taken away")).unwrap();
    assert!(alarm.contains("ERROR") && alarm.contains("failures=3"), "{alarm}");
    assert_eq!(town.works(&secret_in(&message)).await, 200);
    assert!(town.http.delete(&faults).send().await.unwrap().status().is_success());
    town.comment_says(iid, "Access request: Ended").await;
    assert_eq!(town.works(&secret_in(&message)).await, 401);
}

#[tokio::test]
async fn what_there_is_nothing_to_do_about_is_said_and_nothing_is_changed() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (plain, _) = town.opens("We need more chairs.").await;
    let (_, url, _) = town.hands_over(&filled_in()).await;
    done(&town.command(&["revoke", &url, "--why", "no longer needed"]));
    let refused = |arguments: &[&str], words: &str| {
        let output = town.command(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        says(&text(&output.stderr), words);
    };
    let before = town.chain();
    let again = town.command(&["revoke", &url, "--why", "to be sure"]);
    assert_eq!(done(&again), "");
    says(&text(&again.stderr), " already; nothing was changed.");
    refused(&["adopt", "9999"], "#9999 does not exist or is hidden from us; nothing was adopted");
    refused(&["adopt", &plain.to_string()], "does not carry the template's marker line; nothing was adopted");
    refused(&["show", "9999"], "#9999 has not been seen as a request");
    let orders =
        |chain: &str| chain.lines().filter(|line| line.contains("order") || line.contains("adopted")).count();
    assert_eq!(orders(&town.chain()), orders(&before));
    let adopted = town.command(&["adopt", "--all"]);
    assert_eq!(done(&adopted), "0 comments taken over\n");
    says(&text(&adopted.stderr), "there was nothing to do");
    let forgotten = town.command(&["directory", "forget", "999"]);
    assert_eq!(done(&forgotten), "");
    says(&text(&forgotten.stderr), "there was nothing to forget");
}

#[tokio::test]
async fn a_revoked_api_token_is_told_to_be_switched_off_and_when_it_is_deleted() {
    let week =
        |config: &mut String| *config = config.replace("delete_after_days = 0", "delete_after_days = 7");
    let town = Town::build_with("1", week).await;
    town.set_up();
    let (iid, url, message) = town.hands_over(&filled_in()).await;
    let told = done(&town.command(&["revoke", &url, "--why", "no longer needed"]));
    let (words, address) = told.trim().split_once('\t').unwrap();
    let day: jiff::civil::Date = words.strip_prefix("switched off, deleted on ").unwrap().parse().unwrap();
    assert_eq!(address, url);
    assert_eq!(town.works(&secret_in(&message)).await, 401);
    let comment = town.comment_says(iid, "it cannot be switched on again").await;
    says(&comment, &format!("It stays so and is deleted on {day} "));
}

#[cfg(unix)]
#[tokio::test]
async fn the_service_takes_the_inventory_of_every_day_by_itself_and_tells_what_differs() {
    let mut town = Town::build_with("10", |_| {}).await;
    let told = |town: &Town| text(&town.command(&["show"]).stderr);
    let alarm = "issues, ledger and Zendesk tell different stories";
    town.set_up();
    town.has_inventories(2).await;
    let made = json!({"api_token": {"description": "who knows"}});
    town.by_hand(reqwest::Method::POST, "api_tokens", made).await;
    assert_eq!(told(&town), "No request was seen yet.\n", "nothing of the first day is news");

    town.a_day_passes().await;
    town.has_inventories(4).await;
    let log = town.logged();
    let line = log.lines().find(|line| line.contains(alarm)).unwrap();
    assert!(line.contains("ERROR") && line.contains("new_foreign=1"), "{line}");
    assert_eq!(log.matches(alarm).count(), 1, "the other instance tells one story");
    let told_today = told(&town);
    let (first, _) = told_today.split_once('\n').unwrap();
    assert!(first.starts_with("The inventory of global of "), "{told_today}");
    says(&first, " found: outside 1, new foreign 1. See `countersign inventory --instance global`.");
    let chain = town.chain();
    let entries = chain.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_global =
        entries.filter(|entry| entry["kind"] == "inventory.taken" && entry["detail"]["instance"] == "global");
    let new: Vec<usize> =
        of_global.map(|entry| entry["detail"]["new_foreign"].as_array().unwrap().len()).collect();
    assert_eq!(new, [0, 1]);

    town.a_day_passes().await;
    town.has_inventories(6).await;
    assert!(!town.logged().contains(alarm), "it is no news on the day after");
    assert_eq!(told(&town), "No request was seen yet.\n");
    done(&town.command(&["audit", "verify"]));
}
