//! The long help: knobs, scripts, control endpoints, log, examples.
//!
//! Never out of step with the parser: the knob list is the one the tests go through.

use crate::knobs::KNOBS;

/// What `--help` prints after the options.
pub fn text() -> String {
    let width = KNOBS.iter().map(|knob| knob.example.len()).max().unwrap_or(0);
    let knobs: Vec<_> =
        KNOBS.iter().map(|knob| format!("  {:width$}  {}", knob.example, knob.does)).collect();
    format!("{ENDPOINTS}\n{KNOB_RULES}\n{}\n\n{REST}", knobs.join("\n"))
}

const ENDPOINTS: &str = "\
Endpoints:
  POST /v1/messages                JSON, or SSE with \"stream\": true
  POST /v1/messages/count_tokens
  POST /v1/chat/completions        JSON or SSE; stream_options.include_usage is honoured
  POST /v1/responses               JSON or SSE
  POST /v1/completions             JSON or SSE
  POST /v1/embeddings              numbers or base64
  GET  /v1/models, /v1/models/ID   Anthropic's form when anthropic-version is sent
  anything else                    an echo: method, path, query, headers, body length and SHA-256
  The OpenAI paths also answer below /openai/v1/, /openai/deployments/NAME/ and /backend-api/codex/.
  A tool is called when the request has tools and its body says \"use tool\".
  A body that is not JSON gets a 400 in the envelope of the dialect.
";

const KNOB_RULES: &str = "\
Knobs (header x-mock: key=value, key=value; commas or semicolons; quote values that hold them).
Later ones win: --knobs, then the script step of the key, then x-mock. `reset` drops all before it.
An unknown knob gets a 400 that names it. Durations 50ms, 1.5s; sizes 100, 64KiB, 2MiB.";

const REST: &str = "\
Scripts (the n-th request with a key gets the n-th step, the last one repeats; key = x-api-key,
Authorization: Bearer, or api-key; the key * stands for all without a script):
  --key-script 'sk-1=429*2:retry-after=5:error_type=rate_limit_error,200'
      STATUS[*TIMES][:NAME=VALUE]…; a NAME that is no knob is a response header
  --script FILE, POST /__mock/script
      {\"sk-1\": [429, \"500*2\", {\"status\": 429, \"headers\": {\"retry-after\": \"5\"},
       \"knobs\": \"close\"}]}

Digest (tools/common/src/digest.rs): HASH-LENGTH in hex, in the header x-mock-digest, or for events
  in a last comment line \": mock-digest=HASH-LENGTH\" over all payload bytes before it. Digits of a
  stamp count as zeros; they are nanoseconds of CLOCK_MONOTONIC, the same for all processes.

Control while it runs (not recorded, not counted):
  POST /__mock/script   JSON as above; starts these keys anew
  POST /__mock/knobs    text; replaces the default knobs
  POST /__mock/accept   `rst 3`: the next 3 connections are reset at once (also cut, stall, off)
  POST /__mock/tls      {\"cert\": PATH, \"key\": PATH} for the handshakes to come
  POST /__mock/reset    back to the command line, log emptied
  GET  /__mock/log      all records as a JSON array; ?wait=N&timeout_ms=T waits for N of them
  GET  /__mock/stats    requests, in_flight, connections_accepted, connections_open, bytes_out, …;
                        ?in_flight=N&timeout_ms=T waits until so many are in flight
  An answer is counted and recorded when it is out, so a client may have it a moment earlier.

Record (--log, --record), one per request when it is over:
  seq, connection, method, target, headers, body_length, body_sha256, body, key, step, arrived_ms,
  status, bytes_sent, events_sent, duration_ms, end (complete | fault | peer_left),
  peer_left_ms (since the first byte of the answer), peer_left_after_write_ms (since the last write)

Examples:
  tidegate-mock --workers 2                                plain answers, as fast as it can
  tidegate-mock --knobs 'events=200, rate=50'              streams of 4 s
  tidegate-mock --record --key-script 'k1=429:retry-after=1,200' --key-script 'k2=200'
  curl -H 'x-mock: status=529' -d '{\"model\":\"m\"}' $URL/v1/messages
  curl -H 'x-mock: event_error=overloaded_error@3' -d '{\"stream\":true}' $URL/v1/messages
  curl -H 'x-mock: rst_after=3e, rate=10' -d '{\"stream\":true}' $URL/v1/chat/completions
";
