"""The OpenAI SDK through the gateway."""

import json

import openai
import pytest

from conftest import KEY, knobs, words

MESSAGES = [{"role": "user", "content": "hello"}]
ASK = dict(model="gpt-5", messages=MESSAGES)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
ASK_TOOL = dict(model="gpt-5", messages=[{"role": "user", "content": "use tool"}], tools=[FUNCTION])
RESPOND = dict(model="gpt-5", input="hello")
FLAT = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}
RESPOND_TOOL = dict(model="gpt-5", input="use tool", tools=[FLAT])
ARGUMENTS = {"city": "sample value"}


def test_a_completion_comes_whole(flavour, gpt):
    done = flavour.wait(gpt.chat.completions.create(**ASK, extra_headers=knobs("events=5")))
    assert done.choices[0].message.content == words(5)
    assert done.choices[0].finish_reason == "stop"
    assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (25, 5)
    assert done._request_id.startswith("req_")


def test_the_provider_sees_what_the_client_sent(flavour, gpt, seen):
    flavour.wait(gpt.chat.completions.create(**ASK, extra_headers=seen.headers))
    record = seen.record()
    headers = {name.lower(): value for name, value in record["headers"]}
    assert headers["authorization"] == f"Bearer {KEY}"
    assert record["target"] == "/v1/chat/completions"
    body = json.loads(record["body"])
    assert {key: body[key] for key in ASK} == ASK


def test_a_stream_brings_every_chunk(flavour, gpt):
    chunks = flavour.collect(
        gpt.chat.completions.create(**ASK, stream=True, extra_headers=knobs("events=30"))
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == words(30)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_ends_with_usage_when_asked(flavour, gpt):
    options = {"include_usage": True}
    chunks = flavour.collect(
        gpt.chat.completions.create(
            **ASK, stream=True, stream_options=options, extra_headers=knobs("events=4, rate=500")
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 29


def test_a_tool_is_called(flavour, gpt):
    done = flavour.wait(gpt.chat.completions.create(**ASK_TOOL))
    call = done.choices[0].message.tool_calls[0]
    assert done.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", ARGUMENTS)


@pytest.mark.parametrize("pieces", [1, 5, 60])
def test_a_streamed_tool_call_adds_up(flavour, gpt, pieces):
    chunks = flavour.collect(
        gpt.chat.completions.create(**ASK_TOOL, stream=True, extra_headers=knobs(f"events={pieces}"))
    )
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert calls[0].function.name == "weather"
    assert json.loads("".join(call.function.arguments or "" for call in calls)) == ARGUMENTS


def test_the_old_completions_still_work(flavour, gpt):
    ask = dict(model="gpt-3.5-turbo-instruct", prompt="hello")
    done = flavour.wait(gpt.completions.create(**ask, extra_headers=knobs("events=3")))
    assert done.choices[0].text == words(3)
    chunks = flavour.collect(
        gpt.completions.create(**ask, stream=True, extra_headers=knobs("events=3"))
    )
    assert "".join(chunk.choices[0].text for chunk in chunks) == words(3)


def test_a_response_comes_whole(flavour, gpt):
    done = flavour.wait(gpt.responses.create(**RESPOND, extra_headers=knobs("events=5")))
    assert (done.output_text, done.status) == (words(5), "completed")
    assert (done.usage.input_tokens, done.usage.output_tokens) == (25, 5)


def test_a_streamed_response_is_numbered_and_completes(flavour, gpt):
    events = flavour.collect(
        gpt.responses.create(**RESPOND, stream=True, extra_headers=knobs("events=30"))
    )
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == words(30)
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage.output_tokens == 30


def test_the_response_helper_adds_it_up(flavour, gpt):
    manager = gpt.responses.stream(**RESPOND, extra_headers=knobs("events=7"))
    assert flavour.final(manager, "get_final_response").output_text == words(7)


def test_a_response_calls_a_tool(flavour, gpt):
    done = flavour.wait(gpt.responses.create(**RESPOND_TOOL))
    call = done.output[0]
    assert (call.type, call.name) == ("function_call", "weather")
    assert json.loads(call.arguments) == ARGUMENTS
    events = flavour.collect(gpt.responses.create(**RESPOND_TOOL, stream=True))
    kind = "response.function_call_arguments.delta"
    text = "".join(event.delta for event in events if event.type == kind)
    assert json.loads(text) == ARGUMENTS


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_come_for_each_input(flavour, gpt, encoding):
    done = flavour.wait(
        gpt.embeddings.create(
            model="text-embedding-3-small",
            input=["a", "b", "c"],
            dimensions=4,
            **({"encoding_format": "float"} if encoding == "float" else {}),
        )
    )
    assert [entry.index for entry in done.data] == [0, 1, 2]
    assert done.data[2].embedding == [0.5, -0.25, 0.125, 0.5]


def test_models_are_listed(flavour, gpt):
    page = flavour.wait(gpt.models.list())
    assert "gpt-5" in [model.id for model in page.data]
    assert flavour.wait(gpt.models.retrieve("gpt-5")).id == "gpt-5"


ERRORS = [
    (400, openai.BadRequestError, None),
    (401, openai.AuthenticationError, "invalid_api_key"),
    (403, openai.PermissionDeniedError, None),
    (404, openai.NotFoundError, "model_not_found"),
    (429, openai.RateLimitError, "rate_limit_exceeded"),
    (500, openai.InternalServerError, None),
    (529, openai.InternalServerError, None),
]


@pytest.mark.parametrize(("status", "kind", "code"), ERRORS)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_the_exception_it_should_be(flavour, gpt, status, kind, code, stream):
    wanted = knobs(f'status={status}, error_message="why {status}", header.retry-after=7')
    with pytest.raises(kind) as caught:
        flavour.wait(gpt.chat.completions.create(**ASK, stream=stream, extra_headers=wanted))
    error = caught.value
    assert (error.status_code, error.code) == (status, code)
    assert f"why {status}" in error.message
    assert error.request_id.startswith("req_")
    if status == 429:
        assert error.response.headers["retry-after"] == "7"


def test_an_error_event_in_the_stream_is_raised(flavour, gpt):
    wanted = knobs('events=9, event_error=server_error@4, error_message="no more"')
    texts = []

    async def read_async():
        async for chunk in await gpt.chat.completions.create(
            **ASK, stream=True, extra_headers=wanted
        ):
            texts.append(chunk.choices[0].delta.content)

    with pytest.raises(openai.APIError, match="no more"):
        if flavour.is_async:
            flavour.loop.run_until_complete(read_async())
        else:
            for chunk in gpt.chat.completions.create(**ASK, stream=True, extra_headers=wanted):
                texts.append(chunk.choices[0].delta.content)
    assert "".join(texts) == words(4)


def test_an_error_event_of_a_response_is_handed_over(flavour, gpt):
    # The SDK raises only for an `error` member; the flat event of this API is an event like others.
    wanted = knobs('events=9, event_error=server_error@4, error_message="no more"')
    events = flavour.collect(gpt.responses.create(**RESPOND, stream=True, extra_headers=wanted))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == words(4)
    assert (events[-1].type, events[-1].code) == ("error", "server_error")
    assert events[-1].message == "no more"
    assert events[-1].sequence_number == len(events) - 1


def test_retries_follow_the_answers(flavour, gpt, mock):
    key = "sk-retry-openai-" + ("async" if flavour.is_async else "sync")
    steps = {key: ["429:retry-after-ms=5", "503:retry-after-ms=5", 200]}
    assert mock.post("/__mock/script", json=steps).status_code == 200
    patient = gpt.with_options(api_key=key, max_retries=2)
    done = flavour.wait(patient.chat.completions.create(**ASK))
    assert done.choices[0].finish_reason == "stop"
    assert mock.get("/__mock/stats").json()["script_steps_used"][key] == 3
