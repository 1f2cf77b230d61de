"""The Anthropic SDK through the gateway."""

import json

import anthropic
import pytest

from conftest import KEY, knobs, words

ASK = dict(
    model="claude-mock-1", max_tokens=100, messages=[{"role": "user", "content": "hello"}]
)
TOOL = {
    "name": "weather",
    "description": "Tells the weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}
ASK_TOOL = dict(ASK, messages=[{"role": "user", "content": "use tool weather"}], tools=[TOOL])


def test_a_message_comes_whole(flavour, claude):
    message = flavour.wait(claude.messages.create(**ASK, extra_headers=knobs("events=5")))
    assert message.content[0].text == words(5)
    assert message.model == ASK["model"]
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (25, 5)
    assert message._request_id.startswith("req_")


def test_the_provider_sees_what_the_client_sent(flavour, claude, seen):
    flavour.wait(claude.messages.create(**ASK, extra_headers=seen.headers))
    record = seen.record()
    headers = {name.lower(): value for name, value in record["headers"]}
    assert KEY in (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer "))
    assert headers["anthropic-version"]
    assert headers["user-agent"].startswith(("Anthropic", "AsyncAnthropic"))
    assert (record["method"], record["target"]) == ("POST", "/v1/messages")
    body = json.loads(record["body"])
    assert {key: body[key] for key in ASK} == ASK


def test_a_beta_query_reaches_the_provider(flavour, claude, seen):
    flavour.wait(
        claude.beta.messages.create(
            **ASK, betas=["a-b"], extra_query={"beta": "true"}, extra_headers=seen.headers
        )
    )
    record = seen.record()
    assert record["target"] == "/v1/messages?beta=true"
    assert ["anthropic-beta", "a-b"] in [[k.lower(), v] for k, v in record["headers"]]


def test_rate_limit_headers_reach_the_client(flavour, claude):
    raw = flavour.wait(claude.messages.with_raw_response.create(**ASK))
    assert raw.headers["anthropic-ratelimit-requests-remaining"] == "3999"
    assert raw.headers["anthropic-organization-id"]


def test_a_large_message_comes_whole(flavour, claude):
    message = flavour.wait(claude.messages.create(**ASK, extra_headers=knobs("body_size=2MiB")))
    assert len(message.content[0].text) > 2_000_000


def test_a_large_request_goes_whole(flavour, claude, seen):
    text = "word " * 400_000
    ask = dict(ASK, messages=[{"role": "user", "content": text}])
    flavour.wait(claude.messages.create(**ask, extra_headers=seen.headers))
    assert seen.record()["body_length"] > len(text)


def test_a_stream_brings_every_event(flavour, claude):
    events = flavour.collect(
        claude.messages.create(**ASK, stream=True, extra_headers=knobs("events=30, ping=10"))
    )
    kinds = [event.type for event in events if event.type != "ping"]
    assert kinds == (
        ["message_start", "content_block_start"]
        + ["content_block_delta"] * 30
        + ["content_block_stop", "message_delta", "message_stop"]
    )
    deltas = [event.delta.text for event in events if event.type == "content_block_delta"]
    assert "".join(deltas) == words(30)


def test_the_stream_helper_adds_it_up(flavour, claude):
    manager = claude.messages.stream(**ASK, extra_headers=knobs("events=7, rate=500"))
    message = flavour.final(manager, "get_final_message")
    assert message.content[0].text == words(7)
    assert (message.usage.input_tokens, message.usage.output_tokens) == (25, 7)


def test_a_tool_is_called(flavour, claude):
    message = flavour.wait(claude.messages.create(**ASK_TOOL))
    assert message.stop_reason == "tool_use"
    use = message.content[-1]
    assert (use.type, use.name) == ("tool_use", "weather")
    assert use.input == {"city": "sample value", "days": 7}


@pytest.mark.parametrize("pieces", [1, 4, 60])
def test_a_streamed_tool_call_adds_up(flavour, claude, pieces):
    manager = claude.messages.stream(**ASK_TOOL, extra_headers=knobs(f"events={pieces}"))
    message = flavour.final(manager, "get_final_message")
    assert message.stop_reason == "tool_use"
    assert message.content[-1].input == {"city": "sample value", "days": 7}


def test_tokens_are_counted(flavour, claude):
    count = flavour.wait(
        claude.messages.count_tokens(model=ASK["model"], messages=ASK["messages"])
    )
    assert count.input_tokens > 0


def test_models_are_listed(flavour, claude):
    page = flavour.wait(claude.models.list(limit=1000))
    assert all(model.type == "model" for model in page.data)
    assert "claude-sonnet-4-5" in [model.id for model in page.data]


ERRORS = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (413, anthropic.APIStatusError, "request_too_large"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (529, anthropic.APIStatusError, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "kind", "type_"), ERRORS)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_the_exception_it_should_be(flavour, claude, status, kind, type_, stream):
    wanted = knobs(f'status={status}, error_message="why {status}", header.retry-after=7')
    with pytest.raises(kind) as caught:
        flavour.wait(claude.messages.create(**ASK, stream=stream, extra_headers=wanted))
    error = caught.value
    assert error.status_code == status
    assert error.body["error"] == {"type": type_, "message": f"why {status}"}
    assert error.response.headers["request-id"].startswith("req_")
    if status == 429:
        assert error.response.headers["retry-after"] == "7"


def test_a_large_error_body_comes_whole(flavour, claude):
    wanted = knobs("status=400, error_body_size=300KiB")
    with pytest.raises(anthropic.BadRequestError) as caught:
        flavour.wait(claude.messages.create(**ASK, extra_headers=wanted))
    assert len(caught.value.body["error"]["message"]) > 300_000


def test_an_error_event_in_the_stream_is_raised(flavour, claude):
    wanted = knobs('events=9, event_error=overloaded_error@4, error_message="no more"')
    texts = []

    async def read_async():
        async for event in await claude.messages.create(**ASK, stream=True, extra_headers=wanted):
            texts.append(event)

    with pytest.raises(anthropic.APIStatusError, match="no more"):
        if flavour.is_async:
            flavour.loop.run_until_complete(read_async())
        else:
            for event in claude.messages.create(**ASK, stream=True, extra_headers=wanted):
                texts.append(event)
    assert [event.type for event in texts].count("content_block_delta") == 4


def test_retries_follow_the_answers(flavour, claude, mock):
    key = "sk-retry-anthropic-" + ("async" if flavour.is_async else "sync")
    steps = {key: ["529:retry-after-ms=5", "500:retry-after-ms=5", 200]}
    assert mock.post("/__mock/script", json=steps).status_code == 200
    patient = claude.with_options(api_key=key, max_retries=2)
    message = flavour.wait(patient.messages.create(**ASK))
    assert message.stop_reason == "end_turn"
    assert mock.get("/__mock/stats").json()["script_steps_used"][key] == 3
