"""Stage: what coders disagree on goes to an adjudicator, who sees the codes and not whose they are."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from annotator import schema
from annotator.coding.build import build, build_adjudication
from annotator.coding.disagreement import shown
from annotator.coding.protocol import CodingService, Task
from annotator.errors import StudyError
from annotator.seeds import generator
from annotator.stages.collect import add, collect, collect_changes, outstanding, stored_codes
from annotator.stages.disagreement import (
    answers,
    decided,
    disagreeing,
    sent_disagreements,
    stored_adjudications,
    undecided,
)
from annotator.stages.send import planned_tasks
from annotator.workload import with_warnings
from annotator.workspace import Workspace, adjudication_changes, adjudications, disagreements, unadjudicated


def adjudicate(workspace: Workspace, round_number: int) -> str:
    """Make sure that each open disagreement has one task; fetch what was decided. Raises ServiceError.

    Coders may still change their codes: these are collected first, so that a new disagreement is sent and one
    that has vanished is no longer waited for (its task stays, unused). A task deleted by hand before it was
    answered is made again. All codes are fetched once more before the last disagreement counts as settled.
    """
    collect_changes(workspace, round_number, build(workspace))
    waiting = outstanding(workspace, round_number)
    if not waiting.empty:
        return f"{len(waiting)} units need codes again"
    if disagreeing(workspace, round_number):
        service = build_adjudication(workspace)
        _send(workspace, round_number, service)
        found = service.collect(_asked(sent_disagreements(workspace, round_number)))
        add(workspace, round_number, found, adjudications(round_number), adjudication_changes(round_number))
    if not undecided(workspace, round_number):
        collect(workspace, round_number)
    done, units = decided(workspace, round_number), disagreeing(workspace, round_number)
    by_coders = _by_their_coders(workspace, round_number)
    warning = f" ({by_coders} by somebody who had coded the unit)" if by_coders else ""
    return with_warnings(workspace, f"{len(done)} of {len(units)} disagreements adjudicated{warning}")


def give_up_adjudication(workspace: Workspace, round_number: int) -> str:
    """On demand only: no longer wait for the adjudicator; the rule for gold settles open disagreements.

    Raises StudyError where none is open.
    """
    units = undecided(workspace, round_number)
    if not units:
        raise StudyError(f"no disagreement of round {round_number} is open", hint="Advance without --force.")
    said = stored_adjudications(workspace, round_number)
    skipped = set(said.loc[said["skipped"].astype(bool), "unit_id"])
    reasons = ["skipped" if unit in skipped else "not adjudicated yet" for unit in units]
    sent = sent_disagreements(workspace, round_number)
    build_adjudication(workspace).close(sent[sent["unit_id"].isin(units)])
    rows = pd.DataFrame({"unit_id": units, "reason": reasons})
    workspace.write(unadjudicated(round_number), rows, schema.UNADJUDICATED, round=round_number)
    return f"{len(units)} disagreements were given up: the rule for gold settles them"


def _send(workspace: Workspace, round_number: int, service: CodingService) -> None:
    wanted = _tasks(workspace, round_number)
    if not wanted:
        return
    sent = service.send(round_number, wanted)
    new = sent.assign(given=[str(task.given) for task in wanted])[schema.DISAGREEMENTS.names]
    known = sent_disagreements(workspace, round_number)
    both = pd.concat([known[~known["unit_id"].isin(new["unit_id"])], new], ignore_index=True)
    both = both.sort_values("task_id").reset_index(drop=True)
    both["position"] = range(len(both))
    if both.to_dict("list") == known.to_dict("list"):
        return
    path = disagreements(round_number)
    workspace.write(path, both, schema.DISAGREEMENTS, round=round_number, address=service.address)


def _tasks(workspace: Workspace, round_number: int) -> list[Task]:
    """One task an open disagreement, in the order of the coders' tasks."""
    said = answers(workspace, round_number)
    waiting = set(undecided(workspace, round_number))
    of = partial(_stream, workspace, round_number)
    given = shown(said[said["unit_id"].isin(waiting)], of)
    return [
        replace(task, overlap=1, suggestion=None, given=given[task.unit_id])
        for task in planned_tasks(workspace, round_number)
        if task.unit_id in given
    ]


def _stream(workspace: Workspace, round_number: int, unit: str) -> np.random.Generator:
    return generator(workspace.study, round_number, f"adjudicate {unit}")


def _by_their_coders(workspace: Workspace, round_number: int) -> int:
    """How many units were adjudicated by one of their own coders."""
    who = ["unit_id", "coder"]
    said, judged = stored_codes(workspace, round_number), stored_adjudications(workspace, round_number)
    return len(judged[who].merge(said[who]))


def _asked(sent: pd.DataFrame) -> pd.DataFrame:
    """Disagreements as tasks of the coding service."""
    tasks: pd.DataFrame = sent.assign(overlap=1)[schema.TASKS.names]
    return tasks
