//! What is told of an exchange is its own: the block that its record is written into was another
//! exchange's before, and nothing of that one may show.

use serde_json::Value;

use crate::support::{Directory, Gateway, Upstream, Wire, get, post};

/// A stream that leaves nothing unsaid: model, usage of every kind, tier, stop reason.
const EVENTS: &str = "event: message_start\n\
    data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\
    \"role\":\"assistant\",\"model\":\"claude-answered\",\"content\":[],\"stop_reason\":null,\
    \"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":7,\
    \"cache_creation_input_tokens\":9,\"cache_creation\":{\"ephemeral_5m_input_tokens\":5,\
    \"ephemeral_1h_input_tokens\":4},\"output_tokens\":1,\"service_tier\":\"priority\"}}}\n\n\
    event: message_delta\n\
    data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\
    \"usage\":{\"output_tokens\":15}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
/// And a head that does not either.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    request-id: req_before\r\nanthropic-organization-id: org-before\r\n\
    anthropic-ratelimit-requests-limit: 50\r\nanthropic-ratelimit-requests-remaining: 49\r\n\
    anthropic-ratelimit-requests-reset: 2030-01-01T00:00:00Z\r\n\
    anthropic-ratelimit-unified-status: allowed\r\n\
    anthropic-ratelimit-unified-5h-utilization: 0.25\r\n\
    anthropic-ratelimit-unified-5h-reset: 1893456000\r\n";
const MESSAGE: &str = "{\"model\":\"claude-asked\",\"max_tokens\":9,\"stream\":true,\
    \"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},\
    \"messages\":[{\"role\":\"user\",\"content\":\"before\"}]}";
const TOLD: &str = "content-type: application/json\r\nuser-agent: claude-cli/2.0.1\r\n\
    anthropic-beta: beta-before\r\n";

/// One worker, so that one journal's blocks go round.
struct Told {
    gateway: Gateway,
    upstream: Option<Upstream>,
    _storage: Directory,
}

impl Told {
    fn start() -> Self {
        let (storage, upstream) = (Directory::new(), Upstream::start());
        let config = format!(
            "[server]\nlisten = ['127.0.0.1:0']\nworkers = 1\n[admin]\nlisten = '127.0.0.1:0'\n\
             [storage]\npath = '{}'\ndetail = 'limits'\n\
             [[provider]]\nname = 'p'\ndialect = 'anthropic'\nbase_url = '{}'\n\
             [[provider.key]]\nname = 'k'\nvalue = 'sk-0123456789abcdef'\n",
            storage.path().display(),
            upstream.url(),
        );
        Self { gateway: Gateway::start(&config), upstream: Some(upstream), _storage: storage }
    }

    /// An exchange that succeeds, with everything that can be told of one; its block is free again.
    fn succeed(&self) {
        let mut client = self.gateway.connect();
        client.send(post("/v1/messages?beta=true", TOLD, MESSAGE));
        let (mut provider, _request) = self.upstream.as_ref().unwrap().request();
        provider.send(format!("{HEAD}content-length: {}\r\n\r\n{EVENTS}", EVENTS.len()));
        assert_eq!(client.answer().head.status(), 200);
        // The line is handed over behind the block.
        let line = self.line("req_before");
        for (part, wanted) in [
            ("/model_answered", Value::from("claude-answered")),
            ("/organization_id", "org-before".into()),
            ("/outcome", "complete".into()),
            ("/rate_limit/requests/limit", 50.into()),
            ("/rate_limit/unified/status", "allowed".into()),
            ("/service_tier", "priority".into()),
            ("/stop_reason", "end_turn".into()),
            ("/usage/cache_write_1h", 4.into()),
            ("/usage/input", 25.into()),
            ("/usage/output", 15.into()),
        ] {
            let told = line.pointer(part).cloned().unwrap_or_default();
            assert!(told == wanted || told.as_f64() == wanted.as_f64() && told.is_number());
        }
        // Not to be asked on that connection again.
        drop(provider);
    }

    /// The line of the exchange that says `text`.
    fn line(&self, text: &str) -> Value {
        serde_json::from_str(&self.gateway.line(&format!("{text}\""))).unwrap()
    }

    /// What log and admin API say of one exchange that gets no answer, but for its id and times.
    fn fail(mut self, request: &str, status: u16) -> [Value; 2] {
        // Nobody is there to answer.
        self.upstream.take();
        let answer = self.gateway.ask(request);
        assert_eq!(answer.head.status(), status, "{}", answer.text());
        let id = answer.head.field("x-tidegate-request-id").unwrap();
        let line = self.line(&format!("\"id\":\"{id}"));
        [without_times(line), without_times(self.kept(id))]
    }

    /// The exchange with this id as the admin API shows it, once it is kept.
    fn kept(&self, id: &str) -> Value {
        loop {
            let mut client = Wire::connect(self.gateway.admin());
            let path = format!("/api/v1/requests/{id}");
            client.send(get(&path, "").replace("gateway.test", "localhost"));
            let found = client.answer().json();
            if found["id"] == id {
                return found;
            }
            std::thread::yield_now();
        }
    }
}

/// Id and times are each exchange's own; the conversation's hash is the installation's.
fn without_times(mut told: Value) -> Value {
    let members = told.as_object_mut().unwrap();
    for own in ["attempts_detail", "conversation", "duration_ms", "id", "overhead_us", "time"] {
        members.remove(own);
    }
    told
}

#[test]
fn a_failed_exchange_shows_nothing_of_the_answered_one_whose_record_it_reuses() {
    let bare = post("/v1/messages", "", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}");
    for (request, status) in [
        (bare.as_str(), 502),
        (&post("/v1/messages", "", "not JSON"), 502),
        // Nobody was asked.
        (&get("/nowhere", ""), 404),
    ] {
        let alone = Told::start().fail(request, status);
        let behind = Told::start();
        behind.succeed();
        let told = behind.fail(request, status);
        assert_eq!(told, alone, "{status}");
        let shown = format!("{told:?}");
        for other in ["before", "claude-answered", "end_turn", "priority", "allowed"] {
            assert!(!shown.contains(other), "{other} in {shown}");
        }
    }
}
