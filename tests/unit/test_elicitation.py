"""What is asked of an endpoint beyond one question, what it adds up to, and that it is kept and counted."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from chat_endpoint import Answer, ChatEndpoint, completion, error
from codebooks import TIMES, TONE, TOPICS

from annotator.codebook import Codebook
from annotator.errors import ServiceError
from annotator.labeling.cache import ReplyCache
from annotator.labeling.dialogue import Variation
from annotator.labeling.few_shot import Example
from annotator.labeling.openai import OpenAIAnnotator
from annotator.labeling.orders import orders
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Unit
from annotator.labeling.templating import PARAPHRASES

pytestmark = pytest.mark.usefixtures("no_waiting")

Messages = list[dict[str, str]]
UNIT = Unit("u1", "The weather was fine")


def annotator(
    endpoint: ChatEndpoint, cache: ReplyCache, codebook: Codebook = TONE, **options: object
) -> OpenAIAnnotator:
    as_json = options.get("confidence") == "structured"
    settings = {"model": "m", "api_key": None, "prompts": Prompts(codebook, as_json=as_json), **options}
    return OpenAIAnnotator("gpt", base_url=endpoint.base_url, cache=cache, codebook=codebook, **settings)  # type: ignore[arg-type]


def shuffled(codebook: Codebook, k: int, **options: object) -> Variation:
    own = Prompts(codebook)
    others = orders(codebook.names, k, np.random.default_rng(0))
    return Variation(shuffled=[own.with_order(order) for order in others], **options)  # type: ignore[arg-type]


def listed(messages: Messages) -> list[str]:
    """The codes in the order in which the prompt lists them."""
    lines = messages[0]["content"].splitlines()
    return [line.removeprefix("- ") for line in lines if line.startswith("- ")]


def in_turn(*texts: str) -> ChatEndpoint:
    """Replies to the same messages, one after the other."""
    return ChatEndpoint(lambda _, times: completion(texts[(times - 1) % len(texts)]))


class TestStructured:
    def test_label_and_probability_come_in_one_call(self, cache: ReplyCache) -> None:
        with in_turn('{"label": "neutral", "probability": 0.75}') as endpoint:
            (row,) = annotator(endpoint, cache, confidence="structured").label([UNIT])
        assert (row.label, row.confidence, row.attempts) == ("neutral", 0.75, 1)
        assert dict(row.signals) == {"verbalized": 0.75}
        (request,) = endpoint.requests
        assert request["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"] == list(
            TONE.names
        )
        assert request["messages"][1]["content"].endswith("JSON:")

    def test_a_broken_object_is_repaired_once(self, cache: ReplyCache) -> None:
        def behave(messages: Messages, _: int) -> Answer:
            is_repair = len(messages) == 4
            return completion('{"label": "negative", "probability": 0.9}' if is_repair else '{"label": "neg')

        with ChatEndpoint(behave) as endpoint:
            (row,) = annotator(endpoint, cache, confidence="structured").label([UNIT])
        assert (row.label, row.confidence, row.attempts) == ("negative", 0.9, 2)
        assert row.tokens_in == 20
        assert [turn["role"] for turn in endpoint.requests[1]["messages"]] == [
            "system",
            "user",
            "assistant",
            "user",
        ]

    def test_what_cannot_be_repaired_is_a_row(self, cache: ReplyCache) -> None:
        with in_turn("{broken") as endpoint:
            (row,) = annotator(endpoint, cache, confidence="structured").label([UNIT])
        assert (row.label, row.status, row.confidence) == (None, "off_codebook", None)
        assert len(endpoint.requests) == 2

    def test_a_label_survives_a_repair_that_brings_less(self, cache: ReplyCache) -> None:
        def behave(messages: Messages, _: int) -> Answer:
            return completion("I do not know" if len(messages) == 4 else '{"label": "neutral"}')

        with ChatEndpoint(behave) as endpoint:
            (row,) = annotator(endpoint, cache, confidence="structured").label([UNIT])
        assert (row.label, row.confidence) == ("neutral", None)

    def test_an_endpoint_that_ignores_the_format_is_read_anyway(self, cache: ReplyCache) -> None:
        with in_turn('Sure!\n```json\n{"label": "positive", "probability": 0.6}\n```') as endpoint:
            (row,) = annotator(endpoint, cache, confidence="structured").label([UNIT])
        assert (row.label, row.confidence) == ("positive", 0.6)

    def test_words_instead_of_json_give_a_label_without_confidence(self, cache: ReplyCache) -> None:
        with in_turn("positive") as endpoint:
            (row,) = annotator(endpoint, cache, confidence="structured").label([UNIT])
        assert (row.label, row.confidence, len(endpoint.requests)) == ("positive", None, 2)

    def test_an_endpoint_that_refuses_the_format_is_told_apart(self, cache: ReplyCache) -> None:
        with ChatEndpoint(lambda *_: error(400, "response_format is not supported")) as endpoint:
            model = annotator(endpoint, cache, confidence="structured")
            with pytest.raises(ServiceError, match="response_format") as caught:
                model.check()
        assert "confidence: verbalized" in (caught.value.hint or "")

    def test_an_endpoint_that_ignores_the_format_is_told_before_money_is_spent(
        self, cache: ReplyCache
    ) -> None:
        with in_turn("OK", '{"label": "neutral", "probability": 1}') as endpoint:
            model = annotator(endpoint, cache, confidence="structured")
            assert "ignores response_format" in model.check()
            assert "ignores" not in model.check()

    def test_each_code_of_a_set_has_its_probability(self, cache: ReplyCache) -> None:
        probabilities = {"crime": 0.2, "health": 0.9, "tax": 0.7}
        said = {"labels": ["tax", "health"], "probability": 0.5, "probabilities": probabilities}
        with in_turn(json.dumps(said)) as endpoint:
            (row,) = annotator(endpoint, cache, TOPICS, confidence="structured").label([UNIT])
        assert (row.label, row.confidence) == ("health;tax", 0.5)
        assert dict(row.signals) == {"verbalized": 0.5, **{f"code:{k}": v for k, v in probabilities.items()}}


class TestSelfConsistency:
    def test_the_most_frequent_code_wins_and_its_share_is_kept(self, cache: ReplyCache) -> None:
        with in_turn("neutral", "positive", "neutral", "nonsense", "neutral") as endpoint:
            model = annotator(endpoint, cache, confidence="self_consistency", variation=Variation(samples=5))
            (row,) = model.label([UNIT])
        assert (row.label, row.confidence, dict(row.signals)) == ("neutral", 0.6, {"agreement": 0.6})
        assert {request["temperature"] for request in endpoint.requests} == {0.7}
        assert (row.attempts, row.tokens_in) == (5, 50)

    def test_samples_are_kept_apart_and_asked_once(self, cache: ReplyCache) -> None:
        options = {"confidence": "self_consistency", "variation": Variation(samples=3), "price_in": 1.0}
        with in_turn("neutral", "positive", "neutral") as endpoint:
            (first,) = annotator(endpoint, cache, **options).label([UNIT])
            (second,) = annotator(endpoint, cache, **options).label([UNIT])
        assert len(endpoint.requests) == len(cache) == 3
        assert (first.label, first.signals, first.cost) == (second.label, second.signals, second.cost)
        assert first.cost == pytest.approx(30 / 1e6)

    def test_more_samples_use_those_there_are(self, cache: ReplyCache) -> None:
        with in_turn("neutral") as endpoint:
            for k in (2, 5):
                annotator(endpoint, cache, confidence="none", variation=Variation(samples=k)).label([UNIT])
        assert len(endpoint.requests) == 5

    def test_without_any_code_there_is_no_label(self, cache: ReplyCache) -> None:
        with in_turn("what?") as endpoint:
            (row,) = annotator(endpoint, cache, variation=Variation(samples=3)).label([UNIT])
        assert (row.label, row.status, row.attempts) == (None, "off_codebook", 3)

    def test_shares_of_each_code_of_a_set(self, cache: ReplyCache) -> None:
        with in_turn("tax", "tax; crime", "none", "tax") as endpoint:
            model = annotator(endpoint, cache, TOPICS, confidence="none", variation=Variation(samples=4))
            (row,) = model.label([UNIT])
        assert row.label == "tax"
        assert dict(row.signals) == {
            "agreement": 0.5,
            "code:crime": 0.25,
            "code:health": 0.0,
            "code:tax": 0.75,
        }

    def test_the_second_question_is_about_the_label_that_won(self, cache: ReplyCache) -> None:
        answers = iter(["positive", "neutral", "neutral"])

        def behave(messages: Messages, _: int) -> Answer:
            return completion("80%" if len(messages) == 4 else next(answers))

        with ChatEndpoint(behave) as endpoint:
            (row,) = annotator(endpoint, cache, concurrency=1, variation=Variation(samples=3)).label([UNIT])
        assert endpoint.requests[-1]["messages"][2]["content"] == "neutral"
        assert endpoint.requests[-1]["temperature"] == 0.0
        assert row.signals == {"agreement": pytest.approx(2 / 3), "verbalized": 0.8}


class TestOrdersAndWordings:
    def test_a_model_that_takes_the_first_code_is_seen_through(self, cache: ReplyCache) -> None:
        with ChatEndpoint(lambda messages, _: completion(listed(messages)[0])) as endpoint:
            model = annotator(endpoint, cache, confidence="none", variation=shuffled(TONE, 2))
            (row,) = model.label([UNIT])
        assert row.label == "positive"
        assert row.signals["shuffle_agreement"] == 0.0
        details = {name: value for name, value in row.signals.items() if ":" in name}
        assert Counter(name.split(":")[1] for name in details) == {"0": 1, "1": 1, "2": 1}
        assert set(details.values()) == {1.0}

    def test_a_model_that_reads_agrees_with_itself(self, cache: ReplyCache) -> None:
        with in_turn("neutral") as endpoint:
            model = annotator(endpoint, cache, confidence="none", variation=shuffled(TONE, 5))
            (row,) = model.label([UNIT])
        assert row.signals["shuffle_agreement"] == 1.0
        places = [value for name, value in row.signals.items() if name.startswith("shuffle:")]
        assert Counter(places) == {1.0: 2, 2.0: 2, 3.0: 2}
        assert len({tuple(listed(request["messages"])) for request in endpoint.requests}) == 6

    def test_paraphrases_are_asked_and_can_be_the_confidence(self, cache: ReplyCache) -> None:
        folders = [PARAPHRASES.joinpath(name) for name in ("brief", "questionnaire")]
        other = [Prompts(TONE, folders=[folder]) for folder in folders]

        def behave(messages: Messages, _: int) -> Answer:
            return completion("negative" if messages[0]["content"].startswith("You fill in") else "neutral")

        with ChatEndpoint(behave) as endpoint:
            variation = Variation(shuffled=shuffled(TONE, 2).shuffled, paraphrased=other)
            model = annotator(endpoint, cache, confidence="prompt_agreement", variation=variation)
            (row,) = model.label([UNIT])
        assert (row.label, row.confidence) == ("neutral", 0.75)
        assert (row.signals["shuffle_agreement"], row.signals["paraphrase_agreement"]) == (1.0, 0.5)
        assert row.prompt_hash not in {prompts.digest for prompts in [Prompts(TONE), *other]}

    def test_a_request_that_failed_disagrees_with_nobody(self, cache: ReplyCache) -> None:
        def behave(messages: Messages, _: int) -> Answer:
            return completion("neutral") if listed(messages)[0] != "negative" else error(400)

        with ChatEndpoint(behave) as endpoint:
            model = annotator(endpoint, cache, confidence="none", variation=shuffled(TONE, 2))
            (row,) = model.label([UNIT])
        assert row.signals["shuffle_agreement"] == 1.0

    def test_without_a_label_nothing_more_is_asked(self, cache: ReplyCache) -> None:
        with in_turn("what?") as endpoint:
            annotator(endpoint, cache, variation=shuffled(TONE, 3)).label([UNIT])
        assert len(endpoint.requests) == 1


class TestSignals:
    def test_what_an_endpoint_offers_is_recorded_together(self, cache: ReplyCache) -> None:
        top = [("neut", math.log(0.8)), ("posit", math.log(0.2))]

        def behave(messages: Messages, _: int) -> Answer:
            if len(messages) == 4:
                return completion("90%")
            return completion("neutral", logprobs=[("neut", math.log(0.8), top), ("ral", 0.0)])

        with ChatEndpoint(behave) as endpoint:
            model = annotator(endpoint, cache, logprobs=True, variation=shuffled(TONE, 1))
            (row,) = model.label([UNIT])
        assert row.confidence == 0.9
        assert row.logprob == pytest.approx(math.log(0.8))
        assert {name: value for name, value in row.signals.items() if not name.startswith("shuffle:")} == {
            "verbalized": 0.9,
            "logprob": pytest.approx(math.log(0.8)),
            "logprob_margin": pytest.approx(math.log(4)),
            "code:neutral": pytest.approx(0.8),
            "code:positive": pytest.approx(0.2),
            "shuffle_agreement": 1.0,
        }
        asked = [request for request in endpoint.requests if len(request["messages"]) == 2]
        assert {(request["logprobs"], request["top_logprobs"]) for request in asked} == {(True, 5)}

    def test_a_number_is_asked_for_and_the_code_it_stands_for_recorded(self, cache: ReplyCache) -> None:
        top = [("7", math.log(0.9)), ("2", math.log(0.1))]

        def behave(messages: Messages, _: int) -> Answer:
            if len(messages) == 4:
                return completion("60%")
            return completion("7", logprobs=[("7", math.log(0.9), top)])

        with ChatEndpoint(behave) as endpoint:
            (row,) = annotator(endpoint, cache, TIMES, logprobs=True).label([UNIT])
        assert (row.label, row.confidence, row.raw) == ("daily", 0.6, "7\n60%")
        assert row.signals["code:daily"] == pytest.approx(0.9)
        assert '"7"' in endpoint.requests[1]["messages"][3]["content"]


def test_a_unit_never_sees_its_own_code(cache: ReplyCache) -> None:
    examples = [Example("The weather was fine", "positive", "x"), Example("It rained", "negative", "u2")]
    units = [UNIT, Unit("u2", "Another text"), Unit("u3", "Another text")]
    with in_turn("neutral") as endpoint:
        prompts = Prompts(TONE, examples=examples)
        annotator(endpoint, cache, confidence="none", concurrency=1, prompts=prompts).label(units)
    shown = {
        request["messages"][1]["content"].splitlines()[1]: request["messages"][0]["content"]
        for request in endpoint.requests[:1]
    }
    assert "The weather was fine" not in shown["The weather was fine"]
    assert "It rained" in shown["The weather was fine"]
    both = [request["messages"][0]["content"] for request in endpoint.requests[1:]]
    assert len(both) == 2
    assert [("It rained" in system, "The weather" in system) for system in both] == [
        (False, True),
        (True, True),
    ]


def test_a_failure_among_many_questions_loses_no_paid_reply(cache: ReplyCache) -> None:
    def behave(messages: Messages, _: int) -> Answer:
        return error(401, "bad key") if listed(messages)[0] == "negative" else completion("neutral")

    with ChatEndpoint(behave) as endpoint:
        model = annotator(endpoint, cache, confidence="none", variation=shuffled(TONE, 2))
        with pytest.raises(ServiceError, match="bad key"):
            model.label([UNIT])
        answered = sum(listed(request["messages"])[0] != "negative" for request in endpoint.requests)
    assert len(cache) == answered


@pytest.mark.parametrize(
    ("confidence", "samples", "shuffles", "codebook"),
    [
        ("verbalized", 0, 0, TONE),
        ("structured", 0, 2, TONE),
        ("self_consistency", 3, 0, TIMES),
        ("prompt_agreement", 0, 2, TOPICS),
        ("structured", 2, 0, TOPICS),
    ],
)
def test_a_rehearsal_counts_every_question(
    cache: ReplyCache, confidence: str, samples: int, shuffles: int, codebook: Codebook
) -> None:
    """Nothing is sent; in earnest as many requests go out."""
    units = [UNIT, Unit("u2", "Another text"), Unit("u3", "Another text")]

    def behave(messages: Messages, _: int) -> Answer:
        each = dict.fromkeys(codebook.names, 0.5)
        code = listed(messages)[0].split()[0]
        if messages[1]["content"].endswith("JSON:"):
            said = {"label": code, "labels": [code], "probability": 0.8, "probabilities": each}
            return completion(json.dumps(said))
        return completion("80%" if len(messages) == 4 else code)

    with ChatEndpoint(behave) as endpoint:
        prompts = Prompts(codebook, as_json=confidence == "structured")
        others = orders(codebook.names, shuffles, np.random.default_rng(0))
        shuffled_prompts = [prompts.with_order(order) for order in others]
        variation = Variation(samples=samples, shuffled=shuffled_prompts)
        options = {"confidence": confidence, "variation": variation, "prompts": prompts}
        model = annotator(endpoint, cache, codebook, **options)
        rehearsal = model.rehearse(units)
        assert endpoint.requests == []
        rows = model.label(units)
        assert {row.status for row in rows} == {"ok"}
        assert len(endpoint.requests) == rehearsal.calls == len(cache)
    assert rehearsal.tokens_in > 0 < rehearsal.tokens_out
