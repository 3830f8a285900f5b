//! What a session came to.

use crate::backend::Llm;

/// Sums over a session's answers; they outlive the turns that the history no longer holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Questions answered.
    pub queries: u64,
    /// US dollars.
    pub cost: f64,
    /// Tokens read and written.
    pub tokens: u64,
}

impl Totals {
    /// Adds an answer.
    pub fn add(&mut self, llm: &Llm) {
        self.queries += 1;
        if llm.cost.is_finite() {
            self.cost += llm.cost.max(0.0);
        }
        self.tokens = self.tokens.saturating_add(llm.input_tokens).saturating_add(llm.output_tokens);
    }

    /// US dollars an answer; 0 without any.
    pub fn average_cost(&self) -> f64 {
        if self.queries == 0 { 0.0 } else { self.cost / self.queries as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_over_answers() {
        let mut totals = Totals::default();
        assert_eq!(totals.average_cost(), 0.0);
        for cost in [0.01, 0.03, f64::NAN] {
            totals.add(&Llm { cost, input_tokens: 100, output_tokens: 20, ..Llm::default() });
        }
        assert_eq!((totals.queries, totals.tokens), (3, 360));
        assert!((totals.cost - 0.04).abs() < 1e-12 && (totals.average_cost() - 0.04 / 3.0).abs() < 1e-12);
    }
}
