//! Text for a CSV file that somebody opens in a spreadsheet.
//!
//! A cell that begins like a formula is run as one there, and people choose the names that we write. Source: OWASP
//! "CSV Injection".

use std::borrow::Cow;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The text as a cell that is never run: with an apostrophe before what looks like a formula.
pub(super) fn guarded(text: &str) -> Cow<'_, str> {
    if text.trim_start_matches([' ', '\n', '"', '\'']).starts_with(FORMULA) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_formula_is_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\"=1"] {
            assert_eq!(guarded(formula), format!("'{formula}"));
        }
        assert_eq!(guarded("https://gitlab.example/-/issues/1"), "https://gitlab.example/-/issues/1");
    }

    proptest! {
        #[test]
        fn no_cell_begins_like_a_formula_and_none_is_lost(text in any::<String>()) {
            let cell = guarded(&text);
            prop_assert!(!cell.starts_with(FORMULA));
            prop_assert!(cell.ends_with(text.as_str()));
        }
    }
}
