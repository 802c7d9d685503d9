//! Any description is read without a panic, twice the same, and what is quoted from it stays in its span.
#![no_main]

use std::collections::BTreeMap;

use countersign::domain::form::{Field, read};
use countersign::domain::text::quote;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let titles: BTreeMap<Field, Vec<String>> =
        Field::ALL.iter().map(|field| (*field, vec![field.key().replace('_', " ")])).collect();
    let answers = read(text, &titles);
    assert_eq!(answers, read(text, &titles));
    for answer in answers.by_field.values() {
        assert!(!quote(&answer.whole()).contains('\n'));
    }
});
