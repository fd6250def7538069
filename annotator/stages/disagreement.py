"""Where the disagreements of a round stand: read off the files alone."""

import pandas as pd

from annotator import evidence, schema
from annotator.coding import disagreement
from annotator.stages.collect import stored_codes
from annotator.workspace import Workspace, adjudications, disagreements, tasks, unadjudicated


def answers(workspace: Workspace, round_number: int) -> pd.DataFrame:
    """What coders said of the units on which they disagree now (`disagreement.disagreements`).

    Units that were left out of the round are not among them.
    """
    study = workspace.study
    sent = set(workspace.store.read_frame(tasks(round_number))["unit_id"])
    codes = stored_codes(workspace, round_number)
    counted = codes["unit_id"].isin(sent - evidence.given_up(workspace, round_number))
    return disagreement.disagreements(codes[counted], study.codebook, study.coding.gold.experts)


def disagreeing(workspace: Workspace, round_number: int) -> list[str]:
    """The units on which coders disagree now; none in a study that adjudicates nothing."""
    if not workspace.study.coding.gold.adjudicate:
        return []
    return list(answers(workspace, round_number)["unit_id"].unique())


def decided(workspace: Workspace, round_number: int) -> pd.DataFrame:
    """The disagreements that an adjudicator has settled: ``unit_id, label, reason``.

    A unit whose coders agree by now needs no adjudicator, whatever one said of it.
    """
    found = disagreement.decisions(stored_adjudications(workspace, round_number), workspace.study.codebook)
    rows: pd.DataFrame = found[found["unit_id"].isin(disagreeing(workspace, round_number))]
    return rows.reset_index(drop=True)


def undecided(workspace: Workspace, round_number: int) -> list[str]:
    """The disagreements that wait for an adjudicator; none once they were given up."""
    if workspace.store.exists(unadjudicated(round_number)):
        return []
    units = disagreeing(workspace, round_number)
    known = set(decided(workspace, round_number)["unit_id"]) if units else set()
    return [unit for unit in units if unit not in known]


def stored_adjudications(workspace: Workspace, round_number: int) -> pd.DataFrame:
    """What adjudicators have said so far."""
    return _stored(workspace, adjudications(round_number), schema.ADJUDICATIONS.empty_table().to_pandas())


def sent_disagreements(workspace: Workspace, round_number: int) -> pd.DataFrame:
    """The disagreements that an adjudicator was sent so far, also those that have vanished since."""
    return _stored(workspace, disagreements(round_number), schema.DISAGREEMENTS.empty_table().to_pandas())


def _stored(workspace: Workspace, path: str, nothing: pd.DataFrame) -> pd.DataFrame:
    return workspace.store.read_frame(path) if workspace.store.exists(path) else nothing
