"""What the report says about what gold rests on and the error left in it."""

import math
from typing import Any

import pandas as pd

HOW = {
    "single": "one coder",
    "agreed": "coders agree",
    "majority": "majority",
    "adjudicated": "adjudicated",
    "expert": "expert",
    "dawid_skene": "model",
}
_PREFIX = "gold_"


def gold_shares(people: pd.DataFrame) -> dict[str, Any]:
    """How the gold of each code came about: ``ways`` in words, and ``rows`` of a code, its n and shares.

    ``people`` are the rows of ``reliability.parquet`` that are about everybody, of all rounds so far.
    """
    mine = people[
        (people["weighting"] == "coded") & people["statistic"].isin([f"{_PREFIX}{how}" for how in HOW])
    ]
    ways = [how for how in HOW if f"{_PREFIX}{how}" in set(mine["statistic"])]
    rows = []
    for label, of_label in mine.groupby("label", sort=False):
        by_name = of_label.set_index("statistic")
        shares = [float(by_name["value"][f"{_PREFIX}{how}"]) for how in ways]
        rows.append({"label": label or "all codes", "n": int(by_name["n"].iloc[0]), "shares": shares})
    return {"ways": [HOW[how] for how in ways], "rows": rows}


def error_left(people: pd.DataFrame) -> list[str]:
    """How often adjudication would change a single coder's code, and what that means for the gold."""
    everyone = people[(people["weighting"] == "corpus") & (people["label"] == "")]
    found = dict(zip(everyone["statistic"], everyone.to_dict("records"), strict=True))
    if "single_code_error" not in found:
        return []
    error = found["single_code_error"]
    if math.isnan(error["value"]):
        return [f"How often adjudication would change a single coder's code cannot be said: {error['note']}."]
    sentences = [
        f"Adjudication would give another code than a single coder did to {_interval(error)} of units."
    ]
    if "gold_error_left" in found:
        single, left = found["gold_single"]["value"], found["gold_error_left"]
        sentences.append(
            f"{single:.1%} of gold is one coder's code, so that {_interval(left)} of all gold is expected to "
            "differ from what adjudication of everything would have given."
        )
    sentences.append(
        "What all coders of a unit get wrong is not seen and comes on top; the intervals of the estimates "
        "cover neither."
    )
    return sentences


def _interval(found: dict[Any, Any]) -> str:
    low, high = found["ci_low"], found["ci_high"]
    shown = "" if math.isnan(low) or math.isnan(high) else f" ({low:.1%} to {high:.1%})"
    return f"{found['value']:.1%}{shown}"
