//! (h): one, two and four processes' worth of service on one PostgreSQL, with 50 ms added to every call of a vendor.
//!
//! Each has its own connections, its own memory and two workers, as `serve` has; all are in this process, since what is
//! shared is the database. A thousand waiting requests are marked and looked at again.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::canned;
use crate::measure::{Figure, median};
use crate::postgresql::Server;
use crate::reconciles::{all_looked_at, configuration, process};

const ADDED: Duration = Duration::from_millis(50);
const TURNS: usize = 3;

pub(crate) fn measure() -> Vec<Figure> {
    let Some(server) = Server::get() else {
        println!("  PostgreSQL is not installed here");
        return Vec::new();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let name = server.fresh_name();
        assert!(server.program("createdb").arg(&name).status().unwrap().success());
        let config = configuration(folder.path(), &format!("url = \"{}\"", server.url(&name))).await;
        let transport = canned::transport(ADDED);
        let mut processes = Vec::new();
        for _ in 0..4 {
            processes.push(process(&config, transport.clone()).await);
        }
        // The first looks write the comments.
        all_looked_at(&processes).await;
        let counts = [1, 2, 4];
        let mut rates = vec![Vec::new(); counts.len()];
        for _ in 0..TURNS {
            for (count, rates) in counts.iter().zip(&mut rates) {
                let these: Vec<_> = processes[..*count].iter().map(Arc::clone).collect();
                rates.push(all_looked_at(&these).await);
            }
        }
        let one = median(&rates[0]);
        vec![
            Figure::new("looks of one replica", one, "1/s").with(json!(rates)),
            Figure::new("(h) two replicas, of one", median(&rates[1]) / one, "").at_least(1.8),
            Figure::new("(h) four replicas, of one", median(&rates[2]) / one, ""),
        ]
    })
}
