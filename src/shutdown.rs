//! Stopping: the first signal asks everything to finish the step in hand; a second one, or a minute, does not wait.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A step in hand is finished within this, or left: what it was doing is written down, and found at the next start.
const PATIENCE: Duration = Duration::from_mins(1);

/// A token that is cancelled on the first SIGTERM or SIGINT.
pub fn on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        signal().await;
        tracing::info!("stopping; the step in hand is finished first");
        stopping.cancel();
    });
    stop
}

/// Waits for the tasks, for a minute or until a second signal.
pub async fn finish(tasks: TaskTracker) {
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        () = signal() => tracing::warn!("asked a second time: not waiting"),
        () = tokio::time::sleep(PATIENCE) => tracing::warn!("not done after a minute: not waiting"),
    }
}

async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
    }
}
