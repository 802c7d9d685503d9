//! The simulation is one: the same seed is the same run, it is not idle, and it finds nothing.

use super::*;

fn options(histories: u64, threads: usize) -> Options {
    Options { seed: 1, first: 0, histories, threads, shrink: true, traced: false }
}

#[test]
fn the_same_seed_is_the_same_run_on_one_thread_or_two() {
    let one = run(&options(6, 1)).unwrap();
    let two = run(&options(6, 2)).unwrap();
    assert!(one.failure.is_none(), "{:#?}", one.failure);
    assert_eq!((one.digest, one.counts), (two.digest, two.counts));
}

#[test]
fn a_history_that_keeps_its_promises_can_be_read_and_is_the_same_whether_it_is_or_not() {
    let traced = || run(&Options { traced: true, ..options(1, 1) }).unwrap();
    let (one, two, unread) = (traced(), traced(), run(&options(1, 1)).unwrap());
    assert!(one.failure.is_none() && one.trace.len() > 10, "{:#?}", one.trace);
    assert_eq!(one.trace, two.trace);
    assert_eq!((one.digest, unread.trace), (unread.digest, Vec::<String>::new()));
}
