"""Invents an opinion survey: 'What is the most important problem facing the country today?'

Every answer is written to a code that is drawn first, so the reference codes are known by construction.

    python examples/survey/generate.py --size 3000 --seed 2026 --out examples/survey/data
"""

import argparse
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

HERE = Path(__file__).parent
CODES = ("economy", "health", "immigration", "environment", "crime", "other")
CORPUS_COLUMNS = ["respondent_id", "answer", "age", "party", "region"]

PARTIES = {"left": 0.38, "right": 0.36, "none": 0.26}
REGIONS = {"city": 0.40, "town": 0.34, "rural": 0.26}
# Log weights of the codes, in the order of CODES: what everybody names, and what a group names more often.
EVERYBODY = np.array([1.00, 0.62, 0.05, -0.01, -0.38, -0.10])
BY_PARTY = {
    "left": np.array([0.0, 0.4, -0.7, 0.7, -0.2, 0.0]),
    "right": np.array([0.15, -0.4, 0.9, -0.9, 0.3, 0.0]),
    "none": np.array([0.1, 0.0, -0.1, -0.1, 0.0, 0.5]),
}
BY_REGION = {
    "city": np.array([0.0, -0.1, -0.1, 0.1, 0.4, 0.0]),
    "town": np.zeros(6),
    "rural": np.array([-0.1, 0.25, 0.2, 0.0, -0.4, 0.0]),
}
PER_DECADE = np.array([-0.02, 0.16, 0.08, -0.16, 0.07, -0.03])

STYLES = {
    "fragment": 0.12,
    "stated": 0.20,
    "plaint": 0.17,
    "rant": 0.13,
    "hedged": 0.08,
    "first": 0.10,
    "last": 0.08,
    "sarcasm": 0.07,
    "open": 0.05,
}
# Themes without a problem in them: nobody writes "I don't know is the biggest problem, then crime".
BARE = {"unsure", "stray", "blank"}
BARE_STYLES = {"fragment": 0.45, "plaint": 0.45, "sarcasm": 0.10}
TEXTING = {
    "people": "ppl",
    "because": "bc",
    "you": "u",
    "before": "b4",
    "and": "&",
    "for": "4",
    "really": "rly",
}
RANT_JOINTS = (". ", ". ", ", ", "! ", " and ", " - ", "... ")
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@dataclass(frozen=True)
class Theme:
    """What people who name a code talk about: topics, complaints, and claims meant ironically."""

    code: str
    name: str
    weight: float
    by: Mapping[str, Mapping[str, float]]
    topics: Sequence[str]
    plaints: Sequence[str]
    ironic: Sequence[str]


@dataclass(frozen=True)
class Material:
    """Everything an answer can be made of."""

    themes: tuple[Theme, ...]
    slots: Mapping[str, Sequence[str]]
    frames: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Respondent:
    """Who answers."""

    age: int
    party: str
    region: str

    @property
    def generation(self) -> str:
        """The age group the themes depend on."""
        return "young" if self.age < 35 else "middle" if self.age < 60 else "old"


def read_material(path: Path = HERE / "phrases.yaml") -> Material:
    """The phrases, slots and frames of ``phrases.yaml``."""
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    themes = tuple(
        Theme(
            code=code,
            name=name,
            weight=float(entry["weight"]),
            by=entry.get("by", {}),
            topics=_phrases(entry["topics"]),
            plaints=_phrases(entry["plaints"]),
            ironic=_phrases(entry["ironic"]),
        )
        for code, entries in data["codes"].items()
        for name, entry in entries.items()
    )
    frames = {
        f"{group}.{kind}": _phrases(text)
        for group in ("openers", "closers", "sarcasm", "mixed")
        for kind, text in data[group].items()
    }
    return Material(themes, {slot: _phrases(text) for slot, text in data["slots"].items()}, frames)


def _phrases(text: str | int) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in str(text).split(";") if phrase.strip())


def split(material: Material, places: Collection[int]) -> Material:
    """The material with, of every eight phrases in a row, only those at the given places (0 to 7).

    This is how wording is kept from the embedded model: trained on some places, it meets the others in the
    survey. A list of ironic claims too short to have any at these places becomes empty.
    """

    def kept(phrases: Sequence[str]) -> tuple[str, ...]:
        return tuple(phrase for index, phrase in enumerate(phrases) if index % 8 in places)

    themes = tuple(
        replace(theme, topics=kept(theme.topics), plaints=kept(theme.plaints), ironic=kept(theme.ironic))
        for theme in material.themes
    )
    return replace(material, themes=themes)


def survey(rng: np.random.Generator, size: int, material: Material | None = None) -> pd.DataFrame:
    """Draws respondents, the code each names, and the answer in which each does so.

    Returns:
        One row per respondent: ``respondent_id``, ``answer``, ``age``, ``party``, ``region``, and what only
        the maker knows: ``reference`` (the code), ``theme`` and ``style``.
    """
    material = material or read_material()
    rows, seen = [], set()
    for number in range(size):
        respondent = _respondent(rng)
        code = CODES[int(rng.choice(len(CODES), p=code_probabilities(respondent)))]
        theme, style, answer = write_answer(rng, material, respondent, code)
        if answer in seen:  # people do repeat each other, but seldom in the same letters
            theme, style, answer = write_answer(rng, material, respondent, code)
        seen.add(answer)
        identity = f"r{number + 1:05d}"
        rows.append(
            (identity, answer, respondent.age, respondent.party, respondent.region, code, theme.name, style)
        )
    return pd.DataFrame(rows, columns=[*CORPUS_COLUMNS, "reference", "theme", "style"])


def _respondent(rng: np.random.Generator) -> Respondent:
    age = 18 + int(73 * rng.beta(1.5, 2.0))
    return Respondent(min(age, 90), _weighted(rng, PARTIES), _weighted(rng, REGIONS))


def code_probabilities(respondent: Respondent) -> np.ndarray:
    """How likely the respondent is to name each of the six codes: a multinomial logit, shape (6,)."""
    weights = np.exp(
        EVERYBODY
        + BY_PARTY[respondent.party]
        + BY_REGION[respondent.region]
        + PER_DECADE * (respondent.age - 50) / 10
    )
    return weights / weights.sum()


def write_answer(
    rng: np.random.Generator, material: Material, respondent: Respondent, code: str
) -> tuple[Theme, str, str]:
    """One answer that names ``code``, with its theme and its style."""
    theme = _theme(rng, material, respondent, code)
    style = _weighted(rng, BARE_STYLES if theme.name in BARE else STYLES)
    if style == "sarcasm" and not theme.ironic:
        style = "plaint"
    text = _compose(rng, material, respondent, theme, style)
    return theme, style, text if theme.name == "blank" else roughen(rng, text, angry=style == "rant")


def _theme(rng: np.random.Generator, material: Material, respondent: Respondent, code: str) -> Theme:
    values = {"party": respondent.party, "region": respondent.region, "age": respondent.generation}
    themes = [theme for theme in material.themes if theme.code == code]
    weights = {
        str(place): theme.weight
        * math.prod(theme.by.get(name, {}).get(value, 1.0) for name, value in values.items())
        for place, theme in enumerate(themes)
    }
    return themes[int(_weighted(rng, weights))]


def _compose(  # noqa: PLR0911 - one return a style
    rng: np.random.Generator, material: Material, respondent: Respondent, theme: Theme, style: str
) -> str:
    def pick(phrases: Sequence[str]) -> str:
        return _fill(rng, material, phrases[int(rng.integers(len(phrases)))])

    def frame(name: str) -> str:
        return pick(material.frames[name])

    def either(chosen: Theme) -> str:
        return pick(chosen.topics if rng.random() < 0.8 else chosen.plaints)

    if style == "fragment":
        more = theme.name not in BARE and rng.random() < 0.4
        return f"{pick(theme.topics)}, {pick(theme.topics)}" if more else pick(theme.topics)
    if style == "stated":
        if rng.random() < 0.5:
            return f"{frame('openers.firm')} {pick(theme.topics)}"
        closer = frame("closers.firm")
        return pick(theme.topics) + ("" if closer[0] in ",.:" else " ") + closer
    if style == "plaint":
        return pick(theme.plaints)
    if style == "rant":
        parts = [pick(theme.plaints), pick(theme.topics), pick(theme.plaints), pick(theme.plaints)]
        parts = [*dict.fromkeys(parts[: int(rng.integers(2, 5))]), frame("closers.angry")]
        return RANT_JOINTS[int(rng.integers(len(RANT_JOINTS)))].join(parts)
    if style == "hedged":
        return f"{frame('openers.hedged')} {pick(theme.topics)}"
    if style == "sarcasm":
        ending = f" {frame('sarcasm.after')}" if rng.random() < 0.6 else ""
        return f"{frame('sarcasm.before')} {pick(theme.ironic)}{ending}"
    rival = _rival(rng, material, respondent, theme.code)
    template = material.frames[f"mixed.{style}"]
    return template[int(rng.integers(len(template)))].format(a=either(theme), b=either(rival))


def _rival(rng: np.random.Generator, material: Material, respondent: Respondent, code: str) -> Theme:
    """A theme of another code, mentioned beside the one that counts."""
    while True:
        other = CODES[int(rng.integers(len(CODES)))]
        theme = _theme(rng, material, respondent, other)
        if other != code and theme.name not in BARE:
            return theme


def _fill(rng: np.random.Generator, material: Material, phrase: str) -> str:
    def value(match: re.Match[str]) -> str:
        values = material.slots[match[1]]
        return values[int(rng.integers(len(values)))]

    return re.sub(r"\{(\w+)\}", value, phrase)


def _weighted(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    edges = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))]


def roughen(rng: np.random.Generator, text: str, angry: bool = False) -> str:
    """The text as somebody in a hurry types it: case, punctuation, texting, slips of the finger."""
    if rng.random() < 0.6:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.05:
        text = " ".join(TEXTING.get(word, word) for word in text.split(" "))
    draw = rng.random()
    for _ in range(0 if draw < 0.68 else 1 if draw < 0.86 else int(rng.integers(2, 6))):
        text = _slip(rng, text)
    if rng.random() < 0.15:
        text = re.sub(r"[.,!?:;']", "", text).lower()
    else:
        ends = ["", "", ".", ".", "!", "!!!", "..."] if angry else ["", "", "", ".", ".", "!", "...", " :("]
        text += ends[int(rng.integers(len(ends)))]
    return text.upper() if rng.random() < (0.2 if angry else 0.03) else text


def _slip(rng: np.random.Generator, text: str) -> str:
    letters = [place for place, sign in enumerate(text[:-1]) if sign.isalpha()]
    if not letters:
        return text
    place = letters[int(rng.integers(len(letters)))]
    before, sign, after = text[:place], text[place], text[place + 1 :]
    kind = int(rng.integers(4))
    if kind == 0 and len(text) > 4:
        return before + after
    if kind == 1:
        return before + sign * 2 + after
    if kind == 2:
        return before + after[0] + sign + after[1:]
    row = next((keys for keys in KEYS if sign.lower() in keys), sign)
    return before + row[(row.find(sign.lower()) + 1) % len(row)] + after


def write(frame: pd.DataFrame, folder: Path) -> None:
    """Writes ``responses.csv`` (the corpus) and, apart from it, ``reference.csv`` (the codes meant)."""
    folder.mkdir(parents=True, exist_ok=True)
    frame[CORPUS_COLUMNS].to_csv(folder / "responses.csv", index=False, lineterminator="\n")
    frame[["respondent_id", "reference"]].to_csv(folder / "reference.csv", index=False, lineterminator="\n")


def main() -> None:
    """Writes the survey's files."""
    parser = argparse.ArgumentParser(description="Invent the survey and write its files.")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--size", type=int, default=3000)
    parser.add_argument("--out", type=Path, default=HERE / "data")
    arguments = parser.parse_args()
    write(survey(np.random.default_rng(arguments.seed), arguments.size), arguments.out)
    print(f"wrote {arguments.size} answers to {arguments.out / 'responses.csv'}")


if __name__ == "__main__":
    main()
