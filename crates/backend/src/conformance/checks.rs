//! The checks of the suite.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use dormouse_model::{Answer, Depth, ExitStatus, ImageId, Inspection, InstanceId, Limits, Phase, Question};
use tokio::sync::mpsc;

use super::{Harness, Program};
use crate::{Stream, WorkloadError, WorkloadEvent, Workloads};

type Outcome = Result<(), String>;

fn same<T: PartialEq + Debug>(what: &str, got: T, want: T) -> Outcome {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:?}, want {want:?}")) }
}

fn done<T>(what: &str, result: Result<T, WorkloadError>) -> Result<T, String> {
    result.map_err(|e| format!("{what}: {e}"))
}

pub(super) async fn network<W: Workloads>(h: &Harness<W>) -> Outcome {
    done("ensure_network", h.workloads.ensure_network(&h.network).await)?;
    done("ensure_network again", h.workloads.ensure_network(&h.network).await)?;
    let mut fewer = h.network.clone();
    fewer.vips.clear();
    done("ensure_network without services", h.workloads.ensure_network(&fewer).await)?;
    done("ensure_network with them again", h.workloads.ensure_network(&h.network).await)?;
    same("networks", done("networks", h.workloads.networks().await)?, vec![h.network.clone()])?;
    let all = |networks| async move { done("ensure_networks", h.workloads.ensure_networks(networks).await) };
    let only = std::slice::from_ref(&h.network);
    same("could not be made", all(only).await?.len(), 0)?;
    all(&[]).await?;
    match h.workloads.start(&h.spec(9, Program::Serve)).await {
        Err(WorkloadError::Host { .. }) => {}
        other => return Err(format!("started without a network: {other:?}")),
    }
    all(only).await?;
    let id = h.run(9, Program::Serve).await?;
    all(&[]).await?;
    h.run(10, Program::Serve).await.map_err(|e| format!("the network of a running one is gone: {e}"))?;
    h.clear(InstanceId(id.0 + 1)).await?;
    h.clear(id).await?;
    done("ensure_network after all", h.workloads.ensure_network(&h.network).await)
}

pub(super) async fn repairs<W: Workloads>(h: &Harness<W>) -> Outcome {
    let mut events = h.workloads.events();
    for _ in 0..2 {
        let damage = (h.damage)(&h.network);
        let told = next(&mut events, |event| match event {
            WorkloadEvent::Repaired(repair) => Some(repair),
            WorkloadEvent::Ended(_)
            | WorkloadEvent::Stirred(_)
            | WorkloadEvent::Noticed(..)
            | WorkloadEvent::Killed(..)
            | WorkloadEvent::Disk(_) => None,
        })
        .await?;
        same("what was repaired", told.damage, damage)?;
        if !told.projects.contains(&h.network.project) {
            return Err(format!("it is not told whom it concerned: {told:?}"));
        }
    }
    Ok(())
}

pub(super) async fn start<W: Workloads>(h: &Harness<W>) -> Outcome {
    let spec = h.spec(0, Program::Serve);
    same("listed before its start", h.find(spec.id).await?, None)?;
    h.run(0, Program::Serve).await?;
    let w = h.find(spec.id).await?.ok_or("not listed after start")?;
    same("key", &w.key, &spec.key)?;
    same("image", &w.image, &spec.image)?;
    same("deployment", w.deployment, spec.deployment)?;
    if !h.network.blocks().any(|block| block.contains(w.addr)) {
        return Err(format!("{} is not on its network", w.addr));
    }
    same("phase", w.phase, Phase::Running)?;
    same("exited_at", w.exited_at, None)?;
    if w.pid == 0 {
        return Err("a running instance has no pid".to_owned());
    }
    let beside = h.run(1, Program::Serve).await?;
    if h.find(beside).await?.is_some_and(|other| other.addr == w.addr) {
        return Err(format!("two instances have {}", w.addr));
    }
    h.clear(beside).await?;
    h.run(0, Program::Serve).await?;
    same("after a second start", h.find(spec.id).await?, Some(w))?;
    h.said(spec.id, "hello").await?;
    let usage = done("usage", h.workloads.usage(spec.id).await)?;
    if usage.resident_bytes == 0 {
        return Err("a running instance uses no memory".to_owned());
    }
    h.clear(spec.id).await
}

pub(super) async fn log<W: Workloads>(h: &Harness<W>) -> Outcome {
    let id = h.run(1, Program::Serve).await?;
    h.said(id, "hello").await?;
    let lines = h.said(id, "oops").await?;
    let stream = |text: &str| lines.iter().find(|l| l.text == text).map(|l| l.stream);
    same("stream of hello", stream("hello"), Some(Stream::Out))?;
    same("stream of oops", stream("oops"), Some(Stream::Err))?;
    let key = &h.template.key;
    let end = done("read_log", h.workloads.read_log(key, id, 0).await)?.next;
    let rest = done("read_log at its end", h.workloads.read_log(key, id, end).await)?;
    same("beyond the end", (rest.lines.len(), rest.next), (0, end))?;
    h.clear(id).await?;
    let kept = done("read_log after removal", h.workloads.read_log(key, id, 0).await)?;
    same("hello after removal", kept.lines.iter().filter(|l| l.text == "hello").count(), 1)?;
    done("remove_logs", h.workloads.remove_logs(key, &[id]).await)?;
    done("remove_logs again", h.workloads.remove_logs(key, &[id]).await)?;
    let gone = done("read_log after that", h.workloads.read_log(key, id, 0).await)?;
    same("hello after its log was removed", gone.lines.len(), 0)?;
    let none = done("read_log of an unknown one", h.workloads.read_log(key, InstanceId(u64::MAX), 0).await)?;
    same("log of an unknown one", none.lines.len(), 0)
}

pub(super) async fn sleep<W: Workloads>(h: &Harness<W>) -> Outcome {
    let w = &h.workloads;
    let id = h.run(2, Program::Serve).await?;
    h.said(id, "hello").await?;
    let pid = h.find(id).await?.map(|w| w.pid);
    let Some(deepest) = w.capabilities().depths.reached(Depth::Paged) else {
        match w.sleep(id, Depth::Frozen).await {
            Err(WorkloadError::Host { .. }) => same("phase", h.phase(id).await?, Phase::Running)?,
            other => return Err(format!("it sleeps where nothing does: {other:?}")),
        }
        return h.clear(id).await;
    };
    for round in 1..=3 {
        same("frozen", done("sleep frozen", w.sleep(id, Depth::Frozen).await)?, Depth::Frozen)?;
        same("frozen again", done("sleep frozen", w.sleep(id, Depth::Frozen).await)?, Depth::Frozen)?;
        same("phase", h.phase(id).await?, Phase::Asleep(Depth::Frozen))?;
        same("paged", done("sleep paged", w.sleep(id, Depth::Paged).await)?, deepest)?;
        same("paged again", done("sleep paged", w.sleep(id, Depth::Paged).await)?, deepest)?;
        same("phase", h.phase(id).await?, Phase::Asleep(deepest))?;
        done("usage of one asleep", w.usage(id).await)?;
        if round == 2 {
            same(
                "depth after a dark wake",
                done("dark wake", w.dark_wake(id, Depth::Paged).await)?.depth,
                deepest,
            )?;
            same("phase", h.phase(id).await?, Phase::Asleep(deepest))?;
        }
        done("wake", w.wake(id).await)?;
        done("wake again", w.wake(id).await)?;
        same("phase", h.phase(id).await?, Phase::Running)?;
        same(&format!("pid in round {round}"), h.find(id).await?.map(|w| w.pid), pid)?;
    }
    h.clear(id).await
}

pub(super) async fn stirs<W: Workloads>(h: &Harness<W>) -> Outcome {
    if !h.can_freeze() {
        return Ok(());
    }
    let (w, mut events) = (&h.workloads, h.workloads.events());
    let stirred = |event| if let WorkloadEvent::Stirred(id) = event { Some(id) } else { None };
    let (awake, asleep) = (h.run(9, Program::Serve).await?, h.run(10, Program::Serve).await?);
    let addrs = [h.find(awake).await?, h.find(asleep).await?].map(|found| found.map(|w| w.addr));
    let [Some(first), Some(second)] = addrs else { return Err("not listed after start".to_owned()) };
    let arrive = |id| (h.arrive)(id, if id == awake { first } else { second });
    for depth in [Depth::Frozen, Depth::Paged] {
        done("sleep", w.sleep(asleep, depth).await)?;
        arrive(awake);
        arrive(asleep);
        arrive(asleep);
        same("stirred", next(&mut events, stirred).await?, asleep)?;
        // It stays asleep until somebody wakes it.
        same("asleep", matches!(h.phase(asleep).await?, Phase::Asleep(_)), true)?;
        done("wake", w.wake(asleep).await)?;
        same("once for each sleep", events.try_recv().ok(), None)?;
    }
    arrive(asleep);
    done("sleep", w.sleep(asleep, Depth::Frozen).await)?;
    drop(events);
    arrive(asleep);
    let mut later = w.events();
    same("while nobody listened", next(&mut later, stirred).await?, asleep)?;
    same("of one that is awake", later.try_recv().ok(), None)?;
    h.clear(awake).await?;
    h.clear(asleep).await
}

pub(super) async fn activity<W: Workloads>(h: &Harness<W>) -> Outcome {
    let w = &h.workloads;
    let id = h.run(11, Program::Serve).await?;
    h.said(id, "hello").await?;
    let first = done("activity", w.activity(id).await)?;
    same("calls", first.calls.len(), 0)?;
    h.put_to_sleep(id, Depth::Frozen).await?;
    let second = done("activity of one asleep", w.activity(id).await)?;
    same("time goes on", second.at >= first.at && second.cpu >= first.cpu, true)?;
    h.clear(id).await
}

pub(super) async fn stop<W: Workloads>(h: &Harness<W>) -> Outcome {
    let w = &h.workloads;
    let id = h.run(3, Program::Serve).await?;
    h.said(id, "hello").await?;
    h.put_to_sleep(id, Depth::Paged).await?;
    // The grace is longer than a check may take: only a woken instance ends in time.
    let end = done("stop", w.stop(id, Duration::from_secs(3600)).await)?;
    let ended = h.find(id).await?.ok_or("not listed after stop")?;
    same("how it ended", (Phase::Exited(end.status), Some(end.at)), (ended.phase, ended.exited_at))?;
    same("phase", ended.phase, Phase::Exited(ExitStatus::Code(0)))?;
    same("pid", ended.pid, 0)?;
    if ended.exited_at.is_none_or(|at| at < ended.started_at) {
        return Err(format!("started at {:?}, ended at {:?}", ended.started_at, ended.exited_at));
    }
    same("the end of one that has ended", done("stop again", w.stop(id, Duration::ZERO).await)?, end)?;
    same("after the second stop", h.find(id).await?, Some(ended))?;
    for (what, result) in [
        ("sleep of an ended one", w.sleep(id, Depth::Frozen).await.map(|_| ())),
        ("wake of an ended one", w.wake(id).await),
        ("dark wake of an ended one", w.dark_wake(id, Depth::Frozen).await.map(|_| ())),
    ] {
        match result {
            Err(WorkloadError::Ended(which)) => same(what, which, id)?,
            other => return Err(format!("{what}: {other:?}")),
        }
    }
    h.clear(id).await
}

pub(super) async fn stubborn<W: Workloads>(h: &Harness<W>) -> Outcome {
    let id = h.run(4, Program::Stubborn).await?;
    h.said(id, "deaf").await?;
    done("stop", h.workloads.stop(id, Duration::from_millis(300)).await)?;
    same("phase", h.phase(id).await?, Phase::Exited(ExitStatus::Signal(9)))?;
    h.clear(id).await
}

type Heard = mpsc::UnboundedReceiver<WorkloadEvent>;

/// Waits for an event of a kind.
async fn next<T>(events: &mut Heard, pick: impl Fn(WorkloadEvent) -> Option<T>) -> Result<T, String> {
    loop {
        let event = events.recv().await.ok_or("nobody tells of events any more")?;
        if let Some(found) = pick(event) {
            return Ok(found);
        }
    }
}

/// Waits for the end of `id` to be reported.
async fn ended(events: &mut Heard, id: InstanceId) -> Outcome {
    next(events, |event| (event == WorkloadEvent::Ended(id)).then_some(())).await
}

pub(super) async fn exit<W: Workloads>(h: &Harness<W>) -> Outcome {
    let mut events = h.workloads.events();
    let id = h.run(5, Program::Exit).await?;
    ended(&mut events, id).await?;
    let w = h.find(id).await?.ok_or("an ended instance is not listed")?;
    same("phase", w.phase, Phase::Exited(ExitStatus::Code(3)))?;
    same("pid", w.pid, 0)?;
    same("has an end", w.exited_at.is_some(), true)?;
    h.clear(id).await
}

pub(super) async fn limits<W: Workloads>(h: &Harness<W>) -> Outcome {
    let w = &h.workloads;
    let id = h.run(9, Program::Serve).await?;
    h.said(id, "hello").await?;
    let found = async || h.find(id).await?.ok_or_else(|| "not listed".to_owned());
    let (pid, mut limits) = (found().await?.pid, h.template.limits);
    for (memory, cpu_milli, pids, asleep) in
        [(512, 700, 60, false), (256, 300, 70, true), (512, 900, 80, true)]
    {
        limits = Limits { memory: memory << 20, cpu_milli, pids, ..limits };
        if asleep {
            h.put_to_sleep(id, Depth::Paged).await?;
        }
        done("set_limits", w.set_limits(id, limits).await)?;
        done("set_limits again", w.set_limits(id, limits).await)?;
        done("wake", w.wake(id).await)?;
        let now = found().await?;
        same("limits", now.limits, limits)?;
        same("process and phase", (now.pid, now.phase), (pid, Phase::Running))?;
    }
    let needed = done("usage", w.usage(id).await)?.needed_bytes;
    for asleep in [false, true] {
        if asleep {
            h.put_to_sleep(id, Depth::Paged).await?;
        }
        match w.set_limits(id, Limits { memory: 4096, ..limits }).await {
            Err(WorkloadError::DoesNotFit { limit: 4096, needed }) if needed > 4096 => {}
            other => return Err(format!("a limit below the {needed} bytes it needs: {other:?}")),
        }
        same("limits after a refusal", found().await?.limits, limits)?;
    }
    done("stop", w.stop(id, Duration::from_secs(5)).await)?;
    match w.set_limits(id, limits).await {
        Err(WorkloadError::Ended(which)) => same("limits of an ended one", which, id)?,
        other => return Err(format!("limits of an ended one: {other:?}")),
    }
    h.clear(id).await
}

pub(super) async fn probe<W: Workloads>(h: &Harness<W>) -> Outcome {
    let id = h.run(12, Program::Web).await?;
    for (question, well) in [
        (Question::Connection, [Answer::Accepted, Answer::Accepted]),
        (Question::Http("/".to_owned()), [Answer::Status(200), Answer::Status(204)]),
    ] {
        // It begins to listen when it is there, and again after each answer.
        let request = h.request(question);
        loop {
            let answer = done("probe", h.workloads.probe(id, &request).await)?.answer;
            if well.contains(&answer) {
                break;
            }
            if answer != Answer::Refused {
                return Err(format!("{request:?}: {answer:?}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    h.clear(id).await
}

pub(super) async fn inspect<W: Workloads>(h: &Harness<W>) -> Outcome {
    let w = &h.workloads;
    let id = h.run(10, Program::Serve).await?;
    h.said(id, "hello").await?;
    let seen = done("inspect", w.inspect(id).await)?;
    same("listeners", seen.listeners, vec![])?;
    // A shell and, most of the time, the program it waits for.
    let pids: BTreeSet<u32> = seen.processes.iter().map(|p| p.pid).collect();
    let first = seen.processes.iter().filter(|p| !pids.contains(&p.parent));
    same("processes that no other of them started", first.count(), 1)?;
    if seen.processes.iter().any(|p| p.program.is_empty()) {
        return Err(format!("a process without a program: {:?}", seen.processes));
    }
    h.put_to_sleep(id, Depth::Frozen).await?;
    done("inspect of one asleep", w.inspect(id).await)?;
    done("stop", w.stop(id, Duration::from_secs(5)).await)?;
    same("inspect of an ended one", done("inspect", w.inspect(id).await)?, Inspection::default())?;
    h.clear(id).await
}

pub(super) async fn out_of_memory<W: Workloads>(h: &Harness<W>) -> Outcome {
    let mut events = h.workloads.events();
    let mut spec = h.spec(6, Program::Greedy);
    spec.limits.memory = 64 << 20;
    done("start", h.workloads.start(&spec).await)?;
    ended(&mut events, spec.id).await?;
    same("phase", h.phase(spec.id).await?, Phase::Exited(ExitStatus::OutOfMemory))?;
    h.clear(spec.id).await
}

pub(super) async fn cannot_start<W: Workloads>(h: &Harness<W>) -> Outcome {
    let spec = h.spec(7, Program::Missing);
    match h.workloads.start(&spec).await {
        Err(WorkloadError::Exec { command, .. }) => same("command", command.as_str(), "/no/such/command")?,
        other => return Err(format!("a missing command: {other:?}")),
    }
    done("remove", h.workloads.remove(spec.id).await)?;
    same("listed", h.find(spec.id).await?, None)?;

    let mut spec = h.spec(8, Program::Serve);
    spec.image = ImageId(format!("sha256:{}", "0".repeat(64)).into());
    match h.workloads.start(&spec).await {
        Err(WorkloadError::NoSuchImage(image)) => same("image", image, spec.image)?,
        other => return Err(format!("a missing image: {other:?}")),
    }
    done("remove", h.workloads.remove(spec.id).await)?;
    same("listed", h.find(spec.id).await?, None)
}

pub(super) async fn unknown<W: Workloads>(h: &Harness<W>) -> Outcome {
    let (w, id) = (&h.workloads, InstanceId(u64::MAX));
    done("remove", w.remove(id).await)?;
    for (what, result) in [
        ("stop", w.stop(id, Duration::ZERO).await.map(|_| ())),
        ("sleep", w.sleep(id, Depth::Frozen).await.map(|_| ())),
        ("wake", w.wake(id).await),
        ("dark wake", w.dark_wake(id, Depth::Frozen).await.map(|_| ())),
        ("usage", w.usage(id).await.map(|_| ())),
        ("set_limits", w.set_limits(id, h.template.limits).await),
        ("probe", w.probe(id, &h.request(Question::Connection)).await.map(|_| ())),
        ("inspect", w.inspect(id).await.map(|_| ())),
        ("activity", w.activity(id).await.map(|_| ())),
    ] {
        match result {
            Err(WorkloadError::NoSuchInstance(which)) => same(what, which, id)?,
            other => return Err(format!("{what}: {other:?}")),
        }
    }
    Ok(())
}

pub(super) async fn network_gone<W: Workloads>(h: &Harness<W>) -> Outcome {
    let project = &h.network.project;
    done("remove_network", h.workloads.remove_network(project).await)?;
    done("remove_network again", h.workloads.remove_network(project).await)
}
