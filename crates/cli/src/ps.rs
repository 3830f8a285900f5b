//! `ps`: every service in a line.

use anyhow::Result;
use dormouse_api::{Depth, ServiceState, ServiceStatus};

use crate::{
    OK,
    args::PsArgs,
    human,
    settings::Settings,
    streams::{Paint, Streams},
    target::Target,
};

const HEAD: [&str; 10] =
    ["PROJECT", "SERVICE", "STATE", "DEPTH", "URL", "PID", "RESIDENT", "SWAPPED", "LAST-ACTIVE", "LAST-WAKE"];

/// Columns of figures, which line up at their right.
const RIGHT: [usize; 4] = [5, 6, 7, 9];

/// Where the state stands, which is the painted column.
const STATE: usize = 2;

pub(crate) async fn ps(settings: &Settings, args: &PsArgs, streams: &mut Streams) -> Result<u8> {
    let mut all = settings.client().ps().await?;
    if let Some(text) = &args.target {
        let target = Target::among(text, &all)?;
        all.retain(|s| target.covers(s));
    }
    all.sort_by(|a, b| (&a.project, &a.service).cmp(&(&b.project, &b.service)));
    if settings.json {
        streams.out_json(&all)?;
    } else if all.is_empty() {
        streams.err_line("nothing is deployed yet\n  hint: `dormouse deploy DIR` changes that")?;
    } else {
        table(&all, human::now(), streams)?;
    }
    Ok(OK)
}

fn table(all: &[ServiceStatus], now: u64, streams: &mut Streams) -> Result<()> {
    let rows: Vec<[String; 10]> = all.iter().map(|s| row(s, now)).collect();
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0).max(HEAD[i].len()))
        .collect();
    let line = |cells: &[String; 10]| -> Vec<String> {
        let pad = |(i, cell): (usize, &String)| {
            if RIGHT.contains(&i) {
                format!("{cell:>w$}", w = widths[i])
            } else {
                format!("{cell:w$}", w = widths[i])
            }
        };
        cells.iter().enumerate().map(pad).collect()
    };
    let head = line(&HEAD.map(str::to_owned)).join("  ");
    let head = streams.out_paint(Paint::Bold, head.trim_end());
    streams.out_line(&head)?;
    for (status, cells) in all.iter().zip(&rows) {
        let mut cells = line(cells);
        cells[STATE] = streams.out_paint(paint(status.state), &cells[STATE]);
        streams.out_line(cells.join("  ").trim_end())?;
    }
    for s in all {
        if let Some(reason) = &s.reason {
            let text = format!("{}/{}: {}", s.project, s.service, reason.replace('\n', "\n  "));
            let text = streams.out_paint(paint(s.state), &text);
            streams.out_line(&text)?;
        }
    }
    Ok(())
}

fn row(s: &ServiceStatus, now: u64) -> [String; 10] {
    let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
    [
        s.project.clone(),
        s.service.clone(),
        state(s.state).to_owned(),
        or_dash(s.depth.map(|d| depth(d).to_owned())),
        or_dash(s.url.clone()),
        or_dash(s.pid.map(|p| p.to_string())),
        or_dash(s.resident_bytes.map(human::bytes)),
        or_dash(s.swapped_bytes.map(human::bytes)),
        or_dash(s.last_activity.map(|t| human::ago(t, now))),
        or_dash(s.last_wake_ms.map(|ms| format!("{ms:.1} ms"))),
    ]
}

fn state(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Building => "building",
        ServiceState::Failed => "failed",
        ServiceState::Starting => "starting",
        ServiceState::Ready => "ready",
        ServiceState::Asleep => "asleep",
        ServiceState::Draining => "draining",
        ServiceState::Stopped => "stopped",
        ServiceState::Crashed => "crashed",
    }
}

fn depth(depth: Depth) -> &'static str {
    match depth {
        Depth::Frozen => "frozen",
        Depth::Paged => "paged",
        Depth::Stopped => "stopped",
    }
}

fn paint(state: ServiceState) -> Paint {
    match state {
        ServiceState::Ready => Paint::Good,
        ServiceState::Asleep | ServiceState::Stopped => Paint::Dim,
        ServiceState::Building | ServiceState::Starting | ServiceState::Draining => Paint::Warn,
        ServiceState::Failed | ServiceState::Crashed => Paint::Bad,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use expect_test::expect;

    use super::*;

    pub(crate) fn status(project: &str, service: &str) -> ServiceStatus {
        ServiceStatus {
            project: project.to_owned(),
            service: service.to_owned(),
            state: ServiceState::Ready,
            depth: None,
            url: None,
            urls: Vec::new(),
            pid: None,
            resident_bytes: None,
            swapped_bytes: None,
            last_wake_ms: None,
            deployment: None,
            instance: None,
            last_activity: None,
            restarts: 0,
            reason: None,
        }
    }

    #[test]
    fn a_table_people_like() {
        let asleep = ServiceStatus {
            state: ServiceState::Asleep,
            depth: Some(Depth::Paged),
            url: Some("http://shop.localhost:8080".to_owned()),
            pid: Some(4711),
            resident_bytes: Some(9 << 20),
            swapped_bytes: Some(315 << 20),
            last_wake_ms: Some(21.34),
            last_activity: Some(400_000),
            ..status("shop", "frontend")
        };
        let crashed = ServiceStatus {
            state: ServiceState::Crashed,
            reason: Some("it ended with code 1, 3 times\nlast words".to_owned()),
            ..status("shop", "backend")
        };
        let (mut streams, out, _) = Streams::captured();
        table(&[crashed, asleep], 1_000_000, &mut streams).unwrap();
        expect![[r#"
            PROJECT  SERVICE   STATE    DEPTH  URL                          PID  RESIDENT  SWAPPED  LAST-ACTIVE  LAST-WAKE
            shop     backend   crashed  -      -                              -         -        -  -                    -
            shop     frontend  asleep   paged  http://shop.localhost:8080  4711   9.0 MiB  315 MiB  10m ago        21.3 ms
            shop/backend: it ended with code 1, 3 times
              last words
        "#]]
        .assert_eq(&out.text());
    }
}
