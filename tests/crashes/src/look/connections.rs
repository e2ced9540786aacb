//! The connections of a process to its store.

use super::{block_on, mongodb};
use skep_journeys::{Deployment, Server};
use std::{collections::BTreeSet, fs, io};

/// The connections of a server, identified by their local ports.
pub(crate) struct Connections {
    ports: Vec<u16>,
}

impl Connections {
    /// Reads the connections that the server has now.
    ///
    /// # Panics
    /// If the system does not list the sockets.
    #[track_caller]
    pub(crate) fn of(server: &Server) -> Self {
        Self { ports: ports(server.id()).expect("the system lists the sockets of a child") }
    }

    /// Ends the transactions that the killed server has left open in its store. PostgreSQL does this by itself, and on
    /// SQLite no other process could wait for them.
    ///
    /// # Panics
    /// If the store does not answer.
    #[track_caller]
    pub(crate) fn end_abandoned(&self, deployment: &Deployment) {
        if let Some((_, address)) = deployment.settings().find(|(name, _)| name == "MONGODB_URI") {
            block_on(mongodb::end_abandoned(&address, &self.ports)).expect("mongodb answers");
        }
    }
}

/// The local ports of the TCP sockets of a process (proc(5)).
fn ports(process: u32) -> io::Result<Vec<u16>> {
    let mut sockets = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        // A descriptor may have been closed since the folder was read.
        if let Ok(target) = fs::read_link(entry?.path()) {
            let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
            sockets.extend(inode.map(str::to_owned));
        }
    }
    let table = fs::read_to_string(format!("/proc/{process}/net/tcp"))?;
    let port = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, inode) = (fields.get(1)?, fields.get(9)?);
        sockets.contains(*inode).then(|| u16::from_str_radix(local.rsplit(':').next()?, 16).ok()).flatten()
    };
    Ok(table.lines().skip(1).filter_map(port).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_sockets_of_a_process_are_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        assert!(ports(std::process::id()).expect("proc").contains(&port));
        drop(listener);
        assert!(!ports(std::process::id()).expect("proc").contains(&port));
    }
}
