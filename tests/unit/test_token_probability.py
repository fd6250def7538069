"""The distribution over codes at the first token of a code."""

import math

import pytest

from annotator.labeling.completion import Completion
from annotator.labeling.token_probability import first_token, label_logprob

SPELLING = {name: name for name in ("economy", "health", "health care", "other")}


def reply(*tokens: tuple[str, float, list[tuple[str, float]]]) -> Completion:
    return Completion(
        "".join(token for token, _, _ in tokens),
        "stop",
        logprobs=tuple((token, logprob) for token, logprob, _ in tokens),
        likeliest=tuple(tuple(listed) for _, _, listed in tokens),
    )


def log(share: float) -> float:
    return math.log(share)


ECONOMY = ("econ", log(0.6), [("econ", log(0.6)), (" Other", log(0.2)), ("The", log(0.1)), ("ot", log(0.1))])


def test_mass_is_shared_among_the_codes_that_tokens_begin() -> None:
    found = first_token(reply(ECONOMY, ("omy", 0.0, [])), "economy", SPELLING)
    assert found is not None
    assert found.codes == pytest.approx({"economy": 0.6 / 0.9, "other": 0.3 / 0.9})
    assert found.margin == pytest.approx(log(0.6) - log(0.2))


def test_the_label_is_found_behind_what_announces_it() -> None:
    plain = reply(("Code", -1.0, []), (": ", 0.0, []), ECONOMY, ("omy", 0.0, []))
    found = first_token(plain, "economy", SPELLING)
    assert found is not None
    assert found.codes["economy"] > 0.6


def test_in_json_the_label_stands_behind_its_key() -> None:
    listed = [("label", log(0.7)), ("other", log(0.3))]
    tokens = reply(('{"label": "', 0.0, [('{"label": "', 0.0)]), ("label", log(0.7), listed), ('"}', 0.0, []))
    found = first_token(tokens, "label", {"label": "label", "other": "other"}, '"label"')
    assert found is not None
    assert found.codes == pytest.approx({"label": 0.7, "other": 0.3})
    assert label_logprob(tokens.logprobs, "label", '"label"') == pytest.approx(log(0.7))


def test_codes_that_begin_alike_cannot_be_told_apart() -> None:
    tokens = reply(("health", log(0.6), [("health", log(0.6)), ("other", log(0.4))]))
    assert first_token(tokens, "health", SPELLING) is None


def test_a_token_of_two_rivals_counts_against_the_label_but_for_neither() -> None:
    tokens = reply(("other", log(0.6), [("other", log(0.6)), ("health", log(0.4))]))
    found = first_token(tokens, "other", SPELLING)
    assert found is not None
    assert found.codes == {"other": 1.0}
    assert found.margin == pytest.approx(log(0.6) - log(0.4))


def test_without_a_listed_rival_the_margin_is_a_lower_bound() -> None:
    tokens = reply(("other", log(0.9), [("other", log(0.9)), ("I", log(0.05))]))
    found = first_token(tokens, "other", SPELLING)
    assert found is not None
    assert found.margin == pytest.approx(log(0.9) - log(0.05))


def test_without_alternatives_there_is_nothing() -> None:
    assert first_token(reply(("other", -0.1, [])), "other", SPELLING) is None
    assert first_token(Completion("other", "stop"), "other", SPELLING) is None
    assert first_token(reply(("o", -0.1, [("o", -0.1)])), "economy", SPELLING) is None


def test_a_completion_survives_the_cache() -> None:
    tokens = reply(ECONOMY)
    assert Completion.from_dict(tokens.to_dict()) == tokens
    older = {key: value for key, value in tokens.to_dict().items() if key != "likeliest"}
    assert Completion.from_dict(older).likeliest == ()
