//! The real program against the sandbox in another process, killed (-9) at random moments.
//!
//!     cargo test --test kill                                              25 on each database, as in CI
//!     cargo test --test kill -- --store sqlite --kills 1000 --seed 7      as many as wanted, on one
//!     cargo test --test kill -- --store postgres --kills 1000
//!
//! PostgreSQL is a server of the test's own, if it is installed, with a database for each town.
//!
//! People act over HTTP all the time, whether or not anybody serves. After each kill, what was acknowledged must be in
//! the database, and no request may have two live credentials. Every so often the service is left alone until all is
//! as it should be (`books`); if it never is, the seed and what is missing are told and the status is 1. Time runs
//! sixty times as fast for all processes (`[clock]`), so that leases of the killed run out in a second and what was
//! not answered is looked for within some: no rule is changed for the test, and no lease is shorter.
#![expect(clippy::unwrap_used, reason = "this is a test, and a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the people of a test are no part of the service")]
#![expect(clippy::print_stdout, reason = "a test without the harness tells its result itself")]

mod books;
mod chance;
mod herald;
mod people;
#[path = "../support/postgresql.rs"]
mod postgresql;
mod town;

use std::process::ExitCode;
use std::time::Duration;

use chance::Chance;
use postgresql::Server;
use serde_json::json;
use town::Town;

/// Kills between two looks at all the books.
const BETWEEN: u32 = 25;
/// Kills of one town: its sandbox remembers every call, so that a town gets slow with age.
const OF_A_TOWN: u32 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database {
    Sqlite,
    Postgres,
}

#[derive(Debug, Clone)]
struct Wish {
    kills: u32,
    seed: u64,
    databases: Vec<Database>,
}

/// `None`: the tests of another name are wanted.
fn wish() -> Option<Wish> {
    let mut wish = Wish { kills: 25, seed: 1, databases: vec![Database::Sqlite, Database::Postgres] };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument}: its value is missing"));
        match argument.as_str() {
            "--kills" => wish.kills = value().parse().unwrap(),
            "--seed" => wish.seed = value().parse().unwrap(),
            "--store" => {
                wish.databases = match value().as_str() {
                    "sqlite" => vec![Database::Sqlite],
                    "postgres" => vec![Database::Postgres],
                    other => panic!("--store {other}: sqlite or postgres"),
                }
            }
            "--list" | "--ignored" => return None,
            // Other options of the usual harness do not matter here; a name chooses.
            option if option.starts_with('-') => {}
            name if "nothing_is_lost_and_nothing_is_twice".contains(name) => {}
            _ => return None,
        }
    }
    Some(wish)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let Some(wish) = wish() else { return ExitCode::SUCCESS };
    println!("\nrunning {} tests", wish.databases.len());
    let mut all_well = true;
    for database in &wish.databases {
        if *database == Database::Postgres && Server::get().is_none() {
            println!("test nothing_is_lost_and_nothing_is_twice on {database:?} ... skipped");
            continue;
        }
        let well = many_towns(&wish, *database).await;
        println!(
            "test nothing_is_lost_and_nothing_is_twice on {database:?} ... {}",
            if well { "ok" } else { "FAILED" }
        );
        all_well &= well;
    }
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn many_towns(wish: &Wish, database: Database) -> bool {
    let (mut left, mut total) = (wish.kills, books::Count::default());
    let mut town_number = 0;
    while left > 0 {
        let kills = left.min(OF_A_TOWN);
        left -= kills;
        let seed = wish.seed.wrapping_add(town_number);
        match one_town(database, kills, seed).await {
            Ok(count) => total.add(&count),
            Err(broken) => {
                println!("{}", json!({"seed": seed, "broken": broken, "before_that": total}));
                return false;
            }
        }
        town_number += 1;
    }
    println!("{}", json!({"seed": wish.seed, "kills": wish.kills, "count": total}));
    !total.is_idle()
}

async fn one_town(database: Database, kills: u32, seed: u64) -> Result<books::Count, String> {
    let mut chance = Chance::new(seed);
    let mut town = Town::build(address(database).as_deref()).await;
    let mut people = people::People::begin(&town, chance.fork());
    let mut herald = herald::Herald::begin(&town);
    for kill in 1..=kills {
        if chance.one_in(3) {
            town.make_trouble(&mut chance).await;
        }
        if chance.one_in(8) {
            // Dies while it starts.
            town.begin_to_serve();
            pause(chance.between(1, 300)).await;
        } else {
            town.serve().await;
            pause(chance.between(20, 1500)).await;
        }
        town.kill().await;
        books::after_a_kill(&town, &herald).await.map_err(|why| format!("after kill {kill}: {why}"))?;
        if kill % BETWEEN == 0 || kill == kills {
            people.rest().await;
            herald.rest().await;
            town.heal().await;
            town.serve().await;
            let healed = books::until_all_is_well(&town, &people).await;
            healed.map_err(|why| format!("after kill {kill} and all the time it needed: {why}"))?;
            town.kill().await;
            people.go_on(&town);
            herald.go_on(&town);
        }
    }
    people.rest().await;
    herald.rest().await;
    let mut count = books::count(&town, &people, &herald).await;
    count.kills = u64::from(kills);
    town.leave().await;
    Ok(count)
}

/// A fresh database, where it is not a file.
fn address(database: Database) -> Option<String> {
    if database == Database::Sqlite {
        return None;
    }
    let server = Server::get().expect("it was asked for before");
    let name = server.fresh_name();
    assert!(server.program("createdb").arg(&name).status().unwrap().success());
    Some(server.url(&name))
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
