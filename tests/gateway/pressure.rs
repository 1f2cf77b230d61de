//! Memory that gets short: less is served, step by step, and health always answers.

use rustix::process::Signal;

use crate::support::{Answer, End, Gateway, Mock, both, get, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";

/// A gateway whose limit can be moved to where what it uses is so many percent of it.
struct Pressed {
    config: String,
    gateway: Gateway,
    _mock: Mock,
}

impl Pressed {
    fn start() -> Self {
        let mock = Mock::start();
        let config = both(&mock.url());
        Self { gateway: Gateway::start(&config), config, _mock: mock }
    }

    fn press(&self, percent: u64, line: &str) {
        let limit = self.gateway.resident_kib() * 1_000 / (percent * 10 + 5);
        let more = format!("[limits]\nmemory = \"{limit}KiB\"\n[timeouts]\nkeep_alive = \"60s\"\n");
        self.gateway.rewrite(&(self.config.clone() + &more));
        self.gateway.signal(Signal::HUP);
        self.gateway.line(line);
    }

    fn ask(&self) -> Answer {
        self.gateway.ask(post("/v1/messages", OWN_KEY, "{}"))
    }

    fn health_answers(&self) {
        for path in ["/livez", "/health", "/readyz"] {
            assert_eq!(self.gateway.ask(get(path, "")).head.status(), 200, "{path}");
        }
    }
}

#[test]
fn each_step_asks_for_more_and_health_always_answers() {
    let pressed = Pressed::start();
    assert_eq!(pressed.ask().head.field("connection"), None);
    let mut idle = pressed.gateway.connect();
    idle.send(get("/livez", ""));
    idle.answer();
    pressed.press(83, "\"step\":\"tight\"");
    assert_eq!(pressed.ask().head.field("connection"), None);
    assert!(idle.is_quiet());

    pressed.press(89, "\"step\":\"no_keep_alive\"");
    assert_eq!(idle.rest(), (Vec::new(), End::Fin), "idle connections end");
    let answer = pressed.ask();
    assert_eq!((answer.head.status(), answer.head.field("connection")), (200, Some("close")));

    pressed.press(93, "\"step\":\"refuse\"");
    let answer = pressed.ask();
    assert_eq!((answer.head.status(), answer.code()), (503, Some("overloaded")));
    assert_eq!(answer.head.field("retry-after"), Some("1"));
    assert_eq!(answer.json()["error"]["type"], "overloaded_error");
    pressed.health_answers();

    pressed.press(96, "\"step\":\"pause\"");
    pressed.health_answers();

    // Who holds most is let go at the last step.
    pressed.press(70, "\"step\":\"calm\"");
    let mut large = pressed.gateway.connect();
    let request = post("/v1/messages", OWN_KEY, &"x".repeat(512 * 1024));
    large.send(&request[..request.len() - 10]);
    while pressed.gateway.ask(get("/livez", "")).json()["in_flight"] == 0 {}
    pressed.press(110, "\"step\":\"shed\"");
    pressed.health_answers();
    assert_eq!(large.rest().0, b"", "let go without an answer");

    pressed.press(50, "memory is less short\",\"percent\":5");
    let answer = pressed.ask();
    assert_eq!((answer.head.status(), answer.head.field("connection")), (200, None));
}

#[test]
fn idle_connections_are_kept_for_a_quarter_of_the_time_when_memory_is_tight() {
    let pressed = Pressed::start();
    let mut idle = pressed.gateway.connect();
    idle.send(get("/livez", ""));
    idle.answer();
    let limit = pressed.gateway.resident_kib() * 1_000 / 840;
    let more = format!("[limits]\nmemory = \"{limit}KiB\"\n[timeouts]\nkeep_alive = \"16s\"\n");
    pressed.gateway.rewrite(&(pressed.config.clone() + &more));
    pressed.gateway.signal(Signal::HUP);
    pressed.gateway.line("\"step\":\"tight\"");
    // It was kept for 75 s when it began to idle; the test's patience ends at 20.
    assert_eq!(idle.rest(), (Vec::new(), End::Fin));
}
