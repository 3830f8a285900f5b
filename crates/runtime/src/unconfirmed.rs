//! What a connection has sent.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

nix::ioctl_read_bad!(outq, libc::TIOCOUTQ, libc::c_int);

/// Bytes that were written to a TCP connection, and that its peer has not confirmed to have.
///
/// # Errors
/// When it is none.
pub fn unconfirmed(connection: BorrowedFd<'_>) -> io::Result<u32> {
    let mut bytes = 0;
    // SAFETY: the descriptor is open for as long as it is borrowed, and the kernel writes one `int`, for which there is room
    // (tcp(7), SIOCOUTQ, which is TIOCOUTQ).
    unsafe { outq(connection.as_raw_fd(), &raw mut bytes) }?;
    Ok(u32::try_from(bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        os::fd::AsFd,
        time::Duration,
    };

    use super::*;

    #[test]
    fn what_is_not_taken_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        here.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(more) = here.write(&[0; 65_536]) {
            written += more;
        }
        assert!(unconfirmed(here.as_fd()).unwrap() > 0);
        there.read_exact(&mut vec![0; written]).unwrap();
        while unconfirmed(here.as_fd()).unwrap() > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let file = std::fs::File::open("/proc/self/maps").unwrap();
        assert!(unconfirmed(file.as_fd()).is_err());
    }
}
