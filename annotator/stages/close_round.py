"""Stage: the codes of a round become gold, and the round is closed."""

import numpy as np

from annotator import evidence, schema
from annotator.coding.gold import form_gold
from annotator.errors import AnnotatorError
from annotator.seeds import generator
from annotator.stages.collect import outstanding, stored_codes
from annotator.stages.open_round import write_predictions
from annotator.workspace import Workspace, gold, tasks
from models.error_map import cross_fit


def close_round(workspace: Workspace, round_number: int) -> str:
    """Write ``gold.parquet``; in round 1 first the cross-fitted predictions, which need its codes.

    A unit that nobody coded keeps the round open: it is never left out silently.
    """
    waiting = outstanding(workspace, round_number)
    if not waiting.empty:
        raise AnnotatorError(f"round {round_number} cannot be closed: {len(waiting)} units lack codes")
    sent = workspace.store.read_frame(tasks(round_number)).sort_values("unit_id")
    labels, _ = form_gold(
        stored_codes(workspace, round_number),
        sent["unit_id"].tolist(),
        dict(zip(sent["unit_id"], sent["overlap"], strict=True)),
        workspace.study.codebook.names,
        generator(workspace.study, round_number, "gold"),
    )
    if round_number == 1:
        _predict_first_round(workspace, dict(zip(labels["unit_id"], labels["label"], strict=True)))
    workspace.write(gold(round_number), labels, schema.GOLD, round=round_number)
    how = ", ".join(f"{count} {name}" for name, count in labels["how"].value_counts().items())
    return f"{len(labels)} gold labels ({how})"


def _predict_first_round(workspace: Workspace, labels: dict[str, str]) -> None:
    names = workspace.study.codebook.names
    said, design = evidence.machine(workspace), evidence.drawn_in(workspace, 1)
    codes = evidence.code_index(workspace.units["unit_id"].map(labels), names)
    weights = np.where(design.drawn, 1.0 / design.inclusion_probability, 0.0)
    prediction = cross_fit(
        said.labels,
        said.confidence,
        codes,
        fold=design.stratum,
        n_codes=len(names),
        weights=weights,
        rng=generator(workspace.study, 1, "cross_fit"),
    )
    write_predictions(workspace, 1, prediction, error_map="cross-fitted over the folds of round 1")
