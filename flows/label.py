"""Flow `label`: machine annotators label every unit.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the models or endpoints the
study names, and the cluster if `runner` names one. Shards go in bundles, one task a bundle; a crash costs at
most the shards at work.
"""

from pathlib import Path

from prefect import flow, task

from annotator.machines import OpenAIMachine
from annotator.stages.batch import is_batched, label_by_batches, waiting
from annotator.stages.bundles import Bundle, bundles, label_bundle
from annotator.workspace import Workspace
from flows import artifacts
from flows.keys import secret_blocks
from flows.parameters import RETRIED, StudyFile
from flows.run_names import by_study
from flows.runner import run_all, started
from flows.stage import due_step


@task(task_run_name="label {bundle}", **RETRIED)
def label_task(study: Path, bundle: Bundle) -> int:
    """Label a few shards with one annotator, on whichever worker this runs."""
    workspace = Workspace.open(study)
    with secret_blocks():
        return label_bundle(workspace, bundle, artifacts.labelling_progress(workspace, bundle.annotator))


@task(task_run_name="batches of {annotator}", **RETRIED)
def batch_task(study: Path, annotator: str) -> None:
    """Collect what a provider's batches have answered, and hand in what is to be asked next."""
    workspace = Workspace.open(study)
    machine = next(m for m in workspace.study.machine if m.name == annotator)
    if isinstance(machine, OpenAIMachine):
        with secret_blocks():
            label_by_batches(workspace, machine)


@flow(name="label", flow_run_name=by_study)
def label(study: StudyFile) -> str:
    """Label every unit that has no machine label yet, with every machine annotator of the study.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        if due_step(workspace, "label") is None:
            return "not due"
        for machine in filter(is_batched, workspace.study.machine):
            batch_task(study, machine.name)
        todo = bundles(workspace)
        section = workspace.study.runner
        with started(workspace.study) as runner:
            run_all(runner, section, label_task, ({"study": study, "bundle": bundle} for bundle in todo))
        if still := waiting(workspace):
            return f"waiting for {', '.join(still)}"
        artifacts.machine_labels(workspace)
    return f"{sum(len(bundle.indices) for bundle in todo)} shards labelled"
