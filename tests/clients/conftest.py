"""Clients of every kind, pointed at the gateway that `run` has started."""

import asyncio
import os
import uuid

import anthropic
import httpx
import openai
import pytest

KEY = "sk-test-client-key"


class Flavour:
    """One way of calling an SDK: sync or async, behind the same few words."""

    def __init__(self, is_async):
        self.is_async = is_async
        self.loop = asyncio.new_event_loop() if is_async else None

    def wait(self, result):
        """The result of a call, awaited where the flavour needs it."""
        return self.loop.run_until_complete(result) if self.is_async else result

    def collect(self, stream):
        """All events of a stream, to its end."""
        stream = self.wait(stream) if asyncio.iscoroutine(stream) else stream
        if not self.is_async:
            return list(stream)

        async def all_of():
            return [event async for event in stream]

        return self.loop.run_until_complete(all_of())

    def final(self, manager, question):
        """Enters a stream helper, asks its final value."""
        if not self.is_async:
            with manager as stream:
                return getattr(stream, question)()

        async def enter():
            async with manager as stream:
                return await getattr(stream, question)()

        return self.loop.run_until_complete(enter())

    def close(self, client):
        self.wait(client.close())
        if self.loop:
            self.loop.close()


@pytest.fixture(scope="session")
def gateway():
    return os.environ["GATEWAY_URL"].rstrip("/")


@pytest.fixture(scope="session")
def mock():
    """Control requests go to the mock itself, past the gateway."""
    with httpx.Client(base_url=os.environ["MOCK_URL"], timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def replay_dir():
    return os.environ["REPLAY_DIR"]


@pytest.fixture(params=["sync", "async"])
def flavour(request):
    return Flavour(request.param == "async")


@pytest.fixture
def claude(flavour, gateway):
    kind = anthropic.AsyncAnthropic if flavour.is_async else anthropic.Anthropic
    client = kind(api_key=KEY, base_url=gateway, max_retries=0, timeout=20)
    yield client
    flavour.close(client)


@pytest.fixture
def gpt(flavour, gateway):
    kind = openai.AsyncOpenAI if flavour.is_async else openai.OpenAI
    client = kind(api_key=KEY, base_url=gateway + "/v1", max_retries=0, timeout=20)
    yield client
    flavour.close(client)


@pytest.fixture
def seen(mock):
    """`seen.headers` marks a request; `seen.record()` is what the provider saw of it."""

    class Seen:
        def __init__(self):
            self.mark = uuid.uuid4().hex
            self.headers = {"x-test-mark": self.mark}

        def record(self):
            # The record is written when the answer is out, which may be after the client has it.
            for _ in range(200):
                for record in mock.get("/__mock/log").json():
                    if ["x-test-mark", self.mark] in [[k.lower(), v] for k, v in record["headers"]]:
                        return record
                mock.get("/__mock/log", params={"wait": 1 << 40, "timeout_ms": 20})
            raise AssertionError("the provider never saw the request")

    return Seen()


def words(count, word="tide"):
    """The text the mock says."""
    return "".join(f"{word}{index} " for index in range(count))


def knobs(text):
    """Headers that set knobs of the mock for one request."""
    return {"x-mock": text}
