"""`annotator evaluate`: how good classifiers are on texts they have not seen, as figures of the corpus."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from annotator.classifiers import evaluation_files
from annotator.classifiers.candidates import Candidate, candidates
from annotator.classifiers.coded_texts import CodedTexts, coded_texts
from annotator.errors import StudyError
from annotator.progress import Progress, silent
from annotator.seeds import generator
from annotator.state import n_closed_rounds
from annotator.workspace import Workspace
from models.cross_validation import CrossValidation, cross_validate, learning_curve
from models.errors import UnreachableError
from models.evaluation import RESAMPLES
from models.evaluation import evaluate as with_intervals
from models.score_table import score_table
from models.tuning import nested_cross_validate

FEWEST_LABELS = 25  # the first point of a learning curve; every next one has twice as many


@dataclass(frozen=True)
class Options:
    """What is evaluated, and how.

    Attributes
    ----------
    kinds : sequence of str
        Classifiers and machine annotators; none means the baselines, the study's model and every annotator.
    n_folds, n_resamples : int
        Of the cross-validation, and of each interval.
    low_agreement : str
        ``apart``: texts on which coders disagreed count, and intervals are also given without them and of
        them alone. ``drop``: nothing is fitted on them or asked of them.
    sample : int, optional
        Only a random part of so many coded texts, stratified by code.
    n_trials : int
        Also search the settings of every kind, in each fold anew; 0 for not.
    shots : sequence of int
        Ask language models again, with so many examples of the other folds; 0 for none.
    learning_curve : bool
        Also against the number of labels.
    """

    kinds: Sequence[str] = ()
    n_folds: int = 5
    n_resamples: int = RESAMPLES
    low_agreement: Literal["apart", "drop"] = "apart"
    sample: int | None = None
    n_trials: int = 0
    shots: Sequence[int] = ()
    learning_curve: bool = False

    @property
    def name(self) -> str:
        """What tells results of these options from those of others; empty for all that there is."""
        parts = [
            "+".join(self.kinds),
            "agreed" if self.low_agreement == "drop" else "",
            f"sample-{self.sample}" if self.sample else "",
            f"tuned-{self.n_trials}" if self.n_trials else "",
            f"shots-{'-'.join(map(str, sorted({*self.shots})))}" if self.shots else "",
        ]
        return "-".join(part for part in parts if part)


@dataclass(frozen=True)
class Evaluation:
    """What came of it.

    Attributes
    ----------
    table : DataFrame
        ``classifier, code, metric, mean, sd``: cross-validated, over folds; the figures that papers print.
    intervals : DataFrame
        ``classifier, texts, metric, code, estimate, ci_low, ci_high, n``: of the out-of-fold predictions.
    curve : DataFrame
        ``classifier, n_labels, metric, code, mean, sd``; empty unless asked for.
    left_out : dict
        Classifiers that these codes do not bear, and why.
    folder : str
        Where tables and pictures are.
    """

    table: pd.DataFrame
    intervals: pd.DataFrame
    curve: pd.DataFrame
    left_out: dict[str, str]
    folder: str


@dataclass(frozen=True)
class _Found:
    """What the cross-validations brought, by classifier."""

    results: dict[str, CrossValidation] = field(default_factory=dict)
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def evaluate(workspace: Workspace, options: Options | None = None, progress: Progress = silent) -> Evaluation:
    """Cross-validate classifiers and machine annotators on the gold so far; write tables and pictures.

    Weights of one over the inclusion probability make the figures those of the corpus. A search that was
    interrupted goes on where it was; replies that were paid for are not asked for again.

    Raises StudyError where there is nothing to evaluate on, ServiceError where an endpoint does not answer.
    """
    options = options or Options()
    given = _chosen(workspace, options)
    wanted = list(candidates(workspace, given, options.kinds, n_trials=options.n_trials, shots=options.shots))
    found = _Found()
    for done, candidate in enumerate(wanted):
        progress(done, len(wanted), "evaluating")
        try:
            found.results[candidate.name] = _cross_validated(workspace, given, candidate, options, progress)
        except (ValueError, UnreachableError) as error:
            found.left_out[candidate.name] = str(error)
            continue
        if options.learning_curve and candidate.search is None and not candidate.asks:
            progress(done, len(wanted), "learning curves")
            try:
                found.curves[candidate.name] = _curve(workspace, given, candidate, options)
            except (ValueError, UnreachableError) as error:
                found.left_out[f"{candidate.name}, learning curve"] = str(error)
    progress(len(wanted), len(wanted), "evaluating")
    if not found.results:
        why = next(iter(found.left_out.values()), "none was asked for")
        raise StudyError(f"no classifier can be evaluated on these codes: {why}")
    return _written(workspace, given, found, options)


def _chosen(workspace: Workspace, options: Options) -> CodedTexts:
    given = coded_texts(workspace)
    if options.low_agreement == "drop":
        given = given.agreed()
    if options.sample is not None:
        given = given.sampled(options.sample, _rng(workspace, "evaluation sample"))
    return given


def _cross_validated(
    workspace: Workspace, given: CodedTexts, candidate: Candidate, options: Options, progress: Progress
) -> CrossValidation:
    rng = _rng(workspace, "evaluate")  # the same folds for all
    if candidate.search is None:
        return cross_validate(
            candidate.make, given.texts, given.labels, rng=rng, weights=given.weights, n_folds=options.n_folds
        )
    rests_on = repr(
        [replace(candidate.search, n_trials=0), options.n_folds, options.sample, options.low_agreement]
    )
    digest = hashlib.sha256(rests_on.encode()).hexdigest()[:16]
    return nested_cross_validate(
        candidate.search,
        given.texts,
        given.labels,
        given.weights,
        rng=rng,
        n_folds=options.n_folds,
        storage=workspace.folder
        / f"nested-{n_closed_rounds(workspace):03d}-{candidate.search.kind}-{digest}",
        on_trial=lambda done, total: progress(done, total, f"searching settings of {candidate.name}"),
    )


def _curve(workspace: Workspace, given: CodedTexts, candidate: Candidate, options: Options) -> pd.DataFrame:
    n = len(given.texts)
    doublings = int(np.log2(max(n / FEWEST_LABELS, 1)))
    sizes = [FEWEST_LABELS * 2**power for power in range(doublings + 1)] + [n]
    return learning_curve(
        candidate.make,
        given.texts,
        given.labels,
        sizes,
        rng=_rng(workspace, "evaluate"),
        weights=given.weights,
        n_folds=options.n_folds,
    )


def _intervals(workspace: Workspace, given: CodedTexts, found: _Found, options: Options) -> pd.DataFrame:
    rng = _rng(workspace, "evaluation intervals")
    parts = [
        with_intervals(
            result.label_map,
            given.labels,
            result.probability,
            rng=rng,
            weights=given.weights,
            low_agreement=given.low_agreement if given.low_agreement.any() else None,
            level=workspace.study.confidence_level,
            n_resamples=options.n_resamples,
        ).assign(classifier=name)
        for name, result in found.results.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[["classifier", *(column for column in table.columns if column != "classifier")]]


def _written(workspace: Workspace, given: CodedTexts, found: _Found, options: Options) -> Evaluation:
    intervals = _intervals(workspace, given, found, options)
    parts = [curve.assign(classifier=name) for name, curve in found.curves.items()]
    columns = ["classifier", "n_labels", "metric", "code", "mean", "sd"]
    curve = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    name = "-".join(filter(None, [f"evaluation-{n_closed_rounds(workspace):03d}", options.name]))
    writer = evaluation_files.Writer(workspace, name, given, found.results)
    writer.tables(intervals, curve)
    writer.pictures(found.curves)
    return Evaluation(score_table(found.results), intervals, curve, found.left_out, writer.address)


def _rng(workspace: Workspace, use: str) -> np.random.Generator:
    return generator(workspace.study, n_closed_rounds(workspace), use)
