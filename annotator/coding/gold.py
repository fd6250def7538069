"""From what coders said to one label a unit."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from annotator import label_sets, schema
from annotator.codebook import Codebook


def form_gold(
    codes: pd.DataFrame,
    drawn: Sequence[str],
    overlap: Mapping[str, int],
    codebook: Codebook,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gold for every drawn unit with a code, and the units that still lack codes.

    ``codes`` has the columns of ``schema.CODES``, ``overlap`` says how many coders each drawn unit needs,
    ``codebook`` which labels there are. Returns (gold, outstanding): gold in the columns of
    ``schema.GOLD`` and in the order of ``drawn``; outstanding as ``outstanding`` gives it. The round is
    complete when the second is empty.

    How a label came about:

    * ``agreed``: two or more coders, all of them gave this code;
    * ``majority``: three or more coders, more of them gave this code than any other;
    * ``single``: one coder's code. Also where the most frequent codes are tied (two coders who disagree):
      then one of the tied codes is drawn at random. For two coders that is the code of one coder picked
      by lot, so its expectation, whatever the coders' errors, is that of a unit coded once by one of
      them: a tie adds no bias, and is no more certain than a single code.

    Where any number of codes may apply, each code is counted by itself: it applies if more than half of the
    coders gave it. Codes that half of them gave follow one coder drawn by lot, the same for all codes, so
    that two coders who disagree are, again, one coder picked by lot.

    The draw of a unit depends on the generator's state and on the unit's place in ``drawn`` alone, so a
    code that comes in later for another unit does not change it.

    >>> codes = pd.DataFrame({"unit_id": ["a", "a", "b"], "coder": ["ann", "ben", "ann"],
    ...                       "label": ["x", "x", "y"], "skipped": False})
    >>> from annotator.codebook import Code
    >>> book = Codebook(question="?", labels=[Code(name="x"), Code(name="y")])
    >>> gold, lacking = form_gold(codes, ["a", "b", "c"], {"a": 2, "b": 1, "c": 1}, book,
    ...                           np.random.default_rng(0))
    >>> gold.values.tolist()
    [['a', 'x', 'agreed'], ['b', 'y', 'single']]
    >>> lacking.values.tolist()
    [['c', 0, 1, 'not coded yet']]
    """
    given = _valid(codes, codebook)
    aggregate = _aggregate_sets if codebook.is_multilabel else _aggregate
    lots = rng.random(len(drawn))
    rows = [
        {"unit_id": unit, "label": label, "how": how}
        for unit, lot in zip(drawn, lots, strict=True)
        if unit in given
        for label, how in [aggregate(given[unit], codebook.names, float(lot))]
    ]
    gold: pd.DataFrame = pa.Table.from_pylist(rows, schema=schema.GOLD).to_pandas()
    return gold, outstanding(codes, {unit: overlap[unit] for unit in drawn}, codebook)


def outstanding(codes: pd.DataFrame, overlap: Mapping[str, int], codebook: Codebook) -> pd.DataFrame:
    """The units of ``overlap`` with fewer answers than they need: ``unit_id, have, need, reason``.

    An answer is a label, or a reason for giving none; ``have`` counts both.
    """
    given, declined = _valid(codes, codebook), _declined(codes)
    skippers = codes.loc[codes["skipped"].astype(bool)].groupby("unit_id")["coder"].nunique()
    answered = set(codes.loc[~codes["skipped"].astype(bool), "unit_id"])
    rows = []
    for unit, need in overlap.items():
        have = len(given.get(unit, ())) + len(declined.get(unit, ()))
        if have < need:
            reason = _reason(have, need, int(skippers.get(unit, 0)), unit in answered)
            rows.append((unit, have, need, reason))
    return pd.DataFrame(rows, columns=["unit_id", "have", "need", "reason"])


def uncodable(codes: pd.DataFrame, units: Iterable[str], codebook: Codebook) -> pd.DataFrame:
    """The units that coders could give no label, ``unit_id, reason``; one label of a coder outweighs that."""
    given, declined = _valid(codes, codebook), _declined(codes)
    rows = [
        (unit, f"cannot code: {', '.join(dict.fromkeys(declined[unit]))}")
        for unit in units
        if unit in declined and unit not in given
    ]
    return pd.DataFrame(rows, columns=["unit_id", "reason"])


def _declined(codes: pd.DataFrame) -> dict[str, list[str]]:
    """Unit to the reasons its coders gave for giving no label, one a coder."""
    if "cannot_code" not in codes:
        return {}
    said = codes[codes["cannot_code"].notna()].drop_duplicates(["unit_id", "coder"], keep="last")
    return {str(unit): sorted(rows["cannot_code"]) for unit, rows in said.groupby("unit_id")}


def _valid(codes: pd.DataFrame, codebook: Codebook) -> dict[str, list[str]]:
    """Unit to its labels, one a coder (the last row of a coder counts), whatever the order of the rows."""
    labels = [label for label in codes["label"].unique() if codebook.is_label(label)]
    usable = codes[codes["label"].isin(labels) & ~codes["skipped"].astype(bool)]
    latest = usable.drop_duplicates(["unit_id", "coder"], keep="last")
    given: dict[str, list[str]] = {}
    for unit, label in zip(latest["unit_id"], latest["label"], strict=True):
        given.setdefault(unit, []).append(label)
    return {unit: sorted(labels) for unit, labels in given.items()}


def _aggregate(labels: list[str], names: Sequence[str], lot: float) -> tuple[str, str]:
    counts = Counter(labels)
    most = max(counts.values())
    tied = [name for name in names if counts.get(name) == most]
    if len(tied) > 1 or len(labels) == 1:
        return tied[int(lot * len(tied))], "single"
    return tied[0], "agreed" if most == len(labels) else "majority"


def _aggregate_sets(labels: list[str], names: Sequence[str], lot: float) -> tuple[str, str]:
    sets = [label_sets.split(label, names) or () for label in labels]
    chosen = sets[int(lot * len(sets))]
    votes = {name: sum(name in codes for codes in sets) for name in names}
    tied = {name for name, count in votes.items() if 2 * count == len(sets)}
    codes = {name for name, count in votes.items() if 2 * count > len(sets)} | tied.intersection(chosen)
    if tied or len(sets) == 1:
        return label_sets.join(codes, names), "single"
    return label_sets.join(codes, names), "agreed" if len(set(labels)) == 1 else "majority"


def _reason(have: int, need: int, n_skipped: int, answered: bool) -> str:
    parts = [f"{have} of {need} coders so far"] if have else []
    if n_skipped:
        parts.append(f"skipped by {n_skipped}")
    if answered and not have:
        parts.append("answered, but with no code of the codebook")
    return "; ".join(parts) or "not coded yet"
