"""Flow `predict`: a trained classifier predicts the codes of a pile of texts.

Triggered by hand from its deployment. Needs a classifier that `annotator train` made in this study, Parquet
files of texts, and the cluster if `runner` names one. Parts go in bundles, one task a bundle; a crash costs
at most the parts at work, and running it again does the rest.
"""

from pathlib import Path

from prefect import flow, task

from annotator.classifiers.predict import begin, predict_parts, predicted
from annotator.stages.bundles import deal
from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import RETRIED, StudyFile
from flows.run_names import by_study
from flows.runner import run_all, started


@task(task_run_name="predict part {parts[0]} and on", **RETRIED)
def predict_task(study: Path, model: str, out: str, parts: tuple[int, ...]) -> int:
    """Make a few parts, on whichever worker this runs."""
    workspace = Workspace.open(study)
    progress = artifacts.prediction_progress(workspace, parts)
    return predict_parts(workspace, model, out, parts, progress)


@flow(name="predict", flow_run_name=by_study)
def predict(study: StudyFile, model: str, texts: str, out: str) -> str:
    """Predict the codes of texts with a trained classifier; what is there already is not made again.

    Args:
        study: The study file, as the worker sees it.
        model: The folder of a trained classifier, seen from the study file; or a URL in its output.
        texts: Parquet with the text columns of the study: a file, a folder or a pattern with *; or a URL.
        out: The folder or URL for the predictions, seen from the study file.
    """
    workspace = Workspace.open(study)
    locate, section = workspace.study.locate, workspace.study.runner
    model, out = locate(model), locate(out)
    pending = begin(workspace, model, locate(texts), out)
    call = {"study": study, "model": model, "out": out}
    with started(workspace.study) as runner:
        run_all(
            runner,
            section,
            predict_task,
            (call | {"parts": parts} for parts in deal(pending, section.workers)),
        )
    found = predicted(out)
    return f"{found.n_texts:,} texts predicted in {found.n_parts} parts, {len(pending)} of them now"
