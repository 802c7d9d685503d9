//! (f): how many requests are looked at in a second, with a thousand, a hundred thousand and a million rows.
//!
//! A thousand requests that wait for their manager are marked, and two workers look at all of them again: five reads
//! of GitLab, in process, and nothing changes. The other rows are copies of one of these, most of them active, with a
//! next look in the years to come. The three databases take turns.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::clock::{SystemClock, SystemRandomness};
use countersign::config::{Config, Environment, Store};
use countersign::domain::ids::{IssueKey, LabelId, ProjectId};
use countersign::domain::policy::{Pin, Pins};
use countersign::reconcile::{Context, Step, Worker};
use countersign::sandbox::{Options, Sandbox, home};
use countersign::service::{Service, World};
use countersign::store::NewProject;
use countersign::vendors::http::Transport;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::canned;
use crate::measure::{Figure, median};

const ROWS: [i64; 3] = [1_000, 100_000, 1_000_000];
const WORKING: i64 = 1000;
const TURNS: usize = 5;

pub(crate) fn measure() -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut installations = Vec::new();
        for rows in ROWS {
            installations.push(installation(folder.path(), rows).await);
        }
        let mut rates = vec![Vec::new(); ROWS.len()];
        for _ in 0..TURNS {
            for (context, rates) in installations.iter().zip(&mut rates) {
                rates.push(all_looked_at(std::slice::from_ref(context)).await);
            }
        }
        let first = median(&rates[0]);
        let mut figures = vec![Figure::new("looks with 1,000 rows", first, "1/s")];
        for (rows, rates) in ROWS.iter().zip(&rates).skip(1) {
            let what = format!("(f) looks with {rows} rows, of that");
            let ratio = Figure::new(what, median(rates) / first, "").at_least(0.9);
            figures.push(ratio.with(json!({"a_second": rates})));
        }
        figures
    })
}

/// A configuration as the sandbox writes it, with a store of one's own.
pub(crate) async fn configuration(folder: &Path, store: &str) -> Config {
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let clock = countersign::clock::AdjustableClock::running();
    let options = Options { listen, clock, randomness: Arc::new(SystemRandomness) };
    let sandbox = Sandbox::start(options).await.unwrap();
    home::write(&sandbox, folder).unwrap();
    let file = folder.join("countersign.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("url = \"countersign.db\"", store)).unwrap();
    let config = Config::load(&file, &Environment::from_pairs::<String, String>([])).unwrap();
    sandbox.stop().await;
    config
}

/// One process's service, over canned vendors, with its project set up.
pub(crate) async fn process(config: &Config, transport: Transport) -> Arc<Context> {
    let world = World { clock: Arc::new(SystemClock), randomness: Arc::new(SystemRandomness), transport };
    let service = Service::assemble(config, world).await.unwrap();
    let pin = |id, name: &str| Pin { id: LabelId(id), name: name.to_owned() };
    let pins = Pins {
        manager: pin(1, "manager-approved"),
        provisioner: pin(2, "provisioner-approved"),
        denied: None,
        revoke: None,
    };
    let project = NewProject { id: ProjectId(42), path: "company/access-requests".to_owned(), pins };
    service.context.store().set_up_project(project).await.unwrap();
    service.context
}

async fn installation(folder: &Path, rows: i64) -> Arc<Context> {
    let folder = folder.join(rows.to_string());
    let config = configuration(&folder, "url = \"countersign.db\"").await;
    let context = process(&config, canned::transport(Duration::ZERO)).await;
    all_looked_at(std::slice::from_ref(&context)).await;
    let Store::Sqlite(file) = &config.store else { panic!("the rows are written into a file") };
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let others = rows - WORKING;
    // A look in one to eleven years, as an end date is; eight of ten are active, one waits, one has ended.
    let copies = format!(
        "INSERT INTO requests (project_id, iid, phase, record, next_look_at, marks, fence, updated_at)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {others})
         SELECT 42, 1000000 + n, CASE n % 10 WHEN 0 THEN 'ended' WHEN 1 THEN 'awaiting_manager' ELSE 'active' END,
                (SELECT record FROM requests WHERE iid = 1), updated_at + 31536000000 + n * 300000 % 315360000000,
                1, 1, updated_at
         FROM numbers, (SELECT updated_at FROM requests WHERE iid = 1)"
    );
    if others > 0 {
        sqlx::raw_sql(AssertSqlSafe(copies)).execute(&mut database).await.unwrap();
        sqlx::raw_sql("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
    context
}

/// Marks the working rows, and looks at all of them with two workers for each process. Looks a second.
pub(crate) async fn all_looked_at(processes: &[Arc<Context>]) -> f64 {
    let mut marks = tokio::task::JoinSet::new();
    for iid in 1..=WORKING {
        let store = processes[0].store().clone();
        marks.spawn(async move { store.mark(IssueKey { project: ProjectId(42), iid }).await.unwrap() });
    }
    marks.join_all().await;
    let began = Instant::now();
    let workers = processes.iter().flat_map(|one| [Arc::clone(one), Arc::clone(one)]);
    let tasks: Vec<_> = workers
        .map(|context| {
            tokio::spawn(async move {
                let worker = Worker::new(context);
                let mut looks = 0_u32;
                while worker.step().await.unwrap() != Step::Idle {
                    looks += 1;
                }
                looks
            })
        })
        .collect();
    let mut looks = 0;
    for task in tasks {
        looks += task.await.unwrap();
    }
    assert!(i64::from(looks) >= WORKING, "{looks} looks");
    f64::from(looks) / began.elapsed().as_secs_f64()
}
