"""What the Prefect page shows of a study: tables, progress, links. Nothing here is a source of truth."""

import math
import re
import time
from collections.abc import Sequence
from typing import cast
from uuid import UUID

import pandas as pd
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from annotator.adoption import stored
from annotator.progress import Progress
from annotator.state import Step
from annotator.status import adjudication_address, coding_address, latest_estimates, machines, status
from annotator.workspace import REPORT, Workspace, ledger, tasks

CHANGE_EVERY = 2.0  # seconds between two changes of a bar


def key(workspace: Workspace, what: str) -> str:
    """An artifact key: lower case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"{workspace.study.name}-{what}".lower()).strip("-")


def labelling_progress(workspace: Workspace, annotator: str) -> Progress:
    """A bar that follows one machine annotator."""
    return _bar(key(workspace, f"labelling-{annotator}"), f"Units labelled by {annotator}")


def prediction_progress(workspace: Workspace, parts: Sequence[int]) -> Progress:
    """A bar that follows some parts of a prediction."""
    return _bar(key(workspace, "predicting"), f"Parts predicted, from {parts[0]} on")


def step_progress(workspace: Workspace, step: Step) -> Progress:
    """A bar that follows a long step of a round; there is none for a step that tells of no progress."""
    return _bar(key(workspace, f"{step.stage}-round-{step.round_number}"), str(step))


def _bar(artifact_key: str, description: str) -> Progress:
    """Made when there is something to show, and changed every few seconds: each change is a request."""
    bar: UUID | None = None
    changed = -math.inf

    def show(done: int, total: int, what: str) -> None:
        nonlocal bar, changed
        if bar is None:
            created = create_progress_artifact(progress=0.0, key=artifact_key, description=description)
            bar = cast("UUID", created)
        if time.monotonic() - changed < CHANGE_EVERY and done < total:
            return
        changed = time.monotonic()
        update_progress_artifact(bar, progress=100.0 * done / total, description=f"{what}: {done} of {total}")

    return show


def machine_labels(workspace: Workspace) -> None:
    """How many units each machine annotator labelled, failed on, and what that took."""
    _table(
        machines(workspace),
        key(workspace, "machine-labels"),
        "Machine labels: successes, failures, tokens and money",
    )


def asked_again(workspace: Workspace) -> None:
    """Whether the models behind endpoints are still the same, and a warning where one may not be."""
    found = status(workspace).canary
    for row in found[found["warning"] != ""].tail(1).to_dict("records"):
        create_markdown_artifact(
            markdown=f"# Warning\n\n{row['warning']}\n",
            key=key(workspace, "canary-warning"),
            description="An endpoint answers otherwise than it did, or not at all",
        )
    _table(
        found.drop(columns=["tokens_in", "tokens_out"]),
        key(workspace, "canary"),
        "The same units asked again before every round: labels changed, and whether that is too many",
    )


def adopted(workspace: Workspace) -> None:
    """What became of the codes from before the study."""
    rows = pd.DataFrame(stored.sources(workspace)).drop(columns=["coders", "words", "labels"])
    _table(rows, key(workspace, "adopted"), "Codes from before the study: what entered it, and what did not")


def opened_round(workspace: Workspace, step: Step) -> None:
    """What was drawn and why."""
    path = ledger(step.round_number)
    rows, design = workspace.store.read_frame(path), workspace.store.metadata(path)
    drawn = rows[rows["drawn"]]
    low, high = drawn["inclusion_probability"].min(), drawn["inclusion_probability"].max()
    create_markdown_artifact(
        markdown=(
            f"# Round {step.round_number} of {workspace.study.name}\n\n"
            f"* {len(drawn)} of {len(rows)} eligible units drawn\n"
            f"* inclusion probabilities of the drawn: {low:.4f} to {high:.4f}\n"
            f"* design: {design['reason']}\n* confidence-to-error map: {design['error_map']}\n"
            f"* ledger: `{workspace.store.address(path)}`\n"
        ),
        key=key(workspace, f"round-{step.round_number}"),
        description=f"Round {step.round_number}: what was drawn and why",
    )


def coding_link(workspace: Workspace, step: Step) -> None:
    """Where the coders go."""
    address = coding_address(workspace, step.round_number)
    if address:
        create_link_artifact(
            link=address,
            link_text=f"Code round {step.round_number} in Label Studio",
            key=key(workspace, "coding"),
            description=f"Coding of {workspace.study.name}",
        )


def adjudication_link(workspace: Workspace, step: Step) -> None:
    """Where the adjudicator goes."""
    address = adjudication_address(workspace, step.round_number)
    if address:
        create_link_artifact(
            link=address,
            link_text=f"Adjudicate round {step.round_number} in Label Studio",
            key=key(workspace, "adjudication"),
            description=f"Adjudication of {workspace.study.name}",
        )


def coding_progress(workspace: Workspace, step: Step) -> None:
    """How much of the round is coded, and by whom."""
    found = status(workspace)
    this = next((r for r in found.rounds if r.number == step.round_number), None)
    if this is None or not workspace.store.exists(tasks(step.round_number)):
        return
    create_progress_artifact(
        progress=100.0 * this.n_coded / max(this.n_drawn, 1),
        key=key(workspace, f"coding-round-{this.number}"),
        description=f"Round {this.number}: {this.n_coded} of {this.n_drawn} units coded",
    )
    _table(found.coders, key(workspace, "coders"), "Who coded how many, and the median seconds a code took")
    fairness(workspace)


def fairness(workspace: Workspace) -> None:
    """How much people coded a day and without a break, and where that was more than the study asks for."""
    found = status(workspace)
    if found.warnings:
        create_markdown_artifact(
            markdown="# Warning\n\n" + "\n".join(f"* {warning}" for warning in found.warnings),
            key=key(workspace, "coders-warning"),
            description="A coder coded more a day, or longer without a break, than the study asks for",
        )
    _table(found.workload, key(workspace, "workload"), "Texts a day, and minutes without a break")


def estimates(workspace: Workspace) -> None:
    """The newest intervals."""
    rows = latest_estimates(workspace)
    columns = ["round", "estimand", "label", "group", "estimate", "ci_low", "ci_high", "n_human", "flags"]
    _table(
        rows[columns].round(4),
        key(workspace, "estimates"),
        f"Estimates with {workspace.study.confidence_level:.0%} intervals",
    )


def classifiers(workspace: Workspace) -> None:
    """What was trained after each round, and whether the next one used it."""
    _table(
        status(workspace).models.round(4),
        key(workspace, "classifiers"),
        "Classifiers: log loss on unseen codes, against the last one's, and whether it was promoted",
    )


def report_link(workspace: Workspace) -> None:
    """Where the report is."""
    create_markdown_artifact(
        markdown=f"# Report of {workspace.study.name}\n\n`{workspace.store.address(REPORT)}`\n",
        key=key(workspace, "report"),
        description="Where report.html was written",
    )


def _table(frame: pd.DataFrame, artifact_key: str, description: str) -> None:
    if not frame.empty:
        rows = frame.astype(object).where(frame.notna(), None)
        create_table_artifact(
            table={str(column): rows[column].to_list() for column in rows},
            key=artifact_key,
            description=description,
        )
