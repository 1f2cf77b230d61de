//! Starts the mock on a free port and the load generator against it.
//!
//! Never sleeps: every wait is for a line or for the end of a process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The drivers every kind of run is tested on.
pub const DRIVERS: [&str; 2] = ["epoll", "io_uring"];

/// A running mock, or a relay; it ends with this value.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    /// The mock with these arguments.
    pub fn mock(arguments: &[&str]) -> Self {
        let mut command = Command::new(mock());
        command.arg("--stdin-guard").args(arguments);
        Self::start(command)
    }

    /// A relay in front of `to`.
    pub fn relay(to: &Server, driver: &str) -> Option<Self> {
        is_granted(driver).then(|| {
            let mut command = Command::new(load());
            let address = to.url.trim_start_matches("http://");
            command.args(["relay", "--to", address, "--driver", driver]);
            Self::start(command)
        })
    }

    /// Its process.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, url) = line.trim().split_once(' ').unwrap();
        Self { child, url: url.to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The load generator's command.
pub fn load() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tidegate-load"))
}

/// One run to its end, without progress.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(load()).arg("--quiet").args(arguments).output().unwrap()
}

/// The report of a run as JSON, and its exit code.
pub fn report(url: &str, arguments: &[&str]) -> (Value, i32) {
    let output = run(&[&[url, "--json", "-"], arguments].concat());
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_slice(&output.stdout);
    (value.unwrap_or_else(|error| panic!("{error}: {shown}")), output.status.code().unwrap())
}

/// Runs `test` for every driver the kernel has.
pub fn each_driver(test: impl Fn(&str)) {
    for driver in DRIVERS {
        if is_granted(driver) {
            test(driver);
        } else {
            eprintln!("{driver} is refused here");
        }
    }
}

/// A file in the folder of this build's scratch files.
pub fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()))
}

/// Whether the load generator gets past the driver with it: nobody listens on port 1.
fn is_granted(driver: &str) -> bool {
    let output = run(&["http://127.0.0.1:1", "--driver", driver]);
    !String::from_utf8_lossy(&output.stderr).contains("is refused")
}

/// The mock lies beside this binary; `cargo test -p tidegate-load` alone does not build it.
fn mock() -> PathBuf {
    let binary = load().with_file_name("tidegate-mock");
    if !binary.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "-p", "tidegate-mock"]);
        assert!(cargo.status().unwrap().success(), "the mock does not build");
    }
    binary
}
