"""The picture of a plan: expected half-widths against the budget, and the hours that it takes."""

import io
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from annotator.plan.study import Plan
from annotator.report.figures import COLUMNS, HUMAN, OURS, QUIET, STYLE

FORMATS = ("svg", "png", "pdf")
LEGEND = ("human codes and machine labels", "human codes alone, simple random sample")
MOST_NAMED = 12
LINE = 0.055  # height of a name, as a share of its panel
_KEY = ["term", "label", "group"]


def plan_figure(plan: Plan, file_format: str = "svg") -> bytes:
    """A panel for each estimand, with a line for each of its values and one for human codes alone.

    Both axes are logarithmic. Lines are named at their end where an estimand has at most twelve values. The
    horizontal line is the width at which the study stops, if it has a stopping rule, and the vertical one
    its budget. ``file_format`` is svg, png or pdf.
    """
    table = plan.frame().dropna(subset=["half_width"])
    names = list(dict.fromkeys(table["estimand"]))
    n_columns = max(min(COLUMNS, len(names)), 1)
    n_rows = max(-(-len(names) // n_columns), 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(3.6 * n_columns, 4.8), 3.1 * n_rows + 0.5), layout="constrained")
        axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        for axis, name in zip(axes, names, strict=False):
            _panel(axis, table[table["estimand"] == name], name, plan)
        for axis in axes[len(names) :]:
            axis.set_visible(False)
        if names:
            handles, labels = axes[0].get_legend_handles_labels()
            figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=2, frameon=False)
        buffer = io.BytesIO()
        about = {"Title": f"Plan of {plan.study.name}"}
        stamped = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(file_format, {})
        figure.savefig(buffer, format=file_format, dpi=160, metadata={**about, **stamped})
    return buffer.getvalue()


def _panel(axis: Any, rows: pd.DataFrame, name: str, plan: Plan) -> None:
    for number, (_, mine) in enumerate(rows.groupby(_KEY, sort=False)):
        ours, human = (text if number == 0 else None for text in LEGEND)
        axis.plot(mine["budget"], mine["human_only"], ":", color=HUMAN, linewidth=1, label=human)
        axis.plot(
            mine["budget"], mine["half_width"], "o-", color=OURS, linewidth=1.3, markersize=3.5, label=ours
        )
    _scales(axis, rows, plan)
    _marks(axis, name, plan)
    _names(axis, rows)
    axis.set_title(name, loc="left", fontweight="bold")


def _names(axis: Any, rows: pd.DataFrame) -> None:
    """At the lines' ends, moved apart where they would cover each other."""
    last = rows[(rows["half_width"] > 0)].drop_duplicates(_KEY, keep="last").sort_values("half_width")
    if not 1 < len(last) <= MOST_NAMED:
        return
    low, high = np.log(axis.get_ylim())
    told = [key for key in _KEY if last[key].nunique() > 1]
    height = 0.0
    for words, width in zip(last[told].itertuples(index=False), last["half_width"], strict=True):
        height = max(height + LINE, float((np.log(width) - low) / (high - low)))
        text = ", ".join(word for word in words if word)
        axis.text(1.02, height, text, transform=axis.transAxes, va="center", fontsize=7, color=OURS)


def _marks(axis: Any, name: str, plan: Plan) -> None:
    design = plan.study.design
    if plan.budgets[0] <= design.budget <= plan.budgets[-1]:
        axis.axvline(design.budget, color=QUIET, linewidth=0.8)
    if design.stop is not None and design.stop.estimand == name:
        axis.axhline(design.stop.half_width, color=QUIET, linewidth=0.8)


def _scales(axis: Any, rows: pd.DataFrame, plan: Plan) -> None:
    """Logarithmic; the zero width of a census is left out."""
    axis.set_xscale("log")
    axis.set_xticks(plan.budgets, [f"{budget:,}" for budget in plan.budgets])
    axis.set_xlabel("human codes")
    axis.set_ylabel(f"half-width, {plan.study.confidence_level:.0%} interval")
    if (rows["half_width"] > 0).any():
        axis.set_yscale("log", nonpositive="mask")
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    hours = axis.secondary_xaxis("top")
    hours.set_xticks(plan.budgets, [_hours(plan.coding.hours_to_come(budget)) for budget in plan.budgets])
    hours.tick_params(labelsize=7, colors=QUIET)
    for each in (axis, hours):
        each.minorticks_off()


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 10 else f"{hours:,.0f} h"
