"""Files for the R package dsl (Egami, Hinck, Stewart, Wei 2023): a table of draws, and a script for it.

The package knows one draw with known probabilities; a study has several, each designed with what the
earlier ones found. Every unit therefore gets one row for each round: in round r it counts as labelled with
probability one if it was coded before, and otherwise has the probability that round r gave it. Given
everything known when the round was designed, the mean over the rows of a round of

    g + R / pi (y - g)

is unbiased for the mean of y, whatever the fixed prediction g is. The rows of all rounds together are the
mean of the rounds with equal weights, and errors clustered by unit are theirs. One minus the product of the
probabilities of not being drawn is no substitute: what a later round would have given a unit that an earlier
one drew is not known.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from annotator import evidence
from annotator.errors import StudyError
from annotator.export import results
from annotator.export.r_dsl_columns import PROBABILITY, ROUND, column_names, human, of_units
from annotator.export.r_dsl_script import script
from annotator.export.tables import write_csv
from annotator.export.wanted import Wanted
from annotator.export.whole import write_text
from annotator.inference.rectify import Round
from annotator.workspace import LABELS, Workspace, nonresponse
from models.arrays import BoolArray, FloatArray

CERTAIN = 1.0 - 1e-6  # the package rescales probabilities, and refuses any above one by a rounding error


def r_dsl(workspace: Workspace, folder: Path, wanted: Wanted) -> list[Path]:
    """Write ``draws.csv`` and ``analyse.R``.

    Raises StudyError before the first closed round, and where the package could not give a right answer:
    weighted corpora, corpora whose every unit is coded, and exports of coded units only.
    """
    results.refuse_without_results(workspace)
    n_rounds = int(workspace.store.metadata(LABELS)["rounds"])
    rounds = evidence.rounds(workspace, n_rounds)[0]
    _refuse(workspace, rounds, wanted)
    columns = of_units(workspace)
    lost = [each.number for each in rounds if workspace.store.exists(nonresponse(each.number))]
    return [
        write_csv(folder / "draws.csv", _rows(workspace, columns, rounds, n_rounds)),
        write_text(folder / "analyse.R", script(workspace.study, workspace.units, len(rounds), lost)),
    ]


def as_draw(each: Round) -> tuple[BoolArray, FloatArray]:
    """A round as a draw of its own, (N,) each: which units are labelled, and with what probability."""
    certain = np.where(each.known, CERTAIN, each.inclusion_probability)
    return each.known | each.drawn, np.minimum(certain, CERTAIN)


def _refuse(workspace: Workspace, rounds: list[Round], wanted: Wanted) -> None:
    if workspace.study.corpus.weight:
        raise StudyError(
            "--to r-dsl: the package dsl has no weights, and this study has (`corpus.weight`)",
            hint="Ask with `annotator estimate --methods dsl`, which weighs units.",
        )
    if wanted.coded_only:
        raise StudyError(
            "--to r-dsl --coded: dsl needs the units without a human code too", hint="Leave --coded out."
        )
    if not rounds or rounds[-1].is_census:
        raise StudyError(
            "--to r-dsl: every unit is coded, so nothing is left to correct",
            hint="Export with `--to csv` and take the column `gold` as it is.",
        )


def _rows(
    workspace: Workspace, columns: pd.DataFrame, rounds: list[Round], n_rounds: int
) -> Iterator[pa.Table]:
    """The rows of one round after the other: what people say is missing where the round does not know it."""
    study = workspace.study
    names = column_names(study)
    said = human(evidence.gold_labels(workspace, n_rounds), study.codebook)
    for each in rounds:
        is_labelled, probability = as_draw(each)
        of_round = {names[key]: np.where(is_labelled, values, np.nan) for key, values in said.items()}
        of_round |= {names[ROUND]: np.full(len(columns), each.number), names[PROBABILITY]: probability}
        frame = columns.assign(**of_round)[list(names.values())]
        yield pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
