"""Stage: human codes from before the study enter it, once, before the first round is opened."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from annotator import schema
from annotator.adoption.adopting import adopted, digest
from annotator.adoption.section import Use
from annotator.coding import gold_rule
from annotator.errors import StudyError
from annotator.seeds import generator, stream_seed
from annotator.stages.adopted_sample import Sample, leave_out, predict, sample_of
from annotator.workspace import ADOPTED as ROUND
from annotator.workspace import Workspace, codes, gold, ledger, nonresponse, taught

PURPOSE: Mapping[Use, str] = {"known": "known", "sample": "estimate", "training": "training"}


def due(workspace: Workspace) -> bool:
    """Whether codes that the study file names have not entered, or it has changed since they did.

    Raises StudyError if that comes too late: the first draw of the study has been made.
    """
    study, is_done = workspace.study, workspace.store.exists(gold(ROUND))
    entered = workspace.store.metadata(gold(ROUND))["adopted"] if is_done else None
    if entered == digest(study) or not (is_done or study.adopted):
        return False
    if workspace.store.exists(ledger(1)):
        raise StudyError(
            f"{study.path}: `adopted` was changed after round 1 had been opened",
            hint="Codes can enter a study only before its first draw. Take the change back, or start a new "
            "study: set `output` to another folder.",
        )
    return True


def adopt(workspace: Workspace) -> str:
    """Write codes, ledger, and last gold of what was coded before; of a sample also its predictions.

    Labels of units whose sampling is unknown are kept apart from gold, in ``taught.parquet``.

    Raises StudyError where a source has no code for this corpus, or a sample is not what its section says:
    units without a code, probabilities that do not fit.
    """
    found = adopted(workspace.study, workspace.units)
    found.refuse_empty()
    labels = {use: _gold(workspace, use, of) for use, of in found.codes.items()}
    rows = pd.concat(found.codes.values(), ignore_index=True).sort_values(["unit_id", "coder"])
    sample = sample_of(workspace, found)
    summaries = found.summaries()
    workspace.write(codes(ROUND), rows, schema.CODES, round=ROUND, sources=summaries)
    workspace.write(taught(ROUND), labels["training"], schema.GOLD, round=ROUND)
    _write_ledger(workspace, labels, sample, rows)
    counted = pd.concat([labels["sample"], labels["known"]], ignore_index=True)
    # An earlier try that was killed may have left such a file.
    if found.lacking or workspace.store.exists(nonresponse(ROUND)):
        leave_out(workspace, found.lacking, len(labels["sample"]))
    if sample is not None:
        predict(workspace, sample, counted)
    rule = workspace.study.coding.gold.rule
    about = {"round": ROUND, "rule": rule, "adopted": digest(workspace.study), "sources": summaries}
    workspace.write(gold(ROUND), counted, schema.GOLD, **about)
    return describe(summaries, {use: len(of) for use, of in labels.items()})


def describe(sources: Sequence[Mapping[str, Any]], n_units: Mapping[Use, int]) -> str:
    """What entered, in one line."""
    words: dict[Use, str] = {
        "known": "known",
        "sample": "of a sample drawn before",
        "training": "for training alone",
    }
    parts = ", ".join(f"{n_units[use]:,} {words[use]}" for use in words if n_units[use]) or "none"
    lost = sum(each["unmatched"] + each["ambiguous"] + each["other_text"] for each in sources)
    unseen = sum(each["not_compared"] for each in sources)
    return (
        f"units adopted: {parts}"
        + (f"; {lost:,} tasks or rows are no unit of this corpus" if lost else "")
        + (f"; {unseen:,} texts were not compared" if unseen else "")
    )


def _gold(workspace: Workspace, use: Use, rows: pd.DataFrame) -> pd.DataFrame:
    """One label a unit by the study's rule, from the codes of this use alone."""
    usable = rows[rows["label"].notna()]
    n_coders = usable.groupby("unit_id")["coder"].nunique()
    return gold_rule.apply(
        workspace.study.coding.gold,
        usable,
        schema.CODES.empty_table().to_pandas(),
        drawn=n_coders.index.tolist(),
        overlap={str(unit): int(n) for unit, n in n_coders.items()},
        codebook=workspace.study.codebook,
        rng=generator(workspace.study, ROUND, f"gold {use}"),
    )[0]


def _write_ledger(
    workspace: Workspace, labels: Mapping[Use, pd.DataFrame], sample: Sample | None, codes_of: pd.DataFrame
) -> None:
    """A row for each adopted unit and, with a sample, for every unit that could have been drawn."""
    nothing = {"score": np.nan, "error_probability": np.nan}
    parts = []
    for use in ("known", "training"):
        is_known = use == "known"
        rows = labels[use][["unit_id"]].assign(**nothing, purpose=PURPOSE[use], drawn=is_known, stratum=-1)
        parts.append(rows.assign(inclusion_probability=1.0 if is_known else np.nan))
    if sample is not None:
        everyone = pd.DataFrame(
            {
                "unit_id": workspace.units["unit_id"],
                "inclusion_probability": sample.design.inclusion_probability,
                "drawn": sample.design.drawn,
                "stratum": sample.design.stratum,
            }
        ).assign(**nothing)
        for_training = everyone["unit_id"].isin(labels["training"]["unit_id"])
        parts = [everyone.assign(purpose=np.where(for_training, PURPOSE["training"], PURPOSE["sample"]))]
    rows = pd.concat(parts, ignore_index=True).assign(
        round=ROUND, seed=stream_seed(workspace.study, ROUND, "draw")
    )
    # A refused suggestion is a row without a label.
    is_suggested = codes_of["preannotated"].astype(bool) & codes_of["label"].notna()
    suggested = codes_of.loc[is_suggested, "unit_id"]
    rows["preannotated"] = rows["unit_id"].isin(suggested)
    workspace.write(
        ledger(ROUND),
        rows,
        schema.LEDGER,
        round=ROUND,
        reason="codes from before the study" if sample is None else sample.design.reason,
        is_sample=sample is not None,
        fixed_size=sample is None or sample.fixed_size,
        round_weight=1.0,
    )
