//! The team of the year: what it has, what it uses every day, and what it sees.

use std::process::{Command, Output};

use countersign::reconcile::inventory::daily;
use countersign::store::{NewFeed, Scope};
use countersign::web::token_hash;
use jiff::{SignedDuration, Timestamp};

use super::super::inventory::with_exceptions;
use crate::harness::House;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A house, and the export's API token, which it uses every night while it has it.
pub(super) struct Team {
    pub(super) house: House,
    pub(super) nightly: Option<String>,
}

impl Team {
    /// Everything as a team would set it up: a week between switching off and deleting, exceptions, and a second place
    /// for the audit entries.
    pub(super) async fn open_at(morning: &str) -> Self {
        let house = House::open_at_with(morning, |config| {
            with_exceptions(config);
            *config = config
                .replace("delete_after_days = 0", "delete_after_days = 7")
                .replace("[audit]\n", "[audit]\nsink = \"second.jsonl\"\n");
        });
        Self { house: house.await, nightly: None }
    }

    /// The days pass up to that moment. Each has its night, in which the export uses its token, and its inventory: issues,
    /// ledger and Zendesk agree, and what Zendesk's own audit log tells was all done by us.
    pub(super) async fn days_pass_until(&self, at: &str) {
        let end: Timestamp = at.parse().unwrap();
        let house = &self.house;
        while house.now() < end {
            house.later(DAY.min(end.duration_since(house.now()))).await;
            if let Some(secret) = &self.nightly {
                assert!(house.works(secret).await, "the export fails: {}", house.now());
            }
            daily(&house.service().context).await.unwrap();
            self.all_agree().await;
        }
    }

    async fn all_agree(&self) {
        let run = self.house.service().context.store().last_inventory("global").await.unwrap().unwrap();
        let of = |name: &str| run.document[name].as_array().unwrap().clone();
        let (now, document) = (self.house.now(), &run.document);
        assert_eq!((of("differences"), of("outside")), (vec![], vec![]), "{now}: {document:#}");
    }

    /// A request with both approvals; and the secret that came of it.
    pub(super) async fn has(&self, form: &str) -> (i64, String) {
        let iid = self.asks("requester", form).await;
        assert_eq!(self.house.phase(iid).await, "active");
        (iid, House::secret_in(&self.house.messages("requester").await[0]))
    }

    /// A request with both approvals.
    pub(super) async fn asks(&self, role: &str, form: &str) -> i64 {
        let iid = self.house.opens(role, form).await;
        self.house.settle().await;
        self.house.manager_approves(iid).await;
        self.house.provisioner_approves(iid).await;
        iid
    }

    pub(super) async fn reminded(&self, iid: i64) -> usize {
        self.house.entries(iid, "notice.sent").await.len()
    }

    /// The address of the instance's calendar. Not by the command, which has a clock of its own.
    pub(super) async fn subscribes(&self) -> String {
        let (id, by, scope) = ("year".to_owned(), "oda".to_owned(), Scope::Instance("global".to_owned()));
        let feed = NewFeed { id, token_hash: token_hash("unguessable"), scope, by };
        self.house.service().context.store().add_feed(feed).await.unwrap();
        self.house.door().replace("hooks/gitlab", "calendar/unguessable.ics")
    }

    /// What a calendar shows at this address, in its order.
    pub(super) async fn calendar(&self, address: &str) -> String {
        let text = self.house.http.get(address).send().await.unwrap().text().await.unwrap();
        let value = |event: &str, name: &str| {
            let line = event.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_once(':').unwrap().1.to_owned()
        };
        let event = |event: &str| {
            let (day, title, state) =
                (value(event, "DTSTART"), value(event, "SUMMARY"), value(event, "STATUS"));
            format!("{day} {title} ({})", state.to_lowercase())
        };
        text.split("BEGIN:VEVENT").skip(1).map(event).collect::<Vec<_>>().join("\n")
    }

    /// An order at the command line.
    pub(super) fn operator(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).arg("--config").arg(self.house.path("countersign.toml"));
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done
    }

    /// Every audit entry that was written since the beginning, as the second place has it.
    pub(super) async fn second_place(&self) -> String {
        let sink = self.house.service().sink.clone().unwrap();
        while sink.drain().await.unwrap() > 0 {}
        std::fs::read_to_string(self.house.path("second.jsonl")).unwrap()
    }
}
