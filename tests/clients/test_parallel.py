"""Many streams at once: none may lose, mix or change a byte."""

import asyncio
import os

import anthropic
import httpx
import openai

from conftest import KEY, knobs, words

STREAMS = 50
EVENTS = 40


async def read_messages(client, index):
    word = f"a{index}w"
    events = []
    stream = await client.messages.create(
        model="claude-mock-1",
        max_tokens=100,
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        extra_headers=knobs(f"events={EVENTS}, word={word}, rate=400, event_size=900"),
    )
    async for event in stream:
        events.append(event)
    deltas = [event.delta.text for event in events if event.type == "content_block_delta"]
    check(deltas, word)
    assert events[-1].type == "message_stop"


async def read_chat(client, index):
    word = f"c{index}w"
    stream = await client.chat.completions.create(
        model="gpt-5",
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        extra_headers=knobs(f"events={EVENTS}, word={word}, rate=400, event_size=900"),
    )
    chunks = [chunk async for chunk in stream]
    check([c.choices[0].delta.content for c in chunks if c.choices[0].delta.content], word)
    assert chunks[-1].choices[0].finish_reason == "stop"


async def read_responses(client, index):
    word = f"r{index}w"
    stream = await client.responses.create(
        model="gpt-5",
        input="hello",
        stream=True,
        extra_headers=knobs(f"events={EVENTS}, word={word}, rate=400, event_size=900"),
    )
    events = [event async for event in stream]
    check([e.delta for e in events if e.type == "response.output_text.delta"], word)
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == words(EVENTS, word)


def check(deltas, word):
    """Each delta is its word, padded with x to the size that was asked for."""
    assert [delta.rstrip("x") for delta in deltas] == [f"{word}{n} " for n in range(EVENTS)]
    assert all(len(delta) > 400 for delta in deltas)


def test_fifty_streams_of_three_dialects_stay_apart(gateway):
    async def read_all():
        async with (
            anthropic.AsyncAnthropic(api_key=KEY, base_url=gateway, max_retries=0) as claude,
            openai.AsyncOpenAI(api_key=KEY, base_url=gateway + "/v1", max_retries=0) as gpt,
        ):
            kinds = [(read_messages, claude), (read_chat, gpt), (read_responses, gpt)]
            turns = [kinds[n % 3] for n in range(STREAMS)]
            await asyncio.gather(*[read(client, n) for n, (read, client) in enumerate(turns)])

    asyncio.run(read_all())


def recording():
    """A stream with all that a careless relay would change."""
    events = [": a comment\n\n", "event: ping\ndata: {\"type\": \"ping\"}\n\n"]
    for n in range(60):
        events.append(f'data: {{"n":{n},"text":"é漢🌊 \\u00e9"}}\r\n\r\n')
        events.append(f"event: x\r\nid: {n}\r\nretry: 10\r\ndata:no space\ndata: two\n\n")
    events.append("data: " + "x" * 100_000 + "\n\n")
    events.append("data: no end")
    return "".join(events).encode()


def test_fifty_recordings_come_byte_by_byte(gateway, replay_dir):
    expected = recording()
    with open(os.path.join(replay_dir, "all.sse"), "wb") as file:
        file.write(expected)

    async def read_one(client, index):
        cut = ["rate=600", "chunk=37, rate=4000", "chunk=1000", "framing=close"][index % 4]
        headers = {"authorization": f"Bearer {KEY}", "x-mock": f"replay=all.sse, {cut}"}
        body = {"model": "gpt-5", "messages": [], "stream": True}
        url = f"{gateway}/v1/chat/completions"
        async with client.stream("POST", url, json=body, headers=headers) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            got = b"".join([part async for part in response.aiter_raw()])
        assert got == expected, f"stream {index} ({cut}): {len(got)} of {len(expected)} bytes"

    async def read_all():
        limits = httpx.Limits(max_connections=STREAMS)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            await asyncio.gather(*[read_one(client, n) for n in range(STREAMS)])

    asyncio.run(read_all())
