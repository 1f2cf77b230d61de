//! How many segments with data a TCP socket has received, as the kernel counts them for `ss -i`. On
//! loopback a write of less than half a window is one, so this counts a peer's writes.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

/// Segments with data so far; `None` where the kernel does not tell (no `inet_diag`).
pub fn received(socket: &TcpStream) -> Option<u32> {
    let ends = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
    let mut diag = Socket::new(Domain::from(NETLINK), Type::DGRAM, Some(SOCK_DIAG.into())).ok()?;
    diag.send(&question(ends)).ok()?;
    let mut answer = vec![0; 8_192];
    let read = diag.read(&mut answer).ok()?;
    answer.truncate(read);
    if word16(&answer, 4) != BY_FAMILY {
        return None;
    }
    let mut at = HEADER + DIAG_MESSAGE;
    while at + ATTRIBUTE <= read {
        let (length, kind) = (usize::from(word16(&answer, at)), word16(&answer, at + 2));
        let info = answer.get(at + ATTRIBUTE..at + length)?;
        if kind == u16::from(INFO) {
            let counted = info.get(DATA_SEGMENTS_IN..DATA_SEGMENTS_IN + 4)?;
            return Some(u32::from_ne_bytes(counted.try_into().unwrap()));
        }
        at += length.next_multiple_of(4).max(ATTRIBUTE);
    }
    None
}

/// `nlmsghdr` and `inet_diag_req_v2` (`sock_diag(7)`).
fn question((local, peer): (SocketAddr, SocketAddr)) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(72_u32.to_ne_bytes());
    out.extend(BY_FAMILY.to_ne_bytes());
    out.extend(1_u16.to_ne_bytes()); // NLM_F_REQUEST
    out.extend([0; 8]);
    out.extend([INET, TCP, 1 << (INFO - 1), 0]);
    out.extend(u32::MAX.to_ne_bytes()); // in any state
    out.extend([local, peer].map(|end| end.port().to_be_bytes()).concat());
    for end in [local, peer] {
        let IpAddr::V4(address) = end.ip() else { panic!("tests run on 127.0.0.1") };
        out.extend(address.octets());
        out.extend([0; 12]);
    }
    out.extend([0; 4]); // on any interface
    out.extend([0xff; 8]); // no cookie
    out
}

fn word16(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

const NETLINK: i32 = 16;
const SOCK_DIAG: i32 = 4;
const BY_FAMILY: u16 = 20;
const INET: u8 = 2;
const TCP: u8 = 6;
/// `INET_DIAG_INFO`: a `tcp_info`.
const INFO: u8 = 2;
/// Sizes of `nlmsghdr`, `inet_diag_msg` and `rtattr`.
const HEADER: usize = 16;
const DIAG_MESSAGE: usize = 72;
const ATTRIBUTE: usize = 4;
/// Where `tcp_info` has it.
const DATA_SEGMENTS_IN: usize = 152;
