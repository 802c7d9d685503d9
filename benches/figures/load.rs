//! A client of load, in a process of its own: as little of a client as there can be, so that it is never what is slow.
//!
//! It keeps connections open, writes requests that were built before, reads to the end of each answer, and tells the
//! rate and the times as one line of JSON. With a rate, requests begin by the clock, whether or not earlier ones were
//! answered in time, and times count from when a request was due.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::measure::{milliseconds, percentile};

/// How a door is loaded.
pub(crate) struct Load {
    pub(crate) address: String,
    /// Each a whole request; taken in turns.
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    /// A second; none: as many as go through.
    pub(crate) rate: Option<u32>,
}

impl Load {
    /// Runs it in another process; what that told.
    pub(crate) fn run(&self) -> Value {
        let file = tempfile::NamedTempFile::new().unwrap();
        let requests: Vec<String> =
            self.requests.iter().map(|one| String::from_utf8(one.clone()).unwrap()).collect();
        std::fs::write(file.path(), serde_json::to_vec(&requests).unwrap()).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["load", &self.address, &file.path().display().to_string()])
            .args([self.connections.to_string(), self.time.as_millis().to_string()])
            .arg(self.rate.unwrap_or(0).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success());
        serde_json::from_str(&said).unwrap()
    }
}

/// The other process.
pub(crate) fn run(arguments: &[String]) {
    let [address, file, connections, time, rate] = arguments else { panic!("load: five arguments") };
    let requests: Vec<String> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests.into_iter().map(String::into_bytes).collect());
    let (connections, rate): (usize, u32) = (connections.parse().unwrap(), rate.parse().unwrap());
    let time = Duration::from_millis(time.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(async {
        let began = Instant::now();
        let every = (rate > 0).then(|| Duration::from_secs(1) * u32::try_from(connections).unwrap() / rate);
        let tasks: Vec<_> = (0..connections)
            .map(|number| {
                let (address, requests) = (address.clone(), Arc::clone(&requests));
                let of = Share { number, connections, every, until: began + time, began };
                tokio::spawn(async move { one(&address, &requests, of).await })
            })
            .collect();
        let (mut times, mut refused) = (Vec::new(), 0_usize);
        for task in tasks {
            let (its, not) = task.await.unwrap();
            times.extend(its);
            refused += not;
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of some seconds")]
        let a_second = times.len() as f64 / began.elapsed().as_secs_f64();
        json!({"answers": times.len(), "refused": refused, "a_second": a_second,
            "p50_ms": percentile(&times, 50.0), "p99_ms": percentile(&times, 99.0)})
    });
    println!("{told}");
}

#[derive(Clone, Copy)]
struct Share {
    number: usize,
    connections: usize,
    every: Option<Duration>,
    began: Instant,
    until: Instant,
}

async fn one(address: &str, requests: &[Vec<u8>], share: Share) -> (Vec<f64>, usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut times, mut refused, mut turn) = (Vec::new(), 0, 0_u32);
    let mut buffer = vec![0; 4096];
    loop {
        let due = match share.every {
            Some(every) => {
                let offset =
                    every * u32::try_from(share.number).unwrap() / u32::try_from(share.connections).unwrap();
                share.began + offset + every * turn
            }
            None => Instant::now(),
        };
        if due >= share.until {
            return (times, refused);
        }
        tokio::time::sleep_until(due.into()).await;
        let place = share.number + share.connections * usize::try_from(turn).unwrap();
        stream.write_all(&requests[place % requests.len()]).await.unwrap();
        let mut filled = 0;
        // Answers of the doors have no body.
        while !buffer[..filled].ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut buffer[filled..]).await.unwrap();
            assert!(read > 0, "the door hung up");
            filled += read;
        }
        times.push(milliseconds(due.elapsed()));
        refused += usize::from(!buffer.starts_with(b"HTTP/1.1 204"));
        turn += 1;
    }
}
