"""`annotator status`."""

import pandas as pd

from annotator import console
from annotator.commands.arguments import Json, StudyPath
from annotator.status import RoundStatus, Status
from annotator.status import status as study_status
from annotator.workspace import Workspace


def status(study: StudyPath, as_json: Json = False) -> None:
    """Where the study stands: rounds, coders, intervals, spend, and what it waits for."""
    workspace = Workspace.open(study)
    found = study_status(workspace)
    if as_json:
        console.show_json(found.to_json())
        return
    console.show_line(found.study, f": next is {found.next_step}")
    if found.ended_because:
        console.out.print(f"ended: {found.ended_because}")
    for batch in found.batches:
        console.out.print(f"waiting for {batch}", soft_wrap=True)
    if found.coding_address:
        console.out.print(f"coding at {found.coding_address}", soft_wrap=True)
    if found.adjudication_address and found.next_step.stage == "adjudicate":
        console.out.print(f"adjudication at {found.adjudication_address}", soft_wrap=True)
    for source in found.adopted:
        console.out.print(
            f"before the study: {source['units']} units from {source['source']} ({source['use']})",
            soft_wrap=True,
        )
    for each in found.rounds:
        _show_round(each)
    if found.hours_left:
        work = "coding and adjudication" if workspace.study.coding.gold.adjudicate else "coding"
        console.out.print(f"about {found.hours_left:.1f} hours of {work} left in this round")
    for warning in (*filter(None, found.canary["warning"]), *found.warnings):
        console.out.print("warning: ", style="bold yellow", end="")
        console.out.print(warning, soft_wrap=True)
    tables = (
        (_coders(found), "Coders (longest stint: minutes without a break)"),
        (found.machines, "Machine annotators"),
        (found.models, "Classifiers, trained after each round"),
    )
    for frame, title in tables:
        if not frame.empty:
            console.show_frame(frame, title)
    console.show_estimates(found.estimates)


def _coders(found: Status) -> pd.DataFrame:
    """What each coder did, and how much of it in a day and at a stretch."""
    if found.workload.empty:
        return found.coders
    both = found.coders.merge(found.workload, on="coder", how="outer").convert_dtypes()
    return both.dropna(axis="columns", how="all")


def _show_round(each: RoundStatus) -> None:
    left = f"waiting for {each.n_drawn - each.n_coded} ({each.n_codes_left} codes)"
    all_coded = each.n_coded == each.n_drawn and each.n_adjudicated < each.n_disagreements
    left = "waiting for an adjudicator" if all_coded else left
    state = "closed" if each.is_closed else left
    console.out.print(f"round {each.number}: {each.n_coded} of {each.n_drawn} units coded, {state}")
    if each.n_disagreements:
        settled = f"{each.n_adjudicated} of {each.n_disagreements}"
        console.out.print(f"round {each.number}: {settled} disagreements adjudicated")
    if each.n_late:
        console.out.print(f"round {each.number}: {each.n_late} codes came after it was closed, uncounted")
