"""Broken replies: whatever comes, it is read or refused as declared, and no label is invented.

The rule that is checked on each of 10,000 mutated bodies: a label is read only where the text of the first
choice's message, decoded by the test itself, names that code in full, and the reply was neither declined
nor filtered. Where the reply was cut by its token limit, the code stands before a line break.
"""

import copy
import json
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from chat_endpoint import completion

from annotator.codebook import Code, Codebook
from annotator.labeling.completion import Completion, NotACompletionError
from annotator.labeling.dialogue import begin, go_on
from annotator.labeling.elicitation import Elicitation
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Confidence, MachineLabel, Unit, to_table
from annotator.labeling.reading import Reply, read_label

NAMES = ("economy", "health", "health care", "other")
BOOK = Codebook(question="Which problem?", labels=[Code(name=name) for name in NAMES])
WAYS: tuple[Confidence, ...] = ("verbalized", "logprob", "none", "structured")
ASKED = {way: Elicitation("m", BOOK, Prompts(BOOK), way) for way in WAYS}
UNIT = Unit("u", "a text")
N_BODIES = 10_000
Rng = np.random.Generator

BODIES = [
    completion("health care"),
    completion("**Economy.**", logprobs=[("**", -0.1), ("Eco", -0.2), ("nomy", -0.3), (".**", -1.0)]),
    completion("Code: other\nThe text names no problem."),
    completion("health\nThe respondent mentions a hos", finish="length"),
    completion("health", finish="length"),
    completion("health", finish="content_filter"),
    completion(None, refusal="I cannot say whether this is health."),
    completion(""),
    completion("\N{FULLWIDTH LATIN SMALL LETTER H}ealth \ud800"),
    completion("health or other"),
]
PARTED = {"role": "assistant", "content": [{"type": "text", "text": "hea"}, {"type": "text", "text": "lth"}]}
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    10**400,
    -(10**30),
    1e308,
    float("nan"),
    float("inf"),
    "",
    "economy",
    "\x00",
    [],
    {},
    [[]],
    {"text": {"text": "other"}},
    ["economy"],
    "x" * 10_000,
]


def nodes(data: Any) -> list[tuple[Any, Any]]:
    """Every place in the data, as container and key."""
    keys = data.keys() if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    return [place for key in keys for place in [(data, key), *nodes(data[key])]]


def pick(rng: Rng, data: Any) -> tuple[Any, Any]:
    places = nodes(data)
    return places[int(rng.integers(len(places)))]


def truncated(rng: Rng, data: Any) -> bytes:
    body = dumped(data)
    return body[: int(rng.integers(len(body)))]


def flipped(rng: Rng, data: Any) -> bytes:
    body = bytearray(dumped(data))
    for position in rng.integers(len(body), size=int(rng.integers(1, 6))):
        body[position] ^= 1 << int(rng.integers(8))
    return bytes(body)


def invalid_utf_8(rng: Rng, data: Any) -> bytes:
    body, position = dumped(data), int(rng.integers(1000))
    return body[:position] + bytes(rng.integers(128, 256, size=3, dtype=np.uint8)) + body[position:]


def swapped(rng: Rng, data: Any) -> bytes:
    (one, key), (other, other_key) = pick(rng, data), pick(rng, data)
    one[key], other[other_key] = copy.deepcopy(other[other_key]), copy.deepcopy(one[key])
    return dumped(data)


def retyped(rng: Rng, data: Any) -> bytes:
    container, key = pick(rng, data)
    container[key] = STRANGE[int(rng.integers(len(STRANGE)))]
    return dumped(data)


def removed(rng: Rng, data: Any) -> bytes:
    container, key = pick(rng, data)
    del container[key]
    return dumped(data)


def nested(rng: Rng, data: Any) -> bytes:
    container, key = pick(rng, data)
    depth = int(rng.choice([3, 100, 900, 100_000]))
    opening, closing = ((b"[", b"]"), (b'{"text":', b"}"))[int(rng.integers(2))]
    container[key] = "NEST"
    return dumped(data).replace(b'"NEST"', opening * depth + b'"other"' + closing * depth)


def huge(rng: Rng, data: Any) -> bytes:
    container, key = pick(rng, data)
    container[key] = "HUGE"
    number = (b"9" * 5000, b"1e99999", b"-1e-99999", b"9" * 300)[int(rng.integers(4))]
    return dumped(data).replace(b'"HUGE"', number)


def reordered(rng: Rng, data: Any) -> bytes:
    choice = data["choices"][0]
    twin = copy.deepcopy(choice)
    twin["message"] = {"role": "assistant", "content": str(rng.choice(NAMES))}
    data["choices"].insert(int(rng.integers(2)), twin)
    return dumped(data)


def dumped(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=True).encode()


MUTATIONS: list[Callable[[Rng, Any], bytes]] = [
    truncated,
    flipped,
    invalid_utf_8,
    swapped,
    retyped,
    removed,
    nested,
    huge,
    reordered,
]


def said(text: str) -> tuple[str, bool, bool]:
    """What the first choice says, whether it was declined, and cut: by the test's own lights."""
    choice = json.loads(text)["choices"][0]
    message = choice["message"]
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    declined = bool(message.get("refusal")) or choice.get("finish_reason") == "content_filter"
    return str(content), declined, choice.get("finish_reason") == "length"


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def check(body: bytes) -> str:
    """Read one body as the labelling does; the status of its row. Fails where the rule is broken."""
    text = body.decode("utf-8", "replace")
    try:
        found = Completion.read(text)
    except NotACompletionError:
        return "no completion"
    assert Completion.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    read = read_label(found, BOOK)
    label, status = read.label, read.status
    assert (label is None) == (status != "ok")
    if label is not None:
        assert label in NAMES
        words, declined, is_cut = said(text)
        assert not declined
        assert folded(label) in folded(words.rpartition("\n")[0] if is_cut else words)
    reply = Reply(found, attempts=1, seconds=0.1, cost=0.1)
    for way, asked in ASKED.items():
        dialogue = asked.dialogue(UNIT)
        step = begin(dialogue)
        while not isinstance(step, MachineLabel):
            step = go_on(dialogue, [reply] * len(step))
        if way != "structured":
            assert (step.label, step.status) == (label, status)
        assert step.label is None or step.label in NAMES
        assert step.confidence is None or 0 <= step.confidence <= 1
        assert step.logprob is None or step.logprob <= 0
        assert to_table([step]).num_rows == 1
    return str(status)


def test_no_mutated_body_raises_or_invents_a_label() -> None:
    rng = np.random.default_rng(20260101)
    bodies = [json.loads(answer.body) for answer in BODIES]
    parted = copy.deepcopy(bodies[0])
    parted["choices"][0]["message"] = PARTED
    bodies.append(parted)
    seen: Counter[str] = Counter()
    for number in range(N_BODIES):
        mutate = MUTATIONS[number % len(MUTATIONS)]
        body = mutate(rng, copy.deepcopy(bodies[int(rng.integers(len(bodies)))]))
        seen[check(body)] += 1
    assert seen.total() == N_BODIES
    assert seen["no completion"] > 1000
    assert seen["ok"] > 1000
    assert {"refusal", "content_filter", "truncated", "empty", "off_codebook"} <= set(seen)


@pytest.mark.parametrize("answer", BODIES)
def test_whole_bodies_are_read(answer: Any) -> None:
    assert check(answer.body) != "no completion"


def test_bytes_are_read_as_text_is() -> None:
    rng = np.random.default_rng(2)
    for _ in range(500):
        body = flipped(rng, json.loads(BODIES[0].body))
        try:
            Completion.read(body)
        except NotACompletionError:
            continue
