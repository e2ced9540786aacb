//! The connections that the server still holds, as the kernel lists them.

use crate::bench::Fault;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
};

/// The state of an established connection in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// The number of connections that the server at this address holds with clients in this /24 network. A connection
/// that the server has closed does not count, even if its client does not read.
///
/// # Errors
/// If the list cannot be read.
pub(super) fn held(server: SocketAddr, network: Ipv4Addr) -> Result<u64, Fault> {
    let list = fs::read_to_string("/proc/net/tcp")?;
    Ok(count(&list, server.port(), network))
}

fn count(list: &str, port: u16, network: Ipv4Addr) -> u64 {
    let is_held = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        let (Some(local), Some(remote), Some(state)) = (fields.next(), fields.next(), fields.next()) else {
            return false;
        };
        let local = local.split_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        let remote = remote.split_once(':').and_then(|(address, _)| u32::from_str_radix(address, 16).ok());
        // The kernel prints the address as a number of this machine's byte order.
        let remote = remote.map(|address| Ipv4Addr::from(address.to_ne_bytes()).octets());
        let is_from = remote.is_some_and(|remote| remote[..3] == network.octets()[..3]);
        state == ESTABLISHED && local == Some(port) && is_from
    };
    list.lines().filter(is_held).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn only_open_connections_of_the_network_count() {
        let list = "  sl  local_address rem_address   st tx_queue\n\
            0: 0100007F:1F90 00000000:0000 0A 0:0\n\
            1: 0100007F:1F90 0109427F:C001 01 0:0\n\
            2: 0100007F:1F90 0109427F:C002 04 0:0\n\
            3: 0100007F:1F90 0100007F:C003 01 0:0\n\
            4: 0109427F:C001 0100007F:1F90 01 0:0\n";
        assert_eq!(count(list, 8080, Ipv4Addr::new(127, 66, 9, 9)), 1);
        assert_eq!(count(list, 8081, Ipv4Addr::new(127, 66, 0, 1)), 0);
    }
}
