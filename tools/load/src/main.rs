//! A load generator that knows LLM traffic, and what came of it in many forms.
//!
//! Never part of the gateway: it speaks to one over loopback.

mod args;
mod fail_if;
mod help;
mod plan;
mod process;
mod random;
mod relay;
mod reply;
mod report;
mod run;
mod scenario;
mod schedule;
mod screen;
mod stats;
mod target;
mod units;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use clap::Parser as _;

use args::{Cli, Command, Run};
use fail_if::{Condition, Judgement};
use plan::Plan;
use report::{Ended, Overhead, Report, SCHEMA, Side};
use run::Outcome;
use screen::Screen;
use stats::Stats;
use target::Target;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Relay(relay)) => relay::run(&relay).map_err(Failure::Run),
        Some(Command::Schema) => {
            print!("{}", include_str!("../report.schema.json"));
            Ok(true)
        }
        None => conditions(&cli.run).and_then(|conditions| match &cli.run.report.compare {
            Some(files) => compare(files, &conditions),
            None => measure(&cli.run, &conditions),
        }),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure::Run(why)) => {
            eprintln!("tidegate-load: {why}");
            ExitCode::FAILURE
        }
        Err(Failure::Usage(why)) => {
            eprintln!("tidegate-load: {why}");
            ExitCode::from(2)
        }
    }
}

/// Why there is no result: the command line, or the world.
enum Failure {
    Run(String),
    Usage(String),
}

/// A condition with its text.
type Asked<'a> = (&'a str, Condition);

fn conditions(run: &Run) -> Result<Vec<Asked<'_>>, Failure> {
    let parse = |text: &'_ str| {
        Condition::parse(text)
            .map_err(|refused| Failure::Usage(format!("--fail-if: {}", refused.show(text))))
    };
    run.report.fail_if.iter().map(|text| Ok((text.as_str(), parse(text)?))).collect()
}

fn compare(files: &[std::path::PathBuf], conditions: &[Asked<'_>]) -> Result<bool, Failure> {
    let read = |path: &Path| report::compare::read(path).map_err(Failure::Usage);
    let [one, other] = files else {
        return Err(Failure::Usage("--compare takes two files".to_owned()));
    };
    let (one, other) = (read(one)?, read(other)?);
    print!("{}", report::compare::table(&one, &other));
    let ratio = |name: &str| report::compare::ratio(&one, &other, name);
    Ok(are_clear(conditions, |condition| condition.judge(&ratio)))
}

fn measure(run: &Run, conditions: &[Asked<'_>]) -> Result<bool, Failure> {
    let plan = plan::of(run).map_err(Failure::Usage)?;
    for warning in &plan.warnings {
        eprintln!("tidegate-load: {warning}");
    }
    process::Use::of(&plan.load.pids).map_err(|why| Failure::Usage(format!("--pid: {why}")))?;
    for url in run.target.iter().chain(&run.report.direct) {
        Target::parse(url).and_then(|target| target.reach()).map_err(Failure::Run)?;
    }
    let stop = stop_at_signal().map_err(Failure::Run)?;
    let begun = SystemTime::now();
    let rounds = rounds(run, &plan, &stop).map_err(Failure::Run)?;
    let report = rounds.report(&plan, begun);
    rounds.write(run, &report, begun).map_err(Failure::Run)?;
    let is_clear = are_clear(conditions, |condition| condition.judge_report(&report));
    let is_interrupted = report.ended == Ended::Interrupted;
    let is_good = [Some(&report.through), report.direct.as_ref()]
        .into_iter()
        .flatten()
        .all(|side| side.is_good(is_interrupted));
    Ok(is_clear && (is_good || run.report.allow_failed))
}

/// All runs, in pairs where there is a direct side.
struct Rounds {
    direct: Vec<Outcome>,
    through: Vec<Outcome>,
}

fn rounds(run: &Run, plan: &Plan, stop: &Arc<AtomicBool>) -> Result<Rounds, String> {
    let sides = if plan.direct.is_some() { 2 } else { 1 };
    let seconds = plan.load.duration.map(|duration| {
        let one = duration + plan.load.warmup;
        one.as_secs().saturating_mul(plan.rounds).saturating_mul(sides)
    });
    let mut screen = Screen::new(run.report.quiet, run.report.plain, seconds);
    let mut rounds = Rounds { direct: Vec::new(), through: Vec::new() };
    'rounds: for round in 0..plan.rounds {
        let mut load = plan.load.clone();
        // The same schedule for both of a pair, another one for the next.
        load.seed = load.seed.wrapping_add(round);
        for (name, way) in [("direct", plan.direct.as_ref()), ("through", Some(&plan.through))] {
            let Some(way) = way else { continue };
            if sides > 1 {
                screen.round(&format!("round {} of {}, {name}", round + 1, plan.rounds));
            }
            let outcome = run::run(&load, way, stop, &mut |second| screen.second(second))?;
            let is_interrupted = outcome.is_interrupted;
            let side = if name == "direct" { &mut rounds.direct } else { &mut rounds.through };
            side.push(outcome);
            if is_interrupted {
                break 'rounds;
            }
        }
    }
    screen.close();
    Ok(rounds)
}

impl Rounds {
    fn report(&self, plan: &Plan, begun: SystemTime) -> Report {
        let since = begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let all = || self.through.iter().chain(&self.direct);
        let is_interrupted = all().any(|outcome| outcome.is_interrupted);
        let has_direct = plan.direct.is_some();
        Report {
            schema: SCHEMA,
            tool: concat!("tidegate-load ", env!("CARGO_PKG_VERSION")).to_owned(),
            unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            ended: if is_interrupted { Ended::Interrupted } else { Ended::Complete },
            settings: plan.settings.clone(),
            through: Side::of(&self.through, &plan.load.pids),
            direct: has_direct.then(|| Side::of(&self.direct, &plan.load.pids)),
            overhead: has_direct.then(|| Overhead::of(&self.through, &self.direct)),
        }
    }

    fn write(&self, run: &Run, report: &Report, begun: SystemTime) -> Result<(), String> {
        let json = || {
            serde_json::to_string_pretty(report)
                .map(|text| text + "\n")
                .map_err(|error| format!("--json: {error}"))
        };
        match run.report.json.as_deref() {
            Some(path) if path == Path::new("-") => print!("{}", json()?),
            Some(path) => {
                write_file(path, &json()?)?;
                print!("{}", report::text::of(report));
            }
            None => print!("{}", report::text::of(report)),
        }
        if let Some(path) = &run.report.html {
            write_file(path, report::html::of(report))?;
        }
        if let Some(path) = &run.report.hdr {
            let mut log = Vec::new();
            let (through, direct) = (added(&self.through), added(&self.direct));
            let sides = [
                ("through", &through, report.through.window_s),
                ("direct", &direct, report.direct.as_ref().map_or(0.0, |side| side.window_s)),
            ];
            report::hdr::write(&mut log, begun, &sides)?;
            write_file(path, log)?;
        }
        Ok(())
    }
}

fn added(outcomes: &[Outcome]) -> Stats {
    let mut sum = Stats::default();
    for outcome in outcomes {
        sum.add(&outcome.stats);
    }
    sum
}

fn write_file(path: &Path, text: impl AsRef<[u8]>) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Tells each condition that holds; true when none does.
fn are_clear(conditions: &[Asked<'_>], judge: impl Fn(&Condition) -> Judgement) -> bool {
    let mut is_clear = true;
    for (text, condition) in conditions {
        let why = match judge(condition) {
            Judgement::Clear => continue,
            Judgement::Holds(values) => values,
            Judgement::Unknown(names) => format!("{names} was not measured"),
        };
        eprintln!("tidegate-load: fail-if `{text}`: {why}");
        is_clear = false;
    }
    is_clear
}

/// A flag that Ctrl-C and SIGTERM set; the second one ends the process.
fn stop_at_signal() -> Result<Arc<AtomicBool>, String> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // This order: the shutdown must not see the flag of its own signal.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| format!("cannot listen for signals: {error}"))?;
    }
    Ok(stop)
}
