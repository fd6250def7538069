"""`annotator check`: is everything a study needs reachable and right, before anything is spent?"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from annotator import corpus
from annotator.adoption.adopting import adopted
from annotator.asked import refuse_unanswerable
from annotator.coders import LabelStudioCoding
from annotator.coding.build import build as build_coding
from annotator.coding.build import build_adjudication
from annotator.coding.images import refuse_missing_images
from annotator.errors import AnnotatorError, CorpusError, StudyError
from annotator.labeling.build import build as build_machine
from annotator.labeling.build import models
from annotator.labeling.loading import refuse_silent_hub
from annotator.machines import Machine
from annotator.study import Study
from annotator.webhook.address import webhook
from annotator.workspace import Workspace

FREE_BYTES_WANTED = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ``error`` is None when it is all right."""

    what: str
    detail: str
    error: AnnotatorError | None = None


def check(workspace: Workspace) -> Iterator[Finding]:
    """Look at everything the study names, one finding after the other; nothing is written."""
    study = workspace.study
    yield Finding(
        "study file", f"{study.path} ({len(study.codebook.names)} codes, {study.design.rounds} rounds)"
    )
    whole = _look("corpus", lambda: _corpus(workspace))
    yield whole
    for finding in _beyond_the_corpus(workspace):
        yield _once(finding, whole)


def _beyond_the_corpus(workspace: Workspace) -> Iterator[Finding]:
    study = workspace.study
    for machine in study.machine:
        yield _look(f"machine annotator {machine.name}", partial(_machine, workspace, machine))
    if study.model is not None:
        yield _look(f"classifier {study.model.kind}", lambda: _classifier(workspace))
    if study.runner.kind != "threads":
        yield _look("runner", lambda: _runner(workspace))
    yield _look("coding", lambda: build_coding(workspace).check())
    if isinstance(study.coding, LabelStudioCoding):
        yield _look("webhook", lambda: _webhook(study))
    if study.coding.gold.adjudicate:
        yield _look("adjudication", lambda: build_adjudication(workspace).describe())
    if study.adopted:
        yield _look("adopted codes", lambda: _adopted(workspace))
    yield _look("output", lambda: _output(workspace))


def _webhook(study: Study) -> str:
    reports = webhook(study)
    return "none: codes are looked for by the schedule alone" if reports is None else reports.check()


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look())
    except AnnotatorError as error:
        return Finding(what, error.message, error)


def _once(finding: Finding, corpus_finding: Finding) -> Finding:
    """The finding, but what is wrong with the corpus itself is said under the corpus alone."""
    if finding.error is None or finding.detail != corpus_finding.detail:
        return finding
    error = CorpusError("not looked at: the corpus cannot be read")
    return Finding(finding.what, error.message, error)


def _machine(workspace: Workspace, machine: Machine) -> str:
    annotator = build_machine(workspace, machine)
    for model in models(workspace.study, machine):
        refuse_silent_hub(model)
    return annotator.check()


def _classifier(workspace: Workspace) -> str:
    from annotator.classifiers.settings import settings_of  # noqa: PLC0415
    from annotator.classifiers.train import explained, new_classifier  # noqa: PLC0415 (loads torch)
    from models.pretrained import refuse_unreachable  # noqa: PLC0415

    model = workspace.study.model
    assert model is not None
    with explained():
        new_classifier(workspace, model)
        if model.base is not None:
            refuse_unreachable(settings_of(workspace, model)["base"])
    return "trained after every round" if model.retrain else "trained by `annotator train` alone"


def _runner(workspace: Workspace) -> str:
    study = workspace.study
    study.runner.check(local_only=study.privacy == "local_only")
    return study.runner.describe()


def _adopted(workspace: Workspace) -> str:
    found = adopted(workspace.study, corpus.read(workspace.study).units)
    found.refuse_empty()
    n_units = sum(of.loc[of["label"].notna(), "unit_id"].nunique() for of in found.codes.values())
    return f"codes of {n_units:,} units"


def _corpus(workspace: Workspace) -> str:
    table = corpus.read(workspace.study)
    n_units, budget = len(table.units), workspace.study.design.budget
    if budget > n_units:
        raise StudyError(
            f"design.budget is {budget:,} human codes, but the corpus has only {n_units:,} units",
            hint=f"Set design.budget to {n_units} or less.",
        )
    refuse_unanswerable(workspace.study, table.units)
    refuse_missing_images(workspace.study, table.units)
    dropped = f", {table.n_dropped:,} rows with an empty text left out" if table.n_dropped else ""
    return f"{n_units:,} units{dropped}"


def _output(workspace: Workspace) -> str:
    root = workspace.store.root
    if "://" in root:
        return root
    folder = next(place for place in (Path(root), *Path(root).parents) if place.exists())
    if not _is_writable(folder):
        raise StudyError(f"output: {folder} may not be written", hint="Set `output` to a folder of yours.")
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_WANTED:
        raise StudyError(f"output: only {free / 1e9:.1f} GB are free at {folder}", hint="Free at least 1 GB.")
    return f"{root} ({free / 1e9:.0f} GB free)"


def _is_writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)
