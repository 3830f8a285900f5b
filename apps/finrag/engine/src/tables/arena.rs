//! Many strings in one allocation.

/// Strings laid end to end. Rows refer to them by index; 4 GiB is the limit of what one arena holds.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: String,
    ends: Vec<u32>,
    /// Row to string; empty while the order is that of pushing.
    order: Vec<u32>,
}

/// The arena is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Arena {
    /// Appends a string.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), Full> {
        let end = u32::try_from(self.bytes.len() + text.len()).map_err(|_| Full)?;
        self.bytes.push_str(text);
        self.ends.push(end);
        Ok(())
    }

    /// The string of a row.
    pub(crate) fn get(&self, row: u32) -> &str {
        let at = if self.order.is_empty() { row as usize } else { self.order[row as usize] as usize };
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }

    /// Makes row `i` the string that was pushed as number `order[i]`, and gives back spare room.
    pub(crate) fn finish(&mut self, order: Option<&[u32]>) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.order = order.map(<[u32]>::to_vec).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_the_order_given() {
        let mut arena = Arena::default();
        for text in ["a", "", "ccc"] {
            arena.push(text).unwrap();
        }
        arena.finish(Some(&[2, 0, 1]));
        assert_eq!([arena.get(0), arena.get(1), arena.get(2)], ["ccc", "a", ""]);
    }
}
