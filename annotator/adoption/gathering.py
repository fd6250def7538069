"""From the items of one source to codes of units of this corpus, and a count of what became of them all."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from annotator import label_sets
from annotator.adoption.item import Answer, Item
from annotator.adoption.matching import AMBIGUOUS, OTHER_TEXT, UNMATCHED, Matching
from annotator.adoption.section import AdoptedCodes
from annotator.codebook import Codebook
from annotator.coding.form import CANNOT_CODE
from annotator.coding.protocol import codes_frame

MOST_WORDS = 20


@dataclass(frozen=True)
class Gathered:
    """What one source gives.

    Attributes
    ----------
    section : AdoptedCodes
    codes : DataFrame
        In the columns of ``schema.CODES``: one row a coder and unit, the coder's latest, and of answers as
        old as each other one with a label; without one where the coder gave none that is in the codebook.
    units : tuple of str
        All units that were put before coders, coded or not.
    tally : mapping of str to int
    words : mapping of str to int
        Words that are no code, and how often they were given.
    """

    section: AdoptedCodes
    codes: pd.DataFrame
    units: tuple[str, ...]
    tally: Mapping[str, int]
    words: Mapping[str, int]

    @property
    def usable(self) -> pd.DataFrame:
        """The codes with a label."""
        return self.codes[self.codes["label"].notna()]

    @property
    def n_lost(self) -> int:
        """How many items are no unit of the corpus, or not known to be a certain one."""
        return sum(self.tally.get(reason, 0) for reason in (UNMATCHED, AMBIGUOUS, OTHER_TEXT))

    def summary(self, together: pd.DataFrame, n_replaced: int = 0) -> dict[str, Any]:
        """All that a person should know before trusting these codes, as plain data.

        ``together`` has the codes of all sources, one a coder and unit: other people may have coded the same
        units there. ``n_replaced`` answers gave way to one of the same coder in another source.
        """
        codes = together[together["unit_id"].isin(self.usable["unit_id"])].dropna(subset=["label"])
        labels = codes.groupby("unit_id")["label"]
        several = labels.size() > 1
        tally = Counter(self.tally) + Counter({"doubles": n_replaced})
        return {
            "source": self.section.source,
            "use": self.section.use,
            **{name: tally[name] for name in _COUNTED},
            "units": int(labels.ngroups),
            "coders": {str(coder): int(n) for coder, n in self.usable["coder"].value_counts().items()},
            "coded_by_several": int(several.sum()),
            "disagreed": int((labels.nunique()[several] > 1).sum()),
            "words": dict(Counter(self.words).most_common(MOST_WORDS)),
            "labels": {str(label): int(n) for label, n in self.usable["label"].value_counts().items()},
        }


_COUNTED = (
    "items",
    "matched",
    "unmatched",
    "ambiguous",
    "other_text",
    "not_compared",
    "answers",
    "off_codebook",
    "skipped",
    "suggested",
    "doubles",
)


def gather(
    items: Iterable[Item], section: AdoptedCodes, matching: Matching, codebook: Codebook, *, blind: bool
) -> Gathered:
    """The codes of the items that are units of this corpus.

    Where coding is ``blind``, an answer that began from a machine's suggestion is a code to train on alone.
    """
    work = _Work(section, codebook, blind and section.use != "training")
    for item in items:
        work.add(item, matching)
    return Gathered(
        section,
        codes_frame(work.latest.values()),
        tuple(dict.fromkeys(work.units)),
        work.tally,
        work.words,
    )


@dataclass
class _Work:
    section: AdoptedCodes
    codebook: Codebook
    refuses_suggested: bool
    latest: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    units: list[str] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)

    def add(self, item: Item, matching: Matching) -> None:
        self.tally["items"] += 1
        unit, reason = matching.unit(item)
        if reason:
            self.tally[reason] += 1
        if unit is None:
            return
        self.tally["matched"] += 1
        self.units.append(unit)
        for answer in item.answers:
            self._answer(unit, answer)

    def _answer(self, unit: str, answer: Answer) -> None:
        self.tally["answers"] += 1
        row, place = self._row(unit, answer), (unit, answer.coder)
        if place in self.latest:
            self.tally["doubles"] += 1
            if _moment(row) < _moment(self.latest[place]):
                return
        self.latest[place] = row

    def _row(self, unit: str, answer: Answer) -> dict[str, Any]:
        label, reason = None, _reason(answer.words)
        if answer.skipped:
            self.tally["skipped"] += 1
        elif answer.suggested and self.refuses_suggested:
            self.tally["suggested"] += 1
        elif reason is None:
            label = label_of(answer.words, self.section.labels, self.codebook)
            if label is None:
                self.tally["off_codebook"] += 1
                self.words[label_sets.SEPARATOR.join(answer.words) or "(nothing)"] += 1
        return {
            "unit_id": unit,
            "coder": answer.coder,
            "label": label,
            "lead_time": answer.lead_time,
            "annotation_id": answer.annotation_id,
            "updated_at": answer.updated_at,
            "skipped": answer.skipped,
            "preannotated": answer.suggested,
            "cannot_code": reason,
            "note": None,
        }


def label_of(words: Sequence[str], labels: Mapping[str, str], codebook: Codebook) -> str | None:
    """The label that words chosen elsewhere mean here; None if they mean none, or too many.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="?", labels=[Code(name="economy"), Code(name="health")])
    >>> label_of(["Jobs"], {"Jobs": "economy"}, book), label_of(["Health"], {}, book)
    ('economy', 'health')
    >>> label_of(["war"], {}, book) is None, label_of(["Jobs", "Health"], {"Jobs": "economy"}, book) is None
    (True, True)
    """
    meant = [labels.get(word, word) for word in words]
    if not meant or (len(meant) > 1 and not codebook.is_multilabel):
        return None
    return codebook.spell(label_sets.SEPARATOR.join(meant))


def _reason(words: Sequence[str]) -> str | None:
    """Why a coder of another study of this project gave no code."""
    said = len(words) == 1 and words[0].startswith(CANNOT_CODE)
    return words[0].removeprefix(CANNOT_CODE) if said else None


def _moment(row: Mapping[str, Any]) -> tuple[pd.Timestamp, bool, int]:
    """Tables know no moments: there a label goes before none."""
    return row["updated_at"], row["label"] is not None, row["annotation_id"]
