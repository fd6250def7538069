"""`annotator train`, `evaluate` and `predict`: the classifier side by itself."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, get_args

import typer

from annotator import console
from annotator.classifiers.section import Kind, Model
from annotator.commands.arguments import Json, StudyPath
from annotator.errors import StudyError
from annotator.workspace import Workspace


class LowAgreement(StrEnum):
    """What becomes of texts on which coders disagreed."""

    apart = "apart"
    drop = "drop"


def train(
    study: StudyPath,
    *,
    kind: Annotated[str | None, typer.Option(help="another kind than the study file's `model`")] = None,
    tune: Annotated[int, typer.Option(min=0, help="settings to try first, by cross-validation")] = 0,
    as_json: Json = False,
) -> None:
    """Train a classifier on all human codes so far, weighted so that it is fitted for the corpus."""
    from annotator.classifiers import train as training  # noqa: PLC0415 (loads torch)

    workspace = Workspace.open(study)
    with console.progress_bar() as progress, workspace.lock():
        found = training.train(workspace, _model(kind) if kind else None, progress, n_trials=tune)
    if as_json:
        console.show_json({"folder": found.address, "is_new": found.is_new, "metrics": found.card.metrics})
        return
    console.out.print("trained" if found.is_new else "already trained on these codes", style="bold")
    for name, value in found.card.metrics.items():
        if isinstance(value, int | float | str):
            console.out.print(f"  {name.replace('_', ' ')}: {value}")
    if tune:
        settings = json.dumps(found.card.metrics["searched"]["settings"])
        console.out.print(f"  settings found: {settings}", soft_wrap=True)
        console.out.print(
            f"How good it is on new texts says: annotator evaluate {study} --tune {tune}",
            style="dim",
            soft_wrap=True,
        )
    console.out.print(found.address, soft_wrap=True)


def evaluate(
    study: StudyPath,
    *,
    classifiers: Annotated[
        str, typer.Option(help="with commas; baselines, the model and machines by default")
    ] = "",
    folds: Annotated[int, typer.Option(min=2, max=20)] = 5,
    low_agreement: Annotated[
        LowAgreement, typer.Option(help="texts on which coders disagreed: judged also apart, or left out")
    ] = LowAgreement.apart,
    sample: Annotated[int | None, typer.Option(min=10, help="only so many coded texts, by code")] = None,
    tune: Annotated[int, typer.Option(min=0, help="settings to try in every fold; costs that many fits")] = 0,
    shots: Annotated[
        str, typer.Option(help="ask language models again with so many examples: 0,5; costs requests")
    ] = "",
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="figures against the number of labels")
    ] = False,
    as_json: Json = False,
) -> None:
    """Cross-validate classifiers and machine annotators on the human codes; figures hold for the corpus."""
    from annotator.classifiers import evaluate as evaluation  # noqa: PLC0415 (loads torch)
    from models.score_table import to_markdown  # noqa: PLC0415

    workspace = Workspace.open(study)
    options = evaluation.Options(
        kinds=_named(workspace, classifiers),
        n_folds=folds,
        low_agreement=low_agreement.value,
        sample=sample,
        n_trials=tune,
        shots=_numbers(shots),
        learning_curve=learning_curve,
    )
    with console.progress_bar() as progress, workspace.lock():
        found = evaluation.evaluate(workspace, options, progress)
    if as_json:
        console.show_json(found.intervals.to_dict("records"))
        return
    console.out.print(to_markdown(found.table), soft_wrap=True)
    for name, why in found.left_out.items():
        console.out.print(f"left out: {name}: {why}", soft_wrap=True)
    console.out.print(found.folder, soft_wrap=True)


def predict(
    study: StudyPath,
    model: Annotated[str, typer.Argument(help="the folder of a trained classifier, as `train` printed it")],
    texts: Annotated[
        str,
        typer.Argument(help="Parquet (a file, a folder or a pattern) or csv, with the study's text columns"),
    ],
    *,
    out: Annotated[str, typer.Option(help="the folder for the predictions")] = "predictions",
    as_json: Json = False,
) -> None:
    """Predict the codes of other texts, part by part; an interrupted run goes on where it stopped."""
    from annotator.classifiers import predict as prediction  # noqa: PLC0415 (loads torch)

    with console.progress_bar() as progress:
        found = prediction.predict(Workspace.open(study), model, texts, out, progress)
    if as_json:
        console.show_json(vars(found))
        return
    console.out.print(f"{found.n_texts:,} texts in {found.n_parts} parts: {found.folder}", soft_wrap=True)


def _model(kind: str) -> Model:
    _refuse_unknown(kind, get_args(Kind))
    return Model.model_validate({"kind": kind})


def _named(workspace: Workspace, names: str) -> list[str]:
    """The names between commas, each of a kind or a machine annotator."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    for name in found:
        _refuse_unknown(name, (*get_args(Kind), *(machine.name for machine in workspace.study.machine)))
    return found


def _refuse_unknown(name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise StudyError(f"there is no classifier {name!r}", hint=f"Choose from: {', '.join(known)}.")


def _numbers(shots: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in shots.split(",") if part.strip())
    except ValueError:
        found = (-1,)
    if any(not 0 <= number <= 100 for number in found):
        raise StudyError(f"--shots {shots}: expected numbers from 0 to 100 with commas, such as 0,5")
    return found
