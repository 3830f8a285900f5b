//! `GET /v1/projects/{project}/logs`.

use std::io;

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::Response,
};
use dormouse_api::{LogLine, LogQuery, LogSource, Stream};
use dormouse_backend::{Builds, Workloads};
use dormouse_control::{LogEntry, LogReader, LogWanted};
use dormouse_model::Time;

use crate::{
    App,
    error::Refused,
    ndjson::{self, Batches},
    principal::Principal,
};

pub(crate) async fn lines<W: Workloads, B: Builds>(
    State(app): App<W, B>,
    principal: Principal,
    project: Result<Path<String>, PathRejection>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let (Path(project), Query(query)) = (project?, query?);
    principal.may_use(&project)?;
    let wanted = LogWanted {
        since: query.since_ms.map(Time),
        tail: query.tail.map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
        follow: query.follow,
        platform: query.platform,
    };
    let reader = app.control.logs(&project, query.service.as_deref(), wanted).await?;
    Ok(ndjson::answer(Lines(reader)))
}

struct Lines<W, B>(LogReader<W, B>);

impl<W: Workloads, B: Builds> Batches for Lines<W, B> {
    type Item = LogLine;

    async fn next(&mut self) -> io::Result<Option<Vec<LogLine>>> {
        let entries = self.0.next().await.map_err(io::Error::other)?;
        Ok(entries.map(|entries| entries.into_iter().map(wire).collect()))
    }
}

fn wire(entry: LogEntry) -> LogLine {
    LogLine {
        at: entry.at.0,
        service: entry.key.service.to_string(),
        instance: entry.instance.map(|id| id.to_string()),
        stream: match entry.source {
            dormouse_control::LogSource::Out => LogSource::Out,
            dormouse_control::LogSource::Err => LogSource::Err,
            dormouse_control::LogSource::Platform => LogSource::Platform,
        },
        text: entry.text,
    }
}

pub(crate) fn stream(stream: dormouse_backend::Stream) -> Stream {
    match stream {
        dormouse_backend::Stream::Out => Stream::Out,
        dormouse_backend::Stream::Err => Stream::Err,
    }
}
