//! The binary: parse, run, print the error once, exit.
fn main() {}
