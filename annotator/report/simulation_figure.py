"""The picture of a simulation: coverage and efficiency against the budget, method by method."""

import io
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from annotator.report.figures import QUIET, STYLE

MOST_VALUES = 12
COLOURS = {
    "rounds": "#1f5fa8",
    "human_only": "#b4652a",
    "machine_only": "#8a8f98",
    "ppi": "#6b9e4b",
    "ppi_plus_plus": "#2f7d5b",
    "dsl": "#a3557f",
    "leverage_only": "#c9a227",
    "confidence_driven": "#7a57a8",
}


def simulation_figure(table: pd.DataFrame, confidence_level: float) -> bytes:
    """An SVG with a column of panels for each value (the first 12): coverage, and codes worth.

    ``table`` has the columns of `schema.SIMULATION`. Bars of coverage show two Monte-Carlo errors.
    """
    values = table[["estimand", "term", "label", "group"]].drop_duplicates().head(MOST_VALUES)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * max(len(values), 2), 5.4), layout="constrained")
        axes = figure.subplots(2, len(values), squeeze=False, sharex=True)
        for column, key in enumerate(values.itertuples(index=False)):
            mine = table[(table[list(values.columns)] == list(key)).all(axis=1)]
            _panels(axes[:, column], mine, ", ".join(str(part) for part in key if part), confidence_level)
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": "Simulation"})
    return buffer.getvalue()


def _panels(axes: Any, rows: pd.DataFrame, title: str, confidence_level: float) -> None:
    coverage, worth = axes
    budgets = np.sort(rows["budget"].unique())
    coverage.axhline(confidence_level, color=QUIET, linewidth=1)
    worth.plot(budgets, budgets, color=QUIET, linewidth=1)
    for method, mine in rows.sort_values("budget", kind="stable").groupby("method", sort=False):
        style = {"color": COLOURS[str(method)], "marker": "o", "markersize": 3.5}
        bars = 2 * mine["coverage_mc_error"]
        coverage.errorbar(mine["budget"], mine["coverage"], yerr=bars, label=method, **style)
        if method != "machine_only":
            worth.plot(mine["budget"], mine["n_effective"], **style)
    coverage.set_title(title, loc="left", fontweight="bold", fontsize=8)
    coverage.set_ylim(min(0.7, confidence_level - 0.1), 1.01)
    coverage.set_ylabel("coverage (cut below 0.7)")
    worth.set_ylabel("simple random codes it is worth")
    worth.set_xlabel("human codes")
    worth.set_xticks(budgets)
