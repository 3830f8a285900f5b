//! Telling quarters from years by their size against total assets.
//!
//! A company's revenue against its assets changes slowly; a quarter's in the place of a year's is a fall to a quarter and back. Of all
//! ways to call each value of a series a year's or a quarter's, the one is taken that leaves the least to explain: jumps between
//! neighbours, changes from one to the other, and quarters in filings that no longer needed to repeat them.

use std::f64::consts::LN_2;

/// A value of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) year: i32,
    /// Against total assets.
    pub(super) ratio: f64,
    /// Known to be a year's.
    pub(super) known: bool,
    /// Something else speaks against it.
    pub(super) doubtful: bool,
}

/// What a quarter's value is short of a year's, as a logarithm.
const QUARTER: f64 = 2.0 * LN_2;
/// Jumps beyond this explain no more.
const LARGEST_JUMP: f64 = 3.0 * LN_2;
/// What it costs to change from years to quarters or back.
const CHANGE: f64 = 0.25;
/// What a quarter's value costs: filings up to 2020 had them, later ones seldom.
const REPEATED: f64 = 0.03;
const SELDOM: f64 = 0.15;
const LAST_REPEATED: i32 = 2020;
/// What a doubtful value costs as a year's.
const DOUBTFUL: f64 = 1.5;
/// No explanation at all.
const NEVER: f64 = 1e9;

/// Beside figures that are known, a value is taken for a year's only if to call it a quarter's would cost at least this much more.
const CLEARLY: f64 = 0.3;

/// Which points are quarters', or as likely as not. The points are in the order of their years.
pub(super) fn quarters(points: &[Point]) -> Vec<bool> {
    let before = ways(points.iter().copied());
    // Where nothing is known, all could as well be quarters': only what stands out is called one.
    let clearly = if points.iter().any(|point| point.known) { CLEARLY } else { 0.0 };
    let mut after = ways(points.iter().rev().copied());
    after.reverse();
    points
        .iter()
        .zip(before.iter().zip(&after))
        .map(|(point, (before, after))| {
            let own = own(*point);
            // Each way has the point's own cost; together they have it twice.
            let [year, quarter] = [0, 1].map(|state| before[state] + after[state] - own[state]);
            quarter < year + clearly
        })
        .collect()
}

/// What a point costs as a year's and as a quarter's.
fn own(point: Point) -> [f64; 2] {
    [
        if point.doubtful && !point.known { DOUBTFUL } else { 0.0 },
        match (point.known, point.year <= LAST_REPEATED) {
            (true, _) => NEVER,
            (false, true) => REPEATED,
            (false, false) => SELDOM,
        },
    ]
}

/// For every point, what the best way costs that comes to it and calls it a year's, and a quarter's.
fn ways(points: impl Iterator<Item = Point>) -> Vec<[f64; 2]> {
    let mut costs: Vec<[f64; 2]> = Vec::new();
    let mut previous: Option<(Point, [f64; 2])> = None;
    for point in points {
        let own = own(point);
        let cost = [0, 1].map(|state| {
            let least = previous.map_or(0.0, |(before, cost)| {
                let way = |origin: usize| {
                    let change = if origin == state { 0.0 } else { CHANGE };
                    cost[origin] + change + jump(before, origin, point, state)
                };
                way(0).min(way(1))
            });
            least + own[state]
        });
        costs.push(cost);
        previous = Some((point, cost));
    }
    costs
}

/// What the step between two neighbours costs, each taken as a year's (0) or a quarter's (1).
fn jump(a: Point, a_state: usize, b: Point, b_state: usize) -> f64 {
    // A change of sign says nothing of size.
    if a.ratio == 0.0 || b.ratio == 0.0 || (a.ratio < 0.0) != (b.ratio < 0.0) {
        return 0.0;
    }
    let level = |point: Point, state: usize| point.ratio.abs().ln() + if state == 1 { QUARTER } else { 0.0 };
    (level(a, a_state) - level(b, b_state)).abs().min(LARGEST_JUMP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(i32, f64, char)]) -> String {
        let points: Vec<Point> = points
            .iter()
            .map(|(year, ratio, mark)| Point {
                year: *year,
                ratio: *ratio,
                known: *mark == '!',
                doubtful: *mark == '?',
            })
            .collect();
        quarters(&points).iter().map(|quarter| if *quarter { 'q' } else { 'y' }).collect()
    }

    #[test]
    fn quarters_are_told_by_what_is_beside_them() {
        for (name, points, expected) in [
            ("years alone", vec![(2015, 0.9, ' '), (2016, 0.8, ' '), (2017, 1.1, ' ')], "yyy"),
            (
                "quarters that end with a year",
                vec![(2018, 0.22, ' '), (2019, 0.2, ' '), (2020, 0.21, ' '), (2021, 0.85, ' ')],
                "qqqy",
            ),
            ("a quarter among years", vec![(2010, 0.24, ' '), (2011, 0.07, ' '), (2012, 0.26, ' ')], "yqy"),
            (
                "quarters go on after 2020",
                vec![
                    (2019, 0.08, '!'),
                    (2021, 0.021, ' '),
                    (2022, 0.022, ' '),
                    (2023, 0.02, ' '),
                    (2024, 0.083, ' '),
                ],
                "yqqqy",
            ),
            ("growth is no quarter", vec![(2013, 0.08, ' '), (2015, 0.07, ' '), (2016, 0.16, ' ')], "yyy"),
            (
                "a doubtful one takes its neighbours along",
                vec![(2016, 0.19, ' '), (2017, 0.22, ' '), (2018, 0.26, '?'), (2022, 0.61, '!')],
                "qqqy",
            ),
            ("a loss between profits", vec![(2016, 0.1, ' '), (2017, -0.3, ' '), (2018, 0.1, ' ')], "yyy"),
            ("one alone", vec![(2016, 0.1, ' ')], "y"),
            ("what is known stays", vec![(2016, 0.1, '!'), (2017, 0.025, '!'), (2018, 0.1, '!')], "yyy"),
            ("none", vec![], ""),
        ] {
            assert_eq!(series(&points), expected, "{name}");
        }
    }
}
