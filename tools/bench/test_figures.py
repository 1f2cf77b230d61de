"""Medians, ratios, noise and tables, without starting anything."""

import contextlib
import io
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import figures
import scenarios
import tables


def report(cpu_us, failed=0, events=0):
    """What tidegate-load would say."""
    return {
        "through": {
            "requests": {"failed": failed, "unfinished": 0, "warmup_failed": 0},
            "rates": {"requests_per_s": 1000.0, "events_per_s": float(events)},
            "durations": {"latency": {"p50_ms": 1.0, "p99_ms": 2.0}},
            "process": {
                "cpu_us_per_request": cpu_us,
                "cpu_us_per_event": cpu_us / 10,
                "cpu_s": 4.0,
                "user_s": 1.0,
            },
        }
    }


def cell(*values):
    made = figures.Cell()
    for value in values:
        if value is None:
            made.skip()
        else:
            made.add(report(value), "request")
    return made


QUIET = {"load_per_core": 0.0, "steal": 0.0, "foreign": 0.0}


class Figures(unittest.TestCase):
    def test_ratios_are_medians_of_pairs_not_ratios_of_medians(self):
        # The second round was slow for both; medians would say 2.0.
        self.assertEqual(figures.paired_ratio([10, 100, 12], [10, 50, 12]), 1.0)
        self.assertEqual(figures.paired_ratio([10, None, 30], [5, 7, 10]), 2.5)
        self.assertIsNone(figures.paired_ratio([None], [None]))

    def test_medians_skip_failed_rounds(self):
        self.assertEqual(figures.median([3, None, 1]), 2)
        self.assertEqual(figures.least([3, None, 1]), 1)
        self.assertIsNone(figures.median([None]))
        self.assertIsNone(figures.least([]))

    def test_cpu_is_split_by_user_and_system(self):
        one = cell(20.0)
        self.assertEqual((one.user_us, one.system_us), ([5.0], [15.0]))
        event = figures.Cell()
        event.add(report(20.0, events=7), "event")
        self.assertEqual((event.cpu_us, event.rate), ([2.0], [7.0]))

    def test_a_skipped_round_keeps_the_pairs_together(self):
        one = cell(10.0, None, 30.0)
        self.assertEqual(one.cpu_us, [10.0, None, 30.0])
        self.assertEqual(one.failed, 1)
        self.assertEqual(len(one.p99_ms), 3)

    def test_noise_is_told(self):
        quiet = figures.summary({"a": {"x": cell(10.0, 10.5)}}, [])
        self.assertEqual(figures.noise(quiet, QUIET), [])
        apart = figures.summary({"a": {"x": cell(10.0, 13.0)}}, [])
        self.assertEqual(len(figures.noise(apart, QUIET)), 1)
        for what in QUIET:
            self.assertEqual(len(figures.noise(quiet, QUIET | {what: 0.9})), 1, what)

    def test_tables_show_ratios_failures_and_what_is_missing(self):
        scenario = scenarios.named(["json-c32"])[0]
        cells = {"json-c32": {"mine": cell(20.0, 22.0), "relay": cell(10.0, 10.0)}}
        cells["json-c32"]["mine"].failed = 3
        found = figures.summary(cells, ["relay"])
        bench = {
            "machine": {"date": "d", "cpu": "<c>", "cores": 2, "kernel": "k"},
            "rounds": 2,
            "seconds": 3.0,
            "command": "run",
            "cores": {"contender": [0], "load": [1]},
            "bases": ["relay"],
            "missing": {"envoy": "get it"},
            "left_out": ["provider.select"],
            "scenarios": [scenario],
            "figures": found,
            "noise": ["<loud>"],
        }
        text = tables.text(bench)
        for part in ("2.10", "3 FAILED", "NOISY: <loud>", "not measured: envoy (get it)", "provider.select"):
            self.assertIn(part, text)
        page = tables.html(bench)
        self.assertIn("&lt;loud&gt;", page)
        self.assertNotIn("<loud>", page)
        self.assertNotIn("<c>", page)

    def test_scenarios_are_found_by_name(self):
        self.assertEqual(len(scenarios.named(None)), len(scenarios.SCENARIOS))
        with self.assertRaises(KeyError):
            scenarios.named(["nonsense"])


class Instructions(unittest.TestCase):
    """The ratchet on callgrind counts."""

    def setUp(self):
        path = Path(__file__).with_name("instructions")
        loader = SourceFileLoader("instructions", str(path))
        self.ratchet = module_from_spec(spec_from_loader("instructions", loader))
        loader.exec_module(self.ratchet)

    def judge(self, then, now, cpu="x"):
        made = lambda counts, cpu: {"cpu": cpu, "rustc": "r", "instructions": counts}  # noqa: E731
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = self.ratchet.compare(made(then, "x"), made(now, cpu))
        return code, said.getvalue()

    def test_over_5_percent_fails_and_below_does_not(self):
        self.assertEqual(self.judge({"a": 1000}, {"a": 1050})[0], 0)
        self.assertEqual(self.judge({"a": 1000}, {"a": 10})[0], 0)
        code, said = self.judge({"a": 1000, "b": 5}, {"a": 1051, "b": 5})
        self.assertEqual(code, 1)
        self.assertRegex(said, r"a +1,051 +\+5\.1% +FAILED")
        self.assertIn("--update", said)

    def test_another_kind_of_cpu_is_shown_and_not_judged(self):
        code, said = self.judge({"a": 1000}, {"a": 2000}, cpu="y")
        self.assertEqual(code, 0)
        self.assertIn("not judged", said)

    def test_the_lists_must_be_the_same(self):
        self.assertEqual(self.judge({"a": 1}, {"a": 1, "b": 1})[0], 1)
        self.assertEqual(self.judge({"a": 1, "b": 1}, {"a": 1})[0], 1)


if __name__ == "__main__":
    unittest.main()
