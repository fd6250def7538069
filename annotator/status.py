"""`annotator status`: where a study stands, as plain data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from annotator import schema
from annotator.adoption import stored
from annotator.classifiers import in_the_loop
from annotator.coding.effort import effort, seconds_a_code
from annotator.labeling.build import spent
from annotator.machines import Machine, OpenAIMachine
from annotator.plain import plain
from annotator.plan.adjudication import adjudication
from annotator.stages import batch, canary
from annotator.stages.collect import no_codes, outstanding, stored_codes
from annotator.stages.disagreement import decided, disagreeing
from annotator.stages.late import n_late
from annotator.state import Step, n_closed_rounds, next_step, reason_to_end
from annotator.workload import warnings, workload
from annotator.workspace import CORPUS, ESTIMATES, Workspace, disagreements, ledger, shard, tasks


@dataclass(frozen=True)
class RoundStatus:
    """One opened round: how many units were drawn, how many have all the codes they need, what is left.

    ``n_codes_left`` counts a unit that two people are to code and nobody has coded twice; ``n_doubled_left``
    are the units that lack codes of several people. Disagreements are counted only where they are
    adjudicated. ``n_late`` codes came after the round was closed, and count in nothing.
    """

    number: int
    n_drawn: int
    n_coded: int
    is_closed: bool
    n_codes_left: int
    n_disagreements: int = 0
    n_adjudicated: int = 0
    n_doubled_left: int = 0
    n_late: int = 0


@dataclass(frozen=True)
class Status:
    """A study at a glance.

    ``workload`` says how much coders coded a day and without a break, ``warnings`` where that was too much.
    """

    study: str
    next_step: Step
    n_units: int | None
    rounds: tuple[RoundStatus, ...]
    coders: pd.DataFrame
    workload: pd.DataFrame
    warnings: tuple[str, ...]
    machines: pd.DataFrame
    canary: pd.DataFrame
    estimates: pd.DataFrame
    models: pd.DataFrame
    batches: tuple[str, ...]
    coding_address: str | None
    adjudication_address: str | None
    ended_because: str | None
    hours_left: float | None
    adopted: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For scripts; what is not known is null."""
        found: dict[str, Any] = plain(
            {
                "study": self.study,
                "next_step": self.next_step.stage,
                "round": self.next_step.round_number,
                "n_units": self.n_units,
                "rounds": [vars(r) for r in self.rounds],
                "coders": self.coders.to_dict("records"),
                "workload": self.workload.to_dict("records"),
                "warnings": list(self.warnings),
                "machines": self.machines.to_dict("records"),
                "canary": self.canary.to_dict("records"),
                "estimates": self.estimates.to_dict("records"),
                "models": self.models.to_dict("records"),
                "batches": list(self.batches),
                "coding_address": self.coding_address,
                "adjudication_address": self.adjudication_address,
                "ended_because": self.ended_because,
                "hours_left": self.hours_left,
                "adopted": list(self.adopted),
            }
        )
        return found


def status(workspace: Workspace) -> Status:
    """Read the study's files; no service is asked for more than its address."""
    opened, now = _opened_rounds(workspace), pd.Timestamp.now(tz="UTC")
    is_ingested = workspace.store.exists(CORPUS)
    step = next_step(workspace)
    codes, rounds = _codes(workspace, opened), tuple(_round(workspace, n) for n in range(1, opened + 1))
    return Status(
        study=workspace.study.name,
        next_step=step,
        n_units=workspace.n_units if is_ingested else None,
        rounds=rounds,
        coders=effort(codes),
        workload=workload(workspace, now),
        warnings=(*warnings(workspace, now), *_no_codes(workspace, step)),
        machines=machines(workspace) if is_ingested else pd.DataFrame(),
        canary=canary.as_frame(canary.findings(workspace)),
        estimates=latest_estimates(workspace),
        models=in_the_loop.overview(workspace),
        batches=tuple(batch.waiting(workspace)) if step.stage == "label" else (),
        coding_address=coding_address(workspace, opened),
        adjudication_address=adjudication_address(workspace, opened),
        ended_because=reason_to_end(workspace, n_closed_rounds(workspace)) if step.stage == "done" else None,
        hours_left=_hours(workspace, codes, rounds),
        adopted=tuple(stored.sources(workspace)),
    )


def latest_estimates(workspace: Workspace, method: str = "rounds") -> pd.DataFrame:
    """The newest estimates by one method; empty before the first round is closed."""
    if not workspace.store.exists(ESTIMATES):
        return pd.DataFrame()
    rows = workspace.store.read_frame(ESTIMATES)
    is_newest = (rows["round"] == rows["round"].max()) & (rows["method"] == method)
    newest: pd.DataFrame = rows.loc[is_newest].reset_index(drop=True)
    return newest


def _opened_rounds(workspace: Workspace) -> int:
    number = 0
    while workspace.store.exists(ledger(number + 1)):
        number += 1
    return number


def _round(workspace: Workspace, number: int) -> RoundStatus:
    n_drawn = int(workspace.store.read_frame(ledger(number))["drawn"].sum())
    is_closed = number <= n_closed_rounds(workspace)
    if not workspace.store.exists(tasks(number)):
        return RoundStatus(number, n_drawn, 0, is_closed, n_codes_left=n_drawn)
    waiting = outstanding(workspace, number)
    n_codes_left = int((waiting["need"] - waiting["have"]).sum())
    return RoundStatus(
        number,
        n_drawn,
        n_drawn - len(waiting),
        is_closed,
        n_codes_left,
        n_disagreements=len(disagreeing(workspace, number)),
        n_adjudicated=len(decided(workspace, number)),
        n_doubled_left=int((waiting["need"] > 1).sum()),
        n_late=n_late(workspace, number),
    )


def _codes(workspace: Workspace, opened: int) -> pd.DataFrame:
    """All codes collected so far."""
    found = [stored_codes(workspace, number) for number in range(1, opened + 1)]
    nothing: pd.DataFrame = schema.CODES.empty_table().to_pandas()
    return pd.concat(found) if found else nothing


def _no_codes(workspace: Workspace, step: Step) -> list[str]:
    """Answers of the open round that do not count."""
    return no_codes(stored_codes(workspace, step.round_number)) if step.stage == "collect" else []


def _hours(workspace: Workspace, codes: pd.DataFrame, rounds: Sequence[RoundStatus]) -> float | None:
    """How long what is left takes at the pace so far, expected decisions included; None without a pace."""
    seconds = seconds_a_code(codes)
    if math.isnan(seconds):
        return None
    hours = sum(each.n_codes_left for each in rounds) * seconds / 3600.0
    expected = adjudication(workspace, seconds / 60.0)
    if expected is not None:
        hours += expected.hours_to_come(sum(each.n_doubled_left for each in rounds))
    return hours


def machines(workspace: Workspace) -> pd.DataFrame:
    """What each machine annotator did so far, and what that took; shards not written yet are left out.

    Being asked again before a round is included.

    ``spent`` is the cost of all replies, also of those not in a shard yet, and ``max_cost`` the cap on it:
    both are there only where an annotator has a cap.
    """
    again = canary.as_frame(canary.findings(workspace))
    rows = pd.DataFrame([_machine(workspace, machine, again) for machine in workspace.study.machine])
    caps = rows[["spent", "max_cost"]].astype(object)
    rows[["spent", "max_cost"]] = caps.where(caps.notna(), None)
    return rows if caps.notna().any(axis=None) else rows.drop(columns=["spent", "max_cost"])


def _machine(workspace: Workspace, machine: Machine, again: pd.DataFrame) -> dict[str, Any]:
    n_labelled = n_failed = tokens_in = tokens_out = 0
    cost = 0.0
    for index in range(workspace.n_shards):
        path = shard(machine.name, index)
        if not workspace.store.exists(path):
            continue
        part = workspace.store.read(path, ["status", "tokens_in", "tokens_out", "cost"]).to_pandas()
        n_ok = int((part["status"] == "ok").sum())
        n_labelled, n_failed = n_labelled + n_ok, n_failed + len(part) - n_ok
        tokens_in += int(part["tokens_in"].sum())
        tokens_out += int(part["tokens_out"].sum())
        cost += float(part["cost"].sum())
    more = again[again["annotator"] == machine.name]
    capped = machine if isinstance(machine, OpenAIMachine) and machine.max_cost is not None else None
    return {
        "annotator": machine.name,
        "n_labelled": n_labelled,
        "n_failed": n_failed,
        "tokens_in": tokens_in + int(more["tokens_in"].sum()),
        "tokens_out": tokens_out + int(more["tokens_out"].sum()),
        "cost": cost + float(more["cost"].sum()),
        "spent": spent(workspace, capped) if capped else None,
        "max_cost": capped.max_cost if capped else None,
    }


def coding_address(workspace: Workspace, round_number: int) -> str | None:
    """Where the coders of a round go, if it has been sent and people have to go somewhere."""
    return _address(workspace, tasks(round_number))


def adjudication_address(workspace: Workspace, round_number: int) -> str | None:
    """Where the adjudicator of a round goes, once a disagreement has been sent."""
    return _address(workspace, disagreements(round_number))


def _address(workspace: Workspace, path: str) -> str | None:
    return workspace.store.metadata(path)["address"] or None if workspace.store.exists(path) else None
