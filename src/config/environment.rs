//! The process's environment, taken once.
//!
//! Everything that needs a variable is handed an [`Environment`], so that a test sets variables without
//! touching its process, where they would be every other test's too. Values are secrets until proven
//! otherwise: `Debug` shows names alone.

use std::collections::BTreeMap;

use crate::secret::Secret;

/// Variables by name.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, Secret>);

impl Environment {
    /// The variables of this process, now. A value that is not UTF-8 is kept as an empty one, so that it
    /// is a fault where it is used and not as if it were unset.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, Secret::new(value.into_string().unwrap_or_default())))
        });
        Self(variables.collect())
    }

    /// These variables and no others.
    pub fn from_pairs<Name: Into<String>, Value: Into<String>>(
        pairs: impl IntoIterator<Item = (Name, Value)>,
    ) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), Secret::new(value.into()))).collect())
    }

    /// The value of a variable; `None` if it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_shown() {
        let environment = Environment::from_pairs([("NAME", "hidden")]);
        assert_eq!(environment.get("NAME"), Some("hidden"));
        assert_eq!(environment.get("OTHER"), None);
        let shown = format!("{environment:?}");
        assert!(shown.contains("NAME") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn the_process_has_a_search_path() {
        assert!(Environment::of_process().get("PATH").is_some());
    }
}
