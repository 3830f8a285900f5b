//! `logs`: what services write, and what happens to them.

use std::{collections::BTreeSet, pin::Pin, time::Duration};

use anyhow::Result;
use dormouse_api::{Client, Error, LogLine, LogQuery, LogSource, ServiceStatus};
use futures_util::{Stream as Streaming, StreamExt, stream};
use serde::Serialize;

use crate::{
    OK,
    args::LogsArgs,
    deploy, human, plain,
    settings::Settings,
    streams::{Paint, Streams},
    target::{Target, deploy_number},
};

/// Lines of the past shown before following, when nothing else was asked for.
const FOLLOW_TAIL: u32 = 50;

/// Pause before asking again after the server went away.
const RETRY: Duration = Duration::from_millis(500);

/// A line with whose it is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    project: String,
    #[serde(flatten)]
    line: LogLine,
}

pub(crate) async fn logs(settings: &Settings, args: &LogsArgs, streams: &mut Streams) -> Result<u8> {
    let client = settings.client();
    if let (true, Some(text)) = (args.build, &args.target) {
        let id = deploy_number(text, &client).await?;
        deploy::replay(settings, &client, id, streams).await?;
        return Ok(OK);
    }
    let targets = match &args.target {
        Some(text) => vec![Target::find(text, &client).await?],
        None => {
            let mut projects: Vec<_> = client.ps().await?.into_iter().map(|s| s.project).collect();
            projects.sort();
            projects.dedup();
            projects.into_iter().map(|project| Target { project, service: None }).collect()
        }
    };
    let query = LogQuery {
        service: None,
        since_ms: args.since.map(|s| s.millis(human::now())),
        tail: args.tail.or((args.follow && args.since.is_none()).then_some(FOLLOW_TAIL)),
        follow: args.follow,
        platform: true,
    };
    let mut show = Show::new(settings.json, targets.len() > 1, streams);
    if !settings.json
        && let Ok(all) = client.ps().await
    {
        show.tell_apart(&all);
    }
    if args.follow {
        let all = targets.into_iter().map(|t| Box::pin(follow(client.clone(), t, query.clone())));
        let mut all = stream::select_all(all);
        while let Some(line) = all.next().await {
            show.line(&line?, streams)?;
        }
        return Ok(OK);
    }
    let mut lines = Vec::new();
    for target in targets {
        let query = LogQuery { service: target.service.clone(), ..query.clone() };
        let mut answer = client.logs(&target.project, &query).await?;
        while let Some(line) = answer.next().await {
            lines.push(Line { project: target.project.clone(), line: line? });
        }
    }
    lines.sort_by_key(|l| l.line.at);
    for line in &lines {
        show.line(line, streams)?;
    }
    Ok(OK)
}

/// Lines without an end: when the server goes away, ask again from the last line on.
pub(crate) fn follow(
    client: Client,
    target: Target,
    query: LogQuery,
) -> impl Streaming<Item = Result<Line>> + Send {
    let state = Follow {
        query: LogQuery { service: target.service, ..query },
        project: target.project,
        client,
        lines: None,
        last: Vec::new(),
        connected: false,
    };
    stream::unfold(state, |mut state| async move { state.next().await.map(|line| (line, state)) })
}

struct Follow {
    client: Client,
    project: String,
    query: LogQuery,
    lines: Option<Pin<Box<dormouse_api::LogLines>>>,
    /// The newest lines, all of the same millisecond: a repeated question brings them again.
    last: Vec<LogLine>,
    connected: bool,
}

impl Follow {
    async fn next(&mut self) -> Option<Result<Line>> {
        loop {
            let Some(lines) = &mut self.lines else {
                match self.client.logs(&self.project, &self.query).await {
                    Ok(lines) => {
                        self.lines = Some(Box::pin(lines));
                        self.connected = true;
                    }
                    // A project that is gone has nothing more to say.
                    Err(Error::Server { status: 404, .. }) if self.connected => return None,
                    Err(e @ (Error::Server { .. } | Error::Unreachable { .. } | Error::Broken { .. })) => {
                        if !self.connected {
                            return Some(Err(e.into()));
                        }
                        tokio::time::sleep(RETRY).await;
                    }
                }
                continue;
            };
            match lines.next().await {
                Some(Ok(line)) => {
                    if self.last.contains(&line) {
                        continue;
                    }
                    if self.last.first().is_none_or(|l| l.at < line.at) {
                        self.last.clear();
                        self.query.since_ms = Some(line.at);
                        self.query.tail = None;
                    }
                    self.last.push(line.clone());
                    return Some(Ok(Line { project: self.project.clone(), line }));
                }
                Some(Err(_)) | None => {
                    self.lines = None;
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

/// How lines are shown.
pub(crate) struct Show {
    json: bool,
    /// Services of which each line says whose it is, as projects and names.
    several: BTreeSet<(String, String)>,
    with_project: bool,
    with_date: bool,
    names: Vec<String>,
    width: usize,
}

impl Show {
    pub(crate) fn new(json: bool, with_project: bool, streams: &Streams) -> Self {
        let (several, names) = (BTreeSet::new(), Vec::new());
        Self { json, several, with_project, with_date: !streams.color(false), names, width: 0 }
    }

    /// Which of these services have several instances.
    fn tell_apart(&mut self, all: &[ServiceStatus]) {
        let several = all.iter().filter(|s| s.replicas > 1 || s.instances.len() > 1);
        self.several = several.map(|s| (s.project.clone(), s.service.clone())).collect();
    }

    pub(crate) fn line(&mut self, line: &Line, streams: &mut Streams) -> Result<()> {
        if self.json {
            return Ok(streams.out_json(line)?);
        }
        let l = &line.line;
        let said = plain::line(&l.text, streams.color(false));
        let name =
            if self.with_project { format!("{}/{}", line.project, l.service) } else { l.service.clone() };
        let name = match &l.instance {
            Some(id) if self.several.contains(&(line.project.clone(), l.service.clone())) => {
                format!("{name} {id}")
            }
            Some(_) | None => name,
        };
        let index = self.names.iter().position(|n| *n == name).unwrap_or_else(|| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        self.width = self.width.max(name.chars().count());
        let name = streams.out_paint(Paint::Name(index), &format!("{name:w$}", w = self.width));
        let time = streams.out_paint(Paint::Dim, &human::clock(l.at, self.with_date));
        let (bar, text) = match l.stream {
            LogSource::Out => (streams.out_paint(Paint::Dim, "|"), said),
            LogSource::Err => (streams.out_paint(Paint::Warn, "!"), said),
            LogSource::Platform => (streams.out_paint(Paint::Dim, "*"), streams.out_paint(Paint::Dim, &said)),
        };
        Ok(streams.out_line(&format!("{time} {name} {bar} {text}"))?)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_the_platform_says_is_told_apart() {
        let colored = expect![[r#"
            [
                "\u{1b}[0m \u{1b}[2m|\u{1b}[0m serving",
                "\u{1b}[0m \u{1b}[33m!\u{1b}[0m no more memory",
                "\u{1b}[0m \u{1b}[2m*\u{1b}[0m \u{1b}[2mkilled: out of memory (limit 256 MiB)\u{1b}[0m",
            ]
        "#]];
        let plain = expect![[r#"
            [
                " | serving",
                " ! no more memory",
                " * killed: out of memory (limit 256 MiB)",
            ]
        "#]];
        for (color, want) in [(true, colored), (false, plain)] {
            let (mut streams, out, _) = Streams::captured();
            streams.set_color(color);
            let mut show = Show::new(false, false, &streams);
            for (stream, text) in [
                (LogSource::Out, "serving"),
                (LogSource::Err, "no more memory"),
                (LogSource::Platform, "killed: out of memory (limit 256 MiB)"),
            ] {
                let line = LogLine {
                    at: 1,
                    service: "web".to_owned(),
                    instance: None,
                    stream,
                    text: text.to_owned(),
                };
                show.line(&Line { project: "shop".to_owned(), line }, &mut streams).unwrap();
            }
            // Without the time, which depends on where we are.
            let lines: Vec<_> =
                out.text().lines().map(|l| l.split_once("web").unwrap().1.to_owned()).collect();
            want.assert_debug_eq(&lines);
        }
    }

    /// Bug: an app's line cleared the terminal, or looked like another service's.
    #[test]
    fn a_line_is_one_line_of_text() {
        let text = "\x1b[2J\rok\nweb | \u{202e}evil \x1b[31mred";
        for (json, color) in [(false, false), (false, true), (true, true)] {
            let (mut streams, out, _) = Streams::captured();
            streams.set_color(color);
            let line = LogLine {
                at: 1,
                service: "web".to_owned(),
                instance: None,
                stream: LogSource::Out,
                text: text.to_owned(),
            };
            let mut show = Show::new(json, false, &streams);
            show.line(&Line { project: "shop".to_owned(), line }, &mut streams).unwrap();
            let said = out.text();
            if json {
                let value: serde_json::Value = serde_json::from_str(&said).unwrap();
                assert_eq!(value["text"], text);
                assert!(said.is_ascii(), "{said}");
            } else {
                let red = if color { "\x1b[31mred\x1b[0m\n" } else { "red\n" };
                let want = format!(r"\u{{1b}}[2J\rok\nweb | \u{{202e}}evil {red}");
                assert!(said.ends_with(&want), "{said:?}");
            }
        }
    }
}
