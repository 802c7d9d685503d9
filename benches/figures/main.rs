//! What docs/PERFORMANCE.md reports.
//!
//!     cargo bench --bench figures                      all of it, some ten minutes
//!     cargo bench --bench figures -- door handover     only these
//!
//! It prints a table and writes target/figures.json (`--json FILE` writes elsewhere). Every ratio is of two things
//! measured in turns in this one run, so that what else the machine does meets both. Nothing here asserts a time: what
//! can be promised is counted, by tests.
#![expect(clippy::unwrap_used, reason = "whoever measures may panic")]
#![expect(clippy::disallowed_methods, reason = "the vendors and the people here are no part of the service")]
#![expect(clippy::print_stdout, reason = "it is the result")]

mod canned;
mod door;
mod handover;
mod load;
mod measure;
#[path = "../../tests/support/postgresql.rs"]
mod postgresql;
mod reconciles;
mod replicas;
mod stage;
mod waiting;

use std::path::PathBuf;

use measure::{Figure, machine};
use serde_json::json;

const ALL: [&str; 5] = ["door", "handover", "reconciles", "waiting", "replicas"];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    if arguments.first().is_some_and(|one| one == "load") {
        return load::run(&arguments[1..]);
    }
    let mut file = PathBuf::from("target/figures.json");
    if let Some(place) = arguments.iter().position(|one| one == "--json") {
        file = arguments.remove(place + 1).into();
        arguments.remove(place);
    }
    let wanted: Vec<&str> = match arguments.as_slice() {
        [] => ALL.to_vec(),
        some => some.iter().map(String::as_str).collect(),
    };
    let mut figures = Vec::new();
    for name in wanted {
        println!("\n{name}");
        let found = match name {
            "door" => door::measure(),
            "handover" => handover::measure(),
            "reconciles" => reconciles::measure(),
            "waiting" => waiting::measure(),
            "replicas" => replicas::measure(),
            other => panic!("there is no {other}, but {ALL:?}"),
        };
        found.iter().for_each(Figure::print);
        figures.extend(found);
    }
    let report = json!({"machine": machine(), "figures": figures});
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(&file, serde_json::to_string_pretty(&report).unwrap()).unwrap();
    println!("\nwritten to {}", file.display());
}
