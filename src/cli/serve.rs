//! `countersign serve`: the service, until it is told to stop.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::TcpListener;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load};
use crate::config::AuditSink;
use crate::{shutdown, telemetry};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Listen here instead of where the configuration says; port 0 picks a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    let config = load::config(&arguments.config)?;
    telemetry::start(config.log.format, &config.log.filter);
    let service = load::service_or_new(&config).await?;
    let stop = shutdown::on_signal();
    let address = arguments.listen.unwrap_or(config.server.listen);
    let bound = TcpListener::bind(address).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) =
        bound.map_err(|error| Failure::unavailable(format_args!("cannot listen on {address}"), &error))?;
    let listening = json!({"listening": format!("http://{address}")});
    // Where audit entries go to standard output, whoever collects them finds nothing else there.
    if config.audit.sink == Some(AuditSink::Stdout) {
        say(listening);
    } else {
        data(listening);
    }
    tracing::info!(%address, "ready");
    for notice in load::notices(&config, service.context.store()).await? {
        tracing::warn!("{notice}");
    }
    let served = service.run(listener, stop).await;
    served.map_err(|error| Failure::unavailable("the door", &error))?;
    Ok(ExitStatus::Done)
}
