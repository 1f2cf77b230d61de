//! What a running process cannot change: its threads and what was sized by them. A
//! reload that asks for it is refused whole (BEHAVIOUR 9), setting by setting. Never decides what
//! is right; a configuration that comes here is.

use crate::config::snapshot::Snapshot;
use crate::config::{ConfigError, ErrorKind, Loaded, SetBy};

/// What the process began with.
#[derive(Clone, Copy, Debug)]
pub struct Running<'a> {
    /// The configuration in force.
    pub snapshot: &'a Snapshot,
    /// Workers that were started, whatever was configured.
    pub workers: usize,
}

/// An error for each setting of `loaded` that only a restart can put in force.
pub fn refusals(running: Running<'_>, loaded: &Loaded) -> Vec<ConfigError> {
    let (old, new) = (running.snapshot, &loaded.snapshot);
    // Naming the number that "auto" came to changes nothing.
    let as_many = new.server.workers == Some(running.workers);
    let differ = [
        ("admin.listen", old.admin.listen != new.admin.listen),
        ("server.workers", old.server.workers != new.server.workers && !as_many),
        ("server.driver", old.server.driver != new.server.driver),
        ("limits.connections", old.limits.connections != new.limits.connections),
        ("limits.byok_entries", old.limits.byok_entries != new.limits.byok_entries),
        ("storage.path", old.storage.path != new.storage.path),
        ("log.format", old.log.format != new.log.format),
    ];
    differ.iter().filter(|(_, differs)| *differs).map(|(key, _)| refusal(key, loaded)).collect()
}

fn refusal(key: &str, loaded: &Loaded) -> ConfigError {
    let message = "cannot change while the gateway runs: it needs a restart";
    let error = ConfigError::new(ErrorKind::NeedsRestart, key, message);
    match loaded.settings.iter().find(|setting| setting.key == key) {
        Some(setting) if setting.set_by == SetBy::Default => {
            error.with_help("the default is in force again: nothing sets it any more")
        }
        Some(setting) => error.with_help(format!("it is set by {}", setting.set_by)),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::reload::scene::loaded;

    const BEFORE: &str = "
        [server]
        listen = ['127.0.0.1:1', '127.0.0.1:2']
        [storage]
        path = '/state'
    ";

    fn told(before: &str, after: &str) -> Vec<String> {
        let (old, new) = (loaded(before), loaded(after));
        let running = Running { snapshot: &old.snapshot, workers: 2 };
        refusals(running, &new).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_setting_that_needs_a_restart_is_named() {
        let why = "cannot change while the gateway runs: it needs a restart";
        for (line, key) in [
            ("[admin]\nlisten = 'off'", "admin.listen"),
            ("[server]\nworkers = 3", "server.workers"),
            ("[server]\ndriver = 'epoll'", "server.driver"),
            ("[limits]\nconnections = 7", "limits.connections"),
            ("[limits]\nbyok_entries = 7", "limits.byok_entries"),
            ("[storage]\npath = '/elsewhere'", "storage.path"),
            ("[log]\nformat = 'text'", "log.format"),
        ] {
            assert_eq!(told("", line), [format!("`{key}` {why}")], "{line}");
            assert_eq!(told(line, ""), [format!("`{key}` {why}")], "{line} taken out");
            assert!(told(line, line).is_empty(), "{line} kept");
        }
    }

    #[test]
    fn all_of_them_are_told_at_once() {
        let after = "server = { driver = 'epoll', workers = 9 }\nlog.format = 'text'";
        assert_eq!(told("", after).len(), 3);
    }

    #[test]
    fn what_comes_to_the_same_needs_no_restart() {
        let numbered = BEFORE.replace("[storage]", "workers = 2\n[storage]");
        assert!(told(BEFORE, &numbered).is_empty(), "as many workers as run");
    }

    #[test]
    fn everything_else_may_change() {
        let after = "
            auth.mode = 'keys_or_byok'
            server.expose_headers = 'minimal'
            server.listen = ['127.0.0.1:1']
            timeouts.connect = '1s'
            limits.body = '1MiB'
            log.level = 'debug'
            drain.deadline = '1m'
            concurrency.global = 5
            failover.max_attempts = 2
            stream.half_close = 'wait'
            [[provider]]
            name = 'a'
            dialect = 'openai'
            base_url = 'http://h'
        ";
        assert!(told("", after).is_empty());
    }

    #[test]
    fn who_set_it_is_told() {
        let (old, new) = (loaded(""), loaded("\n[server]\ndriver = 'epoll'"));
        let running = Running { snapshot: &old.snapshot, workers: 2 };
        let help = |errors: Vec<ConfigError>| errors.into_iter().find_map(|error| error.help);
        let told = help(refusals(running, &new)).unwrap_or_default();
        assert!(told.starts_with("it is set by ") && told.ends_with("tidegate.toml:3"), "{told}");
        let running = Running { snapshot: &new.snapshot, workers: 2 };
        let told = help(refusals(running, &old));
        assert_eq!(
            told.as_deref(),
            Some("the default is in force again: nothing sets it any more")
        );
    }
}
