import math

import pytest
from chat_endpoint import Answer, ChatEndpoint, completion, error
from labeling_setup import KEY, PROMPTS, STRANGE, UNITS, knows, openai_annotator, text_of

from annotator.errors import StudyError
from annotator.labeling.cache import ReplyCache
from annotator.labeling.protocol import Unit

pytestmark = pytest.mark.usefixtures("no_waiting")


def test_two_questions_are_asked_and_paid_for(cache: ReplyCache) -> None:
    with ChatEndpoint(knows) as endpoint:
        annotator = openai_annotator(endpoint.base_url, cache, price_in=3.0, price_out=6.0)
        (row,) = annotator.label(UNITS[:1])
    assert (row.label, row.confidence, row.raw) == ("health", 0.9, "health\n90%")
    assert (row.tokens_in, row.tokens_out, row.attempts) == (20, 4, 2)
    assert row.cost == pytest.approx((20 * 3.0 + 4 * 6.0) / 1e6)
    assert row.prompt_hash == PROMPTS.digest
    assert [len(request["messages"]) for request in endpoint.requests] == [2, 4]
    assert endpoint.requests[0]["temperature"] == 0.0
    assert endpoint.authorizations == {f"Bearer {KEY}"}


def test_nothing_is_paid_twice(cache: ReplyCache) -> None:
    with ChatEndpoint(knows) as endpoint:
        first = openai_annotator(endpoint.base_url, cache, price_in=1.0).label([*UNITS, *STRANGE])
        asked = len(endpoint.requests)
    again = openai_annotator(endpoint.base_url, cache, price_in=1.0)  # the endpoint is gone by now
    second = again.label([*UNITS, *STRANGE])
    assert again.calls == 0
    assert asked == len(cache)
    assert [row.label for row in second] == [row.label for row in first]
    assert [row.cost for row in second] == [row.cost for row in first]
    assert {row.attempts for row in second} == {0}


def test_identical_texts_are_asked_once(cache: ReplyCache) -> None:
    units = [Unit(str(number), UNITS[0].text) for number in range(30)]
    with ChatEndpoint(knows) as endpoint:
        rows = openai_annotator(endpoint.base_url, cache, price_in=1.0).label(units)
        later = openai_annotator(endpoint.base_url, cache, price_in=1.0).label([Unit("late", units[0].text)])
    assert len(endpoint.requests) == 2
    assert {row.label for row in rows} == {"health"}
    assert sum(row.cost for row in [*rows, *later]) == pytest.approx(20 / 1e6)


def test_another_model_is_asked_anew(cache: ReplyCache) -> None:
    with ChatEndpoint(knows) as endpoint:
        openai_annotator(endpoint.base_url, cache).label(UNITS[:1])
        openai_annotator(endpoint.base_url, cache, model="n").label(UNITS[:1])
    assert len(endpoint.requests) == 4


def test_no_more_requests_at_once_than_allowed(cache: ReplyCache) -> None:
    units = [Unit(str(number), f"text {number}") for number in range(60)]
    with ChatEndpoint(knows) as endpoint:
        openai_annotator(endpoint.base_url, cache, concurrency=3).label(units)
    assert 1 <= endpoint.most_at_once <= 3


def test_the_key_appears_nowhere(
    cache: ReplyCache, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        return completion(f"other {KEY}") if text_of(messages) == UNITS[0].text else error(500, f"key {KEY}")

    with ChatEndpoint(behave) as endpoint:
        rows = openai_annotator(endpoint.base_url, cache, attempts=2).label(UNITS[:2])
    cache.close()
    assert KEY not in repr(rows)
    assert KEY.encode() not in cache.path.read_bytes()
    assert KEY not in caplog.text
    assert KEY not in "".join(capfd.readouterr())


def test_a_redirect_is_not_followed(cache: ReplyCache) -> None:
    with ChatEndpoint(knows) as elsewhere:
        away = Answer(status=307, headers={"Location": f"{elsewhere.base_url}/chat/completions"})
        with ChatEndpoint(lambda *_: away) as endpoint:
            (row,) = openai_annotator(endpoint.base_url, cache).label(UNITS[:1])
        assert elsewhere.requests == []
    assert row.status == "error"


def test_a_proxy_is_not_used_on_this_machine(cache: ReplyCache, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ChatEndpoint(knows) as endpoint:
        assert openai_annotator(endpoint.base_url, cache).label(UNITS[:1])[0].status == "ok"


def test_a_key_of_the_environment_is_not_taken(cache: ReplyCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody-elses")
    with ChatEndpoint(knows) as endpoint:
        openai_annotator(endpoint.base_url, cache, api_key=None).check()
    assert endpoint.authorizations == {"Bearer no-key"}


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-\u00e9", "a b"])
def test_a_key_no_header_can_carry_is_refused_unseen(cache: ReplyCache, key: str) -> None:
    with pytest.raises(StudyError) as caught:
        openai_annotator("http://127.0.0.1:1/v1", cache, api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host/v1", "http://me:pw-123@host/v1"])
def test_an_unusable_address_is_refused(cache: ReplyCache, url: str) -> None:
    with pytest.raises(StudyError) as caught:
        openai_annotator(url, cache)
    assert "pw-123" not in str(caught.value)


def test_logprob_confidence_is_the_probability_of_the_code(cache: ReplyCache) -> None:
    tokens = [("hea", -0.1), ("lth", -0.2)]
    with ChatEndpoint(lambda *_: completion("health", logprobs=tokens)) as endpoint:
        (row,) = openai_annotator(endpoint.base_url, cache, confidence="logprob").label(UNITS[:1])
    assert endpoint.requests[0]["logprobs"] is True
    assert len(endpoint.requests) == 1
    assert row.logprob == pytest.approx(-0.3)
    assert row.confidence == pytest.approx(math.exp(-0.3))


def test_logprobs_an_endpoint_ignores_are_null(cache: ReplyCache) -> None:
    with ChatEndpoint(knows) as endpoint:
        (row,) = openai_annotator(endpoint.base_url, cache, confidence="logprob").label(UNITS[:1])
    assert (row.status, row.logprob, row.confidence) == ("ok", None, None)
