//! What an evaluation found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Regime;

/// What came out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Per regime and difficulty, totals under difficulty `all`.
    pub rows: Vec<ReportRow>,
    /// Exact-figure accuracy: found over asked.
    pub figures_found: usize,
    /// Figures asked for.
    pub figures_asked: usize,
    /// Questions that are said to be out of scope, which none of a set is.
    #[serde(default)]
    pub refused: usize,
    /// Per question, what happened.
    pub outcomes: Vec<Outcome>,
}

/// One line of the report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReportRow {
    /// The regime.
    pub regime: Regime,
    /// The difficulty, or `all`.
    pub difficulty: String,
    /// Questions with expected sentences.
    pub questions: usize,
    /// Share with an expected sentence among the first 5, 0 to 1.
    pub hit_at_5: f64,
    /// Share with one among the first 30.
    pub hit_at_30: f64,
    /// Mean reciprocal rank of the first expected one, 0 beyond 30.
    pub mrr_at_30: f64,
}

/// What happened to one question in one regime.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The question's id.
    pub id: String,
    /// Its difficulty.
    pub difficulty: String,
    /// The regime; none for a question of figures alone.
    pub regime: Option<Regime>,
    /// Rank of the first expected sentence, from 1; none within 30.
    pub rank: Option<usize>,
    /// Figures found.
    pub figures_found: usize,
    /// Figures asked for.
    pub figures_asked: usize,
}

impl Report {
    /// Counts outcomes up. Figures are counted once per question.
    pub(crate) fn of(outcomes: Vec<Outcome>) -> Self {
        let mut rows = Vec::new();
        for regime in [Regime::Filtered, Regime::Open] {
            let of_regime: Vec<&Outcome> =
                outcomes.iter().filter(|outcome| outcome.regime == Some(regime)).collect();
            let mut difficulties: Vec<&str> =
                of_regime.iter().map(|outcome| outcome.difficulty.as_str()).collect();
            difficulties.sort_unstable();
            difficulties.dedup();
            if of_regime.is_empty() {
                continue;
            }
            for difficulty in difficulties.into_iter().chain(["all"]) {
                let ranks: Vec<Option<usize>> = of_regime
                    .iter()
                    .filter(|outcome| difficulty == "all" || outcome.difficulty == difficulty)
                    .map(|outcome| outcome.rank)
                    .collect();
                let share = |within: usize| {
                    ranks.iter().filter(|rank| rank.is_some_and(|rank| rank <= within)).count() as f64
                        / ranks.len() as f64
                };
                rows.push(ReportRow {
                    regime,
                    difficulty: difficulty.to_owned(),
                    questions: ranks.len(),
                    hit_at_5: share(5),
                    hit_at_30: share(30),
                    mrr_at_30: ranks.iter().flatten().map(|rank| 1.0 / *rank as f64).sum::<f64>()
                        / ranks.len() as f64,
                });
            }
        }
        let mut counted: Vec<&str> = Vec::new();
        let (mut figures_found, mut figures_asked) = (0, 0);
        for outcome in &outcomes {
            if !counted.contains(&outcome.id.as_str()) {
                counted.push(&outcome.id);
                figures_found += outcome.figures_found;
                figures_asked += outcome.figures_asked;
            }
        }
        Self { rows, figures_found, figures_asked, refused: 0, outcomes }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10}{:<16}{:>10}{:>9}{:>9}{:>9}",
            "regime", "difficulty", "questions", "hit@5", "hit@30", "mrr@30"
        )?;
        for row in &self.rows {
            let regime = match row.regime {
                Regime::Filtered => "filtered",
                Regime::Open => "open",
            };
            writeln!(
                f,
                "{regime:<10}{:<16}{:>10}{:>8.1}%{:>8.1}%{:>9.3}",
                row.difficulty,
                row.questions,
                row.hit_at_5 * 100.0,
                row.hit_at_30 * 100.0,
                row.mrr_at_30
            )?;
        }
        if self.figures_asked > 0 {
            let share = self.figures_found as f64 / self.figures_asked as f64 * 100.0;
            writeln!(f, "figures exact: {} of {} ({share:.1}%)", self.figures_found, self.figures_asked)?;
        }
        if self.refused > 0 {
            writeln!(f, "refused: {}", self.refused)?;
        }
        Ok(())
    }
}
