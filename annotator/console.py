"""What a person at a terminal sees: progress bars, tables, errors."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from annotator.errors import AnnotatorError
from annotator.plain import plain
from annotator.progress import Progress as ProgressFunction

LOG_WIDTH = 120  # where there is no terminal to ask


def _console(stderr: bool) -> Console:
    """Brackets and colons are printed as they stand: people name files, coders and codes as they like."""
    as_it_stands = partial(Console, stderr=stderr, highlight=False, markup=False, emoji=False)
    console = as_it_stands()
    return console if console.is_terminal else as_it_stands(width=LOG_WIDTH)


out = _console(stderr=False)
err = _console(stderr=True)


@contextmanager
def progress_bar() -> Iterator[ProgressFunction]:
    """A bar on a terminal; a plain line whenever another tenth is done elsewhere (logs)."""
    if not err.is_terminal:
        yield _progress_lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        known: dict[str, int] = {}

        def show(done: int, total: int, what: str) -> None:
            if what not in known:
                known[what] = int(bars.add_task(what, total=total))
            bars.update(bars.task_ids[known[what]], completed=done, total=total)

        yield show


def _progress_lines() -> ProgressFunction:
    last: dict[str, int] = {}

    def show(done: int, total: int, what: str) -> None:
        tenth = 10 * done // total if total else 10
        if last.get(what) != tenth:
            last[what] = tenth
            err.print(f"{what}: {done} of {total}")

    return show


@contextmanager
def spinner(what: str) -> Iterator[Callable[[str], None]]:
    """A line that says what is being waited for; one line after the other where there is no terminal."""
    if not err.is_terminal:
        yield lambda message: err.print(message, soft_wrap=True)
        return
    with err.status(Text(what)) as shown:
        yield lambda message: shown.update(Text(message))


def show_line(subject: str, rest: str) -> None:
    """A line that says what it is about in bold."""
    out.print(Text.assemble((subject, "bold"), rest), soft_wrap=True)


def show_error(error: AnnotatorError) -> None:
    """The error and its remedy."""
    err.print("error: ", style="bold red", end="")
    err.print(error.message, soft_wrap=True)
    if error.hint:
        err.print(error.hint, style="dim", soft_wrap=True)


def show_json(data: object, indent: int | None = 1) -> None:
    """What a script asked for, on standard output; numbers that nobody knows are null."""
    print(json.dumps(plain(data), indent=indent, allow_nan=False, default=str), flush=True)


def show_frame(frame: pd.DataFrame, title: str) -> None:
    """A frame as a table: numbers to four digits, right-aligned."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in frame.columns:
        is_number = pd.api.types.is_numeric_dtype(frame[column])
        table.add_column(str(column), justify="right" if is_number else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _cell(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_estimates(estimates: pd.DataFrame) -> None:
    """The newest estimates with their intervals."""
    if estimates.empty:
        return
    level, number = estimates["confidence_level"].iloc[0], estimates["round"].iloc[0]
    pairs = zip(estimates["ci_low"], estimates["ci_high"], strict=True)
    shown = pd.DataFrame(
        {
            "estimand": estimates["estimand"],
            "term": estimates["term"].where(estimates["term"] != "mean", ""),
            "code": estimates["label"],
            "group": estimates["group"],
            "method": estimates["method"] if estimates["method"].nunique() > 1 else "",
            "estimate": estimates["estimate"].map("{:.4f}".format),
            "interval": [f"{low:.4f} to {high:.4f}" for low, high in pairs],
            "human codes": estimates["n_human"],
            "worth": estimates["n_effective"].map(lambda n: "" if pd.isna(n) else f"{n:.0f}"),
            "remarks": estimates["flags"].str.replace("_", " "),
        }
    )
    show_frame(shown.loc[:, (shown != "").any()], f"Estimates after round {number} ({level:.0%} intervals)")


def show_simulation(table: pd.DataFrame) -> None:
    """One table a value: what each method did with each budget, and what that is worth in random codes."""
    for key, rows in table.groupby(["estimand", "term", "label", "group"], sort=False):
        pairs = zip(rows["coverage"], rows["coverage_mc_error"], strict=True)
        shown = pd.DataFrame(
            {
                "method": rows["method"],
                "codes": rows["budget"],
                "bias": rows["bias"],
                "rmse": rows["rmse"],
                "half-width": rows["mean_half_width"],
                "coverage": [f"{coverage:.3f} \u00b1 {2 * error:.3f}" for coverage, error in pairs],
                "efficiency": rows["relative_efficiency"],
                "worth": rows["n_effective"].round(),
                "worth by width": rows["n_effective_width"].round(),
                "refused": (rows["trials"] - rows["answered"]).map(lambda n: str(n or "")),
                "core seconds": rows["core_seconds"],
            }
        )
        name = ", ".join(str(part) for part in key if part)
        shown = shown.loc[:, (shown != "").any()].sort_values("codes", kind="stable")
        show_frame(
            shown, f"{name}: {rows['truth'].iloc[0]:.4g} on all codes, {rows['trials'].iloc[0]} trials"
        )
