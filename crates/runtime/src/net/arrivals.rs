//! Hearing of bytes that arrive for an instance that sleeps.

use std::{io, mem, net::Ipv4Addr, os::fd::OwnedFd};

use nix::net::if_::if_nametoindex;
use socket2::{Domain, SockAddr, SockAddrStorage, SockFilter, Socket, Type};

/// A socket that becomes readable when bytes pass on the cable `name` for `addr`: UDP from anybody, TCP with a payload
/// from anybody but the gateway, where the edge and the prober speak from. What keeps a connection up (bare
/// acknowledgements, probes, its end) is none.
pub(super) fn listen(name: &str, addr: Ipv4Addr, gateway: Ipv4Addr) -> io::Result<OwnedFd> {
    // With no protocol it hears nothing before it is bound, and by then the filter is there.
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    socket.set_nonblocking(true)?;
    // That something came is all there is to know.
    socket.set_recv_buffer_size(0)?;
    socket.attach_filter(&filter(addr, gateway))?;
    socket.bind(&cable(if_nametoindex(name)?)?)?;
    Ok(socket.into())
}

/// All packets on an interface.
fn cable(index: u32) -> io::Result<SockAddr> {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: a `sockaddr_ll` is one of the addresses that the storage is made for.
    let to = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    to.sll_family = libc::AF_PACKET as u16;
    // Of one protocol only what comes in would be heard, and to the host what it sends to an instance goes out.
    to.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    to.sll_ifindex = index.try_into().map_err(io::Error::other)?;
    let length = mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the storage holds a `sockaddr_ll`, and that is its length.
    Ok(unsafe { SockAddr::new(storage, length) })
}

// Where things lie in an Ethernet frame with an IPv4 packet (RFC 791 §3.1, RFC 9293 §3.1).
const ETHERNET: u32 = 14;
const ETHERTYPE: u32 = 12;
const TOTAL_LENGTH: u32 = ETHERNET + 2;
const FRAGMENT: u32 = ETHERNET + 6;
const PROTOCOL: u32 = ETHERNET + 9;
const SOURCE: u32 = ETHERNET + 12;
const DESTINATION: u32 = ETHERNET + 16;
/// Behind the IP header's length: the TCP header's, in its upper four bits, in words of four bytes.
const DATA_OFFSET: u32 = ETHERNET + 12;

/// Where a test leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Next,
    Take,
    Drop,
}

/// The filter, for the kernel's classic packet filter.
fn filter(addr: Ipv4Addr, gateway: Ipv4Addr) -> Vec<SockFilter> {
    use To::{Drop, Next, Take};
    use libc::{
        BPF_ABS, BPF_ADD, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JGT, BPF_JMP, BPF_JSET,
        BPF_K, BPF_LD, BPF_LDX, BPF_MISC, BPF_MSH, BPF_RET, BPF_RSH, BPF_TAX, BPF_W, BPF_X,
    };
    let load = |size, at| (BPF_LD | size | BPF_ABS, at, Next, Next);
    let is = |what, yes, no| (BPF_JMP | BPF_JEQ | BPF_K, what, yes, no);
    let steps = [
        load(BPF_H, ETHERTYPE),
        is(libc::ETH_P_IP as u32, Next, Drop),
        load(BPF_W, DESTINATION),
        is(addr.to_bits(), Next, Drop),
        load(BPF_B, PROTOCOL),
        is(libc::IPPROTO_UDP as u32, Take, Next),
        is(libc::IPPROTO_TCP as u32, Next, Drop),
        load(BPF_W, SOURCE),
        is(gateway.to_bits(), Drop, Next),
        // What is not the first fragment has no header, only bytes.
        load(BPF_H, FRAGMENT),
        (BPF_JMP | BPF_JSET | BPF_K, 0x1fff, Take, Next),
        // X: the length of the IP header, and then of both.
        (BPF_LDX | BPF_B | BPF_MSH, ETHERNET, Next, Next),
        (BPF_LD | BPF_B | BPF_IND, DATA_OFFSET, Next, Next),
        (BPF_ALU | BPF_AND | BPF_K, 0xf0, Next, Next),
        (BPF_ALU | BPF_RSH | BPF_K, 2, Next, Next),
        (BPF_ALU | BPF_ADD | BPF_X, 0, Next, Next),
        (BPF_MISC | BPF_TAX, 0, Next, Next),
        load(BPF_H, TOTAL_LENGTH),
        // Too long to be said in the header, before it is cut into packets.
        is(0, Take, Next),
        (BPF_JMP | BPF_JGT | BPF_X, 0, Take, Drop),
        (BPF_RET | BPF_K, 1, Next, Next),
        (BPF_RET | BPF_K, 0, Next, Next),
    ];
    // Jumps count the instructions they leave out; the last two take a packet, and drop it.
    let jump = |at: usize, to| match to {
        Next => 0,
        Take => steps.len() - 2 - (at + 1),
        Drop => steps.len() - 1 - (at + 1),
    };
    let jump = |at, to| u8::try_from(jump(at, to)).unwrap_or(u8::MAX);
    steps
        .iter()
        .enumerate()
        .map(|(at, (code, k, yes, no))| SockFilter::new(*code as u16, jump(at, *yes), jump(at, *no), *k))
        .collect()
}
