//! The gateway as a process: configuration in, address and stderr out.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::PATIENCE;
use super::directory::Directory;
use super::pipe::speaks_tls;
use super::pki::{Pki, trust_in};
use super::wire::{Answer, Wire};

/// A running gateway. Killed with the value.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    stderr: Stderr,
    home: Arc<Directory>,
}

/// A gateway that ended: how, and all that it wrote.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stderr: String,
}

impl Gateway {
    /// One with this configuration; `[server]`, unless it is given, means one worker on a free
    /// port, and admin API and storage are off.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// The same with further environment.
    pub fn start_with(config: &str, environment: &[(&str, &str)]) -> Self {
        let home = Directory::new();
        let file = home.write(FILE, whole(config));
        let mut command = base(BINARY, &home, environment);
        command.arg("run").arg("--config").arg(file);
        Self::spawn(command, home)
    }

    /// The same with further arguments.
    pub fn start_with_arguments(config: &str, arguments: &[&str]) -> Self {
        let home = Directory::new();
        let file = home.write(FILE, whole(config));
        let mut command = base(BINARY, &home, &[]);
        command.arg("run").arg("--config").arg(file).args(arguments);
        Self::spawn(command, home)
    }

    /// The same; once it serves, nobody reads its stderr any more.
    pub fn start_unread(config: &str) -> Self {
        let home = Directory::new();
        let file = home.write(FILE, whole(config));
        let mut command = base(BINARY, &home, &[]);
        command.arg("run").arg("--config").arg(file);
        Self::spawn_until(command, Arc::new(home), Some("listening http://"))
    }

    /// The same with further files beside the configuration.
    pub fn start_beside(config: &str, files: &[(&str, &str)]) -> Self {
        let home = Directory::new();
        for (name, content) in files {
            home.write(name, content);
        }
        let file = home.write(FILE, whole(config));
        let mut command = base(BINARY, &home, &[]);
        command.arg("run").arg("--config").arg(file);
        Self::spawn(command, home)
    }

    /// The same in a shell that runs `before` first (`ulimit`).
    pub fn start_after(before: &str, config: &str) -> Self {
        let home = Directory::new();
        let file = home.write(FILE, whole(config));
        let script = format!("{before}; exec \"$0\" \"$@\"");
        let mut command = base("/bin/sh", &home, &[]);
        command.arg("-c").arg(script).arg(BINARY).arg("run").arg("--config").arg(file);
        Self::spawn(command, home)
    }

    /// One without a file, by these arguments alone.
    pub fn start_bare(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let home = Directory::new();
        let mut command = base(BINARY, &home, environment);
        // Many run at a time.
        command.env("TIDEGATE_ADMIN__LISTEN", "off").arg("run").args(arguments);
        Self::spawn(command, home)
    }

    fn spawn(command: Command, home: Directory) -> Self {
        Self::spawn_in(command, Arc::new(home))
    }

    fn spawn_in(command: Command, home: Arc<Directory>) -> Self {
        Self::spawn_until(command, home, None)
    }

    fn spawn_until(mut command: Command, home: Arc<Directory>, last: Option<&'static str>) -> Self {
        let mut child = command.args(driver()).spawn().unwrap();
        let stderr = Stderr::until(&mut child, last);
        let line = stderr.line("listening http");
        let (_, address) = line.rsplit_once('/').unwrap();
        let address = address.parse().unwrap();
        if tls_is_everywhere() && line.contains("https") {
            speaks_tls(address, trust_in(&[everywhere()]));
        }
        Self { address, child, stderr, home }
    }

    /// Another one with its configuration file, which takes over from it.
    pub fn successor(&self) -> Self {
        self.successor_with(&[])
    }

    /// The same with further environment.
    pub fn successor_with(&self, environment: &[(&str, &str)]) -> Self {
        let mut command = self.successor_command();
        command.envs(environment.iter().copied());
        Self::spawn_in(command, self.home.clone())
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The same, which is not waited for.
    pub fn begin_successor(&self) -> Child {
        self.successor_command().args(driver()).spawn().unwrap()
    }

    /// Its configuration file.
    pub fn file(&self) -> PathBuf {
        self.home.path().join(FILE)
    }

    fn successor_command(&self) -> Command {
        let mut command = base(BINARY, &self.home, &[]);
        command.arg("run").arg("--takeover").arg("--config").arg(self.file());
        command
    }

    /// Whether another process has taken over from it, as far as it has said.
    pub fn is_handed_over(&self) -> bool {
        self.stderr.has_said("handed over to another process")
    }

    /// Where its admin API listens.
    pub fn admin(&self) -> SocketAddr {
        let line = self.stderr.line("admin http://");
        line.rsplit_once('/').unwrap().1.parse().unwrap()
    }

    /// A new connection to it.
    pub fn connect(&self) -> Wire {
        Wire::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect();
        client.send(request);
        client.answer()
    }

    /// The first line of stderr that contains `text`; waits for it.
    pub fn line(&self, text: &str) -> String {
        self.stderr.line(text)
    }

    /// Puts another configuration in place of its file, which it does not read by itself.
    pub fn rewrite(&self, config: &str) {
        self.write(FILE, &whole(config));
    }

    /// Writes a file beside its configuration.
    pub fn write(&self, name: &str, content: &str) {
        self.home.write(name, content);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Kills it and gives back all of its stderr.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.ended().stderr
    }

    /// Waits until it ends by itself, though nobody reads its stderr.
    pub fn ended_unread(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self) -> Ended {
        let stderr = self.stderr.rest();
        let status: ExitStatus = self.child.wait().unwrap();
        Ended { code: status.code(), stderr }
    }

    /// Resident memory in KiB.
    #[expect(clippy::disallowed_methods, reason = "a test's thread may block")]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Open file descriptors.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Runs one to its end, for starts that must fail.
pub fn run_to_end(config: &str, arguments: &[&str]) -> Ended {
    let home = Directory::new();
    let file = home.write(FILE, whole(config));
    let mut command = base(BINARY, &home, &[]);
    command.arg("run").arg("--config").arg(file).args(arguments).args(driver());
    let mut child = command.spawn().unwrap();
    let stderr = Stderr::of(&mut child).rest();
    Ended { code: child.wait().unwrap().code(), stderr }
}

/// Whether `TIDEGATE_TEST_TLS` asks for TLS in front of every gateway, so that the same tests show
/// that it changes nothing.
pub fn tls_is_everywhere() -> bool {
    std::env::var_os("TIDEGATE_TEST_TLS").is_some()
}

/// The authority of this process's gateways.
fn everywhere() -> &'static Pki {
    static PKI: LazyLock<Pki> = LazyLock::new(Pki::new);
    &PKI
}

fn with_tls(config: &str) -> String {
    static FILES: LazyLock<String> =
        LazyLock::new(|| everywhere().files("server", |_| {}).setting());
    config.replacen("[server]\n", &format!("[server]\n{}", *FILES), 1)
}

fn whole(config: &str) -> String {
    let whole = with_defaults(config);
    if tls_is_everywhere() && !config.contains("cert = ") { with_tls(&whole) } else { whole }
}

fn with_defaults(config: &str) -> String {
    let mut whole = String::new();
    if !config.contains("[server]") {
        whole.push_str("[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\n");
    }
    if !config.contains("[admin]") {
        whole.push_str("[admin]\nlisten = \"off\"\n");
    }
    if !config.contains("[storage]") {
        whole.push_str("[storage]\npath = \"off\"\n");
    }
    whole + config
}

/// `TIDEGATE_TEST_DRIVER` chooses the driver for the whole run, so that the same tests run on both.
fn driver() -> [String; 2] {
    let driver = std::env::var("TIDEGATE_TEST_DRIVER").unwrap_or_else(|_| "auto".to_owned());
    ["--driver".to_owned(), driver]
}

/// No variable of the developer's own reaches the gateway. Its code stays where it is, which saves
/// every one of many starts a copy of it.
fn base(program: &str, home: &Directory, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path());
    command.env("XDG_STATE_HOME", home.path()).env("PATH", "/usr/bin:/bin");
    command.env("TIDEGATE_LARGE_PAGES", "off");
    command.envs(environment.iter().copied()).current_dir(home.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Lines of stderr, read on a thread of their own so that the process never waits for the test.
#[derive(Debug)]
struct Stderr {
    lines: Receiver<String>,
    _open: Sender<()>,
    seen: RefCell<Vec<String>>,
}

impl Stderr {
    fn of(child: &mut Child) -> Self {
        Self::until(child, None)
    }

    /// No line is read after one with the text `last`; the pipe stays open.
    fn until(child: &mut Child, last: Option<&'static str>) -> Self {
        let (sender, lines) = channel();
        let pipe = BufReader::new(child.stderr.take().unwrap());
        let (open, held) = channel::<()>();
        std::thread::spawn(move || {
            let mut lines = pipe.lines();
            while let Some(Ok(line)) = lines.next() {
                let is_last = last.is_some_and(|last| line.contains(last));
                if sender.send(line).is_err() {
                    return;
                }
                if is_last {
                    // Until the test is over.
                    let _over = held.recv();
                    return;
                }
            }
        });
        Self { lines, _open: open, seen: RefCell::new(Vec::new()) }
    }

    fn has_said(&self, text: &str) -> bool {
        self.seen.borrow_mut().extend(self.lines.try_iter());
        self.seen.borrow().iter().any(|line| line.contains(text))
    }

    fn line(&self, text: &str) -> String {
        if let Some(line) = self.seen.borrow().iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.borrow_mut().push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(why) => panic!("no {text:?} on stderr ({why}): {:#?}", self.seen.borrow()),
            }
        }
    }

    /// All lines, once the process has ended; its progress lines do not prolong the wait.
    #[expect(clippy::disallowed_methods, reason = "a test's thread may look at the clock")]
    fn rest(&self) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.borrow_mut().push(line),
                Err(RecvTimeoutError::Disconnected) => return self.seen.borrow().join("\n"),
                Err(RecvTimeoutError::Timeout) => panic!("still running: {:#?}", self.seen),
            }
        }
    }
}

const FILE: &str = "test.toml";
const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");
