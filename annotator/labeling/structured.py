"""Label and probability in one reply: the JSON asked for, and reading it from whatever came instead.

Endpoints that know ``response_format`` send exactly this JSON; of others the object is looked for in the
text.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.folding import folded
from annotator.labeling.answers import parse_answer
from annotator.labeling.completion import Completion
from annotator.labeling.parsing import without_thoughts
from annotator.labeling.protocol import Status
from annotator.labeling.spelling import numbered, spelling

_LONGEST = 20_000  # characters; a longer reply is not what was asked for
_TOKENS_AROUND = 48
_TOKENS_A_CODE = 12  # quotes, colon, a probability, comma
_CHARACTERS_A_TOKEN = 2.5  # of the names of codes, cautiously


@dataclass(frozen=True, slots=True)
class Said:
    """What a reply to the question for a label says.

    Attributes:
        label: as the tables write it; None unless ``status`` is ``ok``.
        probability: of the label, where the same reply states it.
        codes: the probability of each code, where the same reply states it.
        is_whole: whether everything that was asked for is there.
    """

    label: str | None
    status: Status
    probability: float | None = None
    codes: Mapping[str, float] = field(default_factory=dict)
    is_whole: bool = True


def response_format(codebook: Codebook) -> dict[str, Any]:
    """The JSON schema of the reply, as the OpenAI protocol wants it."""
    labels = {"type": "string", "enum": list(spelling(codebook).values())}
    number = {"type": "number", "description": "from 0 to 1"}
    if codebook.is_multilabel:
        each = _object(dict.fromkeys(codebook.names, number))
        schema = _object(
            {"labels": {"type": "array", "items": labels}, "probability": number, "probabilities": each}
        )
    else:
        schema = _object({"label": labels, "probability": number})
    return {"type": "json_schema", "json_schema": {"name": "code", "strict": True, "schema": schema}}


def most_tokens(codebook: Codebook) -> int:
    """Tokens that the reply may take at most."""
    lengths = [len(name) / _CHARACTERS_A_TOKEN for name in codebook.names]
    if codebook.is_multilabel:
        return round(_TOKENS_AROUND + sum(2 * length + _TOKENS_A_CODE for length in lengths))
    return round(_TOKENS_AROUND + max(lengths))


def read(completion: Completion, codebook: Codebook) -> Said:
    """What the reply says. Only an object that is whole counts, and none where several say different things.

    Without any JSON in it, the reply's words are read as if a code alone had been asked for.
    """
    if completion.ending == "refusal":
        return Said(None, "refusal")
    text = without_thoughts(completion.text)
    found = [_said(each, codebook) for each in _objects(text)] if len(text) <= _LONGEST else []
    labels = {said.label for said in found}
    if found and len(labels) == 1 and None not in labels:
        whole = [said for said in found if said.is_whole]
        agreed = len({said.probability for said in whole}) == 1
        return whole[0] if agreed else Said(found[0].label, "ok", is_whole=False)
    if completion.ending == "length":
        return Said(None, "truncated", is_whole=False)
    if found or "{" in text:
        return Said(None, "off_codebook", is_whole=False)
    label, status = parse_answer(text, codebook)
    return Said(label, status, is_whole=False)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand in a text, each once: not those inside another."""
    decoder = json.JSONDecoder(object_pairs_hook=_without_doubles, parse_constant=_refuse)
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            yield value
        place = text.find("{", end)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _said(value: Mapping[str, Any], codebook: Codebook) -> Said:
    is_set = codebook.is_multilabel
    label = _labels(value.get("labels"), codebook) if is_set else _code(value.get("label"), codebook)
    if label is None:
        return Said(None, "off_codebook", is_whole=False)
    probability = _probability(value.get("probability"))
    codes = _probabilities(value.get("probabilities"), codebook) if is_set else {}
    is_whole = probability is not None and (bool(codes) or not is_set)
    return Said(label, "ok", probability, codes, is_whole)


def _labels(value: object, codebook: Codebook) -> str | None:
    if not isinstance(value, list):
        return None
    codes = [_code(each, codebook) for each in value]
    known = [code for code in codes if code is not None]
    return label_sets.join(known, codebook.names) if len(known) == len(codes) else None


def _code(value: object, codebook: Codebook) -> str | None:
    """The one code that a JSON value names, or stands for as a number."""
    if isinstance(value, str):
        return parse_answer(value, codebook)[0] if codebook.type == "numeric" else _named(value, codebook)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return numbered(value, codebook) if codebook.type == "numeric" else _named(str(value), codebook)
    return None


def _named(value: str, codebook: Codebook) -> str | None:
    wanted = folded(value)
    return next((name for name in codebook.names if folded(name) == wanted), None)


def _probability(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def _probabilities(value: object, codebook: Codebook) -> dict[str, float]:
    """One probability for each code; none at all unless every code has one."""
    given = value if isinstance(value, dict) else {}
    named = {_named(str(key), codebook): _probability(each) for key, each in given.items()}
    known = {name: named.get(name) for name in codebook.names}
    return (
        {name: each for name, each in known.items() if each is not None} if None not in known.values() else {}
    )
