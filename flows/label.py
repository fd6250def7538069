"""Flow `label`: machine annotators label every unit.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the models or endpoints the
study names. Shards go in batches, one task a batch; a crash costs at most the shard at work.
"""

from pathlib import Path

from prefect import flow, task

from annotator.stages.label import label_shards, pending
from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import RETRY_DELAYS, StudyFile, is_retryable
from flows.run_names import by_study
from flows.stage import due_step

SHARDS_PER_TASK = 10


@task(
    task_run_name="label {indices} with {annotator}",
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_jitter_factor=0.5,
    retry_condition_fn=is_retryable,
    persist_result=False,
)
def label_batch(study: Path, annotator: str, indices: list[int]) -> int:
    """Label a few shards with one annotator."""
    workspace = Workspace.open(study)
    machine = next(m for m in workspace.study.machine if m.name == annotator)
    label_shards(workspace, machine, indices, artifacts.labelling_progress(workspace, annotator))
    return len(indices)


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
        todo = pending(workspace)
        for machine in workspace.study.machine:
            indices = [shard.index for shard in todo if shard.annotator == machine.name]
            for start in range(0, len(indices), SHARDS_PER_TASK):
                label_batch(study, machine.name, indices[start : start + SHARDS_PER_TASK])
        artifacts.machine_labels(workspace)
    return f"{len(todo)} shards labelled"
