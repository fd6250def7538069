"""The report: one self-contained HTML page that says what was found, how, and at what cost."""

import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from annotator import __version__, evidence
from annotator.adoption import stored
from annotator.classifiers import in_the_loop
from annotator.coding.effort import effort
from annotator.questions import Asked, MeanAsked
from annotator.report import figures
from annotator.report.position_bias import measured
from annotator.report.reliability import section
from annotator.seeds import generator
from annotator.stages import canary
from annotator.stages.collect import stored_codes
from annotator.stages.reliability import reliability
from annotator.workspace import CORPUS, ESTIMATES, Workspace, gold, ledger
from models.arrays import IntArray
from models.calibration import CalibrationIntervals, calibration_intervals
from models.error_map import ErrorMap

FLAGS = {
    "outside_range": "The estimate fell outside the possible range; the interval is laid around its edge.",
    "few_coded_units": "At most one coded unit bears on this number: the interval leans on the map.",
    "not_valid": "Machine labels taken for true: shown for comparison, not a valid estimate.",
    "confidence_sequence": "The interval holds at every look, since a stopping rule watches it.",
    "not_valid_under_stopping": "An interval for a fixed number of codes; not valid with the stopping rule.",
    "not_estimable": "There is no finite answer on the codes so far; more codes may bring one.",
    "adopted_codes": "Some codes are from before the study (see the rounds).",
    "nonresponse_adjusted": "Some drawn units were never coded; probabilities were adjusted for that.",
    "not_blind": "Some codes were given with the machine's label in sight, which may have pulled them; no "
    "interval covers that.",
}

ADOPTED = {
    "known": "Their codes are taken for true and count as they are; the rounds drew from the other units.",
    "sample": "They are a sample with known probabilities: a round of its own before the first.",
    "training": "How they were chosen is not known: only the error map learnt from them, and no number here "
    "counts their codes.",
}


def page(workspace: Workspace, n_rounds: int, error_maps: Sequence[ErrorMap]) -> str:
    """The report as of ``n_rounds`` closed rounds, as HTML text; ``error_maps`` are one a facet."""
    study = workspace.study
    estimates = workspace.store.read_frame(ESTIMATES)
    asked_again = [found for found in canary.findings(workspace) if found.round_number <= n_rounds]
    again = canary.as_frame(asked_again)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            study=study,
            version=__version__,
            n_units=len(workspace.units),
            n_dropped=workspace.store.metadata(CORPUS)["n_dropped"],
            n_rounds=n_rounds,
            answers=[_answer(estimates, section, study.codebook.names) for section in study.estimands],
            flags={
                flag: words for flag, words in FLAGS.items() if estimates["flags"].str.contains(flag).any()
            },
            maps=_maps(workspace, n_rounds, error_maps),
            rounds=[_round(workspace, number) for number in range(1, n_rounds + 1)],
            adopted=stored.sources(workspace),
            ADOPTED=ADOPTED,
            coders=_coders(workspace, n_rounds),
            reliability=_reliability(workspace, n_rounds),
            classifiers=_classifiers(workspace, n_rounds),
            machines=[_machine(workspace, machine.name, again) for machine in study.machine],
            shuffled_machines=measured(workspace),
            canary=again.to_dict("records"),
        )
    )


def _maps(workspace: Workspace, n_rounds: int, error_maps: Sequence[ErrorMap]) -> list[dict[str, Any]]:
    """The error map of each facet: its code where there are several, its scores, its reliability diagram."""
    golds = evidence.gold_codes(workspace, n_rounds)
    codes = workspace.study.codebook.names if len(error_maps) > 1 else [""]
    return [
        {
            "code": code,
            "error_map": error_map,
            "scores": _scores(workspace, n_rounds, error_map, gold),
            "picture": _picture(figures.reliability_diagram(error_map.calibration))
            if error_map.calibration
            else None,
        }
        for code, error_map, gold in zip(codes, error_maps, golds, strict=True)
    ]


def _scores(
    workspace: Workspace, n_rounds: int, error_map: ErrorMap, gold: IntArray
) -> CalibrationIntervals | None:
    """Intervals of the map's Brier score and calibration error."""
    if error_map.calibration is None:
        return None
    coded = gold >= 0
    return calibration_intervals(
        error_map.out_of_fold,
        gold[coded],
        1.0 / evidence.drawn_with(workspace, n_rounds)[coded],
        generator(workspace.study, n_rounds, "calibration"),
        confidence_level=workspace.study.confidence_level,
    )


def _classifiers(workspace: Workspace, n_rounds: int) -> list[dict[Any, Any]]:
    """What was trained before the rounds that the report is of, and which of them used it."""
    users = [in_the_loop.used_by(workspace, number) for number in range(1, n_rounds + 1)]
    rows = in_the_loop.overview(workspace, n_rounds - 1)
    rows["rounds"] = [
        ", ".join(str(number) for number, used in enumerate(users, start=1) if used == model)
        for model in rows["round"]
    ]
    return rows.to_dict("records")


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(lambda name: files("annotator.report").joinpath(name).read_text("utf-8")),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["value"] = _value
    environment.filters["count"] = lambda value: "" if math.isnan(value) else f"{value:,.0f}"
    return environment


def _value(value: float, is_share: bool) -> str:
    if math.isnan(value):
        return "\u2013"
    return f"{100 * value:.1f}" if is_share else f"{value:.3f}"


def _picture(svg: str) -> Markup:
    return Markup(svg)


def _answer(estimates: pd.DataFrame, section: Asked, labels: tuple[str, ...]) -> dict[str, Any]:
    """One estimand: its newest numbers by method, and a picture."""
    mine = estimates[estimates["estimand"] == section.name]
    newest = mine[mine["round"] == mine["round"].max()]
    rows = []
    for (term, group, label), by_method in newest.groupby(["term", "group", "label"], sort=False):
        numbers = by_method.set_index("method").to_dict("index")
        named = {"term": term, "group": group, "label": label}
        rows.append({**named, **{m: numbers.get(m, _NOTHING) for m in _METHODS}})
    ours, human = (newest[newest["method"] == method] for method in ("rounds", "human_only"))
    is_share = isinstance(section, MeanAsked) and set(newest["label"]) == set(labels)
    if is_share and section.by:
        picture = figures.intervals_by_group(ours, list(labels), section.by)
    elif is_share:
        picture = figures.intervals_by_round(mine, list(labels))
    else:
        picture = figures.intervals_by_term(ours, human)
    return {
        "section": section,
        "rows": rows,
        "has": {name: any(row[name] for row in rows) for name in ("group", "label")},
        "has_remarks": any(row["rounds"]["flags"] for row in rows),
        "is_share": is_share,
        "picture": _picture(picture),
    }


_METHODS = ("rounds", "human_only", "machine_only")
_NUMBERS = ("estimate", "ci_low", "ci_high", "n_effective")
_NOTHING = {**dict.fromkeys(_NUMBERS, math.nan), "n_human": 0, "flags": "not_estimable"}


def _round(workspace: Workspace, number: int) -> dict[str, Any]:
    rows, design = workspace.store.read_frame(ledger(number)), workspace.store.metadata(ledger(number))
    drawn = rows[rows["drawn"]]
    how = workspace.store.read_frame(gold(number))["how"].value_counts()
    return {
        "number": number,
        "n_eligible": len(rows),
        "n_drawn": len(drawn),
        "lowest": rows["inclusion_probability"].min(),
        "highest": rows["inclusion_probability"].max(),
        "reason": design["reason"],
        "error_map": design["error_map"],
        "how": ", ".join(f"{count} {name}" for name, count in how.items()),
    }


def _coders(workspace: Workspace, n_rounds: int) -> list[dict[Any, Any]]:
    codes = pd.concat([stored_codes(workspace, number) for number in range(1, n_rounds + 1)])
    return effort(codes).to_dict("records")


def _reliability(workspace: Workspace, n_rounds: int) -> dict[str, Any]:
    shown = section(reliability(workspace, n_rounds), workspace.study)
    return {**shown, "picture": _picture(shown["picture"]) if shown["picture"] else None}


def _machine(workspace: Workspace, annotator: str, again: pd.DataFrame) -> dict[str, Any]:
    rows = workspace.machine_labels(annotator)
    more = again[again["annotator"] == annotator]
    tokens = ["tokens_in", "tokens_out"]
    failed = rows.loc[rows["status"] != "ok", "status"].value_counts()
    return {
        "annotator": annotator,
        "n_labelled": int((rows["status"] == "ok").sum()),
        "failed": ", ".join(f"{count} {status}" for status, count in failed.items()) or "none",
        "tokens": int(rows[tokens].sum().sum() + more[tokens].sum().sum()),
        "cost": float(rows["cost"].sum() + more["cost"].sum()),
    }
