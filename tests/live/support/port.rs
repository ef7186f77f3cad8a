//! Addresses on which nobody listens yet.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that a system gives to whoever connects: else another test's connection could take it meanwhile. The servers'
/// own are between these and those (`tests/support/server.sh`).
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A free address of this machine, which no other test of this process is given.
pub(crate) fn free_address() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Tests of several processes begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT) * 7 % u32::from(COUNT)).unwrap_or(0);
    for _ in 0..COUNT {
        let port = FIRST + begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port on 127.0.0.1 from {FIRST} on");
}
