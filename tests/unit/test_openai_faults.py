import time

import pytest
from chat_endpoint import CUT, GARBAGE, HANG, STALL, Answer, ChatEndpoint, completion, error
from labeling_setup import KEY, UNITS, knows, openai_annotator, text_of

from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.cache import ReplyCache
from annotator.labeling.protocol import Unit, to_table

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.mark.parametrize(
    "fault",
    [
        error(429),
        error(429, retry_after="0.01"),
        error(500),
        error(503),
        GARBAGE,
        CUT,
        Answer(b"[]"),
        HANG,
        STALL,
    ],
    ids=["429", "retry-after", "500", "503", "garbage", "cut", "list", "hang", "stall"],
)
def test_a_passing_fault_is_survived(cache: ReplyCache, fault: Answer) -> None:
    def behave(messages: list[dict[str, str]], times: int) -> Answer:
        return fault if times == 1 else knows(messages)

    with ChatEndpoint(behave) as endpoint:
        rows = openai_annotator(endpoint.base_url, cache, timeout=0.5).label(UNITS[:3])
    assert {row.status for row in rows} == {"ok"}
    assert {row.attempts for row in rows} == {4}


@pytest.mark.parametrize(
    ("fault", "status", "attempts"),
    [
        (error(429), "http_4xx", 3),
        (error(500, "boom"), "http_5xx", 3),
        (error(503), "http_5xx", 3),
        (error(400, "too long"), "http_4xx", 1),
        (error(422), "http_4xx", 1),
        (GARBAGE, "unparsable", 3),
        (Answer(b'{"choices": [{"message": "x"}]}'), "unparsable", 3),
        (CUT, "error", 3),
        (HANG, "timeout", 3),
        (STALL, "timeout", 3),
        (error(400, code="content_filter"), "content_filter", 1),
        (completion(None, finish="content_filter"), "content_filter", 1),
        (completion(None, refusal="I cannot code this."), "refusal", 1),
        (completion("health", finish="length"), "truncated", 1),
        (completion(None), "empty", 1),
        (completion("health or other"), "off_codebook", 1),
        (completion("\ud800"), "off_codebook", 1),
    ],
)
def test_a_lasting_fault_of_one_unit_is_a_row(
    cache: ReplyCache, fault: Answer, status: str, attempts: int
) -> None:
    bad = Unit("bad", "bad luck")

    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        return fault if text_of(messages) == bad.text else knows(messages)

    with ChatEndpoint(behave) as endpoint:
        annotator = openai_annotator(endpoint.base_url, cache, timeout=0.4, attempts=3, concurrency=2)
        rows = annotator.label([UNITS[0], bad, *UNITS[1:]])
    assert (rows[1].status, rows[1].label, rows[1].attempts) == (status, None, attempts)
    assert [row.status for row in rows if row.unit_id != "bad"] == ["ok"] * len(UNITS)
    assert to_table(rows).num_rows == len(rows)


def test_a_label_stands_when_the_second_question_fails(cache: ReplyCache) -> None:
    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        return error(500) if len(messages) > 2 else knows(messages)

    with ChatEndpoint(behave) as endpoint:
        (row,) = openai_annotator(endpoint.base_url, cache, attempts=2).label(UNITS[:1])
    assert (row.label, row.status, row.confidence, row.attempts) == ("health", "ok", None, 3)


def test_nobody_there_is_said_at_once(cache: ReplyCache) -> None:
    with ChatEndpoint(knows) as endpoint:
        gone = endpoint.base_url
    annotator = openai_annotator(gone, cache, attempts=3)
    with pytest.raises(ServiceUnavailableError, match="no connection") as caught:
        annotator.label([Unit(str(number), f"text {number}") for number in range(3000)])
    assert caught.value.retryable
    assert annotator.calls < 300
    with pytest.raises(ServiceUnavailableError):
        annotator.check()


def test_replies_received_before_the_end_are_kept(cache: ReplyCache) -> None:
    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        return knows(messages) if messages[1]["content"] < "<text>\nN" else error(503)

    with ChatEndpoint(behave) as endpoint:
        annotator = openai_annotator(endpoint.base_url, cache, attempts=4, concurrency=1)
        with pytest.raises(ServiceUnavailableError):
            annotator.label(sorted(UNITS, key=lambda unit: unit.text) * 2)
    assert len(cache) > 0
    with ChatEndpoint(knows) as endpoint:
        openai_annotator(endpoint.base_url, cache).label(UNITS)
        assert len(endpoint.requests) == 2 * len(UNITS) - (len(cache) - len(endpoint.requests))


@pytest.mark.parametrize("fault", [error(503), error(500), GARBAGE], ids=["503", "500", "garbage"])
def test_an_endpoint_that_never_answers_is_unavailable(cache: ReplyCache, fault: Answer) -> None:
    units = [Unit(str(number), f"text {number}") for number in range(200)]
    with ChatEndpoint(lambda *_: fault) as endpoint:
        with pytest.raises(ServiceUnavailableError):
            openai_annotator(endpoint.base_url, cache, attempts=2).label(units)
        assert len(endpoint.requests) < 300


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_stops_the_batch(cache: ReplyCache, status: int) -> None:
    with ChatEndpoint(lambda *_: error(status, f"rejected {KEY}")) as endpoint:
        annotator = openai_annotator(endpoint.base_url, cache)
        for call in (lambda: annotator.label(UNITS), annotator.check):
            with pytest.raises(ServiceError, match=str(status)) as caught:
                call()
            assert not caught.value.retryable
            assert caught.value.hint
            assert KEY not in str(caught.value)


def test_an_endpoint_that_refuses_every_text_stops_the_batch(cache: ReplyCache) -> None:
    units = [Unit(str(number), f"text {number}") for number in range(200)]
    with ChatEndpoint(lambda *_: error(400, "no such parameter")) as endpoint:
        with pytest.raises(ServiceError, match="no such parameter") as caught:
            openai_annotator(endpoint.base_url, cache).label(units)
        assert not caught.value.retryable
        assert len(endpoint.requests) < 100


def test_a_long_retry_after_ends_the_batch(cache: ReplyCache) -> None:
    later = error(429, retry_after="3600")
    with (
        ChatEndpoint(lambda *_: later) as endpoint,
        pytest.raises(ServiceUnavailableError, match="429") as caught,
    ):
        openai_annotator(endpoint.base_url, cache).label(UNITS)
    assert "3600" in (caught.value.hint or "")


def test_a_row_without_a_label_keeps_what_came(cache: ReplyCache) -> None:
    said = {
        "a": (error(500, "boom"), "HTTP 500: boom"),
        "b": (error(400, code="content_filter", message="violence"), "HTTP 400: violence"),
        "c": (Answer(b"<html>Bad Gateway</html>"), "not JSON: <html>Bad Gateway</html>"),
        "d": (Answer(b'{"choices": []}'), 'no chat completion: {"choices": []}'),
        "e": (completion("neither"), "neither"),
        "f": (HANG, "no answer in time"),
        "g": (Answer(b""), "not JSON, but empty"),
    }
    units = [Unit(text, text) for text in said]

    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        return said[text_of(messages)][0]

    with ChatEndpoint(behave) as endpoint:
        rows = openai_annotator(endpoint.base_url, cache, timeout=0.4, attempts=1).label(units)
    for row, (_, words) in zip(rows, said.values(), strict=True):
        assert words in (row.raw or "")


def test_waiting_is_as_long_as_the_endpoint_asks(cache: ReplyCache) -> None:
    times: list[float] = []

    def behave(messages: list[dict[str, str]], times_asked: int) -> Answer:
        times.append(time.monotonic())
        return error(429, retry_after="0.6") if times_asked == 1 else knows(messages)

    with ChatEndpoint(behave) as endpoint:
        openai_annotator(endpoint.base_url, cache, confidence="none").label(UNITS[:1])
    assert 0.6 <= times[1] - times[0] < 2.0
