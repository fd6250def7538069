"""`annotator status`: where a study stands, as plain data."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from annotator.stages import batch, canary
from annotator.stages.collect import outstanding, stored_codes
from annotator.state import Step, n_closed_rounds, next_step, reason_to_end
from annotator.workspace import CORPUS, ESTIMATES, Workspace, ledger, tasks


@dataclass(frozen=True)
class RoundStatus:
    """One opened round: how many units were drawn and how many have all the codes they need."""

    number: int
    n_drawn: int
    n_coded: int
    is_closed: bool


@dataclass(frozen=True)
class Status:
    """A study at a glance."""

    study: str
    next_step: Step
    n_units: int | None
    rounds: tuple[RoundStatus, ...]
    coders: pd.DataFrame
    machines: pd.DataFrame
    canary: pd.DataFrame
    estimates: pd.DataFrame
    batches: tuple[str, ...]
    coding_address: str | None
    ended_because: str | None

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "study": self.study,
            "next_step": self.next_step.stage,
            "round": self.next_step.round_number,
            "n_units": self.n_units,
            "rounds": [vars(r) for r in self.rounds],
            "coders": self.coders.to_dict("records"),
            "machines": self.machines.to_dict("records"),
            "canary": self.canary.to_dict("records"),
            "estimates": self.estimates.to_dict("records"),
            "batches": list(self.batches),
            "coding_address": self.coding_address,
            "ended_because": self.ended_because,
        }


def status(workspace: Workspace) -> Status:
    """Read the study's files; no service is asked for more than its address."""
    opened = _opened_rounds(workspace)
    is_ingested = workspace.store.exists(CORPUS)
    step = next_step(workspace)
    return Status(
        study=workspace.study.name,
        next_step=step,
        n_units=len(workspace.units) if is_ingested else None,
        rounds=tuple(_round(workspace, number) for number in range(1, opened + 1)),
        coders=_coders(workspace, opened),
        machines=machines(workspace) if is_ingested and step.stage != "label" else pd.DataFrame(),
        canary=canary.as_frame(canary.findings(workspace)),
        estimates=latest_estimates(workspace),
        batches=tuple(batch.waiting(workspace)) if step.stage == "label" else (),
        coding_address=coding_address(workspace, opened),
        ended_because=reason_to_end(workspace, n_closed_rounds(workspace)) if step.stage == "done" else None,
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
    is_sent = workspace.store.exists(tasks(number))
    waiting = len(outstanding(workspace, number)) if is_sent else n_drawn
    return RoundStatus(number, n_drawn, n_drawn - waiting, is_closed=number <= n_closed_rounds(workspace))


def _coders(workspace: Workspace, opened: int) -> pd.DataFrame:
    codes = pd.concat(
        [stored_codes(workspace, number) for number in range(1, opened + 1)] or [pd.DataFrame()]
    )
    if codes.empty:
        return pd.DataFrame(columns=["coder", "n_coded", "n_skipped", "median_seconds"])
    by_coder = codes.groupby("coder")
    return pd.DataFrame(
        {
            "n_coded": by_coder["skipped"].apply(lambda skipped: int((~skipped).sum())),
            "n_skipped": by_coder["skipped"].sum().astype(int),
            "median_seconds": by_coder["lead_time"].median(),
        }
    ).reset_index()


def machines(workspace: Workspace) -> pd.DataFrame:
    """What each machine annotator did, and what that took, being asked again included."""
    rows = []
    again = canary.as_frame(canary.findings(workspace))
    for machine in workspace.study.machine:
        labels = workspace.machine_labels(machine.name)
        more = again[again["annotator"] == machine.name]
        rows.append(
            {
                "annotator": machine.name,
                "n_labelled": int((labels["status"] == "ok").sum()),
                "n_failed": int((labels["status"] != "ok").sum()),
                "tokens_in": int(labels["tokens_in"].fillna(0).sum() + more["tokens_in"].sum()),
                "tokens_out": int(labels["tokens_out"].fillna(0).sum() + more["tokens_out"].sum()),
                "cost": float(labels["cost"].fillna(0).sum() + more["cost"].sum()),
            }
        )
    return pd.DataFrame(rows)


def coding_address(workspace: Workspace, round_number: int) -> str | None:
    """Where the coders of a round go, if it has been sent and people have to go somewhere."""
    path = tasks(round_number)
    return workspace.store.metadata(path)["address"] or None if workspace.store.exists(path) else None
