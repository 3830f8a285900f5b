//! The `data:` lines of a Server-Sent Events body, reassembled from network chunks.

/// Collects bytes and gives whole `data` payloads. Only what chat completions use of the format: one
/// `data` line an event, comments and other fields ignored.
#[derive(Debug, Default)]
pub(super) struct DataLines {
    pending: Vec<u8>,
}

/// Longer lines than this are no chat completion.
const MAX_LINE: usize = 1 << 20;

impl DataLines {
    /// Adds a chunk and returns the payloads it completes; an error when a line is not text or far too long.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<String>, String> {
        self.pending.extend_from_slice(chunk);
        let mut payloads = Vec::new();
        let mut start = 0;
        while let Some(length) = self.pending[start..].iter().position(|byte| *byte == b'\n') {
            let line = &self.pending[start..start + length];
            start += length + 1;
            let line = std::str::from_utf8(line).map_err(|_| "a line is not UTF-8".to_owned())?;
            if let Some(data) = line.trim_end_matches('\r').strip_prefix("data:") {
                payloads.push(data.trim_start().to_owned());
            }
        }
        self.pending.drain(..start);
        if self.pending.len() > MAX_LINE {
            return Err("a line is longer than 1 MiB".to_owned());
        }
        Ok(payloads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_may_split_anywhere() {
        let body = ": hello\r\ndata: {\"a\":\"é\"}\r\n\r\nevent: x\ndata:[DONE]\n\n".as_bytes();
        for size in 1..=body.len() {
            let mut lines = DataLines::default();
            let got: Vec<String> =
                body.chunks(size).flat_map(|chunk| lines.push(chunk).expect("text")).collect();
            assert_eq!(got, ["{\"a\":\"é\"}", "[DONE]"], "chunks of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = DataLines::default();
        let chunk = vec![b'x'; MAX_LINE / 2 + 1];
        assert!(lines.push(&chunk).is_ok());
        assert!(lines.push(&chunk).is_err());
        assert!(DataLines::default().push(b"data: \xff\n").is_err());
    }
}
