//! A gateway with one provider of several keys, each with a script of the mock.

use serde_json::Value;

use super::{Answer, Gateway, Mock, key, post, provider};

/// One message, and the same as a stream.
pub const BODY: &str = "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":9,\"messages\":[]}";
pub const STREAM: &str =
    "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":9,\"messages\":[],\"stream\":true}";
/// A gateway whose provider has these keys, each with a script of the mock.
#[derive(Debug)]
pub struct Pool {
    pub gateway: Gateway,
    pub mock: Mock,
}

impl Pool {
    /// Keys k0, k1, … with these steps; `more` stands in the provider's table, before its keys.
    pub fn start(steps: &[&str], more: &str) -> Self {
        Self::of("anthropic", steps, more)
    }

    pub fn of(dialect: &str, steps: &[&str], more: &str) -> Self {
        let scripts: Vec<String> =
            steps.iter().enumerate().map(|(at, steps)| format!("sk-k{at}={steps}")).collect();
        let arguments: Vec<&str> =
            scripts.iter().flat_map(|script| ["--key-script", script.as_str()]).collect();
        let mock = Mock::with(&arguments);
        let keys: Vec<String> = (0..steps.len()).map(|at| key(&format!("sk-k{at}"))).collect();
        let provider = provider("p", dialect, &mock.url());
        let gateway = Gateway::start(&format!("{provider}{more}{}", keys.concat()));
        Self { gateway, mock }
    }

    /// One message.
    pub fn ask(&self, body: &str) -> Answer {
        self.gateway.ask(post("/v1/messages", "", body))
    }

    /// The keys that were asked, in order, once there were so many requests.
    pub fn keys(&self, count: usize) -> Vec<String> {
        let log = self.mock.log(count);
        assert_eq!(log.len(), count, "{log:?}");
        log.iter().map(|seen| seen.text("key").trim_start_matches("sk-").to_owned()).collect()
    }

    /// The keys that one more request asks.
    pub fn next_keys(&self, body: &str, count: usize) -> Vec<String> {
        let before = self.mock.log(0).len();
        self.ask(body);
        self.keys(before + count).split_off(before)
    }
}

/// Its status.
pub fn status(answer: &Answer) -> u16 {
    answer.head.status()
}

/// Status, code and the error's type.
pub fn error(answer: &Answer) -> (u16, Option<&str>, Value) {
    (status(answer), answer.code(), answer.json()["error"]["type"].clone())
}

/// Whether a streamed answer's body tells of an error.
pub fn tells_error(answer: &Answer) -> bool {
    answer.text().contains("event: error")
}
