//! Reloads against workers that adopt when the test says so.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::scene::loaded;
use super::*;
use crate::config::snapshot::{Log, LogFormat, LogLevel};
use crate::control_plane::log;

/// Gives one configuration or refusal after the other, and keeps what it is told.
struct Script {
    loads: RefCell<VecDeque<Result<Loaded, Vec<ConfigError>>>>,
    told: RefCell<Vec<String>>,
}

impl Operator for Script {
    fn load(&self) -> Result<(Loaded, Prepared), Vec<ConfigError>> {
        let load = self.loads.borrow_mut().pop_front().expect("a load for each reload");
        let prepared: Prepared = Arc::new(());
        load.map(|loaded| (loaded, prepared))
    }

    fn tell(&self, findings: &[ConfigError]) {
        self.told.borrow_mut().extend(findings.iter().map(ToString::to_string));
    }

    fn decide(&self, _in_force: bool) {}

    fn offers(&self) -> Vec<Offer> {
        Vec::new()
    }

    fn let_go(&self) {}
}

fn provider(name: &str, key: &str) -> String {
    format!(
        "[[provider]]\nname = '{name}'\ndialect = 'openai'\nbase_url = 'http://h'\n\
         key = [{{ name = 'k', value.env = '{key}' }}]\n"
    )
}

fn script(loads: impl IntoIterator<Item = Result<Loaded, Vec<ConfigError>>>) -> Script {
    Script { loads: RefCell::new(loads.into_iter().collect()), told: RefCell::default() }
}

/// Two workers on the first configuration.
fn started(script: &Script) -> (Arc<Shared>, Reloads<'_>) {
    let first = loaded(&provider("a", "KEY")).snapshot;
    let (shared, ledger) =
        Shared::new(first, Arc::new(()), 2, &[7; 32]).expect("two bells and few keys");
    let shared = Arc::new(shared);
    let lines = log::Lines::to(std::io::stderr()).expect("a thread");
    let level = log::start(Log { format: LogFormat::Json, level: LogLevel::Error }, false, &lines);
    adopt(&shared, 0, 1);
    adopt(&shared, 1, 1);
    (shared.clone(), Reloads::new(shared, ledger, level, script))
}

fn adopt(shared: &Shared, worker: usize, version: u64) {
    shared.workers.get(worker).expect("two workers").acknowledge(version);
}

fn refusal() -> Vec<ConfigError> {
    vec![ConfigError::new(ErrorKind::Invalid, "timeouts.connect", "is refused")]
}

#[test]
fn a_configuration_is_in_force_once_every_worker_has_adopted_it() {
    let script = script([Ok(loaded(&provider("a", "KEY_2")))]);
    let (shared, mut reloads) = started(&script);
    assert_eq!(reloads.reload(), Ok(2));
    assert_eq!(shared.setup.version(), 2, "published at once");
    assert_eq!(reloads.pending.len(), 1);
    adopt(&shared, 1, 2);
    reloads.settle();
    assert_eq!(reloads.pending.len(), 1, "one worker is on the old one");
    adopt(&shared, 0, 2);
    reloads.settle();
    assert!(reloads.pending.is_empty());
    assert!(script.told.borrow().is_empty(), "nothing to warn of");
}

#[test]
fn a_worker_that_ended_is_not_waited_for() {
    let script = script([Ok(loaded(&provider("a", "KEY_2")))]);
    let (shared, mut reloads) = started(&script);
    shared.workers.first().expect("two workers").end();
    adopt(&shared, 1, 2);
    assert_eq!(reloads.reload(), Ok(2));
    assert!(reloads.pending.is_empty());
}

#[test]
fn two_reloads_in_a_row_are_told_in_their_order() {
    let loads = [Ok(loaded(&provider("a", "KEY_2"))), Ok(loaded(&provider("b", "KEY")))];
    let script = script(loads);
    let (shared, mut reloads) = started(&script);
    assert_eq!(reloads.reload(), Ok(2));
    assert_eq!(reloads.reload(), Ok(3));
    let waiting = |reloads: &Reloads<'_>| {
        let versions = reloads.pending.iter().map(|pending| pending.version);
        versions.collect::<Vec<_>>()
    };
    assert_eq!(waiting(&reloads), [2, 3]);
    adopt(&shared, 0, 3);
    adopt(&shared, 1, 2);
    reloads.settle();
    assert_eq!(waiting(&reloads), [3], "the slowest worker counts");
    adopt(&shared, 1, 3);
    reloads.settle();
    assert_eq!(waiting(&reloads), [0; 0]);
}

#[test]
fn what_is_refused_is_told_and_changes_nothing() {
    let restart = "[server]\nworkers = 5\n".to_owned() + &provider("b", "KEY");
    let script = script([Err(refusal()), Ok(loaded(&restart))]);
    let (shared, mut reloads) = started(&script);
    let before = shared.setup.load();
    assert_eq!(reloads.reload(), Err(refusal()));
    assert_eq!(reloads.reload().map_err(|errors| errors.len()), Err(1));
    assert!(reloads.pending.is_empty());
    assert!(Arc::ptr_eq(&before, &shared.setup.load()));
    let needs_restart = "`server.workers` cannot change while the gateway runs: it needs a restart";
    assert_eq!(*script.told.borrow(), ["`timeouts.connect` is refused", needs_restart]);
}

#[test]
fn warnings_are_told_when_a_configuration_is_published() {
    let written = provider("a", "KEY").replace("value.env = 'KEY'", "value = 'sk-written-out'");
    let script = script([Ok(loaded(&written))]);
    let (shared, mut reloads) = started(&script);
    assert_eq!(reloads.reload(), Ok(2));
    assert_eq!(shared.setup.version(), 2);
    assert_eq!(*script.told.borrow(), ["`provider.a.key.k.value` is written out in the file"]);
}

#[test]
fn nobody_is_late_while_nothing_is_published() {
    let script = script([]);
    let (_shared, mut reloads) = started(&script);
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(pin!(reloads.overdue()).poll(&mut context), Poll::Pending);
}

#[test]
fn a_time_is_told_to_the_microsecond() {
    assert_eq!(millis(Duration::from_nanos(1_234_567)).to_string(), "1.235");
    assert_eq!(millis(Duration::from_secs(2)).to_string(), "2000");
}
