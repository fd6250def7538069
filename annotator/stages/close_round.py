"""Stage: the codes of a round become gold, and the round is closed."""

import numpy as np
import pandas as pd

from annotator import evidence, schema
from annotator.classifiers import in_the_loop
from annotator.coding import gold_rule
from annotator.coding.disagreement import ADJUDICATED
from annotator.coding.experts import silent
from annotator.errors import AnnotatorError
from annotator.facets import facets
from annotator.sampling.rounds import predict_round
from annotator.seeds import generator
from annotator.stages.collect import outstanding, stored_codes
from annotator.stages.disagreement import decided, undecided
from annotator.stages.give_up import leave_out, uncodable, without_label
from annotator.workspace import ADOPTED, Workspace, gold, posteriors, predictions, tasks


def close_round(workspace: Workspace, round_number: int) -> str:
    """Write ``predictions.parquet``, cross-fitted over the round's folds, and then ``gold.parquet``.

    Where a model forms the gold, ``posteriors.parquet`` keeps the probabilities behind it. What an
    adjudicator decided is gold.

    A unit that nobody coded keeps the round open: it is never left out silently. One that coders said cannot
    be coded is left out aloud (`leave_out`).
    """
    waiting = outstanding(workspace, round_number)
    if not waiting.empty:
        raise AnnotatorError(f"round {round_number} cannot be closed: {len(waiting)} units lack codes")
    if undecided(workspace, round_number):
        raise AnnotatorError(f"round {round_number} cannot be closed: coders disagree and nobody adjudicated")
    declined = uncodable(workspace, round_number)
    if set(declined["unit_id"]) - evidence.given_up(workspace, round_number):
        leave_out(workspace, round_number, without_label(workspace, round_number, declined))
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
        adjudicated=_adjudicated(workspace, round_number),
    )
    _predict(workspace, round_number, dict(zip(labels["unit_id"], labels["label"], strict=True)))
    if behind is not None:
        kept = schema.predictions(workspace.study.codebook.names)
        workspace.write(posteriors(round_number), behind, kept, round=round_number)
    rule = workspace.study.coding.gold.rule
    workspace.write(gold(round_number), labels, schema.GOLD, round=round_number, rule=rule)
    how = ", ".join(f"{count} {name}" for name, count in labels["how"].value_counts().items())
    left_out = f"; {len(declined)} units have none" if len(declined) else ""
    return f"{len(labels)} gold labels ({how}){left_out}{_silent_experts(workspace, round_number)}"


def _silent_experts(workspace: Workspace, round_number: int) -> str:
    """Which experts have given no answer up to this round: a name may be misspelt."""
    coders = [stored_codes(workspace, number)["coder"] for number in range(ADOPTED, round_number + 1)]
    names = silent(workspace.study.coding.gold.experts, pd.concat(coders))
    return f"; no answer so far by the experts named {', '.join(names)}" if names else ""


def _adjudicated(workspace: Workspace, round_number: int) -> dict[str, str]:
    """The labels that adjudicators gave, of this round and those before."""
    now = decided(workspace, round_number).dropna(subset=["label"])
    before = [workspace.store.read_frame(gold(number)) for number in range(1, round_number)]
    rows = pd.concat([now, *(frame[frame["how"] == ADJUDICATED] for frame in before)])
    return dict(zip(rows["unit_id"], rows["label"], strict=True))


def _predict(workspace: Workspace, round_number: int, labels: dict[str, str]) -> None:
    """Keep the probabilities that the round's estimate uses, one column a code."""
    said, design = in_the_loop.signals(workspace, round_number), evidence.drawn_in(workspace, round_number)
    new = workspace.units["unit_id"].map(labels)
    before = evidence.gold_codes(workspace, round_number - 1)
    error_maps = evidence.design_maps(workspace, said, round_number)
    probabilities = predict_round(
        evidence.campaign(workspace, said),
        [
            np.where(design.drawn, facet.index(new), codes)
            for facet, codes in zip(facets(workspace.study.codebook), before, strict=True)
        ],
        fold=design.stratum,
        error_maps=error_maps,
        rng=generator(workspace.study, round_number, "cross_fit"),
        choose=round_number == 1,
    )
    rows = evidence.prediction_columns(workspace, probabilities)
    rows.insert(0, "unit_id", workspace.units["unit_id"])
    about = "cross-fitted over the folds of the round"
    if error_maps:
        about = f"{about}: {', '.join(error_map.candidate for error_map in error_maps)}"
    workspace.write(
        predictions(round_number),
        rows,
        schema.predictions(workspace.study.codebook.names),
        round=round_number,
        error_map=about,
    )
