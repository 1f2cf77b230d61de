//! One request with all its knobs: read, answer, record.
//!
//! Never keeps anything for the next one.

use std::time::{Duration, Instant};

use crate::answer::Ask;
use crate::control;
use crate::knobs::Knobs;
use crate::link::{Link, Waited};
use crate::record::{Arrival, Record};
use crate::request::{Body, Head, Intake, Length, Parsed, Refused, parse};
use crate::send::{End, Finish, Outcome, Plan, Reply, run};
use crate::worker::Local;

/// What the connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Finish(Finish),
    Request,
}

/// Reads one request and answers it.
pub async fn run_one(link: &mut Link, local: &Local, connection: u64) -> Next {
    let head = match read_head(link).await {
        Ok(head) => head,
        Err(next) => return next,
    };
    if head.target.starts_with(control::PREFIX) {
        return serve_control(link, local, &head).await;
    }
    let counters = local.shared.counters(local.index);
    counters.inspect(|counters| counters.received());
    let mut exchange = Exchange {
        arrival: Arrival::now(),
        body: Body::default(),
        connection,
        head,
        knobs: Knobs::default(),
        outcome: None,
        sequence: local.shared.next_sequence(),
        status: None,
        step: None,
    };
    let next = exchange.serve(link, local).await;
    let sent = exchange.outcome.map_or(0, |outcome| outcome.bytes_sent);
    counters.inspect(|counters| counters.answered(sent));
    next
}

struct Exchange {
    arrival: Arrival,
    body: Body,
    connection: u64,
    head: Head,
    knobs: Knobs,
    outcome: Option<Outcome>,
    sequence: u64,
    status: Option<u16>,
    step: Option<usize>,
}

/// Why a request body was not taken in whole.
enum Broken {
    Fault(Finish),
    PeerLeft,
    Refused(Refused),
}

impl Exchange {
    async fn serve(&mut self, link: &mut Link, local: &Local) -> Next {
        if let Err(why) = self.read_knobs(local) {
            self.knobs = Knobs::default();
            self.knobs.say.status = Some(400);
            self.knobs.say.error_message = Some(format!("mock: {why}"));
        }
        let hashes = local.shared.log().is_on() || self.wants_echo();
        let mut intake = Intake::new(self.head.length, hashes);
        if !self.knobs.wire.early_response {
            let read = self.read_body(link, &mut intake).await;
            self.body =
                std::mem::replace(&mut intake, Intake::new(Length::Known(0), false)).finish();
            if let Err(broken) = read {
                return self.give_up(link, local, broken).await;
            }
        }
        let finish = self.answer(link, local).await;
        if finish == Finish::Keep && !intake.is_done() {
            // An early response: the body that is still to come belongs to this request.
            return match self.read_body(link, &mut intake).await {
                Ok(()) => Next::Request,
                Err(_) => Next::Finish(Finish::Cut),
            };
        }
        if finish == Finish::Keep { Next::Request } else { Next::Finish(finish) }
    }

    /// Defaults, then the script step of the key, then `x-mock` headers.
    fn read_knobs(&mut self, local: &Local) -> Result<(), String> {
        (self.knobs, self.step) = local.shared.knobs_for(self.head.key())?;
        for text in self.head.values("x-mock") {
            self.knobs.apply(text)?;
        }
        Ok(())
    }

    fn wants_echo(&self) -> bool {
        use crate::answer::Endpoint;
        let endpoint = Endpoint::of(&self.head.method, self.head.path());
        self.knobs.say.echo || endpoint == Endpoint::Echo
    }

    async fn read_body(&self, link: &mut Link, intake: &mut Intake) -> Result<(), Broken> {
        let expects = self.head.header("expect").is_some_and(|e| e.starts_with("100-"));
        if expects && link.unread().is_empty() && !intake.is_done() {
            let go_on = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
            link.write(go_on).await.0.map_err(|_| Broken::PeerLeft)?;
        }
        let fault = &self.knobs.fault;
        let stop = fault
            .cut_in_request
            .map(|at| (at, Finish::Cut))
            .or_else(|| fault.rst_in_request.map(|at| (at, Finish::Reset)));
        let mut pace = self.knobs.wire.slow_read.map(Pace::new);
        loop {
            let taken = intake.push(link.unread()).map_err(Broken::Refused)?;
            link.consume(taken);
            if let Some((_, finish)) = stop.filter(|(at, _)| *at <= intake.length()) {
                return Err(Broken::Fault(finish));
            }
            if intake.is_done() {
                return Ok(());
            }
            let limit = match &mut pace {
                Some(pace) => pace.wait(link, intake.length()).await?,
                None => READ_MAX,
            };
            if !link.fill(limit).await {
                return Err(Broken::PeerLeft);
            }
        }
    }

    async fn give_up(&mut self, link: &mut Link, local: &Local, broken: Broken) -> Next {
        let (end, finish) = match broken {
            Broken::Fault(finish) => (End::Fault, finish),
            Broken::PeerLeft => (End::PeerLeft, Finish::Stall),
            Broken::Refused(refused) => {
                let text = refusal(&format!("{refused:?}"));
                // The peer may be gone; it is told if it is not.
                let _ = link.write(text).await;
                (End::Fault, Finish::Close)
            }
        };
        let outcome = Outcome {
            bytes_sent: 0,
            end,
            finish: Some(finish),
            last_write: None,
            peer_left: (end == End::PeerLeft).then(Instant::now),
            started: None,
        };
        self.record(local, outcome, 0);
        Next::Finish(finish)
    }

    async fn answer(&mut self, link: &mut Link, local: &Local) -> Finish {
        let ask = Ask {
            body: &self.body,
            head: &self.head,
            knobs: &self.knobs,
            replay_dir: local.shared.replay_dir(),
            sequence: self.sequence,
        };
        let reply = Reply {
            is_head: self.head.method == "HEAD",
            is_http10: self.head.is_http10,
            keeps_alive: self.head.keeps_alive(),
        };
        let mut plan = Plan::new(ask.answer(), std::mem::take(&mut self.knobs), reply);
        self.status = Some(plan.status());
        let outcome = run(link, &mut plan, local.shared.log().is_on()).await;
        self.knobs = plan.knobs().clone();
        self.record(local, outcome, plan.events_sent());
        match outcome.finish {
            Some(finish) => finish,
            // What follows the answer is no longer part of it.
            None => run(link, &mut plan, false).await.finish.unwrap_or(Finish::Cut),
        }
    }

    fn record(&mut self, local: &Local, outcome: Outcome, events_sent: u32) {
        if local.shared.log().is_on() {
            local.shared.log().push(&Record {
                arrival: self.arrival,
                body: &self.body,
                connection: self.connection,
                events_sent,
                head: &self.head,
                outcome: &outcome,
                sequence: self.sequence,
                status: self.status,
                step: self.step,
            });
        }
        self.outcome = Some(outcome);
    }
}

/// Takes bytes no faster than the test wants.
struct Pace {
    begun: Instant,
    bytes_per_second: u64,
}

impl Pace {
    fn new(bytes_per_second: u64) -> Self {
        Self { begun: Instant::now(), bytes_per_second }
    }

    /// Waits until more may be taken; returns how much.
    async fn wait(&mut self, link: &mut Link, taken: u64) -> Result<usize, Broken> {
        if self.bytes_per_second == 0 {
            link.wait_hang_up().await;
            return Err(Broken::PeerLeft);
        }
        // Twenty reads a second, or one byte at a time when that is slower.
        let portion = (self.bytes_per_second / 20).max(1);
        let due = (taken + portion) * 1000 / self.bytes_per_second;
        let due = Duration::from_millis(due).saturating_sub(self.begun.elapsed());
        if link.wait(Some(due), false).await == Waited::PeerLeft {
            return Err(Broken::PeerLeft);
        }
        Ok(usize::try_from(portion).unwrap_or(READ_MAX))
    }
}

async fn read_head(link: &mut Link) -> Result<Head, Next> {
    loop {
        match parse(link.unread()) {
            Parsed::Complete(head, taken) => {
                link.consume(taken);
                return Ok(head);
            }
            Parsed::Partial if link.unread().len() <= HEAD_MAX => {
                if !link.fill(READ_MAX).await {
                    return Err(Next::Finish(Finish::Stall));
                }
            }
            Parsed::Partial => return Err(refuse(link, "Head").await),
            Parsed::Refused(refused) => return Err(refuse(link, &format!("{refused:?}")).await),
        }
    }
}

async fn refuse(link: &mut Link, what: &str) -> Next {
    // The peer may be gone; it is told if it is not.
    let _ = link.write(refusal(what)).await;
    Next::Finish(Finish::Close)
}

fn refusal(what: &str) -> Vec<u8> {
    let body = format!("mock: cannot read this request: {what}\n");
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn serve_control(link: &mut Link, local: &Local, head: &Head) -> Next {
    let mut intake = Intake::new(head.length, false);
    loop {
        let Ok(taken) = intake.push(link.unread()) else { return refuse(link, "Chunk").await };
        link.consume(taken);
        if intake.is_done() {
            break;
        }
        if !link.fill(READ_MAX).await {
            return Next::Finish(Finish::Stall);
        }
    }
    let body = intake.finish();
    let (status, json) =
        control::answer(&local.shared, &head.method, &head.target, &body.kept).await;
    let text = format!(
        "HTTP/1.1 {status} Mock\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{json}",
        json.len()
    );
    match link.write(text.into_bytes()).await.0 {
        Ok(()) if head.keeps_alive() => Next::Request,
        Ok(()) => Next::Finish(Finish::Close),
        Err(_) => Next::Finish(Finish::Stall),
    }
}

const HEAD_MAX: usize = 256 << 10;
const READ_MAX: usize = 256 << 10;
