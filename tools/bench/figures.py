"""From the reports of single runs to figures: medians, least values, paired ratios, noise.

Never measures and never prints.
"""

import statistics
from dataclasses import dataclass, field

# Rounds of one cell that lie further apart than this, (max - min) / median, mark it noisy.
SPREAD_MAX = 0.15
# Part of the machine's time that others took (steal) above which the whole run is noisy.
STEAL_MAX = 0.02
# Load average per core at the start above which the whole run is noisy.
LOAD_MAX = 0.25


@dataclass
class Cell:
    """One contender in one scenario: a value per round, None where the run failed."""

    cpu_us: list = field(default_factory=list)
    user_us: list = field(default_factory=list)
    system_us: list = field(default_factory=list)
    rate: list = field(default_factory=list)
    p50_ms: list = field(default_factory=list)
    p99_ms: list = field(default_factory=list)
    first_p50_ms: list = field(default_factory=list)
    first_p99_ms: list = field(default_factory=list)
    failed: int = 0

    def add(self, report, unit):
        """Takes one report of tidegate-load; `unit` is `request` or `event`."""
        side = report["through"]
        requests, process = side["requests"], side["process"] or {}
        self.failed += requests["failed"] + requests["unfinished"] + requests["warmup_failed"]
        per_event = unit == "event"
        count = "cpu_us_per_event" if per_event else "cpu_us_per_request"
        cpu = process.get(count)
        self.cpu_us.append(cpu)
        share = process["user_s"] / process["cpu_s"] if process.get("cpu_s") else None
        known = cpu is not None and share is not None
        self.user_us.append(cpu * share if known else None)
        self.system_us.append(cpu * (1 - share) if known else None)
        self.rate.append(side["rates"]["events_per_s" if per_event else "requests_per_s"])
        main = side["durations"].get("event_delay" if per_event else "latency", {})
        first = side["durations"].get("first_event", {})
        for values, source, name in (
            (self.p50_ms, main, "p50_ms"),
            (self.p99_ms, main, "p99_ms"),
            (self.first_p50_ms, first, "p50_ms"),
            (self.first_p99_ms, first, "p99_ms"),
        ):
            values.append(source.get(name))

    def skip(self):
        """A round whose run did not come to a report."""
        for values in vars(self).values():
            if isinstance(values, list):
                values.append(None)
        self.failed += 1


def median(values):
    """The median of what there is, None of nothing."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def least(values):
    """The least of what there is, None of nothing."""
    return min((value for value in values if value is not None), default=None)


def spread(values):
    """(max - min) / median; None of fewer than two values or a median of 0."""
    known = [value for value in values if value is not None]
    middle = median(known)
    return (max(known) - min(known)) / middle if len(known) > 1 and middle else None


def paired_ratio(values, base):
    """The median of the ratios round by round, so that what slows a whole round falls out."""
    pairs = zip(values, base, strict=True)
    return median([one / two for one, two in pairs if one is not None and two])


def summary(cells, bases):
    """Per scenario and contender what the tables show; `cells` is {scenario: {contender: Cell}}."""
    found = {}
    for scenario, row in cells.items():
        found[scenario] = {}
        for name, cell in row.items():
            ratios = {
                base: paired_ratio(cell.cpu_us, row[base].cpu_us)
                for base in bases
                if base in row and base != name
            }
            found[scenario][name] = {
                "cpu_us": median(cell.cpu_us),
                "cpu_us_min": least(cell.cpu_us),
                "user_us": median(cell.user_us),
                "system_us": median(cell.system_us),
                "rate": median(cell.rate),
                "p50_ms": median(cell.p50_ms),
                "p99_ms": median(cell.p99_ms),
                "first_p50_ms": median(cell.first_p50_ms),
                "first_p99_ms": median(cell.first_p99_ms),
                "ratios": ratios,
                "spread": spread(cell.cpu_us),
                "failed": cell.failed,
                "rounds": vars(cell),
            }
    return found


def noise(found, machine):
    """Why the figures deserve less trust; an empty list when nothing speaks against them."""
    why = []
    if machine["load_per_core"] > LOAD_MAX:
        why.append(f"load average {machine['load_per_core']:.2f} per core at the start")
    if machine["steal"] > STEAL_MAX:
        why.append(f"{machine['steal']:.1%} of the machine's time was taken by others (steal)")
    if machine["foreign"] > LOAD_MAX:
        why.append(f"other processes used {machine['foreign']:.2f} cores")
    for scenario, row in found.items():
        for name, figures in row.items():
            if figures["spread"] is not None and figures["spread"] > SPREAD_MAX:
                why.append(f"{scenario}, {name}: rounds {figures['spread']:.0%} apart")
    return why
