"""Stage, on demand only: stop waiting for codes that will not come."""

import pandas as pd

from annotator import schema
from annotator.errors import StudyError
from annotator.stages.collect import outstanding
from annotator.workspace import Workspace, ledger, nonresponse, tasks

ALL_STRATA = -1


def give_up(workspace: Workspace, round_number: int) -> str:
    """Write ``nonresponse.parquet``: the units that nobody coded, and the response rate of their strata.

    The round can then be closed. Its inclusion probabilities count times the response rate of the stratum, as
    if who is coded were left to chance within it, and every estimate from then on carries the flag
    ``nonresponse_adjusted``. Where a stratum has no code at all, one rate serves for the whole round.
    A unit with fewer coders than it was to have keeps the codes it has.

    Raises StudyError when nothing is outstanding, or no unit of the round was coded at all.
    """
    waiting = outstanding(workspace, round_number)
    if waiting.empty:
        raise StudyError(f"no code of round {round_number} is outstanding", hint="Advance without --force.")
    sent = workspace.store.read_frame(tasks(round_number))["unit_id"]
    lacking = waiting.loc[waiting["have"] == 0]
    if len(lacking) == len(sent):
        raise StudyError(
            f"nobody coded any unit of round {round_number}: there is nothing to close it with",
            hint="Let people code some of it first.",
        )
    rows = workspace.store.read_frame(ledger(round_number)).set_index("unit_id")
    stratum = rows.loc[sent, "stratum"]
    coded = pd.Series(~sent.isin(lacking["unit_id"]).to_numpy(), index=sent)
    rate = coded.groupby(stratum.to_numpy()).mean()
    given_up = pd.DataFrame(
        {
            "unit_id": lacking["unit_id"].to_numpy(),
            "stratum": stratum.loc[lacking["unit_id"]].to_numpy(),
            "reason": lacking["reason"].to_numpy(),
        }
    )
    given_up["response_rate"] = given_up["stratum"].map(rate)
    if (given_up["response_rate"] == 0).any():
        given_up["stratum"], given_up["response_rate"] = ALL_STRATA, float(coded.mean())
    workspace.write(nonresponse(round_number), given_up, schema.NONRESPONSE, round=round_number)
    return f"{len(given_up)} of {len(sent)} units were given up: their codes are no longer waited for"
