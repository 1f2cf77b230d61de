//! From the command line to a run: templates, schedule, ways.
//!
//! Never sends anything.

use std::sync::Arc;

use tidegate_tools::ladder::Rung;

use crate::args::{Arrivals as How, Driver, Run, Scenario};
use crate::report::Settings;
use crate::run::{Abort, Behaviour, Load, Way};
use crate::scenario::{self, Body, Common, Request, Template};
use crate::schedule::Arrivals;
use crate::target::Target;
use crate::units::{float, ns};

/// All that a run needs.
#[derive(Clone, Debug)]
pub struct Plan {
    pub direct: Option<Way>,
    pub load: Load,
    pub rounds: u64,
    pub settings: Settings,
    pub through: Way,
    /// What the user should know before it begins.
    pub warnings: Vec<String>,
}

/// Makes the plan, reading what the command line names.
pub fn of(run: &Run) -> Result<Plan, String> {
    let target = Target::parse(run.target.as_deref().unwrap_or_default())?;
    let direct = run.report.direct.as_deref().map(Target::parse).transpose()?;
    let mut warnings = Vec::new();
    let (templates, arrivals) = templates(run, &mut warnings)?;
    let common = Common {
        close: run.client.reuse == Some(1),
        headers: run.scenario.header.clone(),
        keys: run.scenario.key.clone(),
        statuses: run.scenario.expect_status.clone(),
    };
    let way = |target: &Target| -> Way {
        let requests: Vec<Request> = common.requests(&templates, target);
        Way { address: target.address, requests: Arc::from(requests) }
    };
    let load = load(run, arrivals)?;
    Ok(Plan {
        settings: settings(run, &load, &templates),
        through: way(&target),
        direct: direct.as_ref().map(way),
        load,
        rounds: if direct.is_some() { run.report.rounds } else { 1 },
        warnings,
    })
}

/// The driver to run on.
pub fn rung(driver: Driver) -> Result<Rung, String> {
    match driver {
        Driver::Epoll => Ok(Rung::Epoll),
        Driver::Auto => Ok(Rung::io_uring().unwrap_or(Rung::Epoll)),
        Driver::IoUring => Rung::io_uring()
            .map_err(|error| format!("io_uring is refused: {error}; use --driver epoll")),
    }
}

fn templates(run: &Run, warnings: &mut Vec<String>) -> Result<(Vec<Template>, Arrivals), String> {
    let scenario = &run.scenario;
    let knobs = knobs(scenario);
    let per_second = run.schedule.rate;
    let arrivals = match run.schedule.arrivals {
        _ if run.schedule.closed => Arrivals::Closed,
        How::Constant => Arrivals::Constant { per_second },
        How::Poisson => Arrivals::Poisson { per_second },
    };
    if let Some(path) = &scenario.replay_log {
        let replay = scenario::request_log(path, &knobs, scenario.speed)?;
        if replay.skipped > 0 {
            warnings.push(format!("{} lines are no turn of a model, skipped", replay.skipped));
        }
        return Ok((replay.templates, Arrivals::Recorded(replay.moments)));
    }
    if let Some(path) = &scenario.replay {
        return Ok((scenario::folder(path, scenario.dialect, &knobs)?, arrivals));
    }
    Ok((made_up(scenario, &knobs), arrivals))
}

/// Each model with each conversation.
fn made_up(scenario: &Scenario, knobs: &str) -> Vec<Template> {
    let (dialect, stream) = (scenario.dialect, scenario.stream);
    let mut templates = Vec::new();
    for conversation in 0..scenario.conversations {
        for model in &scenario.model {
            let (shape, size) = (scenario.shape, scenario.request_size);
            let body = Body { conversation, dialect, model, shape, size, stream };
            let knobs = knobs.to_owned();
            templates.push(Template { body: body.bytes(), dialect, knobs, stream });
        }
    }
    templates
}

/// The value of `x-mock`. Stamps go along whether or not streams are asked for: they change nothing
/// else.
fn knobs(scenario: &Scenario) -> String {
    if scenario.no_mock {
        return String::new();
    }
    let mut knobs = vec!["digest".to_owned()];
    if scenario.stream || scenario.replay.is_some() || scenario.replay_log.is_some() {
        knobs.push("stamp".to_owned());
    }
    let mut push = |name: &str, value: Option<String>| {
        knobs.extend(value.map(|value| format!("{name}={value}")));
    };
    push("events", scenario.events.map(|events| events.to_string()));
    push("rate", scenario.event_rate.map(|rate| rate.to_string()));
    push("event_size", scenario.event_size.map(|size| size.to_string()));
    push("body_size", scenario.response_size.map(|size| size.to_string()));
    if !scenario.mock.is_empty() {
        knobs.push(scenario.mock.clone());
    }
    knobs.join(", ")
}

fn load(run: &Run, arrivals: Arrivals) -> Result<Load, String> {
    let (schedule, client) = (&run.schedule, &run.client);
    let recorded = match &arrivals {
        Arrivals::Recorded(moments) => Some(float(u64::try_from(moments.len()).unwrap_or(0))),
        _ => None,
    };
    let has_end = schedule.requests.is_some() || recorded.is_some();
    let duration = schedule.duration.or((!has_end).then_some(DURATION));
    if duration.is_some_and(|duration| duration.is_zero()) {
        return Err("--duration: 0 seconds are nothing to measure".to_owned());
    }
    if schedule.connections < run.own.threads {
        return Err(format!(
            "--connections {} are fewer than --threads {}",
            schedule.connections, run.own.threads
        ));
    }
    let abort = client.abort_after.map(|at| Abort { at, share: client.abort_share });
    Ok(Load {
        arrivals,
        behaviour: Behaviour {
            abort,
            reuse: client.reuse,
            slow_read: client.slow_read,
            think: client.think,
            timeout: client.timeout,
        },
        connections: schedule.connections,
        cores: run.own.cores.clone(),
        drain: schedule.drain,
        duration,
        idle: client.idle,
        limit: schedule.requests,
        pids: run.report.pid.clone(),
        ramp: schedule.ramp,
        rung: rung(run.own.driver)?,
        seed: schedule.seed,
        threads: run.own.threads,
        warmup: schedule.warmup,
    })
}

fn settings(run: &Run, load: &Load, templates: &[Template]) -> Settings {
    let (arrivals, rate_per_s) = match &load.arrivals {
        Arrivals::Closed => ("closed", None),
        Arrivals::Constant { per_second } => ("constant", Some(*per_second)),
        Arrivals::Poisson { per_second } => ("poisson", Some(*per_second)),
        Arrivals::Recorded(moments) => ("recorded", recorded_rate(moments)),
    };
    let first = templates.first();
    Settings {
        arrivals: arrivals.to_owned(),
        command: std::env::args().collect(),
        connections: load.connections,
        dialect: first.map_or(run.scenario.dialect, |first| first.dialect).name().to_owned(),
        direct: run.report.direct.clone(),
        driver: load.rung.name().to_owned(),
        request_bytes: first.map_or(0, |first| u64::try_from(first.body.len()).unwrap_or(0)),
        rate_per_s,
        stream: first.is_some_and(|first| first.stream),
        target: run.target.clone().unwrap_or_default(),
        threads: load.threads,
    }
}

/// Over the whole recording; none when it is of one moment.
fn recorded_rate(moments: &[u64]) -> Option<f64> {
    let span = moments.last().filter(|&&last| last > 0)?;
    let count = float(u64::try_from(moments.len()).unwrap_or(0));
    Some(count / float(*span) * float(ns(std::time::Duration::from_secs(1))))
}

const DURATION: std::time::Duration = std::time::Duration::from_secs(10);
