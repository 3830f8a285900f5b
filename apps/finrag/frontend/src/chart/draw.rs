//! Draws a chart as SVG.
//!
//! Its colours are those of the light theme; the style sheet replaces each by selector in the dark one, which is why
//! [`PALETTE`] and the style sheet are compared in a test. Nothing of a backend's text is drawn: names stand in the
//! legend beside the picture.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use super::group::{Chart, MOST_LINES};
use super::unit::grouped;

/// The lines' colours.
pub const PALETTE: [(u8, u8, u8); MOST_LINES] = [
    (0x0F, 0x6B, 0x57),
    (0xC2, 0x57, 0x1A),
    (0x3D, 0x5A, 0x98),
    (0xA0, 0x3E, 0x6E),
    (0x8A, 0x76, 0x12),
    (0x3F, 0x8F, 0xB0),
    (0x7A, 0x5C, 0xA8),
    (0x6B, 0x6B, 0x66),
];
const INK: RGBColor = RGBColor(0x5C, 0x59, 0x52);
const GRID: RGBColor = RGBColor(0xE4, 0xE0, 0xD6);

/// For which width of page it is drawn; text of a picture that is scaled down cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Beside a sidebar.
    Wide,
    /// On a phone.
    Narrow,
}

impl Size {
    fn pixels(self) -> (u32, u32) {
        match self {
            Self::Wide => (720, 300),
            Self::Narrow => (344, 250),
        }
    }

    fn most_years(self) -> usize {
        match self {
            Self::Wide => 12,
            Self::Narrow => 6,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Wide => "chart wide",
            Self::Narrow => "chart narrow",
        }
    }
}

/// The chart as an SVG element. `None` should the drawing library fail, which a page survives: the table has it all.
pub fn svg(chart: &Chart, size: Size) -> Option<String> {
    let mut picture = String::new();
    draw(chart, size, SVGBackend::with_string(&mut picture, size.pixels())).ok()?;
    let mut label = String::new();
    std::fmt::Write::write_str(&mut maud::Escaper::new(&mut label), &chart.described()).ok()?;
    let opening = format!("<svg class=\"{}\" role=\"img\" aria-label=\"{label}\" ", size.class());
    Some(picture.replacen("<svg ", &opening, 1))
}

fn draw(chart: &Chart, size: Size, backend: SVGBackend<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let area = backend.into_drawing_area();
    let (first, last) = chart.years();
    let values =
        chart.lines.iter().flat_map(|line| line.points.values()).map(|value| chart.scale.scaled(*value));
    let ticks = ticks(values);
    let (low, high) = (ticks[0], ticks[ticks.len() - 1]);
    let side = f64::from((last - first).max(1)) * 0.04;
    let widest = ticks.iter().map(|tick| tick_text(*tick).chars().count()).max().unwrap_or(1) as u32;
    let mut built = ChartBuilder::on(&area)
        .margin_top(12)
        .margin_right(14)
        .x_label_area_size(34)
        .y_label_area_size(14 + widest * 7)
        .build_cartesian_2d(
            Axis {
                range: f64::from(first) - side..f64::from(last) + side,
                ticks: years(first, last, size.most_years()),
            },
            Axis { range: low..high, ticks: ticks.clone() },
        )?;
    let text = ("sans-serif", 15).into_font().color(&INK);
    built
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(TRANSPARENT)
        .set_all_tick_mark_size(4)
        .set_tick_mark_size(LabelAreaPosition::Bottom, 9)
        .x_labels(size.most_years())
        .y_labels(ticks.len())
        .x_label_formatter(&|year| format!("{year:.0}"))
        .y_label_formatter(&|tick| tick_text(*tick))
        .label_style(text)
        .draw()?;
    if low < 0.0 {
        let zero = [(f64::from(first) - side, 0.0), (f64::from(last) + side, 0.0)];
        built.draw_series(std::iter::once(PathElement::new(zero, INK.stroke_width(1))))?;
    }
    for (line, (r, g, b)) in chart.lines.iter().zip(PALETTE) {
        let color = RGBColor(r, g, b);
        let points: Vec<(i32, f64)> =
            line.points.iter().map(|(year, value)| (*year, chart.scale.scaled(*value))).collect();
        // A year without a value is a gap, not a slope.
        for run in points.chunk_by(|(year, _), (next, _)| next - year == 1).filter(|run| run.len() > 1) {
            let path: Vec<_> = run.iter().map(|(year, value)| (f64::from(*year), *value)).collect();
            built.draw_series(LineSeries::new(path, color.stroke_width(2)))?;
        }
        let dots =
            points.iter().map(|(year, value)| Circle::new((f64::from(*year), *value), 4, color.filled()));
        built.draw_series(dots)?;
    }
    area.present()?;
    Ok(())
}

/// An axis that is labelled where we say: the library would choose values of its own.
struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Years to label: the last one, and back from it in even steps.
fn years(first: i32, last: i32, most: usize) -> Vec<f64> {
    let span = (last - first).max(0) as usize + 1;
    let mut years: Vec<f64> =
        (first..=last).rev().step_by(span.div_ceil(most).max(1)).map(f64::from).collect();
    years.reverse();
    years
}

/// Even, round values from at most 0 to at least the largest, about five of them.
fn ticks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let rough = if high > low { (high - low) / 4.5 } else { 0.25 };
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|nice| nice * magnitude).find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * magnitude);
    let (from, to) = ((low / step).floor() as i64, ((high / step).ceil() as i64).max(1));
    (from..=to).map(|at| at as f64 * step).collect()
}

fn tick_text(tick: f64) -> String {
    grouped(tick, if tick.abs() < 0.1 { 3 } else { 2 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Line, Scale};

    fn chart(lines: &[&[(i32, f64)]]) -> Chart {
        let lines =
            lines.iter().map(|points| Line { name: "<A>".into(), points: points.iter().copied().collect() });
        Chart { title: "\"Revenue\" & <b>".into(), scale: Scale::of("USD", 4e9), lines: lines.collect() }
    }

    #[test]
    fn ticks_are_even_and_round() {
        let table: [(&[f64], &[f64]); 5] = [
            (&[383.3, 394.3, 274.5], &[0.0, 100.0, 200.0, 300.0, 400.0]),
            (&[0.0], &[0.0, 0.25, 0.5, 0.75, 1.0][..0]),
            (&[-3.0, 9.0], &[-5.0, 0.0, 5.0, 10.0]),
            (&[0.8, 1.1], &[0.0, 0.25, 0.5, 0.75, 1.0, 1.25]),
            (&[-40.0, -10.0], &[-40.0, -30.0, -20.0, -10.0, 0.0, 10.0]),
        ];
        for (values, wanted) in table {
            let ticks = ticks(values.iter().copied());
            assert!(ticks.len() >= 2, "{values:?}");
            if !wanted.is_empty() {
                assert_eq!(ticks, wanted, "{values:?}");
            }
        }
    }

    #[test]
    fn years_end_with_the_last() {
        assert_eq!(years(2019, 2023, 12), [2019.0, 2020.0, 2021.0, 2022.0, 2023.0]);
        assert_eq!(years(2010, 2023, 5), [2011.0, 2014.0, 2017.0, 2020.0, 2023.0]);
    }

    #[test]
    fn a_picture_is_labelled_and_has_a_line_for_each_run_of_years() {
        let picture = svg(
            &chart(&[&[(2019, 1e9), (2020, 2e9), (2022, 3e9), (2023, 4e9)], &[(2020, -1e9)]]),
            Size::Wide,
        )
        .expect("drawn");
        assert!(picture.starts_with("<svg class=\"chart wide\" role=\"img\" aria-label=\"Line chart: &quot;Revenue&quot; &amp; &lt;b&gt;"));
        assert_eq!(picture.matches("<polyline").count(), 3, "two runs and the line at 0: {picture}");
        assert_eq!(picture.matches("<circle").count(), 5);
        for text in ["2019", "2023", "−2", "4"] {
            assert!(picture.contains(&format!(">\n{text}\n<")), "{text}: {picture}");
        }
    }

    #[test]
    fn every_colour_has_its_place_in_the_style_sheet() {
        let style = include_str!("../../assets/app.css");
        let RGBColor(r, g, b) = INK;
        let RGBColor(x, y, z) = GRID;
        for (r, g, b) in PALETTE.into_iter().chain([(r, g, b), (x, y, z)]) {
            let color = format!("#{r:02X}{g:02X}{b:02X}\"]");
            assert!(style.contains(&color), "{color}");
        }
    }
}
