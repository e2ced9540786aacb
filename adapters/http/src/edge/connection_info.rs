//! What a request knows about its connection.

use super::{
    connection::Activity,
    networks::{Networks, Usage},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The connection of a request.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    pub(crate) local: Option<SocketAddr>,
    pub(crate) peer: SocketAddr,
    pub(crate) activity: Option<Arc<Activity>>,
    /// The network of the peer, if it is counted.
    pub(crate) network: Option<Arc<Usage>>,
    pub(crate) networks: Option<Arc<Networks>>,
}

impl ConnectionInfo {
    /// A request that did not come over a connection of ours.
    pub(crate) const fn without_connection(peer: SocketAddr) -> Self {
        Self { local: None, peer, activity: None, network: None, networks: None }
    }

    /// The network of a client, if it is counted. Behind a proxy, it is another one than that of the peer.
    pub(crate) fn network_of(&self, client: IpAddr) -> Option<Arc<Usage>> {
        if client == self.peer.ip().to_canonical() {
            return self.network.clone();
        }
        self.networks.as_ref()?.of_client(client)
    }
}
