"""`annotator train`, `evaluate` and `predict`: the classifier side by itself."""

import json
from pathlib import Path
from typing import Annotated

import typer

from annotator import console
from annotator.classifiers.section import Model
from annotator.cli_arguments import Json, StudyPath
from annotator.errors import StudyError
from annotator.workspace import Workspace


def train(
    study: StudyPath,
    *,
    kind: Annotated[str | None, typer.Option(help="another kind than the study file's `model`")] = None,
    as_json: Json = False,
) -> None:
    """Train a classifier on all human codes so far, weighted so that it is fitted for the corpus."""
    from annotator.classifiers import train as training  # noqa: PLC0415 (loads torch)

    workspace = Workspace.open(study)
    with console.progress_bar() as progress, workspace.lock():
        found = training.train(workspace, _model(kind) if kind else None, progress)
    if as_json:
        print(
            json.dumps({"folder": str(found.folder), "is_new": found.is_new, "metrics": found.card.metrics})
        )
        return
    console.out.print("trained" if found.is_new else "already trained on these codes", style="bold")
    for name, value in found.card.metrics.items():
        if isinstance(value, int | float | str):
            console.out.print(f"  {name.replace('_', ' ')}: {value}")
    console.out.print(str(found.folder), soft_wrap=True)


def evaluate(
    study: StudyPath,
    *,
    classifiers: Annotated[
        str, typer.Option(help="with commas; baselines, the model and machines by default")
    ] = "",
    folds: Annotated[int, typer.Option(min=2, max=20)] = 5,
    as_json: Json = False,
) -> None:
    """Cross-validate classifiers and machine annotators on the human codes; figures hold for the corpus."""
    from annotator.classifiers import evaluate as evaluation  # noqa: PLC0415 (loads torch)
    from models.score_table import to_markdown  # noqa: PLC0415

    workspace = Workspace.open(study)
    kinds = [_model(name.strip()).kind for name in classifiers.split(",") if name.strip()]
    with console.progress_bar() as progress, workspace.lock():
        found = evaluation.evaluate(workspace, kinds or None, n_folds=folds, progress=progress)
    if as_json:
        print(found.intervals.to_json(orient="records", indent=1))
        return
    console.out.print(to_markdown(found.table), soft_wrap=True, markup=False)
    for name, why in found.left_out.items():
        console.out.print(f"left out: {name}: {why}", soft_wrap=True, markup=False)
    console.out.print(found.folder, soft_wrap=True)


def predict(
    study: StudyPath,
    model: Annotated[Path, typer.Argument(help="the folder of a trained classifier")],
    file: Annotated[Path, typer.Argument(help="a .parquet or .csv file with the text columns of the study")],
    *,
    out: Annotated[Path, typer.Option(help="the folder for the predictions")] = Path("predictions"),
    as_json: Json = False,
) -> None:
    """Predict the codes of other texts, part by part; an interrupted run goes on where it stopped."""
    from annotator.classifiers import predict as prediction  # noqa: PLC0415 (loads torch)

    with console.progress_bar() as progress:
        found = prediction.predict(Workspace.open(study), model, file, out, progress)
    if as_json:
        print(json.dumps(vars(found)))
        return
    console.out.print(f"{found.n_texts:,} texts in {found.n_parts} parts: {found.folder}", soft_wrap=True)


def _model(kind: str) -> Model:
    try:
        return Model.model_validate({"kind": kind})
    except ValueError as error:
        kinds = ", ".join(Model.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]
        raise StudyError(f"there is no classifier {kind!r}", hint=f"Choose from: {kinds}.") from error
