//! Streams in another form: translated, and the plain way by a `serde_json::Value` per event.

use std::hint::black_box;
use std::io::Write;

use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use tidegate::protocol::dialect::translate::stream::Stream;
use tidegate::protocol::dialect::translate::{Echo, Form};

use crate::streams::{READ, deltas, recorded};

pub fn benches(criterion: &mut Criterion) {
    for (name, prefix, from, to) in [
        ("anthropic", "anthropic.messages", Form::Messages, Form::Chat),
        ("anthropic", "anthropic.messages", Form::Messages, Form::Responses),
        ("chat", "openai.chat", Form::Chat, Form::Messages),
        ("chat", "openai.chat", Form::Chat, Form::Responses),
        ("responses", "openai.responses", Form::Responses, Form::Messages),
        ("responses", "openai.responses", Form::Responses, Form::Chat),
    ] {
        let own = deltas(name);
        for (kind, streams) in [("recorded", recorded(prefix, &own)), ("deltas", vec![own.clone()])]
        {
            let mut group =
                criterion.benchmark_group(format!("translate_stream/{name}_to_{to:?}/{kind}"));
            let bytes: usize = streams.iter().map(Vec::len).sum();
            let events: usize = streams.iter().map(|stream| payloads(stream).count()).sum();
            println!("{events} events in {bytes} bytes");
            group.throughput(Throughput::Bytes(u64::try_from(bytes).expect("fits")));
            group.sample_size(20);
            group.bench_function("translated", |bencher| {
                let mut out = Vec::new();
                bencher.iter(|| {
                    for stream in &streams {
                        translate(stream, from, to, &mut out);
                    }
                });
            });
            group.bench_function("serde_json", |bencher| {
                let mut out = Vec::new();
                bencher.iter(|| {
                    for stream in &streams {
                        plainly(stream, from, to, &mut out);
                    }
                });
            });
            group.finish();
        }
    }
}

fn translate(stream: &[u8], from: Form, to: Form, out: &mut Vec<u8>) {
    let mut translated = Stream::new(from, to, &Echo::default());
    for read in stream.chunks(READ) {
        out.clear();
        let pushed = translated.push(black_box(read), out);
        debug_assert!(pushed.is_ok(), "recorded streams translate");
        black_box(&out);
    }
    black_box(translated.end(out));
}

/// The least that a translation by values does: each event decoded, the texts in it put into a new
/// value, that written. It keeps no order, no state and no usage.
fn plainly(stream: &[u8], from: Form, to: Form, out: &mut Vec<u8>) {
    let mut whole = String::new();
    out.clear();
    for payload in payloads(black_box(stream)) {
        let Ok(mut event) = serde_json::from_slice::<Value>(payload) else { continue };
        let Some(text) = text_of(&mut event, from) else { continue };
        let event = match to {
            Form::Chat => json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_741_000_000,
                "model": "model", "choices": [{
                    "index": 0, "delta": {"content": text}, "logprobs": null,
                    "finish_reason": null
                }]
            }),
            Form::Messages => json!({
                "type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": text}
            }),
            Form::Responses => {
                // Its end repeats all of it.
                whole.push_str(text.as_str().unwrap_or_default());
                json!({
                    "type": "response.output_text.delta", "sequence_number": 1,
                    "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text,
                    "logprobs": []
                })
            }
        };
        out.extend_from_slice(b"data: ");
        serde_json::to_writer(&mut *out, &event).expect("a vector takes all");
        out.write_all(b"\n\n").expect("a vector takes all");
        if out.len() > READ {
            black_box(&out);
            out.clear();
        }
    }
    black_box(whole);
}

fn text_of(event: &mut Value, from: Form) -> Option<Value> {
    let path = match from {
        Form::Chat => &["/choices/0/delta/content", "/choices/0/delta/reasoning_content"][..],
        Form::Messages => &["/delta/text", "/delta/partial_json", "/delta/thinking"],
        Form::Responses => &["/delta"],
    };
    path.iter().find_map(|path| event.pointer_mut(path).map(Value::take))
}

fn payloads(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    stream.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"data: "))
}
