"""Stage: the codes of a round become gold, and the round is closed."""

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.coding import gold_rule
from annotator.errors import AnnotatorError
from annotator.sampling.campaign import predict_round
from annotator.seeds import generator
from annotator.stages.collect import outstanding, stored_codes
from annotator.workspace import Workspace, gold, posteriors, predictions, tasks


def close_round(workspace: Workspace, round_number: int) -> str:
    """Write ``predictions.parquet``, cross-fitted over the round's folds, and then ``gold.parquet``.

    Where a model forms the gold, ``posteriors.parquet`` keeps the probabilities behind it.

    A unit that nobody coded keeps the round open: it is never left out silently.
    """
    waiting = outstanding(workspace, round_number)
    if not waiting.empty:
        raise AnnotatorError(f"round {round_number} cannot be closed: {len(waiting)} units lack codes")
    sent = workspace.store.read_frame(tasks(round_number)).sort_values("unit_id")
    earlier = [stored_codes(workspace, number) for number in range(1, round_number)]
    labels, behind = gold_rule.apply(
        workspace.study.coding.gold,
        stored_codes(workspace, round_number),
        pd.concat([schema.CODES.empty_table().to_pandas(), *earlier]),
        drawn=sorted(set(sent["unit_id"]) - evidence.given_up(workspace, round_number)),
        overlap=dict(zip(sent["unit_id"], sent["overlap"], strict=True)),
        codebook=workspace.study.codebook,
        rng=generator(workspace.study, round_number, "gold"),
    )
    _predict(workspace, round_number, dict(zip(labels["unit_id"], labels["label"], strict=True)))
    if behind is not None:
        kept = schema.predictions(workspace.study.codebook.names)
        workspace.write(posteriors(round_number), behind, kept, round=round_number)
    rule = workspace.study.coding.gold.rule
    workspace.write(gold(round_number), labels, schema.GOLD, round=round_number, rule=rule)
    how = ", ".join(f"{count} {name}" for name, count in labels["how"].value_counts().items())
    return f"{len(labels)} gold labels ({how})"


def _predict(workspace: Workspace, round_number: int, labels: dict[str, str]) -> None:
    """Keep the probabilities (N, K) that the round's estimate uses."""
    names = workspace.study.codebook.names
    said, design = evidence.machine(workspace), evidence.drawn_in(workspace, round_number)
    new = evidence.code_index(workspace.units["unit_id"].map(labels), names)
    error_map = evidence.fit_map(workspace, said, round_number - 1) if round_number > 1 else None
    prediction = predict_round(
        evidence.campaign(workspace, said, []),
        np.where(design.drawn, new, evidence.gold_codes(workspace, round_number - 1)),
        fold=design.stratum,
        error_map=error_map,
        rng=generator(workspace.study, round_number, "cross_fit"),
    )
    rows = pd.DataFrame(prediction, columns=list(names))
    rows.insert(0, "unit_id", workspace.units["unit_id"])
    about = "cross-fitted over the folds of the round" + (f": {error_map.candidate}" if error_map else "")
    workspace.write(
        predictions(round_number), rows, schema.predictions(names), round=round_number, error_map=about
    )
