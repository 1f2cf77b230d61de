//! The command line.
//!
//! Never reads files and never connects; `plan` does.

#![expect(clippy::doc_markdown, reason = "these docs are the help text, printed as they are")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::help;
use crate::run::Point;
use crate::scenario::{Dialect, Shape, header_line, header_value};
use crate::units;

/// A load generator that knows LLM traffic. It checks every answer: status, each byte, the end.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate-load",
    version,
    after_long_help = help::text(),
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: Run,
}

/// What else this tool does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Relays TCP both ways and looks at nothing: the floor to measure a gateway against.
    Relay(Relay),
    /// Prints the JSON Schema of --json.
    Schema,
}

/// A bare TCP relay.
#[derive(Clone, Debug, Args)]
pub struct Relay {
    /// Address to listen on; port 0 picks a free one, told on stdout.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Address to connect to for each connection.
    #[arg(long, value_name = "ADDR")]
    pub to: SocketAddr,
    /// How to wait for sockets.
    #[arg(long, value_enum, default_value_t = Driver::Auto)]
    pub driver: Driver,
}

/// A run.
#[derive(Clone, Debug, Args)]
pub struct Run {
    /// A base URL.
    #[arg(
        required_unless_present = "compare",
        help = "Where the load goes: http://HOST[:PORT][/PREFIX]"
    )]
    pub target: Option<String>,
    #[command(flatten, next_help_heading = "Schedule")]
    pub schedule: Schedule,
    #[command(flatten, next_help_heading = "Requests and answers")]
    pub scenario: Scenario,
    #[command(flatten, next_help_heading = "How clients act")]
    pub client: Client,
    #[command(flatten, next_help_heading = "This process")]
    pub own: Own,
    #[command(flatten, next_help_heading = "Measuring and reports")]
    pub report: Report,
}

#[derive(Clone, Debug, Args)]
pub struct Schedule {
    /// Requests per second of the open loop.
    #[arg(long, value_name = "PER_SECOND", default_value = "100", value_parser = rate)]
    pub rate: f64,
    /// How requests of the open loop arrive.
    #[arg(long, value_enum, default_value_t = Arrivals::Constant)]
    pub arrivals: Arrivals,
    /// A closed loop: each connection sends again once its answer is there.
    #[arg(long, conflicts_with_all = ["rate", "arrivals"])]
    pub closed: bool,
    /// Callers of a closed loop; connections at most of an open one.
    #[arg(short, long, default_value = "32", value_parser = clap::value_parser!(u64).range(1..))]
    pub connections: u64,
    /// Measured time. Default 10s, or none when --requests is given.
    #[arg(short, long, value_parser = units::duration)]
    pub duration: Option<Duration>,
    /// Requests at most, warm-up included.
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// Runs so long before it measures; these answers are checked as well.
    #[arg(long, default_value = "0s", value_parser = units::duration)]
    pub warmup: Duration,
    /// Callers of a closed loop begin spread over this time.
    #[arg(long, default_value = "100ms", value_parser = units::duration)]
    pub ramp: Duration,
    /// How long answers under way may take after the last request.
    #[arg(long, default_value = "30s", value_parser = units::duration)]
    pub drain: Duration,
    /// Decides poisson arrivals.
    #[arg(long, default_value = "1")]
    pub seed: u64,
}

#[derive(Clone, Debug, Args)]
pub struct Scenario {
    /// The API to speak.
    #[arg(long, value_enum, default_value_t = Dialect::Anthropic)]
    pub dialect: Dialect,
    /// Asks for streams.
    #[arg(short, long)]
    pub stream: bool,
    /// Bytes of each request body, 1KB to 64MiB; smaller ones are as small as they can be.
    #[arg(long, value_name = "SIZE", default_value = "1KB", value_parser = units::size)]
    pub request_size: usize,
    /// What a body is like; agent: as Claude Code sends them (100KB is usual).
    #[arg(long, value_enum, default_value_t = Shape::Plain)]
    pub shape: Shape,
    /// Different conversations, taken in turn.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub conversations: u64,
    /// Model asked for; repeatable, taken in turn.
    #[arg(long, default_value = "claude-sonnet-4-5", value_parser = header_value)]
    pub model: Vec<String>,
    /// Client key, in the header of the dialect; repeatable, taken in turn.
    #[arg(long, value_parser = header_value)]
    pub key: Vec<String>,
    /// Further header; repeatable.
    #[arg(long, value_name = "NAME: VALUE", value_parser = header_line)]
    pub header: Vec<String>,
    /// Mock: content events per stream.
    #[arg(long)]
    pub events: Option<u32>,
    /// Mock: events per second of each stream.
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub event_rate: Option<f64>,
    /// Mock: bytes of each event.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub event_size: Option<usize>,
    /// Mock: bytes of each JSON answer.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub response_size: Option<usize>,
    /// Mock: further knobs, as tidegate-mock --help lists them.
    #[arg(long, value_name = "KNOBS", default_value = "", value_parser = header_value)]
    pub mock: String,
    /// The provider is no tidegate-mock: sends no x-mock header, so bytes cannot be compared.
    #[arg(
        long,
        conflicts_with_all = ["events", "event_rate", "event_size", "response_size", "mock"]
    )]
    pub no_mock: bool,
    /// Sends each *.json body of this folder, in order, again and again.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["request_size", "shape", "stream"])]
    pub replay: Option<PathBuf>,
    /// Replays a request log of the gateway (JSON lines): its moments, sizes, models, streams.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replay", "closed", "rate", "stream"])]
    pub replay_log: Option<PathBuf>,
    /// Replays the log so many times as fast.
    #[arg(long, default_value = "1", value_parser = rate, requires = "replay_log")]
    pub speed: f64,
    /// Statuses of good answers.
    #[arg(long, value_delimiter = ',', default_value = "200", value_name = "STATUS,…")]
    pub expect_status: Vec<u16>,
}

#[derive(Clone, Debug, Args)]
pub struct Client {
    /// Pause of a caller between an answer and its next request.
    #[arg(long, default_value = "0s", value_parser = units::duration, requires = "closed")]
    pub think: Duration,
    /// Requests per connection: 1 for a connection per request. Default: no limit.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub reuse: Option<u64>,
    /// An answer not over after this time is lost.
    #[arg(long, default_value = "60s", value_parser = units::duration)]
    pub timeout: Duration,
    /// Reads so many bytes per second of each answer.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub slow_read: Option<u64>,
    /// Leaves after 3 events (3e), 1000 bytes (1000), or a time (50ms).
    #[arg(long, value_name = "POINT", value_parser = Point::parse)]
    pub abort_after: Option<Point>,
    /// Part of the requests that are left so.
    #[arg(long, default_value = "1", value_parser = share, requires = "abort_after")]
    pub abort_share: f64,
    /// Further connections that are opened and stay idle.
    #[arg(long, default_value = "0")]
    pub idle: u64,
}

#[derive(Clone, Debug, Args)]
pub struct Own {
    /// Threads, each with its own runtime and connections.
    #[arg(short, long, default_value = "1", value_parser = clap::value_parser!(u64).range(1..=256))]
    pub threads: u64,
    /// Cores to run on, one per thread in turn.
    #[arg(long, value_delimiter = ',', value_name = "CORE,…")]
    pub cores: Vec<usize>,
    /// How to wait for sockets; auto takes io_uring where the kernel allows it.
    #[arg(long, value_enum, default_value_t = Driver::Auto)]
    pub driver: Driver,
}

#[derive(Clone, Debug, Args)]
pub struct Report {
    /// The same schedule without the gateway, in alternate rounds; tells the overhead.
    #[arg(long, value_name = "URL")]
    pub direct: Option<String>,
    /// Rounds of each, each as long as --duration.
    #[arg(long, default_value = "5", requires = "direct",
        value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub rounds: u64,
    /// Process whose CPU time and memory are told; repeatable.
    #[arg(long)]
    pub pid: Vec<u32>,
    /// Writes the report as JSON; - for stdout, in place of the text.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes all histograms as an HdrHistogram log (nanoseconds).
    #[arg(long, value_name = "FILE")]
    pub hdr: Option<PathBuf>,
    /// Writes the report with plots as one HTML file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Ends with 1 when this holds, such as 'p99_ms > 20 or failed > 0'; repeatable.
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<String>,
    /// Failed answers alone do not end with 1; conditions still do.
    #[arg(long)]
    pub allow_failed: bool,
    /// Compares two JSON reports; conditions then ask for the ratio B/A.
    #[arg(long, value_names = ["A", "B"], num_args = 2, conflicts_with = "target")]
    pub compare: Option<Vec<PathBuf>>,
    /// Shows nothing while it runs.
    #[arg(short, long)]
    pub quiet: bool,
    /// Lines instead of a live block, on a terminal too.
    #[arg(long)]
    pub plain: bool,
}

/// The processes of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arrivals {
    Constant,
    Poisson,
}

/// The ways to wait for sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Driver {
    Auto,
    Epoll,
    #[value(name = "io_uring")]
    IoUring,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1e7 => Ok(rate),
        _ => Err(format!("`{text}` is not a number above 0 and at most ten million")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("`{text}` is not between 0 and 1")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn rates_and_shares_have_bounds() {
        for bad in ["0", "-1", "inf", "NaN", "1e8", "x", ""] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        for bad in ["-0.1", "1.1", "NaN", ""] {
            assert!(share(bad).is_err(), "{bad}");
        }
        assert_eq!((rate("0.5"), share("1")), (Ok(0.5), Ok(1.0)));
    }
}
