"""From Label Studio's annotations to codes."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.coding.labeling_config import CONTROL

logger = logging.getLogger(__name__)


def codes_of(
    annotations: Iterable[tuple[str, Mapping[str, Any]]], coders: Mapping[int, str], codebook: Codebook
) -> list[dict[str, Any]]:
    """One row of ``schema.CODES`` a coder and unit: the latest of that coder.

    ``annotations`` are pairs of unit id and annotation; ``coders`` maps account ids to e-mail addresses.
    An answer that is no label of the codebook keeps its row with no label, and a warning names it.
    """
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for unit_id, annotation in annotations:
        row = _row(unit_id, annotation, coders, codebook)
        place = (unit_id, row["coder"])
        if place not in latest or _moment(row) > _moment(latest[place]):
            latest[place] = row
    return list(latest.values())


def _row(
    unit_id: str, annotation: Mapping[str, Any], coders: Mapping[int, str], codebook: Codebook
) -> dict[str, Any]:
    coder = annotation["completed_by"]
    skipped = bool(annotation.get("was_cancelled"))
    row = {
        "unit_id": unit_id,
        "coder": coders.get(coder, f"account {coder}"),
        "label": None if skipped else _label(annotation, codebook),
        "lead_time": annotation.get("lead_time"),
        "annotation_id": annotation["id"],
        "updated_at": pd.Timestamp(annotation["updated_at"]),
        "skipped": skipped,
    }
    if not skipped and row["label"] is None:
        logger.warning(
            "unit %r: %s answered %s, which is no label of the codebook; correct it in Label Studio",
            unit_id,
            row["coder"],
            _choices(annotation) or "nothing",
        )
    return row


def _label(annotation: Mapping[str, Any], codebook: Codebook) -> str | None:
    choices = _choices(annotation)
    if not choices or not (codebook.is_multilabel or len(choices) == 1):
        return None
    label = label_sets.SEPARATOR.join(choices)
    return codebook.spell(label) if all(codebook.is_label(choice) for choice in choices) else None


def _choices(annotation: Mapping[str, Any]) -> list[str]:
    """What was chosen for the code, however the annotation was made."""
    found: list[str] = []
    for part in annotation.get("result") or []:
        if isinstance(part, dict) and part.get("from_name") == CONTROL:
            chosen = (part.get("value") or {}).get("choices") or []
            found += [str(choice) for choice in chosen]
    return found


def _moment(row: Mapping[str, Any]) -> tuple[pd.Timestamp, int]:
    return row["updated_at"], row["annotation_id"]
