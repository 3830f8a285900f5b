//! Which series share a chart.

use std::collections::BTreeMap;

use super::unit::Scale;
use crate::backend::Series;

/// The most charts of one answer; its figures past them are in its text and sources.
const MOST_CHARTS: usize = 4;

/// The most lines of one chart: as many as there are colours that can be told apart.
pub(super) const MOST_LINES: usize = 8;

/// Values of one unit over the same years.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// How its values are written.
    pub scale: Scale,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its values by year, in the series' own unit.
    pub points: BTreeMap<i32, f64>,
}

impl Chart {
    /// The first and the last year of any line.
    pub fn years(&self) -> (i32, i32) {
        let years = || self.lines.iter().flat_map(|line| line.points.keys().copied());
        (years().min().unwrap_or_default(), years().max().unwrap_or_default())
    }

    /// All that it shows, in words.
    pub fn described(&self) -> String {
        let (first, last) = self.years();
        let mut text = format!("Line chart: {}, {}, {first} to {last}.", self.title, self.scale.axis());
        for line in &self.lines {
            if let (Some((from, a)), Some((to, b))) =
                (line.points.first_key_value(), line.points.last_key_value())
            {
                let (a, b) = (self.scale.written(*a), self.scale.written(*b));
                text.push_str(&format!(" {}: {a} in {from}", line.name));
                text.push_str(&if from == to { ".".into() } else { format!(", {b} in {to}.") });
            }
        }
        text
    }
}

/// Puts series into charts: one company's metrics of the same unit together, several companies metric by metric. A
/// chart takes at least two years; without, there is nothing to draw that the text does not say better.
pub fn charts(series: &[Series]) -> Vec<Chart> {
    let mut series: Vec<(&Series, BTreeMap<i32, f64>)> = series
        .iter()
        .map(|series| (series, points(series)))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    let company = |series: &Series| {
        if series.ticker.is_empty() { series.company.clone() } else { series.ticker.clone() }
    };
    let alone = series.windows(2).all(|pair| company(pair[0].0) == company(pair[1].0));
    let mut charts = Vec::new();
    while let Some((first, _)) = series.first().cloned() {
        let together = |other: &Series| other.unit == first.unit && (alone || other.metric == first.metric);
        let (these, others): (Vec<_>, Vec<_>) = series.into_iter().partition(|(other, _)| together(other));
        series = others;
        if these.iter().all(|(_, points)| points.len() < 2) {
            continue;
        }
        let largest = these
            .iter()
            .flat_map(|(_, points)| points.values())
            .fold(0.0_f64, |max, value| max.max(value.abs()));
        let metric = if first.label.is_empty() { first.metric.clone() } else { first.label.clone() };
        let named = if first.company.is_empty() { company(first) } else { first.company.clone() };
        let title = match (alone, these.len()) {
            (true, 1) => format!("{metric} of {named}"),
            (true, _) => format!("Figures of {named}"),
            (false, _) => metric,
        };
        let lines = these.into_iter().take(MOST_LINES).map(|(series, points)| Line {
            name: if alone && !series.label.is_empty() { series.label.clone() } else { company(series) },
            points,
        });
        charts.push(Chart { title, scale: Scale::of(&first.unit, largest), lines: lines.collect() });
        if charts.len() == MOST_CHARTS {
            break;
        }
    }
    charts
}

fn points(series: &Series) -> BTreeMap<i32, f64> {
    let points = series.points.iter().filter_map(|point| Some((point.year, point.value?)));
    points.filter(|(year, value)| value.is_finite() && (1900..2200).contains(year)).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::backend::Point;

    fn series(ticker: &str, metric: &str, unit: &str, values: &[(i32, f64)]) -> Series {
        let points = values.iter().map(|(year, value)| Point { year: *year, value: Some(*value) }).collect();
        let label = metric.replace('_', " ");
        Series {
            ticker: ticker.into(),
            company: format!("{ticker} Inc"),
            metric: metric.into(),
            label,
            unit: unit.into(),
            points,
        }
    }

    fn check(series: &[Series], wanted: Expect) {
        wanted.assert_eq(&charts(series).iter().map(Chart::described).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn companies_are_compared_metric_by_metric_and_one_companys_metrics_together() {
        let (a, b) = ([(2021, 365.8e9), (2023, 383.3e9)], [(2021, 168.1e9), (2022, 198.3e9)]);
        check(
            &[series("A", "revenue", "USD", &a)],
            expect![
                "Line chart: revenue of A Inc, US$ billions, 2021 to 2023. revenue: 365.80 in 2021, 383.30 in 2023."
            ],
        );
        check(
            &[series("A", "revenue", "USD", &a), series("B", "revenue", "USD", &b)],
            expect![
                "Line chart: revenue, US$ billions, 2021 to 2023. A: 365.80 in 2021, 383.30 in 2023. B: 168.10 in 2021, 198.30 in 2022."
            ],
        );
        check(
            &[
                series("A", "revenue", "USD", &a),
                series("A", "net_income", "USD", &b),
                series("A", "margin", "percent", &[(2021, 25.0), (2022, 26.5)]),
            ],
            expect![[r#"
                Line chart: Figures of A Inc, US$ billions, 2021 to 2023. revenue: 365.80 in 2021, 383.30 in 2023. net income: 168.10 in 2021, 198.30 in 2022.
                Line chart: margin of A Inc, percent, 2021 to 2022. margin: 25 in 2021, 26.5 in 2022."#]],
        );
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        check(&[], expect![""]);
        check(&[series("A", "revenue", "USD", &[(2021, 1.0)])], expect![""]);
        check(&[series("A", "revenue", "USD", &[(2021, f64::NAN), (2022, 1.0), (1, 1.0)])], expect![""]);
        let many: Vec<_> =
            (0..20).map(|n| series("A", "m", &format!("u{n}"), &[(2021, 1.0), (2022, 2.0)])).collect();
        assert_eq!(charts(&many).len(), MOST_CHARTS);
        let many: Vec<_> =
            (0..20).map(|n| series(&format!("T{n}"), "m", "USD", &[(2021, 1.0), (2022, 2.0)])).collect();
        assert_eq!(charts(&many)[0].lines.len(), MOST_LINES);
    }
}
