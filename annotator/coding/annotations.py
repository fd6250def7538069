"""From Label Studio's annotations to codes."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.coding.form import CANNOT_CODE
from annotator.coding.labeling_config import CONTROL, NOTE

logger = logging.getLogger(__name__)


def codes_of(
    annotations: Iterable[tuple[str, Mapping[str, Any]]], coders: Mapping[int, str], codebook: Codebook
) -> list[dict[str, Any]]:
    """One row of ``schema.CODES`` an annotation.

    ``annotations`` are pairs of unit id and annotation; ``coders`` maps account ids to e-mail addresses. An
    answer that gives a reason for having no code keeps the reason; one that is neither that nor a label of
    the codebook keeps its row with no label, and a warning names it.
    """
    return [_row(unit_id, annotation, coders, codebook) for unit_id, annotation in annotations]


def _row(
    unit_id: str, annotation: Mapping[str, Any], coders: Mapping[int, str], codebook: Codebook
) -> dict[str, Any]:
    coder = annotation["completed_by"]
    skipped = bool(annotation.get("was_cancelled"))
    chosen = [] if skipped else _values(annotation, CONTROL, "choices")
    row = {
        "unit_id": unit_id,
        "coder": coders.get(coder, f"account {coder}"),
        "label": _label(chosen, codebook),
        "lead_time": annotation.get("lead_time"),
        "annotation_id": annotation["id"],
        "updated_at": pd.Timestamp(annotation["updated_at"]),
        "skipped": skipped,
        "preannotated": annotation.get("parent_prediction") is not None,
        "cannot_code": _reason(chosen),
        "note": "\n".join(_values(annotation, NOTE, "text")) or None,
    }
    if not skipped and row["label"] is None and row["cannot_code"] is None:
        logger.warning(
            "unit %r: %s answered %s, which is no label of the codebook; correct it in Label Studio",
            unit_id,
            row["coder"],
            chosen or "nothing",
        )
    return row


def _label(chosen: Sequence[str], codebook: Codebook) -> str | None:
    if not chosen or not (codebook.is_multilabel or len(chosen) == 1):
        return None
    label = codebook.spell(label_sets.SEPARATOR.join(chosen))
    return label if all(codebook.is_label(choice) for choice in chosen) else None


def _reason(chosen: Sequence[str]) -> str | None:
    if len(chosen) != 1 or not chosen[0].startswith(CANNOT_CODE):
        return None
    return chosen[0].removeprefix(CANNOT_CODE)


def _values(annotation: Mapping[str, Any], control: str, kind: str) -> list[str]:
    """What was given in one control, however the annotation was made."""
    found: list[str] = []
    for part in annotation.get("result") or []:
        if isinstance(part, dict) and part.get("from_name") == control:
            given = (part.get("value") or {}).get(kind) or []
            found += [str(value) for value in ([given] if isinstance(given, str) else given)]
    return found
