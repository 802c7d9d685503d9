//! What can go wrong with the database, by what the caller does next.
//!
//! `Display` never prints the source: an error of the driver can quote a row.

use std::sync::Arc;

use sqlx::migrate::MigrateError;

/// Why the store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has the request now, or the claim was released: forget what was read and write nothing.
    #[error("the request was taken over by another worker")]
    Fenced,
    /// Nothing was written; try again later.
    #[error("the database does not answer")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// A row cannot be understood: a person must look.
    #[error("table {table}, row {key}: {what}")]
    Inconsistent {
        /// Which table.
        table: &'static str,
        /// Which row, for people.
        key: String,
        /// What is wrong, without the row's content.
        what: String,
    },
    /// This SQLite can lose the last commit of a write-ahead log.
    #[error("SQLite {found} is too old: 3.51.3 is the first that cannot lose a commit")]
    TooOld {
        /// The version found.
        found: String,
    },
    /// The file was migrated by another release of this program, or its migrations were changed.
    #[error("the database belongs to another release of countersign")]
    OtherRelease(#[source] Arc<MigrateError>),
    /// The audit key is not the one the chain was begun with.
    #[error("the audit key is not the one this database was begun with")]
    OtherKey,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::OtherRelease(Arc::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_error_does_not_show_its_source() {
        let error = StoreError::from(sqlx::Error::Protocol("a row's content".to_owned()));
        assert_eq!(error.to_string(), "the database does not answer");
    }
}
