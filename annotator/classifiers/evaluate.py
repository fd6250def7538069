"""`annotator evaluate`: how good classifiers are on texts they have not seen, as figures of the corpus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from annotator import label_sets
from annotator.classifiers.coded_texts import CodedTexts, coded_texts, encoded, label_map
from annotator.classifiers.section import Model
from annotator.classifiers.train import explained, models_folder, new_classifier
from annotator.errors import StudyError
from annotator.progress import Progress, silent
from annotator.seeds import generator
from annotator.state import n_closed_rounds
from annotator.workspace import Workspace
from models import plots, score_table
from models.classifier import Classifier
from models.cross_validation import CrossValidation, cross_validate
from models.errors import CannotFitError
from models.evaluation import evaluate as with_intervals
from models.given import GivenPredictions

BASELINES = ("majority", "count_logistic", "tfidf_logistic", "linear_svm", "random_forest", "vader")


@dataclass(frozen=True)
class Evaluation:
    """What came of it.

    Attributes
    ----------
    table : DataFrame
        ``classifier, code, metric, mean, sd``: cross-validated, over folds.
    intervals : DataFrame
        ``classifier, texts, metric, code, estimate, ci_low, ci_high, n``: of the out-of-fold predictions.
    left_out : dict
        Classifiers that these codes do not bear, and why.
    folder : str
        Where tables and pictures are.
    """

    table: pd.DataFrame
    intervals: pd.DataFrame
    left_out: dict[str, str]
    folder: str


def evaluate(
    workspace: Workspace,
    kinds: Sequence[str] | None = None,
    *,
    n_folds: int = 5,
    progress: Progress = silent,
) -> Evaluation:
    """Cross-validate classifiers and machine annotators on the gold so far; write tables and pictures.

    By default the baselines, the study's own model, and every machine annotator. Weights of one over the
    inclusion probability make the figures those of the corpus. Raises StudyError where there is nothing to
    evaluate on.
    """
    given = coded_texts(workspace)
    wanted = list(_classifiers(workspace, kinds, given))
    results: dict[str, CrossValidation] = {}
    left_out: dict[str, str] = {}
    for done, (name, make_one) in enumerate(wanted):
        progress(done, len(wanted), f"evaluating {name}")
        try:
            results[name] = cross_validate(
                make_one,
                given.texts,
                given.labels,
                rng=generator(workspace.study, n_closed_rounds(workspace), "evaluate"),
                weights=given.weights,
                n_folds=n_folds,
            )
        except (CannotFitError, ValueError) as error:
            left_out[name] = str(error)
    progress(len(wanted), len(wanted), "evaluating")
    if not results:
        raise StudyError(f"no classifier can be evaluated on these codes: {next(iter(left_out.values()))}")
    return _written(workspace, given, results, left_out)


def _classifiers(
    workspace: Workspace, kinds: Sequence[str] | None, given: CodedTexts
) -> Iterator[tuple[str, "_Maker"]]:
    own = workspace.study.model or Model()
    for kind in kinds or dict.fromkeys((*BASELINES, own.kind)):
        model = own if kind == own.kind else Model.model_validate({"kind": kind})
        yield kind, _Maker(workspace, model)
    for machine in [] if kinds else workspace.study.machine:
        yield machine.name, _Maker(workspace, _machine(workspace, machine.name, given))


@dataclass(frozen=True)
class _Maker:
    """Makes a classifier that has learnt nothing; a machine annotator is what it said."""

    workspace: Workspace
    what: Model | Classifier

    def __call__(self) -> Classifier:
        return new_classifier(self.workspace, self.what) if isinstance(self.what, Model) else self.what


def _machine(workspace: Workspace, name: str, given: CodedTexts) -> Classifier:
    said = workspace.machine_labels(name)
    labels, confidence = said["label"].iloc[given.rows], said["confidence"].to_numpy(dtype=float)[given.rows]
    failed, codes = labels.isna().to_numpy(), label_map(workspace)
    numbers = encoded(
        workspace, labels.fillna(label_sets.NONE if codes.is_multilabel else codes.codes[0]).tolist()
    )
    numbers[failed] = -1
    return GivenPredictions(
        codes, given.texts, numbers, None if codes.is_multilabel else np.clip(confidence, 0.0, 1.0)
    )


def _written(
    workspace: Workspace, given: CodedTexts, results: dict[str, CrossValidation], left_out: dict[str, str]
) -> Evaluation:
    rng = generator(workspace.study, n_closed_rounds(workspace), "evaluation intervals")
    table = score_table.score_table(results)
    intervals = pd.concat(
        [
            with_intervals(
                result.label_map,
                given.labels,
                result.probability,
                rng=rng,
                weights=given.weights,
                low_agreement=given.low_agreement,
                level=workspace.study.confidence_level,
            ).assign(classifier=name)
            for name, result in results.items()
        ],
        ignore_index=True,
    )
    intervals = intervals[["classifier", *(c for c in intervals.columns if c != "classifier")]]
    with explained():
        folder = models_folder(workspace) / f"evaluation-{n_closed_rounds(workspace):03d}"
    folder.mkdir(parents=True, exist_ok=True)
    score_table.write_parquet(table, folder / "scores.parquet")
    score_table.write_parquet(intervals, folder / "intervals.parquet")
    (folder / "scores.md").write_text(score_table.to_markdown(table) + "\n", encoding="utf-8")
    (folder / "scores.tex").write_text(score_table.to_latex(table) + "\n", encoding="utf-8")
    for name, result in results.items():
        for picture, draw in _PICTURES.items():
            if picture == "confusion" and result.label_map.is_multilabel:
                continue
            svg = draw(result.label_map, given.labels, result.probability, given.weights)
            (folder / f"{name}-{picture}.svg").write_text(svg, encoding="utf-8")
    return Evaluation(table, intervals, left_out, str(folder))


_PICTURES = {
    "roc": plots.roc_curves,
    "precision-recall": plots.precision_recall_curves,
    "reliability": plots.reliability_diagram,
    "confusion": plots.confusion_matrix,
}
