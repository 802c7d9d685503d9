//! What can go wrong with the database, by what the caller does next.
//!
//! `Display` never prints the source: an error of the driver can quote a row.

use std::sync::Arc;

use sqlx::migrate::MigrateError;

/// PostgreSQL's `insufficient_privilege`. Source: PostgreSQL, "Error Codes".
const NO_RIGHTS: &str = "42501";

/// Why the store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has the request now, or the claim was released: forget what was read and write nothing.
    #[error("the request was taken over by another worker")]
    Fenced,
    /// Nothing was written; try again later.
    #[error("the database does not answer")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// At the start: nobody is there, or nobody who speaks. Try again later.
    #[error("no database answers at {place}")]
    NoServer {
        /// `HOST:PORT`, or a socket's folder.
        place: String,
        /// What the driver says.
        source: Arc<sqlx::Error>,
    },
    /// The role has fewer rights than it needs: a person must give them. Nothing was written.
    #[error(
        "the database answers, but this role may not use its tables ({what}): run `countersign brake show --config \
         owner.toml` with the owner's role, then deploy/postgresql/rights.sql"
    )]
    NoRights {
        /// Which object, as the server names it; it quotes no row.
        what: String,
    },
    /// Nothing was asked of it and no password was sent: it may be somebody else's. A person must look.
    #[error(
        "the database's server does not prove that it is the one that store.url names (its certificate must be \
         for that host, by an authority that sslrootcert names or that everybody knows)"
    )]
    Unproven(#[source] Arc<sqlx::Error>),
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
        let unproven = is_about_proof(&error);
        if let Some(refusal) =
            error.as_database_error().filter(|one| one.code().as_deref() == Some(NO_RIGHTS))
        {
            return Self::NoRights { what: refusal.message().to_owned() };
        }
        let error = Arc::new(error);
        if unproven { Self::Unproven(error) } else { Self::Unavailable(error) }
    }
}

/// Whether the server did not show who it is. The driver hides what TLS says of a certificate in an error of reading.
fn is_about_proof(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(error) => {
            error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
        }
        _ => false,
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
