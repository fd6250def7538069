"""`annotator plan`."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from annotator import console
from annotator.commands.arguments import Json, StudyPath, whole_numbers
from annotator.errors import StudyError
from annotator.plan.adjudication import Adjudication
from annotator.plan.costs import MachineCost
from annotator.plan.study import SKILL, Options, Plan, plan_study
from annotator.report.plan_figure import FORMATS, plan_figure
from annotator.workspace import Workspace

_KEY = ["term", "label", "group"]


def plan(
    study: StudyPath,
    *,
    budget: Annotated[
        str, typer.Option(help="human codes, for example 200,500; a ladder around the study's by default")
    ] = "",
    skill: Annotated[
        float | None,
        typer.Option(
            help="share of units, beyond chance, that the machine is right about; used before there are "
            f"human codes  [default: {SKILL}]",
        ),
    ] = None,
    shares: Annotated[
        str,
        typer.Option(help="share of each code, for example 0.1,0.9; used before the machine has labelled"),
    ] = "",
    minutes_per_code: Annotated[
        float | None, typer.Option(help="of a coder; the coders' median, or 0.5 before anyone coded")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help=f"write a picture: a path that ends in .{', .'.join(FORMATS)}")
    ] = None,
    as_json: Json = False,
) -> None:
    """What widths a budget buys, and what it costs. Writes nothing to the study and spends nothing."""
    options = Options(
        budgets=whole_numbers("--budget", budget) or None,
        skill=skill,
        shares=_shares(shares),
        minutes_per_code=minutes_per_code,
    )
    _refuse_format(figure)
    with console.spinner("planning"):
        found = plan_study(Workspace.open(study), options)
    if figure is not None:
        _write(figure, plan_figure(found, _format(figure)))
    if as_json:
        console.show_json(found.to_json())
        return
    _show(found)
    if figure is not None:
        console.out.print(str(figure), soft_wrap=True)


def _show(found: Plan) -> None:
    n_coded = f", {found.n_coded:,} of them coded" if found.n_coded else ""
    console.show_line(found.study.name, f": {found.n_units:,} units{n_coded}")
    for line in (found.source, *found.remarks):
        _say(f"{line[0].upper()}{line[1:]}.")
    _say(
        f"Expected half-widths of {found.study.confidence_level:.0%} intervals by number of human codes; in "
        "brackets those of human codes alone, of simple random samples as large:"
    )
    for name, rows in found.frame().groupby("estimand", sort=False):
        console.show_frame(_by_budget(rows), str(name))
    console.show_frame(costs_table(found), "Still to be spent")
    if found.coding.adjudication is not None:
        _say(_about_decisions(found.coding.adjudication))
    for machine in found.machines:
        _say(_about(machine))


def _say(line: str) -> None:
    console.out.print(line, soft_wrap=True)


def _by_budget(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a value of an estimand, one column a budget."""
    values = rows.drop_duplicates(_KEY)
    table = pd.DataFrame(
        {
            "term": values["term"].where(values["term"] != "mean", ""),
            "code": values["label"],
            "group": values["group"],
            "expected": [_number(value) for value in values["estimate"]],
        }
    )
    for budget, of_budget in rows.groupby("budget"):
        pairs = zip(of_budget["half_width"], of_budget["human_only"], strict=True)
        table[f"{budget:,}"] = [
            f"{_number(a)} ({_number(b)})" if pd.notna(a) else "no answer" for a, b in pairs
        ]
    filled: pd.DataFrame = table.loc[:, (table != "").any()]
    return filled


def _number(value: float) -> str:
    """Two digits are all that a plan can promise."""
    if pd.isna(value):
        return ""
    return f"{value:#.2g}" if abs(value) < 10 else f"{value:,.0f}"


def _about(machine: MachineCost) -> str:
    if machine.basis == "free":
        return f"{machine.annotator}: its labels cost nothing."
    tokens = f"{machine.tokens_in:,.0f} tokens in and {machine.tokens_out:,.0f} out"
    cap = "" if machine.max_cost is None else f" Labelling stops at a max_cost of {machine.max_cost:,.2f}."
    return (
        f"{machine.annotator}: {tokens} for the whole corpus (from {machine.basis}) "
        f"cost {machine.cost:,.2f}, of which {machine.to_come:,.2f} is to come; "
        f"asking again before every round adds {machine.canary:,.2f}.{cap}"
    )


def _about_decisions(adjudication: Adjudication) -> str:
    often = f"{adjudication.rate:.0%} of the units that several people code"
    seen = f"as in {adjudication.n_compared:,} so far" if adjudication.n_compared else "assumed"
    whose = "the adjudicator's mean" if adjudication.from_adjudicator else "as a code"
    return (
        f"Adjudication: decisions on {often} ({seen}), at {adjudication.minutes_per_decision:.2g} minutes "
        f"({whose}), are part of the hours."
    )


def costs_table(found: Plan) -> pd.DataFrame:
    """One row a budget: what is still to be given, decided and paid."""
    costs = found.costs()
    coding = found.coding
    whose = "the coders' mean" if coding.from_coders else "assumed"
    often = f" ({coding.overlap:.0%} of units by {coding.coders} people)" if coding.overlap else ""
    minutes = f"hours at {coding.minutes_per_code:.2g} minutes ({whose})"
    columns = {
        "human codes": costs["budget"].map("{:,}".format),
        f"codes to give{often}": costs["codes_to_come"].map("{:,}".format),
    }
    if coding.adjudication is not None:
        columns["decisions of an adjudicator"] = costs["decisions_to_come"].map("{:,.0f}".format)
    columns[minutes] = costs["hours_to_come"].map("{:,.1f}".format)
    if coding.daily_limit is not None:
        days = costs["coder_days_to_come"].map("{:,}".format)
        columns[f"coder-days at {coding.daily_limit:,} codes"] = days
    columns["cost of machine labels"] = costs["machine_cost_to_come"].map("{:,.2f}".format)
    return pd.DataFrame(columns)


def _shares(text: str) -> list[float] | None:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return [float(part) for part in parts] or None
    except ValueError as error:
        raise StudyError(
            f"--shares {text!r}: expected numbers", hint="For example: --shares 0.1,0.9"
        ) from error


def _format(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def _refuse_format(path: Path | None) -> None:
    if path is not None and _format(path) not in FORMATS:
        raise StudyError(
            f"--figure {path}: a picture ends in .{', .'.join(FORMATS)}",
            hint="For example: --figure plan.svg",
        )


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StudyError(
            f"--figure {path} cannot be written: {error.strerror}", hint="Name a folder that exists."
        ) from error
