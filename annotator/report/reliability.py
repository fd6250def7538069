"""What the report says about intercoder reliability, in numbers and in words."""

import math
from typing import Any

import pandas as pd

from annotator.coding.reliability.coefficient import NO_OVERLAP
from annotator.report import figures
from annotator.report.anchoring import pull
from annotator.report.left_in_gold import error_left, gold_shares
from annotator.study import Study
from annotator.workspace import ADOPTED

TENTATIVE, RELIABLE = 0.667, 0.8  # Krippendorff's convention
NAMES = {
    "alpha_nominal": "Krippendorff's alpha",
    "alpha_ordinal": "Krippendorff's alpha, ordinal",
    "alpha_interval": "Krippendorff's alpha, interval",
    "percent_agreement": "percent agreement",
}


def section(rows: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Everything the template shows; ``rows`` are those of ``reliability.parquet``."""
    so_far = rows[rows["scope"] == "so_far"]
    people = so_far[(so_far["annotator"] == "") & (so_far["coder"] == "")]
    everyone = people[(people["weighting"] == "corpus") & people["statistic"].isin([*NAMES, "gwet_ac1"])]
    return {
        "is_measured": bool(everyone["n"].max() > 0),
        "why_not": next(iter(everyone["note"]), NO_OVERLAP),
        "rows": [_shown(str(label), rows) for label, rows in everyone.groupby("label", sort=False)],
        "coders": _coders(so_far),
        "adopted": _adopted(rows),
        "machines": _machines(so_far),
        "error": [*measurement_error(people, study.coding.gold.rule), *error_left(people)],
        "gold": gold_shares(people),
        "drift": drift(people),
        "anchoring": pull(so_far),
        "picture": _picture(rows),
    }


def reading(statistic: str, value: float, ci_low: float) -> str:
    """What a value of alpha means by Krippendorff's convention, and what its interval leaves open.

    >>> reading("alpha_nominal", 0.85, 0.7)
    'reliable (.800 or more), but the interval reaches below .800'
    >>> reading("alpha_nominal", 0.5, 0.4)
    'too low to draw conclusions from (below .667)'
    """
    if not statistic.startswith("alpha") or math.isnan(value):
        return ""
    if value < TENTATIVE:
        return "too low to draw conclusions from (below .667)"
    if value < RELIABLE:
        reach = ", and the interval reaches below .667" if ci_low < TENTATIVE else ""
        return "for tentative conclusions only (.667 to .800)" + reach
    bound = ".667" if ci_low < TENTATIVE else ".800"
    return "reliable (.800 or more)" + (
        f", but the interval reaches below {bound}" if ci_low < RELIABLE else ""
    )


def measurement_error(people: pd.DataFrame, rule: str) -> list[str]:
    """How often two people disagree, and what that means for the estimates.

    If coders err independently given the unit, and each is right at least half of the time, a disagreement
    rate d bounds the share e of single codes that are not what most coders would say: per unit
    ``d <= 2 e - e**2`` and ``2 e (1 - e) <= d``, so that ``d / 2 <= e <= d``.
    """
    found = _one(people, "percent_agreement")
    if found is None or math.isnan(found["value"]):
        return ["How far these numbers depend on who coded cannot be said: no unit was coded by two people."]
    rate, low, high = (1.0 - found[end] for end in ("value", "ci_high", "ci_low"))
    sentences = [
        f"Two people gave different codes to {rate:.1%} of the units that more than one coded ({low:.1%} to "
        f"{high:.1%}, weighted to stand for the corpus): if they err independently of each other, "
        f"{rate / 2:.1%} to {rate:.1%} of units coded once carry another code than most coders would give "
        "them, a share may be off by as much, and no interval on this page covers that."
    ]
    doubt = _one(people, "gold_error")
    if rule == "dawid_skene" and doubt is not None:
        sentences.append(
            "Gold is the likeliest code by the model of Dawid and Skene, which expects "
            f"{doubt['value']:.1%} of it to be wrong; the estimates rest on that model."
        )
    if rule == "expert":
        sentences.append("Units that a named expert coded carry the expert's code: this concerns the others.")
    return sentences


def drift(people: pd.DataFrame) -> str:
    """Whether agreement changes over the rounds; empty where that cannot be said."""
    found = _one(people, "percent_agreement_slope")
    if found is None or math.isnan(found["value"]):
        return ""
    low, high, value = (100 * found[end] for end in ("ci_low", "ci_high", "value"))
    words = "shows no clear change" if low <= 0 <= high else ("rises" if value > 0 else "falls")
    return (
        f"From {found['note']} percent agreement {words}: "
        f"{value:+.1f} points a round ({low:+.1f} to {high:+.1f})."
    )


def _shown(label: str, rows: pd.DataFrame) -> dict[Any, Any]:
    """The coefficients of one code, or of all together."""
    by_name = rows.set_index("statistic").to_dict("index")
    statistic = _alpha(rows)
    alpha = by_name[statistic]
    return {
        "label": label or "all codes",
        "alpha": alpha,
        "level": statistic.removeprefix("alpha_"),
        "percent_agreement": by_name["percent_agreement"],
        "gwet_ac1": by_name.get("gwet_ac1"),
        "reading": alpha["note"] or reading(statistic, alpha["value"], alpha["ci_low"]),
    }


def _adopted(rows: pd.DataFrame) -> dict[str, Any] | None:
    """The same of codes from before the study, if several people gave some."""
    before = rows[rows["round"] == ADOPTED]
    people = before[before["coder"] == ""]
    if before.empty:
        return None
    shown = [_shown(str(label), of) for label, of in people.groupby("label", sort=False)]
    return {"rows": shown, "coders": _coders(before)}


def _coders(so_far: pd.DataFrame) -> list[dict[Any, Any]]:
    """Each coder who shares units with others: agreement with them, and alpha without this coder."""
    mine = so_far[(so_far["coder"] != "") & (so_far["other"] == "")]
    shown: list[dict[Any, Any]] = []
    for coder, rows in mine.groupby("coder", sort=False):
        by_name = rows.set_index("statistic").to_dict("index")
        if by_name["percent_agreement"]["n"]:
            shown.append({"coder": coder, **by_name})
    return shown


def _machines(so_far: pd.DataFrame) -> list[dict[Any, Any]]:
    """Each machine annotator: agreement with gold in the corpus, and the alternative annotator test."""
    found: list[dict[Any, Any]] = []
    for annotator, rows in so_far[so_far["annotator"] != ""].groupby("annotator", sort=False):
        against = rows[(rows["other"] == "gold") & (rows["weighting"] == "corpus") & (rows["label"] == "")]
        tests = rows[rows["statistic"] == "alt_test_winning_rate"]
        found.append(
            {
                "annotator": annotator,
                **against.set_index("statistic").to_dict("index"),
                "test": _test(tests, rows[rows["statistic"] == "alt_test_advantage"]["value"].iloc[0]),
            }
        )
    return found


def _test(tests: pd.DataFrame, advantage: float) -> str:
    """The alternative annotator test in words."""
    if tests["value"].isna().all():
        return str(tests["note"].iloc[0])
    return "; ".join(tests["note"]) + f"; as good as a coder or better on {advantage:.0%} of units"


def _picture(rows: pd.DataFrame) -> str | None:
    """Agreement over rounds, once there are two with an interval."""
    by_round = rows[(rows["scope"] == "round") & (rows["weighting"] == "corpus") & (rows["label"] == "")]
    drawn = by_round[by_round["statistic"].isin(["percent_agreement", _alpha(by_round)])].dropna(
        subset=["ci_low"]
    )
    if drawn["round"].nunique() < 2:
        return None
    return figures.agreement_by_round(drawn, NAMES, (TENTATIVE, RELIABLE))


def _alpha(rows: pd.DataFrame) -> str:
    """The alpha that fits the codes: ordinal or interval where there is one."""
    return [name for name in NAMES if name != "percent_agreement" and name in set(rows["statistic"])][-1]


def _one(rows: pd.DataFrame, statistic: str) -> dict[Any, Any] | None:
    found = rows[(rows["statistic"] == statistic) & (rows["weighting"] == "corpus") & (rows["label"] == "")]
    return None if found.empty else dict(found.to_dict("records")[0])
