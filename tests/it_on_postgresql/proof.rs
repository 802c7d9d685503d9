//! A PostgreSQL on another machine proves who it is, or nothing is said to it; and the roles that are shipped are enough.
//!
//! The server is a real one with a certificate of an authority made here; the program, `roles.sh` and `rights.sql` are
//! the real ones, too.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use countersign::clock::{AdjustableClock, SystemRandomness};
use countersign::config::{Config, Environment};
use countersign::sandbox::{Options, Sandbox, home};
use countersign::service::location;
use countersign::store::{Store, StoreError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::harness::database::postgresql::Server;
use crate::stories::black_box::countersign;

struct Certificates {
    authority: String,
    server: String,
    key: String,
}

/// An authority, and what it says of the server that is called `localhost`.
fn certificates() -> Certificates {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap().pem();
    Certificates { authority: pem, server, key: key.serialize_pem() }
}

/// A folder with a whole configuration in it.
async fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let listen = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let clock = AdjustableClock::running();
    let sandbox = Sandbox::start(Options { listen, clock, randomness: Arc::new(SystemRandomness) });
    let sandbox = sandbox.await.unwrap();
    home::write(&sandbox, folder.path()).unwrap();
    sandbox.stop().await;
    std::fs::copy(folder.path().join("countersign.toml"), folder.path().join("as-written.toml")).unwrap();
    folder
}

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/postgresql");

/// What an operator does with a new server, as its superuser.
fn roles(server: (&Server, u16), folder: &Path) {
    let psql = server.0.program("psql");
    let programs = Path::new(psql.get_program()).parent().unwrap();
    let mut roles = Command::new("sh");
    roles.arg(format!("{SHIPPED}/roles.sh")).env("PGUSER", "postgres");
    roles.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    for (name, role) in [("OWNER_FILE", "owner"), ("SERVES_FILE", "serves")] {
        let file = folder.join(format!("{role}.password"));
        std::fs::write(&file, password_of(role)).unwrap();
        roles.env(name, file);
    }
    run(server, &mut roles);
}

/// What is done after each upgrade, as the owner.
fn rights(server: (&Server, u16)) {
    let mut psql = Command::new(server.0.program("psql").get_program());
    let file = format!("--file={SHIPPED}/rights.sql");
    psql.args(["--set=ON_ERROR_STOP=1", "--username=countersign", "--dbname=countersign", &file]);
    run(server, &mut psql);
}

fn run((server, port): (&Server, u16), command: &mut Command) {
    command.env("PGHOST", server.data().parent().unwrap()).env("PGPORT", port.to_string());
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn password_of(role: &str) -> String {
    format!("it's the {role}'s \"password\"")
}

/// From now on the configuration names that database.
fn is_at(folder: &Path, url: &str) {
    let text = std::fs::read_to_string(folder.join("as-written.toml")).unwrap();
    let changed = text.replace("url = \"countersign.db\"", &format!("url = \"{url}\""));
    assert_ne!(text, changed);
    std::fs::write(folder.join("countersign.toml"), changed).unwrap();
}

/// Begins the database, as `setup` and `serve` do: makes its tables.
async fn begins(folder: &Path, role: &str, url: &str) -> Result<(), StoreError> {
    is_at(folder, url);
    let password = Environment::from_pairs([("COUNTERSIGN_STORE_PASSWORD", password_of(role))]);
    let config = Config::load(&folder.join("countersign.toml"), &password).unwrap();
    let (place, key) = (location(&config.store), config.audit.key.clone());
    Store::open(place, AdjustableClock::running(), &SystemRandomness, key).await?.close().await;
    Ok(())
}

/// What `show` says with that database, which it opens.
fn shows(folder: &Path, role: &str, url: &str) -> Output {
    is_at(folder, url);
    let mut show = countersign();
    show.arg("show").arg("--config").arg(folder.join("countersign.toml"));
    show.env("COUNTERSIGN_STORE_PASSWORD", password_of(role)).output().unwrap()
}

fn refused(said: &Output) {
    let text = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(2), "{text}");
    assert!(text.contains("the database's server does not prove that it is the one"), "{text}");
}

fn done(said: &Output) {
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
}

#[tokio::test]
async fn a_server_that_does_not_prove_who_it_is_is_told_nothing() {
    let folder = installation().await;
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let (real, other) = (certificates(), certificates());
    write("authority.pem", &real.authority);
    write("other.pem", &other.authority);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let Some(server) = Server::over_tls(port, &real.server, &real.key) else { return };
    roles((&server, port), folder.path());
    let at = |host: &str, more: &str| {
        format!("postgres://countersign@{host}:{port}/countersign?sslmode=verify-full{more}")
    };
    let shows = |role: &str, url: &str| shows(folder.path(), role, url);
    refused(&shows("owner", &at("localhost", "&sslrootcert=other.pem")));
    refused(&shows("owner", &at("127.0.0.1", "&sslrootcert=authority.pem")));
    refused(&shows("owner", &at("localhost", "")));
    let plain = format!("postgres://countersign@localhost:{port}/countersign?sslmode=disable");
    assert_eq!(shows("owner", &plain).status.code(), Some(3), "the server takes no plain connection");
    let proven = at("localhost", "&sslrootcert=authority.pem");
    assert_eq!(shows("serves", &proven).status.code(), Some(3), "that is another's password");
    let serves = proven.replace("countersign@", "countersign_serves@");
    begins(folder.path(), "serves", &serves).await.expect_err("it may make no tables");
    assert_eq!(shows("owner", &proven).status.code(), Some(2), "nor does a command that only reads");
    begins(folder.path(), "owner", &proven).await.unwrap();
    done(&shows("owner", &proven));
    assert_eq!(shows("serves", &serves).status.code(), Some(3), "nor read them before it is given the right");
    rights((&server, port));
    done(&shows("serves", &serves));
}

/// Somebody in between says that the server knows no TLS, and listens to what is said then.
#[tokio::test]
async fn a_server_that_says_it_knows_no_tls_is_told_neither_user_nor_password() {
    let folder = installation().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let listening = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(b"N").unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    let url = format!("postgres://countersign@localhost:{port}/postgres?sslmode=verify-full");
    refused(&shows(folder.path(), "owner", &url));
    assert_eq!(listening.join().unwrap(), b"", "nothing was said in the open");
}
