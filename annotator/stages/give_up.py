"""Drawn units that get no label: nobody coded them, or those who tried could not."""

import pandas as pd

from annotator import schema
from annotator.coding import gold
from annotator.coding.build import build
from annotator.errors import StudyError
from annotator.stages.collect import outstanding, stored_codes
from annotator.stages.disagreement import decided
from annotator.workspace import Workspace, ledger, nonresponse, tasks

ALL_STRATA = -1


def give_up(workspace: Workspace, round_number: int) -> str:
    """On demand only: stop waiting for codes that will not come (`without_label`).

    A unit with fewer coders than it was to have keeps the codes it has. Coders are offered none of these any
    more: that is done first, for after a crash in between the same can be asked for again.

    Raises StudyError when nothing is outstanding, or no unit of the round was coded at all.
    """
    waiting = outstanding(workspace, round_number)
    if waiting.empty:
        raise StudyError(f"no code of round {round_number} is outstanding", hint="Advance without --force.")
    silent = waiting.loc[waiting["have"] == 0, ["unit_id", "reason"]]
    declined = uncodable(workspace, round_number)
    lacking = pd.concat([declined, silent], ignore_index=True).drop_duplicates("unit_id")
    left_out = without_label(workspace, round_number, lacking)
    sent = workspace.store.read_frame(tasks(round_number))
    build(workspace).close(sent[sent["unit_id"].isin(waiting["unit_id"])])
    leave_out(workspace, round_number, left_out)
    n_given_up = int(waiting["unit_id"].isin(left_out["unit_id"]).sum())
    return f"{n_given_up} of {len(sent)} units were given up: their codes are no longer waited for"


def uncodable(workspace: Workspace, round_number: int) -> pd.DataFrame:
    """The units of a round that get no label: ``unit_id, reason``.

    Those that were given up before, that coders said cannot be coded, and that an adjudicator said so of.
    """
    sent = workspace.store.read_frame(tasks(round_number))["unit_id"]
    by_coders = gold.uncodable(stored_codes(workspace, round_number), sent, workspace.study.codebook)
    by_adjudicator = decided(workspace, round_number).dropna(subset=["reason"])[["unit_id", "reason"]]
    found = pd.concat([_left_out(workspace, round_number), by_coders, by_adjudicator], ignore_index=True)
    return found.drop_duplicates("unit_id").reset_index(drop=True)


def _left_out(workspace: Workspace, round_number: int) -> pd.DataFrame:
    path = nonresponse(round_number)
    if workspace.store.exists(path):
        return workspace.store.read_frame(path)[["unit_id", "reason"]]
    return pd.DataFrame(columns=["unit_id", "reason"])


def without_label(workspace: Workspace, round_number: int, lacking: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``nonresponse.parquet``: the units without a label, and the response rate of their strata.

    Inclusion probabilities then count times the response rate of the stratum, as if who gets a label were
    left to chance within it, and every estimate from then on carries the flag ``nonresponse_adjusted``. Where
    a stratum has no label at all, one rate serves for the whole round.

    ``lacking`` has ``unit_id, reason``. Raises StudyError if no unit of the round has a label.
    """
    sent = workspace.store.read_frame(tasks(round_number))["unit_id"]
    if len(lacking) == len(sent):
        raise StudyError(
            f"nobody coded any unit of round {round_number}: there is nothing to close it with",
            hint="Let people code some of it first.",
        )
    rows = workspace.store.read_frame(ledger(round_number)).set_index("unit_id")
    stratum = rows.loc[sent, "stratum"]
    coded = pd.Series(~sent.isin(lacking["unit_id"]).to_numpy(), index=sent)
    rate = coded.groupby(stratum.to_numpy()).mean()
    left_out = pd.DataFrame(
        {
            "unit_id": lacking["unit_id"].to_numpy(),
            "stratum": stratum.loc[lacking["unit_id"]].to_numpy(),
            "reason": lacking["reason"].to_numpy(),
        }
    )
    left_out["response_rate"] = left_out["stratum"].map(rate)
    if (left_out["response_rate"] == 0).any():
        left_out["stratum"], left_out["response_rate"] = ALL_STRATA, float(coded.mean())
    return left_out


def leave_out(workspace: Workspace, round_number: int, rows: pd.DataFrame) -> None:
    """Write ``nonresponse.parquet``: ``rows`` of `without_label` are waited for no longer."""
    workspace.write(nonresponse(round_number), rows, schema.NONRESPONSE, round=round_number)
