"""`annotator label`."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import pandas as pd
import typer

from annotator import console
from annotator.commands.arguments import Json, StudyPath
from annotator.errors import StudyError
from annotator.machines import Machine
from annotator.plan.labelling import LabellingCost, labelling_costs
from annotator.stages.ingest import ingest
from annotator.stages.label import label as label_units
from annotator.stages.retry import retry_failed
from annotator.status import machines as machine_table
from annotator.study import Study
from annotator.workspace import CORPUS, Workspace


class Retry(StrEnum):
    """What is asked again."""

    failed = "failed"


def label(
    study: StudyPath,
    *,
    annotator: Annotated[str, typer.Option(help="only this machine annotator", show_default="all")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="count calls, tokens and money; send and label nothing")
    ] = False,
    retry: Annotated[
        Retry | None, typer.Option(help="`failed`: ask again for units whose status is not ok")
    ] = None,
    as_json: Json = False,
) -> None:
    """Label with the study's machine annotators now, in this process. Done before round 1 is opened."""
    workspace = Workspace.open(study)
    machines = _machines(workspace.study, annotator)
    with console.progress_bar() as progress:
        if dry_run:
            _show(labelling_costs(workspace, machines, retry=bool(retry), progress=progress), as_json)
            return
        with workspace.lock():
            if not workspace.store.exists(CORPUS):
                ingest(workspace)
            work = retry_failed if retry else label_units
            message = work(workspace, progress, machines)
    table = machine_table(workspace)
    if as_json:
        console.show_json({"message": message, "machines": table.to_dict("records")})
        return
    console.out.print(message, soft_wrap=True)
    console.show_frame(table, "Machine annotators")


def _machines(study: Study, name: str) -> Sequence[Machine]:
    chosen = [machine for machine in study.machine if name in ("", machine.name)]
    if not chosen:
        raise StudyError(
            f"--annotator {name}: there is no such machine annotator",
            hint=f"The study has: {', '.join(machine.name for machine in study.machine)}",
        )
    return chosen


def _show(costs: Sequence[LabellingCost], as_json: bool) -> None:
    if as_json:
        console.show_json([cost.to_json() for cost in costs])
        return
    rows = pd.DataFrame(
        {
            "annotator": [cost.annotator for cost in costs],
            "units": [f"{cost.n_units:,}" for cost in costs],
            "calls": [f"{cost.calls:,}" for cost in costs],
            "tokens in": [f"{cost.tokens_in:,.0f}" for cost in costs],
            "tokens out": [f"{cost.tokens_out:,.0f}" for cost in costs],
            "cost": [f"{cost.cost:,.4f}" for cost in costs],
        }
    )
    console.show_frame(rows, "To be labelled, not counting what is written or known")
    console.out.print("Tokens are estimated at four characters each.", style="dim")
    for cost in costs:
        if cost.max_cost is not None:
            verdict = "enough" if cost.is_within_cap else "labelling will stop before the end"
            console.out.print(
                f"{cost.annotator}: {cost.spent:,.4f} of max_cost {cost.max_cost:,.4f} is spent: {verdict}",
                soft_wrap=True,
            )
