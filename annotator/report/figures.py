"""The pictures of the report, as SVG text that stands in the page."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from models.calibration import Calibration

OURS, HUMAN, QUIET = "#1f5fa8", "#b4652a", "#8a8f98"
COLUMNS = 3
_KEY = ["term", "label", "group"]
STYLE: Any = {
    "svg.hashsalt": "annotator",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e8eb",
    "axes.axisbelow": True,
}


def intervals_by_round(estimates: pd.DataFrame, labels: list[str]) -> str:
    """Interval of each code after each round: ours, and from the human codes alone beside it.

    ``estimates`` holds the rows of one estimand without groups, all rounds, methods rounds and human_only.
    """
    n_rows = -(-len(labels) // COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.3 * n_rows + 0.3), layout="constrained")
        axes = figure.subplots(n_rows, min(COLUMNS, len(labels)), squeeze=False).ravel()
        for axis, label in zip(axes, labels, strict=False):
            _one_code(axis, estimates[estimates["label"] == label], label)
        for axis in axes[len(labels) :]:
            axis.set_visible(False)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
        return _svg(figure, "Interval of each code after each round, rectified and from human codes alone")


def _one_code(axis: Any, rows: pd.DataFrame, label: str) -> None:
    for method, colour, shift, name in (
        ("rounds", OURS, -0.09, "human codes and machine labels, rectified"),
        ("human_only", HUMAN, 0.09, "human codes alone"),
    ):
        chosen = rows[rows["method"] == method]
        axis.errorbar(
            chosen["round"] + shift,
            100 * chosen["estimate"],
            yerr=[
                100 * (chosen["estimate"] - chosen["ci_low"]).clip(lower=0),
                100 * (chosen["ci_high"] - chosen["estimate"]).clip(lower=0),
            ],
            fmt="o",
            markersize=4,
            capsize=2.5,
            color=colour,
            label=name,
        )
    axis.set_title(label, loc="left", fontweight="bold")
    axis.set_xticks(sorted(rows["round"].unique()))
    axis.set_xlabel("round")
    axis.set_ylabel("% of units")


def intervals_by_group(estimates: pd.DataFrame, labels: list[str], by: str) -> str:
    """The newest interval of each code in each group of one estimand."""
    groups = sorted(estimates["group"].unique())
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 0.34 * len(labels) * len(groups) + 1.1), layout="constrained")
        axis = figure.subplots()
        ticks: dict[float, str] = {}
        for position, label in enumerate(reversed(labels)):
            for offset, group in enumerate(reversed(groups)):
                row = estimates[(estimates["label"] == label) & (estimates["group"] == group)]
                height = position * (len(groups) + 0.8) + offset
                ticks[height] = f"{label}, {group}"
                axis.hlines(height, 100 * row["ci_low"], 100 * row["ci_high"], color=OURS, linewidth=2)
                axis.plot(100 * row["estimate"], [height] * len(row), "o", color=OURS, markersize=4)
        axis.set_yticks(list(ticks), list(ticks.values()))
        axis.set_xlabel("% of units in the group")
        return _svg(figure, f"Interval of each code by {by}")


def intervals_by_term(ours: pd.DataFrame, human: pd.DataFrame) -> str:
    """The newest interval of every value of one estimand, rectified and from the human codes alone."""
    names = [", ".join(filter(None, key)) for key in ours[_KEY].itertuples(index=False)]
    beside = human.set_index(_KEY)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 0.36 * len(ours) + 1.1), layout="constrained")
        axis = figure.subplots()
        for height, (key, row) in enumerate(ours.set_index(_KEY).iterrows()):
            axis.hlines(-height, row["ci_low"], row["ci_high"], color=OURS, linewidth=2)
            axis.plot(row["estimate"], -height, "o", color=OURS, markersize=4)
            other = beside.loc[beside.index == key]
            axis.hlines([-height - 0.25] * len(other), other["ci_low"], other["ci_high"], color=HUMAN)
        axis.set_yticks([-height for height in range(len(ours))], names)
        axis.set_ylim(-len(ours) + 0.3, 0.5)
        axis.set_xlabel("estimate; human codes alone as the thin line")
        return _svg(figure, "Interval of each value, rectified and from human codes alone")


def reliability_diagram(calibration: Calibration) -> str:
    """Share of pairs (unit, code) that were right against the probability the map gave them, out of fold."""
    bins = calibration.reliability
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 4.0), layout="constrained")
        axis = figure.subplots()
        axis.plot([0, 1], [0, 1], color=QUIET, linewidth=1, label="perfectly calibrated")
        sizes = [20 + 160 * each.weight for each in bins]
        axis.scatter(
            [each.mean_prediction for each in bins],
            [each.observed_share for each in bins],
            s=sizes,
            color=OURS,
            label="predictions, area by how many",
        )
        axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        axis.set_xlabel("predicted probability of a code")
        axis.set_ylabel("share coded so by people")
        axis.legend(frameon=False, loc="upper left")
        return _svg(figure, "Reliability diagram of the confidence-to-error map")


def agreement_by_round(rows: pd.DataFrame, names: Mapping[str, str], bounds: Sequence[float]) -> str:
    """Agreement between people in each round, a series a statistic, with lines at ``bounds``."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 2.9), layout="constrained")
        axis = figure.subplots()
        for bound in bounds:
            axis.axhline(bound, color=QUIET, linewidth=0.8, linestyle=":")
            axis.annotate(f"{bound:.3f}", (1.01, bound), xycoords=("axes fraction", "data"), color=QUIET)
        shifts = (-0.06, 0.06)
        for (statistic, mine), colour, shift in zip(
            rows.groupby("statistic"), (OURS, HUMAN), shifts, strict=False
        ):
            axis.errorbar(
                mine["round"] + shift,
                mine["value"],
                yerr=[mine["value"] - mine["ci_low"], mine["ci_high"] - mine["value"]],
                fmt="o",
                markersize=4,
                capsize=2.5,
                color=colour,
                label=names[str(statistic)],
            )
        axis.set_xticks(sorted(rows["round"].unique()))
        axis.set_xlabel("round")
        axis.set_ylabel("agreement, weighted to the corpus")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        return _svg(figure, "Agreement between people in each round")


def _svg(figure: Figure, title: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": title}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
