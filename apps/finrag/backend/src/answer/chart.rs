//! Figures over several years, for a chart.

use finrag_engine::KpiBlock;
use serde::Serialize;
use utoipa::ToSchema;

/// All series of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Kpi {
    /// One a company and metric.
    pub series: Vec<Series>,
}

/// One metric of one company.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Series {
    /// Ticker.
    pub ticker: String,
    /// The company's name as filed.
    pub company: String,
    /// The metric's key.
    pub metric: String,
    /// The metric's label.
    pub label: String,
    /// The unit of every point.
    pub unit: String,
    /// By year, ascending.
    pub points: Vec<Point>,
}

/// One year's figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Point {
    /// Report year.
    pub year: i32,
    /// The figure, in the series' unit.
    pub value: f64,
}

impl Kpi {
    /// The facts of a block by company, metric and unit, in the block's order; none when it has no facts. A doubted figure is left out: a
    /// quarter among years would be drawn as a fall.
    pub(super) fn new(block: &KpiBlock) -> Option<Self> {
        let mut series: Vec<Series> = Vec::new();
        for fact in block.facts.iter().filter(|fact| fact.doubt.is_none()) {
            let point = Point { year: fact.year, value: fact.value };
            let same = series.iter_mut().find(|series| {
                series.ticker == fact.ticker && series.metric == fact.metric_key && series.unit == fact.unit
            });
            match same {
                Some(series) => series.points.push(point),
                None => series.push(Series {
                    ticker: fact.ticker.clone(),
                    company: fact.company.clone(),
                    metric: fact.metric_key.clone(),
                    label: fact.metric_label.clone(),
                    unit: fact.unit.clone(),
                    points: vec![point],
                }),
            }
        }
        for series in &mut series {
            series.points.sort_by_key(|point| point.year);
        }
        (!series.is_empty()).then_some(Self { series })
    }
}
