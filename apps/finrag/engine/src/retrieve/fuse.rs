//! Reciprocal rank fusion: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank
//! learning methods" (2009), with their k.

use std::collections::HashMap;

const K: f32 = 60.0;

/// Fuses ranked lists, each with its weight; the result is best first, equal scores by row.
pub(crate) fn fuse(lists: &[(f32, Vec<u32>)]) -> Vec<(f32, u32)> {
    let mut scores: HashMap<u32, f32> = HashMap::new();
    for (weight, rows) in lists {
        for (rank, row) in rows.iter().enumerate() {
            *scores.entry(*row).or_default() += weight / (K + rank as f32 + 1.0);
        }
    }
    let mut fused: Vec<(f32, u32)> = scores.into_iter().map(|(row, score)| (score, row)).collect();
    fused.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_lists_have_comes_first() {
        let fused = fuse(&[(1.0, vec![1, 2, 3]), (1.0, vec![9, 3])]);
        let rows: Vec<u32> = fused.into_iter().map(|(_, row)| row).collect();
        assert_eq!(rows, [3, 1, 9, 2]);
    }
}
