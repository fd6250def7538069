"""The table of classifiers that papers print: figures in columns, mean (SD) in cells."""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from models.cross_validation import CrossValidation

COLUMNS = ("precision_macro", "recall_macro", "f1_macro")


def score_table(
    results: Mapping[str, CrossValidation], metrics: Sequence[str] = COLUMNS, *, by_code: bool = False
) -> pd.DataFrame:
    """One row a classifier (and code) and metric: ``classifier``, ``code``, ``metric``, ``mean``, ``sd``.

    Metrics are those of `models.metrics.scores`. With ``by_code`` those that have a figure for every code
    (``precision``, ``recall``, ``f1``, ``roc_auc``, ``pr_auc``) come by code.

    Raises ValueError naming a metric that there is not.
    """
    parts = []
    for name, result in results.items():
        summary = result.summary()
        chosen = summary[summary["metric"].isin(metrics) & ((summary["code"] != "") == by_code)]
        missing = set(metrics) - set(chosen["metric"])
        if missing:
            raise ValueError(f"there is no metric {', '.join(sorted(missing))} of {name}")
        place = {metric: position for position, metric in enumerate(metrics)}
        codes = ["", *result.label_map.codes]
        order = chosen.assign(
            code_place=chosen["code"].map(codes.index), metric_place=chosen["metric"].map(place)
        ).sort_values(["code_place", "metric_place"])
        parts.append(order[["code", "metric", "mean", "sd"]].assign(classifier=name))
    table = pd.concat(parts, ignore_index=True)
    return table[["classifier", "code", "metric", "mean", "sd"]]


def every_score(results: Mapping[str, CrossValidation]) -> pd.DataFrame:
    """All figures there are, of all codes together and of each, in the columns of `score_table`."""
    parts = [result.summary().assign(classifier=name) for name, result in results.items()]
    return pd.concat(parts, ignore_index=True)[["classifier", "code", "metric", "mean", "sd"]]


def to_markdown(table: pd.DataFrame, digits: int = 3) -> str:
    """The table in Markdown, the best mean of each column in bold.

    >>> rows = [("svm", "", "f1_macro", 0.7412, 0.02), ("forest", "", "f1_macro", 0.7, np.nan)]
    >>> print(to_markdown(pd.DataFrame(rows, columns=["classifier", "code", "metric", "mean", "sd"]), 2))
    | classifier | F1 (macro) |
    | --- | ---: |
    | svm | **0.74** (0.02) |
    | forest | 0.70 |
    """
    head, body = _cells(table, digits, "**{}**")
    n_names = len(head) - table["metric"].nunique()
    lines = [head, ["---"] * n_names + ["---:"] * (len(head) - n_names), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def to_latex(table: pd.DataFrame, digits: int = 3) -> str:
    """The table in LaTeX, for the package booktabs."""
    head, body = _cells(table, digits, "\\textbf{{{}}}", escape=True)
    n_names = len(head) - table["metric"].nunique()
    lines = [
        f"\\begin{{tabular}}{{{'l' * n_names}{'r' * (len(head) - n_names)}}}",
        "\\toprule",
        " & ".join(head) + " \\\\",
        "\\midrule",
        *(" & ".join(line) + " \\\\" for line in body),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """The numbers, as a Parquet file that appears whole or not at all."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), buffer)
    partial = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        partial.write_bytes(buffer.getvalue())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def title(metric: str) -> str:
    """A metric as people write it.

    >>> title("f1_macro"), title("roc_auc"), title("balanced_accuracy")
    ('F1 (macro)', 'ROC-AUC', 'Balanced accuracy')
    """
    for average in ("macro", "micro", "weighted"):
        if metric.endswith(f"_{average}"):
            return f"{title(metric.removesuffix(f'_{average}'))} ({average})"
    known = {"f1": "F1", "roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "mcc": "MCC", "ece": "ECE"}
    return known.get(metric, metric.replace("_", " ").capitalize())


def _cells(
    table: pd.DataFrame, digits: int, bold: str, escape: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Head and rows as texts."""
    clean = _latex if escape else str
    metrics = list(dict.fromkeys(table["metric"]))
    has_codes = bool((table["code"] != "").any())
    best = {
        (metric, code): rows.min() if metric in {"log_loss", "ece", "mean_absolute_error"} else rows.max()
        for (metric, code), rows in table["mean"].round(digits).groupby([table["metric"], table["code"]])
    }
    body = []
    for (name, code), rows in table.groupby(["classifier", "code"], sort=False):
        line = [clean(str(name)), clean(str(code))] if has_codes else [clean(str(name))]
        by_metric = rows.set_index("metric")
        for metric in metrics:
            mean, sd = float(by_metric.loc[metric, "mean"]), float(by_metric.loc[metric, "sd"])
            text = f"{mean:.{digits}f}" if np.isfinite(mean) else "-"
            text = bold.format(text) if round(mean, digits) == best[metric, code] else text
            line.append(f"{text} ({sd:.{digits}f})" if np.isfinite(sd) else text)
        body.append(line)
    head = ["classifier", *(["code"] if has_codes else []), *(clean(title(metric)) for metric in metrics)]
    return head, body


def _latex(text: str) -> str:
    special = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
    return "".join(special.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in text)
