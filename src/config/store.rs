//! `[store]`: where the memory of what was issued is.

use std::path::PathBuf;

use url::Url;

use super::secrets::{Names, Origin};
use super::values::is_loopback;
use crate::reader::Reader;
use crate::secret::Secret;

/// The database.
#[derive(Debug, Clone)]
pub enum Store {
    /// The SQLite file, absolute. It need not exist yet.
    Sqlite(PathBuf),
    /// A database on a server.
    Postgres {
        /// `postgres://USER@HOST:PORT/DATABASE?…`: user and database are named, a password is not.
        url: Url,
        /// The password, if the server asks for one.
        password: Option<Secret>,
    },
}

/// What an address may say behind its `?`. The driver knows more, among it a password.
const KNOWN: [&str; 5] = ["host", "sslmode", "sslrootcert", "sslcert", "sslkey"];
/// Those of them that name a file.
const FILES: [&str; 3] = ["sslrootcert", "sslcert", "sslkey"];
/// The driver adds `sslrootcert` to the public authorities and does not put it in their place. So `verify-ca` would
/// believe whoever has any public certificate of any name; only the name makes the proof one.
const PROVEN: &str = "verify-full";

impl Store {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let names = Names { variable: "COUNTERSIGN_STORE_PASSWORD", key: "password_file" };
        let password = origin.optional_secret_text(reader, names);
        let url = reader.text("url")?;
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let url = reader.parsed("url", |text| server(text, origin))?;
            return Some(Self::Postgres { url, password });
        }
        let path = url.strip_prefix("sqlite:").unwrap_or(&url);
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains("://") {
            reader.fault("url", "must be a file (sqlite:PATH, or its path alone) or begin with postgres://");
            return None;
        }
        Some(Self::Sqlite(origin.absolute(path)))
    }
}

/// An address on which nothing is left to guess: whatever it does not say, the driver would take from variables.
fn server(text: &str, origin: Origin<'_>) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("is not an address: {error}"))?;
    if url.password().is_some() {
        return Err("must not carry a password: password_file names its file".to_owned());
    }
    if url.username().is_empty() {
        return Err("must name the user: postgres://USER@HOST/DATABASE".to_owned());
    }
    if url.path().trim_start_matches('/').is_empty() {
        return Err("must name the database: postgres://USER@HOST/DATABASE".to_owned());
    }
    let mut said: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if said.iter().any(|(name, _)| !KNOWN.contains(&name.as_str())) {
        return Err(format!("may only say {} behind its `?`", KNOWN.join(", ")));
    }
    for (name, value) in said.iter_mut().filter(|(name, _)| FILES.contains(&name.as_str())) {
        let path = origin.absolute(value);
        if std::fs::File::open(&path).is_err() {
            return Err(format!("names a file by {name} that cannot be read"));
        }
        *value = path.display().to_string();
    }
    let here = is_here(&url, &said)?;
    match said.iter().find(|(name, _)| name == "sslmode").map(|(_, mode)| mode.as_str()) {
        None if here => {}
        None => said.push(("sslmode".to_owned(), PROVEN.to_owned())),
        Some(PROVEN) => {}
        Some(_) if here => {}
        Some(_) => {
            return Err(format!("must have sslmode {PROVEN} for another machine, or say nothing of it"));
        }
    }
    url.set_query(None);
    if !said.is_empty() {
        url.query_pairs_mut().extend_pairs(said);
    }
    Ok(url)
}

/// Whether the server is on this machine: reached by a socket, or by a loopback address.
fn is_here(url: &Url, said: &[(String, String)]) -> Result<bool, String> {
    let socket = said.iter().find(|(name, _)| name == "host").map(|(_, host)| host.as_str());
    match (url.host_str().filter(|host| !host.is_empty()), socket) {
        (None, Some(folder)) if folder.starts_with('/') => Ok(true),
        (_, Some(_)) => {
            Err("may say `?host=` for the folder of a socket alone, with no other host".to_owned())
        }
        (Some(host), None) => Ok(host.starts_with("%2F") || host.starts_with("%2f") || is_loopback(url)),
        (None, None) => Err("must name the server: postgres://USER@HOST/DATABASE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Environment;

    fn read(url: &str) -> Result<Store, Vec<String>> {
        read_in(Path::new("/etc/countersign"), url)
    }

    fn read_in(folder: &Path, url: &str) -> Result<Store, Vec<String>> {
        let table = toml::from_str(&format!("url = \"{url}\"")).unwrap();
        let environment = Environment::from_pairs([("COUNTERSIGN_STORE_PASSWORD", "a secret")]);
        let origin = Origin { folder, environment: &environment };
        let (store, gathered) = Reader::read_all(&table, |reader| Store::read(reader, origin));
        store.ok_or_else(|| gathered.faults.iter().map(ToString::to_string).collect())
    }

    fn address(url: &str) -> String {
        match read(url) {
            Ok(Store::Postgres { url, password: Some(_) }) => url.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_named_by_its_path_with_or_without_its_scheme() {
        for (written, path) in [
            ("countersign.db", "/etc/countersign/countersign.db"),
            ("sqlite:countersign.db", "/etc/countersign/countersign.db"),
            ("sqlite:/var/lib/a.db", "/var/lib/a.db"),
            ("sqlite:///var/lib/a.db", "/var/lib/a.db"),
        ] {
            assert!(matches!(read(written), Ok(Store::Sqlite(read)) if read == Path::new(path)), "{written}");
        }
    }

    #[test]
    fn a_server_elsewhere_must_prove_who_it_is_and_one_here_need_not() {
        assert_eq!(address("postgres://me@db.example/it"), "postgres://me@db.example/it?sslmode=verify-full");
        for here in [
            "postgres://me@localhost/it",
            "postgresql://me@127.0.0.1:5433/it?sslmode=disable",
            "postgres://me@%2Frun%2Fpostgresql/it",
        ] {
            assert_eq!(address(here), here);
        }
        let socket = "postgres://me@/it?host=/run/postgresql";
        assert!(read(socket).is_err() || address(socket).contains("host=%2Frun%2Fpostgresql"), "{socket}");
    }

    #[test]
    fn the_file_of_an_authority_is_found_beside_the_configuration_or_missed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let url = "postgres://me@db.example:5433/it?sslrootcert=ca.pem";
        let missed = read_in(folder.path(), url).unwrap_err();
        assert!(missed[0].contains("names a file by sslrootcert that cannot be read"), "{missed:?}");
        std::fs::write(folder.path().join("ca.pem"), "").unwrap();
        let Ok(Store::Postgres { url, .. }) = read_in(folder.path(), url) else { panic!("it is there") };
        let said: Vec<_> = url.query_pairs().into_owned().collect();
        let path = folder.path().join("ca.pem").display().to_string();
        assert_eq!(
            said,
            [("sslrootcert".to_owned(), path), ("sslmode".to_owned(), "verify-full".to_owned())]
        );
    }

    #[test]
    fn whatever_is_left_to_guess_is_refused_and_not_repeated() {
        for bad in [
            "postgres://me:secret@db.example/it",
            "postgres://db.example/it",
            "postgres://me@db.example",
            "postgres://me@db.example/",
            "postgres://me@db.example/it?password=secret",
            "postgres://me@db.example/it?sslmode=prefer",
            "postgres://me@db.example/it?sslmode=require",
            "postgres://me@db.example/it?sslmode=disable",
            "postgres://me@10.0.0.1/it?sslmode=verify-ca",
            "postgres://me@db.example/it?host=10.0.0.1",
            "mysql://me@db.example/it",
            "sqlite:",
        ] {
            let faults = read(bad).unwrap_err();
            assert_eq!(faults.len(), 1, "{bad}: {faults:?}");
            assert!(!faults[0].contains("secret") && !faults[0].contains("example"), "{faults:?}");
        }
    }
}
