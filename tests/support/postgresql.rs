//! PostgreSQL for tests: one server for each process of tests, one database for each test.
//!
//! The server's data is in a temporary folder, its socket too, and it listens nowhere else. A shell is its parent
//! and waits for the end of this process, however that comes: then it stops the server and removes the folder. As
//! PostgreSQL refuses to be root, root starts that shell as `postgres` or `nobody`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The shell, told where the programs are, and perhaps a port: then the server is reached over TLS alone as well. It
/// says `ready FOLDER`, and ends when its standard input does.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
umask 077
export PGPORT=${2:-5432} PGUSER=${2:+postgres}
PGUSER=${PGUSER:-countersign}
folder=$(mktemp -d /tmp/countersign-postgresql.XXXXXX) || exit 1
cd "$folder" || exit 1
"$1/initdb" --pgdata=data --username=$PGUSER --auth=trust --encoding=UTF8 --locale=C --no-sync >initdb.log 2>&1 ||
    { cat initdb.log >&2; rm -rf "$folder"; exit 1; }
cat >>data/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$folder'
max_connections = 500
shared_buffers = 64MB
fsync = off
full_page_writes = off
max_wal_size = 4GB
END
if [ -n "$2" ]; then
    printf '%s' "$TLS_CERTIFICATE" >data/server.crt
    printf '%s' "$TLS_KEY" >data/server.key
    printf '%s\n' "listen_addresses = 'localhost'" "ssl = on" >>data/postgresql.conf
    printf '%s\n' "local all all trust" "hostssl all all all scram-sha-256" >data/pg_hba.conf
fi
"$1/postgres" -D data >server.log 2>&1 </dev/null &
server=$!
for _ in $(seq 600); do
    "$1/psql" --host="$folder" --command='' postgres >/dev/null 2>&1 && break
    kill -0 $server 2>/dev/null || { cat server.log >&2; rm -rf "$folder"; exit 1; }
    sleep 0.05
done
echo "ready $folder"
cat >/dev/null
kill -QUIT $server
wait $server
cd / && rm -rf "$folder"
"#;

/// A server of this process's own.
#[derive(Debug)]
pub(crate) struct Server {
    folder: PathBuf,
    programs: PathBuf,
    databases: AtomicU32,
    /// Kept for its standard input, which ends with this process.
    _shell: Child,
}

static SERVER: OnceLock<Option<Server>> = OnceLock::new();

impl Server {
    /// The server, started by the first who asks. `None` where PostgreSQL is not installed; that was said then, or
    /// is a failure where `COUNTERSIGN_REQUIRE_REAL=1`.
    pub(crate) fn get() -> Option<&'static Self> {
        SERVER.get_or_init(|| Some(Self::start(programs()?))).as_ref()
    }

    /// One beside it, reached at this port of `localhost` over TLS with a password, and by its socket without; its
    /// superuser is `postgres`. The certificate and its key are PEM.
    #[allow(dead_code, clippy::allow_attributes, reason = "some who bring this file try TLS, some do not")]
    pub(crate) fn over_tls(port: u16, certificate: &str, key: &str) -> Option<Self> {
        let more = [("TLS_CERTIFICATE", certificate), ("TLS_KEY", key)];
        Some(Self::start_with(programs()?, Some(port), &more))
    }

    fn start(programs: PathBuf) -> Self {
        Self::start_with(programs, None, &[])
    }

    fn start_with(programs: PathBuf, port: Option<u16>, environment: &[(&str, &str)]) -> Self {
        let mut command = match unprivileged() {
            None => Command::new("sh"),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--init-groups", "sh"]);
                command
            }
        };
        command.args(["-c", SCRIPT, "sh"]).arg(&programs).args(port.map(|port| port.to_string()));
        command.env("LC_ALL", "C").envs(environment.iter().copied());
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        let folder =
            said.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("PostgreSQL does not start"));
        Self { folder: folder.into(), programs, databases: AtomicU32::new(0), _shell: shell }
    }

    /// The address of a database of this name.
    pub(crate) fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://countersign@{folder}/{database}")
    }

    /// A name that no other test of this process has.
    pub(crate) fn fresh_name(&self) -> String {
        format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }

    /// The server's data.
    #[allow(
        dead_code,
        clippy::allow_attributes,
        reason = "some who bring this file look at the data, some do not"
    )]
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// One of PostgreSQL's own programs, told where the server is.
    #[allow(dead_code, clippy::allow_attributes, reason = "some who bring this file back up, some do not")]
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.arg("--host").arg(&self.folder).args(["--username", "countersign"]);
        command
    }
}

/// Root must not run PostgreSQL; somebody else does it as themselves.
fn unprivileged() -> Option<&'static str> {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let exists =
        |user: &&str| Command::new("id").arg(user).output().is_ok_and(|asked| asked.status.success());
    root.then(|| ["postgres", "nobody"].into_iter().find(exists).expect("root needs somebody who is not"))
}

/// Where Debian keeps the newest one, or where the path has it.
#[expect(clippy::disallowed_methods, reason = "a test's own environment is no part of the program")]
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort_by_key(|path| path.parent().and_then(Path::file_name)?.to_str()?.parse::<u32>().ok());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let found = debian.into_iter().rev().chain(on_path).find(|folder| folder.join("initdb").is_file());
    if found.is_none() {
        let required = std::env::var("COUNTERSIGN_REQUIRE_REAL").is_ok_and(|value| value == "1");
        assert!(!required, "PostgreSQL is required and not installed");
        // Not the macro: what it says is kept back where a test passes.
        let mut stderr = std::io::stderr();
        writeln!(stderr, "skipped on PostgreSQL: it is not installed").unwrap();
    }
    found
}
