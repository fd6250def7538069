"""The shards still to be labelled, dealt into bundles: what one task of a flow labels.

A flow run has few tasks however large the corpus is, since a server of Prefect slows down under many. What
is labelled and what is not is read off the files, never off the tasks.
"""

from dataclasses import dataclass

from annotator.progress import Progress, silent
from annotator.stages.batch import is_batched
from annotator.stages.label import label_shards, pending
from annotator.workspace import Workspace, shard

SHARDS_A_BUNDLE = 10
MOST_BUNDLES = 200


@dataclass(frozen=True)
class Bundle:
    """Shards of one machine annotator."""

    annotator: str
    indices: tuple[int, ...]

    def __str__(self) -> str:
        first, last = self.indices[0], self.indices[-1]
        which = f"shard {first}" if first == last else f"shards {first} to {last}"
        return f"{which} with {self.annotator}"


def bundles(workspace: Workspace) -> list[Bundle]:
    """The shards not labelled yet, annotator by annotator, so that every worker has something to do.

    What a provider's batches label is not among them.
    """
    todo: dict[str, list[int]] = {m.name: [] for m in workspace.study.machine if not is_batched(m)}
    for part in pending(workspace):
        if part.annotator in todo:
            todo[part.annotator].append(part.index)
    return [
        Bundle(annotator, indices)
        for annotator, mine in todo.items()
        for indices in deal(mine, workspace.study.runner.workers)
    ]


def deal(indices: list[int], n_workers: int) -> list[tuple[int, ...]]:
    """Some shards in bundles: at most ten in each, unless that would make too many bundles.

    >>> deal([0, 1, 2, 5, 6], n_workers=2)
    [(0, 1, 2), (5, 6)]
    >>> len(deal(list(range(100_000)), n_workers=2))
    200
    """
    size = max(min(SHARDS_A_BUNDLE, -(-len(indices) // n_workers)), -(-len(indices) // MOST_BUNDLES), 1)
    return [tuple(indices[start : start + size]) for start in range(0, len(indices), size)]


def label_bundle(workspace: Workspace, bundle: Bundle, progress: Progress = silent) -> int:
    """Label what is not labelled yet of a bundle, and say how many shards that was. Raises ServiceError.

    A bundle that was given to a second worker because the first one died so costs only what was not written.
    """
    machine = next(m for m in workspace.study.machine if m.name == bundle.annotator)
    todo = [i for i in bundle.indices if not workspace.store.exists(shard(bundle.annotator, i))]
    if todo:
        label_shards(workspace, machine, todo, progress)
    return len(todo)
