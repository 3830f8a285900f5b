//! A deploy on the screen: bars on a terminal, plain lines elsewhere, or JSON.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use anyhow::Result;
use dormouse_api::{DeployAccepted, DeployEvent, DeployStep};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lines::{Say, say};
use crate::streams::{Paint, Streams};

/// Output shown after a failed build that was not shown as it came.
const TAIL: usize = 40;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Progress {
    style: Style,
    verbose: bool,
    width: usize,
    services: BTreeMap<String, Service>,
}

enum Style {
    Json,
    Lines,
    Bars(MultiProgress),
}

#[derive(Default)]
struct Service {
    bar: Option<ProgressBar>,
    /// Phases whose end needs no line, because they were there already.
    cached: Vec<String>,
    tail: VecDeque<String>,
    phase: String,
}

impl Progress {
    pub(super) fn new(json: bool, verbose: bool, streams: &Streams) -> Self {
        let style = match (json, streams.err_is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            (false, false) => Style::Lines,
        };
        Self { style, verbose, width: 0, services: BTreeMap::new() }
    }

    /// The server has the source.
    pub(super) fn accepted(&mut self, accepted: &DeployAccepted, streams: &mut Streams) -> Result<()> {
        self.width = accepted.services.iter().map(|s| s.chars().count()).max().unwrap_or(0);
        if !matches!(self.style, Style::Json) {
            for warning in &accepted.warnings {
                streams.warning(warning)?;
            }
            let names = accepted.services.join(", ");
            streams.err_line(&format!(
                "deploying {} as d{} ({names})",
                streams.err_paint(Paint::Bold, &accepted.project),
                accepted.id
            ))?;
        }
        Ok(())
    }

    pub(super) fn event(&mut self, event: &DeployEvent, streams: &mut Streams) -> Result<()> {
        if matches!(self.style, Style::Json) {
            return Ok(streams.out_json(event)?);
        }
        let name = event.service.clone().unwrap_or_default();
        let mut said = say(&event.step).plain(streams.color(true));
        let service = self.services.entry(name.clone()).or_default();
        match &event.step {
            DeployStep::Phase { name, cached: true } => service.cached.push(name.clone()),
            DeployStep::PhaseDone { name, .. } if service.cached.contains(name) => said = Say::Nothing,
            DeployStep::Phase { .. }
            | DeployStep::PhaseDone { .. }
            | DeployStep::Queued { .. }
            | DeployStep::Building
            | DeployStep::Progress { .. }
            | DeployStep::Output { .. }
            | DeployStep::LeftOut { .. }
            | DeployStep::Image { .. }
            | DeployStep::BuildFailed { .. }
            | DeployStep::Unchanged
            | DeployStep::Applied { .. }
            | DeployStep::Starting { .. }
            | DeployStep::Waiting { .. }
            | DeployStep::Ready { .. }
            | DeployStep::RolloutFailed { .. }
            | DeployStep::Superseded { .. }
            | DeployStep::TakenDown
            | DeployStep::Cancelled
            | DeployStep::Done { .. }
            | DeployStep::Failed { .. } => {}
        }
        let padded = format!("{name:w$}", w = self.width);
        match &self.style {
            Style::Json => Ok(()),
            Style::Lines => lines(&padded, &said, streams),
            Style::Bars(bars) => {
                let verbose = self.verbose;
                service.bars(bars, &padded, &said, verbose, streams);
                Ok(())
            }
        }
    }

    /// A word to whoever watches.
    pub(super) fn note(&mut self, text: &str, streams: &mut Streams) -> Result<()> {
        match &self.style {
            Style::Bars(bars) => print(bars, text.to_owned()),
            Style::Json | Style::Lines => streams.err_line(text)?,
        }
        Ok(())
    }

    /// Leave the last state of every bar on the screen.
    pub(super) fn end(&mut self) {
        for bar in self.services.values().filter_map(|s| s.bar.as_ref()).filter(|b| !b.is_finished()) {
            bar.abandon();
        }
    }
}

fn lines(name: &str, said: &Say, streams: &mut Streams) -> Result<()> {
    let (text, tail): (String, &[String]) = match said {
        Say::Doing(text) | Say::Did(text) | Say::Note(text) | Say::Good(text) => (text.clone(), &[]),
        Say::Bad(text, tail) => (text.clone(), tail),
        Say::Output(text) => (format!("| {text}"), &[]),
        Say::Bytes(..) | Say::Nothing => return Ok(()),
    };
    let text = streams.err_paint(said.paint(), &text);
    streams.err_line(&format!("{name}  {text}"))?;
    for line in tail {
        streams.err_line(&format!("{name}  | {line}"))?;
    }
    Ok(())
}

impl Service {
    fn bars(&mut self, bars: &MultiProgress, name: &str, said: &Say, verbose: bool, streams: &Streams) {
        let bar = self.bar.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(style("{spinner} {prefix} {wide_msg}"));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(TICK);
            bar
        });
        match said {
            Say::Doing(text) | Say::Did(text) => {
                bar.set_style(style("{spinner} {prefix} {wide_msg}"));
                text.clone_into(&mut self.phase);
                bar.set_message(text.clone());
            }
            Say::Bytes(done, total) => {
                let with_total = "{spinner} {prefix} {msg} {bar:24} {bytes}/{total_bytes}";
                bar.set_style(style(if total.is_some() {
                    with_total
                } else {
                    "{spinner} {prefix} {msg} {bytes}"
                }));
                bar.set_message(self.phase.clone());
                if let Some(total) = total {
                    bar.set_length(*total);
                }
                bar.set_position(*done);
            }
            // More than fits into a bar, and not to be wiped away by what comes next.
            Say::Note(text) => print(bars, format!("{name}  {text}")),
            Say::Output(text) => {
                if verbose {
                    print(bars, format!("{name}  | {text}"));
                } else {
                    if self.tail.len() == TAIL {
                        self.tail.pop_front();
                    }
                    self.tail.push_back(text.clone());
                    bar.set_style(style("{spinner} {prefix} {wide_msg}"));
                    bar.set_message(format!("{} {text}", self.phase));
                }
            }
            Say::Good(text) => {
                bar.set_style(style("{prefix:2} {wide_msg}"));
                bar.set_prefix(format!("{} {name}", streams.err_paint(Paint::Good, "✓")));
                bar.finish_with_message(text.clone());
            }
            Say::Bad(text, tail) => {
                for line in self.tail.drain(..).chain(tail.iter().cloned()) {
                    print(bars, format!("{name}  | {line}"));
                }
                bar.set_style(style("{prefix:2} {msg}"));
                bar.set_prefix(format!("{} {name}", streams.err_paint(Paint::Bad, "✗")));
                bar.abandon_with_message(text.clone());
            }
            Say::Nothing => {}
        }
    }
}

/// A line above the bars. A terminal that has gone away is noticed by what writes to it next.
fn print(bars: &MultiProgress, line: String) {
    let _ = bars.println(line);
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
