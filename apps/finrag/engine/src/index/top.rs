//! The best of many scores, without sorting them all.

/// Keeps the `limit` best (score, row) pairs offered.
#[derive(Debug)]
pub(crate) struct Top {
    limit: usize,
    floor: f32,
    found: Vec<(f32, u32)>,
}

fn best_first(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

impl Top {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), floor: 0.0, found: Vec::with_capacity(limit.max(1) * 4) }
    }

    /// What a score must exceed to count: worth asking before what is dear to know of a row.
    pub(crate) fn floor(&self) -> f32 {
        self.floor
    }

    /// Offers a row; scores of zero and less never count.
    #[inline]
    pub(crate) fn offer(&mut self, score: f32, row: u32) {
        if score > self.floor {
            self.found.push((score, row));
            if self.found.len() >= self.limit * 4 {
                self.shrink();
            }
        }
    }

    fn shrink(&mut self) {
        if self.found.len() > self.limit {
            self.found.select_nth_unstable_by(self.limit - 1, best_first);
            self.floor = self.found[self.limit - 1].0;
            self.found.truncate(self.limit);
        }
    }

    /// The best, best first; equal scores by row.
    pub(crate) fn into_sorted(mut self) -> Vec<(f32, u32)> {
        self.shrink();
        self.found.sort_unstable_by(best_first);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_a_thousand_come_out_in_order() {
        let mut top = Top::new(3);
        for row in 0..1000_u32 {
            top.offer(((row * 7919) % 1000) as f32, row);
        }
        let scores: Vec<f32> = top.into_sorted().into_iter().map(|(score, _)| score).collect();
        assert_eq!(scores, [999.0, 998.0, 997.0]);
    }
}
