//! `[server]`: where the door is.

use std::net::SocketAddr;

use crate::reader::Reader;

/// Where the webhook and the health pages listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Address and port. TLS is put in front.
    pub listen: SocketAddr,
}

impl Server {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let listen = reader.parsed("listen", |text| {
            text.parse().map_err(|_| "is not an address with a port, like 127.0.0.1:8080".to_owned())
        });
        Some(Self { listen: listen? })
    }
}
