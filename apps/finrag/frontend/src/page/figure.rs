//! A chart with its legend and its table.

use maud::{Markup, PreEscaped, html};

use crate::chart::{Chart, Size, svg};

/// The chart, twice: for a wide page and for a narrow one, of which the style sheet shows one.
pub(super) fn figure(chart: &Chart) -> Markup {
    let (first, last) = chart.years();
    html! {
        figure.figure {
            figcaption {
                span.figure-title { (chart.title) }
                span.faint { (chart.scale.axis()) ", " (first) "–" (last) }
            }
            @for size in [Size::Wide, Size::Narrow] {
                @if let Some(picture) = svg(chart, size) { (PreEscaped(picture)) }
            }
            @if chart.lines.len() > 1 {
                ul.legend aria-label="Legend" {
                    @for (place, line) in chart.lines.iter().enumerate() {
                        li { span.swatch data-line=(place + 1) aria-hidden="true" {} (line.name) }
                    }
                }
            }
            details.figures {
                summary { "Show the figures" }
                (table(chart))
            }
        }
    }
}

fn table(chart: &Chart) -> Markup {
    let (first, last) = chart.years();
    let years = (first..=last).filter(|year| chart.lines.iter().any(|line| line.points.contains_key(year)));
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Figures: " (chart.title) } {
            table {
                caption.unseen { (chart.title) ", " (chart.scale.axis()) }
                thead {
                    tr {
                        th scope="col" { "Year" }
                        @for line in &chart.lines { th.number scope="col" { (line.name) } }
                    }
                }
                tbody {
                    @for year in years {
                        tr {
                            th scope="row" { (year) }
                            @for line in &chart.lines {
                                td.number {
                                    @match line.points.get(&year) {
                                        Some(value) => (chart.scale.written(*value)),
                                        None => "–",
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
