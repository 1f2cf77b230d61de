"""What is asked of each contender.

Never names a contender: who cannot serve a scenario says so itself.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """Arguments of tidegate-load, and what its CPU time is divided by."""

    name: str
    says: str
    arguments: tuple
    unit: str = "request"
    # Needs a pool of keys that fails over.
    failover: bool = False
    # At least so long, seconds: streams must begin and end within it.
    seconds_min: float = 0.0


def _load(text):
    return tuple(text.split())


SCENARIOS = (
    Scenario("json-c32", "small JSON, 32 callers", _load("--closed -c 32")),
    Scenario("json-c1", "small JSON, one caller", _load("--closed -c 1 --ramp 0s")),
    Scenario("json-1000", "small JSON, open loop, 1,000/s", _load("--rate 1000 -c 256")),
    Scenario(
        "body-100k",
        "100 KB body of a coding agent, open loop, 200/s",
        _load("--rate 200 -c 64 --shape agent --request-size 100KB"),
    ),
    Scenario("body-1m", "1 MB body, open loop, 40/s", _load("--rate 40 -c 32 --request-size 1MB")),
    Scenario("answer-10k", "10 KB answer, 32 callers", _load("--closed -c 32 --response-size 10KB")),
    Scenario(
        "sse-paced",
        "100 streams, one event per 10 ms each, phases spread",
        _load("--closed -c 100 --ramp 2s --stream --events 150 --event-rate 100 --event-size 150"),
        unit="event",
        seconds_min=4.0,
    ),
    Scenario(
        "sse-burst",
        "streams of 500 events as fast as they go, 8 callers",
        _load("--closed -c 8 --stream --events 500 --event-size 150"),
        unit="event",
    ),
    Scenario("connect", "a connection per request, 8 callers", _load("--closed -c 8 --reuse 1")),
    Scenario(
        "failover",
        "open loop, 300/s, the provider refuses 1 % with 429",
        _load("--rate 300 -c 64"),
        failover=True,
    ),
)


def named(names):
    """The scenarios with these names, all for none. Raises KeyError with the first unknown one."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    return [known[name] for name in names] if names else list(SCENARIOS)
