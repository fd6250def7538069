"""What `annotator evaluate` compares: baselines, the study's model, searched settings, machine annotators."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from annotator.classifiers.coded_texts import CodedTexts
from annotator.classifiers.machine_predictions import Prompted, as_said, can_be_prompted, is_zero_shot
from annotator.classifiers.section import Baseline, Kind, Model
from annotator.classifiers.train import new_classifier
from annotator.classifiers.tune import search_for
from annotator.machines import Machine
from annotator.workspace import Workspace
from models.classifier import Make
from models.kinds import KINDS
from models.tuning import Search

BASELINES: tuple[Kind, ...] = get_args(Baseline)


@dataclass(frozen=True)
class Candidate:
    """A row of the table.

    Attributes
    ----------
    name : str
    make : callable
        Makes it anew for every fold; a machine annotator is what it said.
    search : Search, optional
        How its settings are found in every fold, without the texts that it predicts there.
    asks : bool
        Whether predictions cost requests.
    """

    name: str
    make: Make
    search: Search | None = None
    asks: bool = False


def candidates(
    workspace: Workspace,
    given: CodedTexts,
    kinds: Sequence[str] | None = None,
    *,
    n_trials: int = 0,
    shots: Sequence[int] = (),
) -> Iterator[Candidate]:
    """The named kinds and machine annotators; by default the baselines, the study's model, every annotator.

    With ``n_trials`` each kind that has settings to search comes a second time, searched. With ``shots``
    language models are asked again about the coded texts, shown so many of the others.
    """
    own = workspace.study.model or Model()
    for kind in _kinds(kinds) if kinds else dict.fromkeys((*BASELINES, own.kind)):
        model = own if kind == own.kind else _baseline(kind, own)
        yield Candidate(kind, partial(new_classifier, workspace, model))
        search = search_for(workspace, model, n_trials) if n_trials else None
        if search is not None:
            yield Candidate(f"{kind} tuned", partial(new_classifier, workspace, model), search)
    for machine in workspace.study.machine:
        if not kinds or machine.name in kinds or (shots and can_be_prompted(machine)):
            yield from _machine(workspace, machine, given, shots)


def _kinds(names: Sequence[str]) -> list[str]:
    return [name for name in names if name in KINDS]


def _baseline(kind: str, own: Model) -> Model:
    """A kind as it is; embeddings are those of the study's encoder."""
    base = own.base if kind == "embeddings_logistic" else None
    return Model.model_validate({"kind": kind, "base": base})


def _machine(
    workspace: Workspace, machine: Machine, given: CodedTexts, shots: Sequence[int]
) -> Iterator[Candidate]:
    """What it said of the corpus, and what it says when it is shown other examples."""
    known = as_said(workspace, machine.name, given)
    own = f"machine {machine.name}" if machine.name in KINDS else machine.name
    is_asked_anew = bool(shots) and can_be_prompted(machine)
    zero_shot = is_asked_anew and is_zero_shot(machine)
    yield Candidate(f"{own} zero-shot" if zero_shot else own, lambda: known)
    for n_shots in sorted({*shots} - ({0} if zero_shot else set())) if is_asked_anew else []:
        name = f"{own} {f'{n_shots}-shot' if n_shots else 'zero-shot'}"
        yield Candidate(name, partial(Prompted, workspace, machine, n_shots, given), asks=True)
