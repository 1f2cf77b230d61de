//! Good answers count as good, and each way to break one is found.

use crate::support::{Server, each_driver, report};

const SHORT: [&str; 4] = ["-n", "24", "--rate", "400"];

#[test]
fn good_answers_are_all_verified_in_every_dialect() {
    let mock = Server::mock(&[]);
    each_driver(|driver| {
        for dialect in ["anthropic", "openai-chat", "openai-responses"] {
            for stream in [&[][..], &["--stream", "--events", "5"]] {
                let base = ["--dialect", dialect, "--driver", driver];
                let (report, code) = report(&mock.url, &[&SHORT[..], &base, stream].concat());
                let requests = &report["through"]["requests"];
                assert_eq!(code, 0, "{report}");
                assert_eq!(requests["ok"], 24, "{dialect} {stream:?}");
                assert_eq!(requests["unverified"], 0, "{dialect} {stream:?}");
                let durations = &report["through"]["durations"];
                assert_eq!(durations["latency"]["count"], 24);
                let is_stream = !stream.is_empty();
                assert_eq!(durations.get("first_event").is_some(), is_stream);
                if is_stream {
                    assert_eq!(durations["event_delay"]["count"], 24 * 5, "{dialect}");
                }
            }
        }
    });
}

#[test]
fn each_fault_of_the_provider_is_found_and_named() {
    let mock = Server::mock(&[]);
    for (knobs, fault, class, stream) in [
        ("corrupt=50", "changed", "changed", false),
        ("corrupt=500", "changed", "changed", true),
        ("short_length=10", "changed", "changed", false),
        ("long_length=10", "truncated", "truncated", false),
        ("cut_after=60", "truncated", "truncated", false),
        ("cut_after=2e, rate=500", "truncated", "truncated", true),
        ("missing_last_chunk", "truncated", "truncated", true),
        ("no_done", "incomplete_stream", "truncated", true),
        ("event_error=overloaded_error@1", "error_event", "", true),
        ("rst_before_head", "closed_before_answer", "lost", false),
        ("cut_before_head", "closed_before_answer", "lost", false),
        ("cut_in_head=20", "truncated", "truncated", false),
        ("status=529", "status", "", false),
        ("garbage=100", "bad_http", "", false),
        ("bad_chunk_size=zz, chunk_size=20", "bad_http", "", true),
        ("extra_bytes=5", "extra_bytes", "changed", false),
        ("framing=both", "bad_http", "", false),
    ] {
        let mut arguments = vec!["-n", "3", "--rate", "200", "--mock", knobs];
        arguments.extend(stream.then_some("--stream"));
        let (report, code) = report(&mock.url, &arguments);
        assert_eq!(code, 1, "{knobs}");
        let through = &report["through"];
        assert_eq!(through["faults"][fault], 3, "{knobs}: {}", through["faults"]);
        assert_eq!(
            (&through["requests"]["ok"], &through["requests"]["failed"]),
            (&0.into(), &3.into())
        );
        for name in ["lost", "changed", "truncated"] {
            let expected = if name == class { 3 } else { 0 };
            assert_eq!(through["requests"][name], expected, "{knobs}: {name}");
        }
        assert_eq!(through["durations"].get("latency"), None, "{knobs}");
    }
}

#[test]
fn an_answer_that_never_comes_is_lost_after_the_timeout() {
    let mock = Server::mock(&[]);
    each_driver(|driver| {
        let arguments = ["-n", "2", "--rate", "100", "--timeout", "100ms", "--driver", driver];
        for knobs in ["head_stall", "stall_after=20"] {
            let (report, code) = report(&mock.url, &[&arguments[..], &["--mock", knobs]].concat());
            assert_eq!(code, 1);
            assert_eq!(report["through"]["faults"]["timed_out"], 2, "{knobs}");
            assert_eq!(report["through"]["requests"]["lost"], 2, "{knobs}");
        }
    });
}

#[test]
fn expected_statuses_are_good() {
    let mock = Server::mock(&["--key-script", "*=200,429,200"]);
    let arguments = ["-n", "3", "--closed", "-c", "1", "--expect-status", "200,429"];
    let (report, code) = report(&mock.url, &arguments);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["through"]["statuses"]["429"], 1);
}

#[test]
fn a_provider_that_tells_no_digest_leaves_answers_unverified() {
    let mock = Server::mock(&[]);
    let (report, code) = report(&mock.url, &[&SHORT[..], &["--no-mock"]].concat());
    let requests = &report["through"]["requests"];
    assert_eq!((code, &requests["ok"], &requests["unverified"]), (0, &24.into(), &24.into()));
}

#[test]
fn failures_of_the_warm_up_count_too() {
    let mock = Server::mock(&["--key-script", "*=500*2,200"]);
    let arguments = ["-n", "12", "--rate", "100", "--warmup", "60ms"];
    let (report, code) = report(&mock.url, &arguments);
    let requests = &report["through"]["requests"];
    assert_eq!((code, &requests["warmup_failed"], &requests["failed"]), (1, &2.into(), &0.into()));
}
