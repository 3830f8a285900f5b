//! `ps`: every service in a line.

use anyhow::Result;
use dormouse_api::{Depth, InstanceStatus, ServiceState, ServiceStatus};

use crate::{
    OK,
    args::PsArgs,
    human,
    settings::Settings,
    streams::{Paint, Streams},
    target::Target,
};

const HEAD: [&str; 11] = [
    "PROJECT",
    "SERVICE",
    "STATE",
    "DEPLOY",
    "DEPTH",
    "URL",
    "PID",
    "RESIDENT",
    "SWAPPED",
    "LAST-ACTIVE",
    "LAST-WAKE",
];

/// Columns of figures, which line up at their right.
const RIGHT: [usize; 4] = [6, 7, 8, 10];

/// Where the state stands, which is the painted column.
const STATE: usize = 2;

/// Columns in the order in which they go where the terminal has no room for all: what is asked for least goes first, and
/// what tells one service from another never.
const DROPPED: [usize; 8] = [6, 8, 10, 9, 4, 7, 3, 5];

/// Columns stand this far apart.
const GAP: usize = 2;

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
    let rows: Vec<_> = all.iter().flat_map(|s| rows(s, now)).collect();
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|i| rows.iter().map(|(_, r)| r[i].chars().count()).max().unwrap_or(0).max(HEAD[i].len()))
        .collect();
    let shown = columns(&widths, streams.width());
    let line = |cells: &[String; 11], painted: &dyn Fn(&str) -> String| {
        let cell = |i: &usize| {
            let (cell, w) = (&cells[*i], widths[*i]);
            let text = if RIGHT.contains(i) { format!("{cell:>w$}") } else { format!("{cell:w$}") };
            if *i == STATE { painted(&text) } else { text }
        };
        let line = shown.iter().map(cell).collect::<Vec<_>>().join(&" ".repeat(GAP));
        line.trim_end().to_owned()
    };
    let head = streams.out_paint(Paint::Bold, &line(&HEAD.map(str::to_owned), &str::to_owned));
    streams.out_line(&head)?;
    for (stands, cells) in &rows {
        let line = line(cells, &|state| streams.out_paint(paint(*stands), state));
        streams.out_line(&line)?;
    }
    for s in all {
        if let Some(reason) = &s.reason {
            let hint = hint(s).map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            let text = format!("{}/{}: {}{hint}", s.project, s.service, reason.replace('\n', "\n  "));
            let text = streams.out_paint(paint(s.state), &text);
            streams.out_line(&text)?;
        }
    }
    Ok(())
}

/// Where to read why, of what does not work, and whether something is done about it.
fn hint(s: &ServiceStatus) -> Option<String> {
    let hinted = s.reason.as_ref().is_some_and(|reason| reason.contains("hint: "));
    match s.state {
        ServiceState::Crashed if !hinted => {
            let logs = format!("`dormouse logs {}/{}` shows what it said", s.project, s.service);
            match s.restarts {
                // It was not started, so it has said nothing.
                0 => None,
                // A job is left alone.
                1 => Some(logs),
                n => Some(format!("{logs}; it ended {n} times and is tried again")),
            }
        }
        ServiceState::Failed if !hinted => {
            Some(format!("`dormouse logs --build {}` shows the build", s.project))
        }
        ServiceState::Crashed
        | ServiceState::Failed
        | ServiceState::Building
        | ServiceState::Starting
        | ServiceState::Ready
        | ServiceState::Running
        | ServiceState::Done
        | ServiceState::Asleep
        | ServiceState::Draining
        | ServiceState::Stopped
        | ServiceState::Quarantined => None,
    }
}

/// The columns that there is room for.
fn columns(widths: &[usize], room: Option<usize>) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..widths.len()).collect();
    let wide = |shown: &[usize]| shown.iter().map(|i| widths[*i] + GAP).sum::<usize>() - GAP;
    for column in DROPPED {
        if room.is_none_or(|room| wide(&shown) <= room) {
            break;
        }
        shown.retain(|i| *i != column);
    }
    shown
}

/// A service's line, and one for each of its instances where there is to be more than one.
fn rows(s: &ServiceStatus, now: u64) -> Vec<(ServiceState, [String; 11])> {
    let each = s.instances.iter().filter(|_| s.replicas > 1).map(|i| (i.state, instance_row(i)));
    std::iter::once((s.state, row(s, now))).chain(each).collect()
}

fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "-".to_owned())
}

fn instance_row(i: &InstanceStatus) -> [String; 11] {
    [
        String::new(),
        format!("  {}", i.instance),
        state(i.state).to_owned(),
        or_dash(i.deployment.clone()),
        or_dash(i.depth.map(|d| depth(d).to_owned())),
        String::new(),
        or_dash(i.pid.map(|p| p.to_string())),
        or_dash(i.resident_bytes.map(human::bytes)),
        or_dash(i.swapped_bytes.map(human::bytes)),
        String::new(),
        String::new(),
    ]
}

/// How many stand so, where there is to be more than one.
fn stands(s: &ServiceStatus) -> String {
    let word = state(s.state);
    match s.state {
        ServiceState::Ready | ServiceState::Asleep if s.replicas > 1 => {
            format!("{}/{} {word}", s.ready, s.replicas)
        }
        ServiceState::Ready
        | ServiceState::Asleep
        | ServiceState::Building
        | ServiceState::Failed
        | ServiceState::Starting
        | ServiceState::Running
        | ServiceState::Done
        | ServiceState::Draining
        | ServiceState::Stopped
        | ServiceState::Crashed
        | ServiceState::Quarantined => word.to_owned(),
    }
}

fn row(s: &ServiceStatus, now: u64) -> [String; 11] {
    [
        s.project.clone(),
        s.service.clone(),
        stands(s),
        or_dash(s.deployment.clone()),
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
        ServiceState::Running => "running",
        ServiceState::Done => "done",
        ServiceState::Asleep => "asleep",
        ServiceState::Draining => "draining",
        ServiceState::Stopped => "stopped",
        ServiceState::Crashed => "crashed",
        ServiceState::Quarantined => "quarantined",
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
        ServiceState::Ready | ServiceState::Running => Paint::Good,
        ServiceState::Done | ServiceState::Asleep | ServiceState::Stopped => Paint::Dim,
        ServiceState::Building | ServiceState::Starting | ServiceState::Draining => Paint::Warn,
        ServiceState::Failed | ServiceState::Crashed | ServiceState::Quarantined => Paint::Bad,
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
            ready: 1,
            replicas: 1,
            instances: Vec::new(),
            last_activity: None,
            awake: None,
            restarts: 0,
            reason: None,
        }
    }

    #[test]
    fn each_of_several_has_a_line() {
        let one = |instance: &str, state| InstanceStatus {
            instance: instance.to_owned(),
            state,
            depth: None,
            deployment: Some("d14".to_owned()),
            pid: Some(4711),
            resident_bytes: Some(9 << 20),
            swapped_bytes: Some(0),
        };
        let web = ServiceStatus {
            ready: 1,
            replicas: 2,
            pid: Some(4711),
            deployment: Some("d14".to_owned()),
            instances: vec![one("i7", ServiceState::Ready), one("i12", ServiceState::Starting)],
            ..status("shop", "web")
        };
        let (mut streams, out, _) = Streams::captured();
        table(&[status("shop", "api"), web], 1_000_000, &mut streams).unwrap();
        expect![[r#"
            PROJECT  SERVICE  STATE      DEPLOY  DEPTH  URL   PID  RESIDENT  SWAPPED  LAST-ACTIVE  LAST-WAKE
            shop     api      ready      -       -      -       -         -        -  -                    -
            shop     web      1/2 ready  d14     -      -    4711         -        -  -                    -
                       i7     ready      d14     -           4711   9.0 MiB      0 B
                       i12    starting   d14     -           4711   9.0 MiB      0 B
        "#]]
        .assert_eq(&out.text());
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
            deployment: Some("d14".to_owned()),
            ..status("shop", "frontend")
        };
        let crashed = ServiceStatus {
            state: ServiceState::Crashed,
            reason: Some("exited with code 1".to_owned()),
            restarts: 3,
            ..status("shop", "backend")
        };
        let all = [crashed, asleep];
        let shown = |width| {
            let (mut streams, out, _) = Streams::captured();
            streams.set_width(width);
            table(&all, 1_000_000, &mut streams).unwrap();
            out.text()
        };
        expect![[r#"
            PROJECT  SERVICE   STATE    DEPLOY  DEPTH  URL                          PID  RESIDENT  SWAPPED  LAST-ACTIVE  LAST-WAKE
            shop     backend   crashed  -       -      -                              -         -        -  -                    -
            shop     frontend  asleep   d14     paged  http://shop.localhost:8080  4711   9.0 MiB  315 MiB  10m ago        21.3 ms
            shop/backend: exited with code 1
              hint: `dormouse logs shop/backend` shows what it said; it ended 3 times and is tried again
        "#]]
        .assert_eq(&shown(None));
        // Bug: every line took two where the terminal was narrow.
        let mut narrow = String::new();
        for width in [120, 110, 100, 80, 60, 40, 10] {
            let lines: Vec<_> = shown(Some(width)).lines().take(3).map(str::to_owned).collect();
            assert!(width < 30 || lines.iter().all(|line| line.len() <= width), "{lines:?} on {width}");
            narrow += &format!("{width}: {}\n", lines[0]);
        }
        expect![[r#"
            120: PROJECT  SERVICE   STATE    DEPLOY  DEPTH  URL                          PID  RESIDENT  SWAPPED  LAST-ACTIVE  LAST-WAKE
            110: PROJECT  SERVICE   STATE    DEPLOY  DEPTH  URL                         RESIDENT  LAST-ACTIVE  LAST-WAKE
            100: PROJECT  SERVICE   STATE    DEPLOY  DEPTH  URL                         RESIDENT  LAST-ACTIVE
            80: PROJECT  SERVICE   STATE    DEPLOY  DEPTH  URL                         RESIDENT
            60: PROJECT  SERVICE   STATE    URL
            40: PROJECT  SERVICE   STATE
            10: PROJECT  SERVICE   STATE
        "#]].assert_eq(&narrow);
    }
}
