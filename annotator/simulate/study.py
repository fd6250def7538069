"""`annotator simulate`: a study's design tried out on its own corpus, whose human codes are a column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.coders import ReplayCoding
from annotator.coding.build import build as build_coding
from annotator.errors import StudyError
from annotator.facets import facets
from annotator.inference.methods import Question
from annotator.machine_signals import machine_signals
from annotator.machines import ReplayMachine
from annotator.progress import Progress, silent
from annotator.report.simulation_figure import simulation_figure
from annotator.simulate.procedures import PROCEDURES, Setting, smallest_budget
from annotator.simulate.trials import Plan, simulate
from annotator.stages.ingest import ingest
from annotator.stages.label import label, pending
from annotator.workspace import CORPUS, SIMULATION, SIMULATION_FIGURE, Workspace
from models.arrays import IntArray


@dataclass(frozen=True)
class Options:
    """What the command line asks for; ``None`` means as the study file says."""

    methods: Sequence[str]
    budgets: Sequence[int] | None = None
    n_rounds: int | None = None
    n_trials: int = 200
    seed: int | None = None
    n_processes: int = -1


def simulate_study(workspace: Workspace, options: Options, progress: Progress = silent) -> pd.DataFrame:
    """Play the trials and write ``simulation.parquet`` and ``simulation.svg`` under the study's output.

    Raises StudyError when the corpus has no human code for every unit, machine labels would have to be paid
    for first, or an option is out of range.
    """
    study = workspace.study
    n_rounds = options.n_rounds or study.design.rounds
    budgets = sorted({*(options.budgets or [study.design.budget])})
    with workspace.lock():
        _refuse_impossible(workspace, options, budgets, n_rounds)
        _prepare(workspace, budgets[-1], progress)
        seed = study.seed if options.seed is None else options.seed
        plan = Plan(options.methods, budgets, options.n_trials, seed)
        table = simulate(
            _setting(workspace, n_rounds), plan, n_processes=options.n_processes, progress=progress
        )
        workspace.store.write_bytes(SIMULATION_FIGURE, simulation_figure(table, study.confidence_level))
        workspace.write(
            SIMULATION, table, schema.SIMULATION, seed=seed, rounds=n_rounds, level=study.confidence_level
        )
    return table


def _setting(workspace: Workspace, n_rounds: int) -> Setting:
    study = workspace.study
    return Setting(
        campaign=evidence.campaign(workspace, machine_signals(workspace), evidence.asked(workspace)),
        codes=_codes(workspace),
        question=Question(study.codebook.names, study.confidence_level),
        n_rounds=n_rounds,
    )


def _codes(workspace: Workspace) -> list[IntArray]:
    """The human code on record of every unit, (N,), for each facet. Raises CorpusError if one lacks."""
    coding = build_coding(workspace)
    coding.check()
    ids = workspace.units["unit_id"]
    units = pd.DataFrame({"unit_id": ids, "task_id": np.arange(len(ids)), "overlap": 1})
    labels = coding.collect(units).set_index("unit_id")["label"].loc[ids]
    return [facet.index(labels) for facet in facets(workspace.study.codebook)]


def _prepare(workspace: Workspace, largest: int, progress: Progress) -> None:
    """Corpus and machine labels that cost nothing are read now; paid ones must be there."""
    study = workspace.study
    if not workspace.store.exists(CORPUS):
        ingest(workspace)
    n_units = len(workspace.units)
    if largest > n_units:
        raise StudyError(
            f"a budget of {largest:,} is more than the {n_units:,} units of the corpus", hint="Ask for less."
        )
    if all(isinstance(machine, ReplayMachine) for machine in study.machine):
        label(workspace, progress)
        return
    if pending(workspace):
        raise StudyError(
            "the machine has not labelled every unit yet",
            hint=f"Label first, which may cost money: annotator advance {study.path}",
        )


def _refuse_impossible(workspace: Workspace, options: Options, budgets: Sequence[int], n_rounds: int) -> None:
    study = workspace.study
    if not isinstance(study.coding, ReplayCoding):
        raise StudyError(
            "a simulation needs a human code for every unit, as a column of the corpus",
            hint="Set `coding: {kind: replay, column: ...}` in a study file of its own for the simulation.",
        )
    unknown = [method for method in options.methods if method not in PROCEDURES]
    if unknown or not options.methods:
        raise StudyError(
            f"there is no method {unknown[0]!r}" if unknown else "no method is named",
            hint=f"Choose from: {', '.join(PROCEDURES)}.",
        )
    if options.n_trials < 2:
        raise StudyError(f"{options.n_trials} trials say nothing", hint="Ask for at least 2, better 200.")
    for method in options.methods:
        smallest = smallest_budget(method, n_rounds)
        if budgets[0] < smallest:
            raise StudyError(
                f"a budget of {budgets[0]} is too small for {method}", hint=f"It needs at least {smallest}."
            )
