//! Medians and tables, and kills at random.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

pub mod kills;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Samples of one thing, in milliseconds.
#[derive(Debug, Default, Clone)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Add one.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1e3);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The value that this share (0 to 1) of the samples does not exceed (nearest rank); NaN without samples.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
        sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    /// The median.
    #[must_use]
    pub fn p50(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// Time from sending a request on a new connection to the first byte of its answer, and the whole answer.
///
/// # Panics
/// When there is no answer.
#[must_use]
pub fn first_byte(port: u16, host: &str, path: &str) -> (Duration, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the edge accepts");
    stream.set_nodelay(true).expect("an option");
    stream.set_read_timeout(Some(Duration::from_secs(150))).expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    let start = Instant::now();
    stream.write_all(request.as_bytes()).expect("sent");
    let mut first = [0; 1];
    stream.read_exact(&mut first).expect("an answer");
    let took = start.elapsed();
    let mut rest = Vec::from(first);
    stream.read_to_end(&mut rest).expect("a whole answer");
    (took, String::from_utf8_lossy(&rest).into_owned())
}

/// Resident memory of a process in bytes.
///
/// # Panics
/// When there is no such process.
#[must_use]
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).expect("a number") * 1024
}

/// Print a rule and a heading.
pub fn heading(text: &str) {
    println!("\n{text}\n{}", "-".repeat(text.len()));
}

/// Bytes as mebibytes.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "for display")]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let samples = Samples(vec![3.0, 1.0, 2.0, 4.0]);
        assert_eq!((samples.p50(), samples.quantile(1.0), samples.quantile(0.0)), (2.0, 4.0, 1.0));
        assert!(Samples::default().p50().is_nan());
    }
}
