"""`annotator simulate`."""

from typing import Annotated

import typer

from annotator import console
from annotator.commands.arguments import Json, StudyPath, whole_numbers
from annotator.simulate.procedures import DEFAULT, PROCEDURES
from annotator.simulate.study import Options, simulate_study
from annotator.workspace import SIMULATION_FIGURE, Workspace


def simulate(
    study: StudyPath,
    *,
    trials: Annotated[int, typer.Option(help="studies to play for each method and budget")] = 200,
    budget: Annotated[
        str, typer.Option(help="human codes, for example 200,500; as the study by default")
    ] = "",
    methods: Annotated[str, typer.Option(help=f"from: {', '.join(PROCEDURES)}")] = ",".join(DEFAULT),
    rounds: Annotated[int, typer.Option(min=0, help="rounds of `rounds`; 0: as the study")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="as the study by default")] = None,
    processes: Annotated[int, typer.Option(help="-1: one a processor")] = -1,
    as_json: Json = False,
) -> None:
    """Try the study's design out on a corpus whose human codes are a column."""
    options = Options(
        methods=[name.strip() for name in methods.split(",") if name.strip()],
        budgets=whole_numbers("--budget", budget) or None,
        n_rounds=rounds or None,
        n_trials=trials,
        seed=seed,
        n_processes=processes,
    )
    workspace = Workspace.open(study)
    with console.progress_bar() as progress:
        table = simulate_study(workspace, options, progress)
    if as_json:
        console.show_json(table.to_dict("records"))
        return
    console.show_simulation(table)
    console.out.print(workspace.store.address(SIMULATION_FIGURE), soft_wrap=True)
