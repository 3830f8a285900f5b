//! Sums over rows.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::row::Row;

/// What `GET /stats` answers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Stats {
    /// Queries served, failed ones included.
    pub queries: u64,
    /// Failed ones.
    pub errors: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// US dollars.
    pub cost: f64,
    /// US dollars a query.
    pub average_cost: f64,
    /// From request to answer.
    pub latency_ms: Latency,
    /// By model, by the provider's name.
    pub by_model: Vec<ModelStats>,
    /// Segments the sums come from.
    pub segments: usize,
    /// Rows that are not in a segment yet.
    pub in_memory: usize,
    /// Rows given up because the store refused them for too long.
    pub dropped: u64,
}

/// Milliseconds that a share of all queries took at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct Latency {
    /// Half of them.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
}

/// The sums of one model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelStats {
    /// The provider's name for it.
    pub model_id: String,
    /// Queries put to it.
    pub queries: u64,
    /// Failed ones.
    pub errors: u64,
    /// Tokens read and written.
    pub total_tokens: u64,
    /// US dollars.
    pub cost: f64,
}

/// What is kept of a segment: all that [`Stats`] needs, at 4 bytes a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    models: BTreeMap<String, ModelSums>,
    latencies: Vec<f32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct ModelSums {
    queries: u64,
    errors: u64,
    input: u64,
    output: u64,
    cost: f64,
}

impl Sums {
    pub(super) fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut sums = Self::default();
        for row in rows {
            let model = sums.models.entry(row.model_id.clone()).or_default();
            model.queries += 1;
            model.errors += u64::from(row.trouble.is_some());
            model.input += row.input_tokens;
            model.output += row.output_tokens;
            model.cost += row.cost;
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds need no more than f32 has")]
            sums.latencies.push(row.total_ms as f32);
        }
        sums
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (name, sums) in &other.models {
            let model = self.models.entry(name.clone()).or_default();
            model.queries += sums.queries;
            model.errors += sums.errors;
            model.input += sums.input;
            model.output += sums.output;
            model.cost += sums.cost;
        }
        self.latencies.extend_from_slice(&other.latencies);
    }

    pub(super) fn stats(mut self, segments: usize, in_memory: usize, dropped: u64) -> Stats {
        self.latencies.sort_unstable_by(f32::total_cmp);
        let total = |of: fn(&ModelSums) -> u64| self.models.values().map(of).sum::<u64>();
        let queries = total(|model| model.queries);
        let (input, output) = (total(|model| model.input), total(|model| model.output));
        let cost: f64 = self.models.values().map(|model| model.cost).sum();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let average_cost = if queries == 0 { 0.0 } else { cost / queries as f64 };
        let by_model = self
            .models
            .iter()
            .map(|(name, model)| ModelStats {
                model_id: name.clone(),
                queries: model.queries,
                errors: model.errors,
                total_tokens: model.input + model.output,
                cost: model.cost,
            })
            .collect();
        Stats {
            queries,
            errors: total(|model| model.errors),
            input_tokens: input,
            output_tokens: output,
            total_tokens: input + output,
            cost,
            average_cost,
            latency_ms: Latency { p50: rank(&self.latencies, 50), p95: rank(&self.latencies, 95) },
            by_model,
            segments,
            in_memory,
            dropped,
        }
    }
}

/// The nearest-rank percentile of sorted values; 0 of none.
fn rank(sorted: &[f32], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100);
    sorted.get(place.saturating_sub(1)).copied().map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::super::segment::tests::row;
    use super::*;

    #[test]
    fn sums_of_parts_are_the_sum() {
        let rows: Vec<Row> = (1..=100).map(row).collect();
        let mut parts = Sums::default();
        rows.chunks(7).for_each(|chunk| parts.add(&Sums::of(chunk)));
        let stats = parts.stats(2, 3, 0);
        assert_eq!(stats, Sums::of(&rows).stats(2, 3, 0));
        assert_eq!((stats.queries, stats.errors), (100, 33));
        assert_eq!((stats.input_tokens, stats.output_tokens, stats.total_tokens), (5050, 200, 5250));
        assert_eq!(stats.latency_ms, Latency { p50: 50.0, p95: 95.0 });
        assert!((stats.cost - 25.0).abs() < 1e-9 && (stats.average_cost - 0.25).abs() < 1e-9);
        assert_eq!(stats.by_model.iter().map(|model| model.queries).collect::<Vec<_>>(), [50, 50]);
    }

    #[test]
    fn nothing_sums_to_zero() {
        let stats = Sums::default().stats(0, 0, 0);
        assert_eq!((stats.queries, stats.latency_ms), (0, Latency::default()));
    }
}
