//! The long help: conditions, exit codes, examples.
//!
//! Never out of step with the names of values: they are printed from their own list.

use crate::report::NAMES;

/// What `--help` prints after the options.
pub fn text() -> String {
    format!("{CONDITIONS}\n  {NAMES}\n\n{REST}")
}

const CONDITIONS: &str = "\
Conditions (--fail-if): NAME (> >= < <= == !=) NUMBER, joined by and, or, parentheses. A value that
was not measured makes the condition fail. Names:";

const REST: &str = "\
Open loop: requests begin when they are due, whether or not the answers before them are there, and
every duration counts from that moment. A closed loop measures a slower target less often.

Checks: status; each byte, by the digest that tidegate-mock tells (in a header, or at the end of a
stream); chunks and lengths; the last event of the dialect; nothing after the end.

Exit codes: 0 all good; 1 answers failed, a condition holds, or the target cannot be reached;
2 usage.
Ctrl-C ends the run and prints what there is; a second one ends at once.

Examples:
  tidegate-load http://127.0.0.1:8787                                100 requests a second for 10 s
  tidegate-load http://127.0.0.1:8787 --closed -c 32 -d 30s --pid $(pidof tidegate)
  tidegate-load http://127.0.0.1:8787 --stream --events 500 --event-rate 100 --arrivals poisson
  tidegate-load http://127.0.0.1:8787 --shape agent --request-size 100KB --rate 50
  tidegate-load http://127.0.0.1:8787 --direct http://127.0.0.1:9000 --rounds 10 -d 3s
  tidegate-load http://127.0.0.1:8787 --json a.json --html a.html --fail-if 'p99_ms > 20'
  tidegate-load --compare a.json b.json --fail-if 'p99_ms > 1.1'";
