//! A server of somebody else, started for one test and ended with it.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const BOUND: Duration = Duration::from_secs(30);

/// Ended when dropped.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts it and waits until it listens. `None` if it ended at once: another process may have taken the port.
    pub(super) fn start(command: &mut Command, port: u16) -> Option<Self> {
        let mut server = Self { child: command.spawn().unwrap() };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let began = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_err() {
            if server.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(began.elapsed() < BOUND, "{command:?} does not listen");
            std::thread::yield_now();
        }
        server.child.try_wait().unwrap().is_none().then_some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listened on a moment ago.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program by its variable, at its usual place or on the path; what happens where there is none is decided here.
pub(crate) fn program(name: &str, usual: &[&str]) -> Option<PathBuf> {
    let variable = format!("COUNTERSIGN_{}", name.to_uppercase().replace('-', "_"));
    let on_path = std::env::var("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join(name)).collect::<Vec<_>>();
    let named = std::env::var(&variable).ok().map(PathBuf::from);
    let usual = usual.iter().map(PathBuf::from);
    let found = named.into_iter().chain(usual).chain(on_path).find(|path| Path::is_file(path));
    if found.is_none() {
        let required = std::env::var("COUNTERSIGN_REQUIRE_REAL").is_ok_and(|value| value == "1");
        assert!(!required, "{name} is required and not installed; {variable} can name it");
        #[expect(clippy::explicit_write, reason = "what the macro says is kept back where a test passes")]
        writeln!(std::io::stderr(), "skipped: {name} is not installed; {variable} can name it").unwrap();
    }
    found
}
