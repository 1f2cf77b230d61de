//! The shape `request` as it is written for every exchange: the JSON that serde makes of it, at a
//! third of its cost, with each key and what stands round it put down at once.

use std::io::Write as _;

use super::request::{Request, Usage};
use crate::protocol::http1::write::decimal;
use crate::protocol::json::write::string;

impl Request<'_> {
    /// Adds it to `out` as JSON, without a line end.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_asked(out);
        self.write_routed(out);
        self.write_answered(out);
        out.push(b'}');
    }

    fn write_asked(&self, out: &mut Vec<u8>) {
        text(out, "{\"id\":", self.id);
        // Memory takes every byte.
        let _written = write!(out, ",\"time\":\"{}\"", self.time);
        told(out, ",\"caller\":", self.caller);
        told(out, ",\"client\":", self.client);
        told(out, ",\"user_agent\":", self.user_agent);
        text(out, ",\"method\":", self.method);
        text(out, ",\"path\":", self.path);
        told(out, ",\"content_type\":", self.content_type);
        text(out, ",\"dialect\":", self.dialect);
        told(out, ",\"model\":", self.model);
        switch(out, ",\"stream\":", self.stream);
        count(out, ",\"message_count\":", self.message_count);
        count(out, ",\"bytes_in\":", Some(self.bytes_in));
        match self.conversation {
            Some(hash) => {
                let _written = write!(out, ",\"conversation\":\"{hash}\"");
            }
            None => told(out, ",\"conversation\":", None),
        }
    }

    fn write_routed(&self, out: &mut Vec<u8>) {
        told(out, ",\"provider\":", self.provider);
        told(out, ",\"key\":", self.key);
        told(out, ",\"route\":", self.route);
        text(out, ",\"decision\":", self.decision);
        told(out, ",\"model_routed\":", self.model_routed);
        count(out, ",\"status\":", Some(u64::from(self.status)));
        told(out, ",\"error\":", self.error);
        count(out, ",\"attempts\":", Some(u64::from(self.attempts)));
        count(out, ",\"duration_ms\":", Some(self.duration_ms));
        count(out, ",\"overhead_us\":", Some(self.overhead_us));
    }

    fn write_answered(&self, out: &mut Vec<u8>) {
        told(out, ",\"model_answered\":", self.model_answered);
        text(out, ",\"outcome\":", self.outcome);
        told(out, ",\"stop_reason\":", self.stop_reason);
        self.usage.write(out);
        told(out, ",\"service_tier\":", self.service_tier);
        rare(out, ",\"cost_usd\":", self.cost_usd.as_ref());
        count(out, ",\"bytes_out\":", Some(self.bytes_out));
        count(out, ",\"events\":", Some(self.events));
        out.extend_from_slice(b",\"gaps_ms\":[");
        for (place, &gaps) in self.gaps_ms.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            decimal(out, u64::from(gaps));
        }
        out.push(b']');
        count(out, ",\"ttfb_ms\":", self.ttfb_ms);
        count(out, ",\"ttft_ms\":", self.ttft_ms);
        told(out, ",\"organization_id\":", self.organization_id);
        told(out, ",\"upstream_request_id\":", self.upstream_request_id);
        rare(out, ",\"rate_limit\":", self.rate_limit.as_ref());
    }
}

impl Usage {
    fn write(&self, out: &mut Vec<u8>) {
        count(out, ",\"usage\":{\"input\":", self.input);
        count(out, ",\"cache_read\":", self.cache_read);
        count(out, ",\"cache_write\":", self.cache_write);
        count(out, ",\"cache_write_5m\":", self.cache_write_5m);
        count(out, ",\"cache_write_1h\":", self.cache_write_1h);
        count(out, ",\"output\":", self.output);
        count(out, ",\"reasoning\":", self.reasoning);
        switch(out, ",\"estimated\":", self.estimated);
        out.push(b'}');
    }
}

fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    string(out, value);
}

fn told(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    out.extend_from_slice(key.as_bytes());
    match value {
        Some(value) => string(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn count(out: &mut Vec<u8>, key: &str, value: Option<u64>) {
    out.extend_from_slice(key.as_bytes());
    match value {
        Some(value) => decimal(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn switch(out: &mut Vec<u8>, key: &str, value: bool) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// What most exchanges do not have.
fn rare<T: serde::Serialize>(out: &mut Vec<u8>, key: &str, value: Option<&T>) {
    out.extend_from_slice(key.as_bytes());
    match value {
        Some(value) => {
            // No key in it is other than a text, no number NaN, and memory takes every byte.
            let written = serde_json::to_writer(out, value);
            debug_assert!(written.is_ok(), "{written:?}");
        }
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;
    use crate::protocol::rate_limit::summary::{Quota, Summary};
    use crate::protocol::usage::Outcome;
    use crate::shared::journal::Record;
    use crate::shared::journal::tests::plain;

    fn written(record: &Record) -> String {
        let mut out = Vec::new();
        Request::of(record).write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_line_is_what_serde_makes_of_the_shape() {
        let mut full = plain(200);
        let Record { answered, asked, ended, texts } = &mut full;
        (asked.id, asked.unix_ms) = (texts.add(b"0123456789abcdef00000001"), 1_767_225_600_123);
        (asked.caller, asked.model) =
            (texts.add(b"alice"), texts.add("caf\u{e9}-\"x\"\\".as_bytes()));
        (asked.user_agent, asked.method) = (texts.add(b"curl/8\t"), texts.add(b"POST"));
        (asked.path, asked.content_type) =
            (texts.add(b"/v1/messages"), texts.add(b"application/json"));
        (asked.streams, asked.message_count, asked.body_bytes) = (true, Some(3), u64::MAX);
        asked.conversation = Some(7);
        (ended.provider, ended.key, ended.route) =
            (texts.add(b"p"), texts.add(b"k"), texts.add(b"r"));
        (ended.decision, ended.model_routed) = (texts.add(b"route:r"), texts.add(b"there"));
        (ended.code, ended.duration_ms, ended.overhead_us) = (Some("upstream_cut"), 12, 34);
        (answered.bytes, answered.events, answered.estimated) = (5, 6, true);
        (answered.model, answered.outcome) = (texts.add(b"there"), Some(Outcome::Cut));
        (answered.stop_reason, answered.service_tier) =
            (texts.add(b"end_turn"), texts.add(b"standard"));
        (answered.ttfb_ms, answered.ttft_ms) = (Some(8), Some(9));
        (answered.organization_id, answered.request_id) = (texts.add(b"org"), texts.add(b"req_1"));
        (answered.usage.input, answered.usage.output) = (Some(10), Some(0));
        answered.gaps.count(100);
        let quota = Quota { limit: Some(50.0), remaining: Some(1.5), reset: None };
        answered.limits = Some(Summary { requests: Some(quota), ..Summary::default() });
        for record in [plain(404), full] {
            let by_serde = serde_json::to_string(&Request::of(&record)).expect("JSON");
            assert_eq!(written(&record), by_serde);
        }
    }

    #[test]
    fn no_text_breaks_a_line() {
        for byte in 0..=0x7f_u8 {
            let mut record = plain(400);
            record.asked.path = record.texts.add(&[b'/', byte, b'x']);
            let line = written(&record);
            assert!(!line.contains('\n'), "{line}");
            let told: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(told["path"], String::from_utf8_lossy(&[b'/', byte, b'x']).as_ref());
        }
    }
}
