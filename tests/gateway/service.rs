//! What a service manager hears: ready, reloading, stopping, alive.

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use crate::support::{Directory, Gateway, PATIENCE, both};

/// The manager's end.
struct Manager {
    _directory: Directory,
    path: String,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let directory = Directory::new();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { _directory: directory, path: path.to_str().unwrap().to_owned(), socket }
    }

    /// The next word but for the watchdog's.
    fn word(&self) -> String {
        loop {
            let word = self.any_word();
            if word != "WATCHDOG=1" {
                return word;
            }
        }
    }

    fn any_word(&self) -> String {
        let mut bytes = [0; 512];
        let n = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..n]).trim().to_owned()
    }
}

#[test]
fn the_manager_hears_ready_reloading_and_stopping() {
    let manager = Manager::new();
    let config = both("http://127.0.0.1:9");
    let gateway = Gateway::start_with(&config, &[("NOTIFY_SOCKET", &manager.path)]);
    assert_eq!(manager.word(), "READY=1");
    gateway.signal(Signal::HUP);
    let word = manager.word();
    assert!(word.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{word}");
    assert_eq!(manager.word(), "READY=1");
    gateway.signal(Signal::TERM);
    assert_eq!(manager.word(), "STOPPING=1");
    assert_eq!(gateway.ended().code, Some(0));
}

#[test]
fn the_watchdog_hears_of_living_workers_again_and_again() {
    let manager = Manager::new();
    // The shell's own number, which exec keeps.
    let before =
        format!("export NOTIFY_SOCKET={} WATCHDOG_USEC=100000 WATCHDOG_PID=$$", manager.path);
    let _gateway = Gateway::start_after(&before, &both("http://127.0.0.1:9"));
    let words: Vec<String> = (0..12).map(|_| manager.any_word()).collect();
    assert_eq!(words.iter().filter(|word| *word == "READY=1").count(), 1, "{words:?}");
    assert_eq!(words.iter().filter(|word| *word == "WATCHDOG=1").count(), 11, "{words:?}");
}

#[test]
fn the_manager_is_told_who_serves_after_a_takeover() {
    let manager = Manager::new();
    let environment = [("NOTIFY_SOCKET", manager.path.as_str())];
    let old = Gateway::start_with(&both("http://127.0.0.1:9"), &environment);
    assert_eq!(manager.word(), "READY=1");
    let new = old.successor_with(&environment);
    assert_eq!(manager.word(), format!("MAINPID={}\nREADY=1", new.id()));
    assert_eq!(old.ended().code, Some(0));
}
