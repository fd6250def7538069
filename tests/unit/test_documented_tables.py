"""Every column of every table is in docs/tables.md, in the section of its table."""

import re
from pathlib import Path

import pytest

from annotator import schema

TABLES = Path(__file__).parents[2] / "docs" / "tables.md"


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("machine_labels/`<annotator>`/part-", schema.MACHINE_LABELS),
        ("machine_labels/`<annotator>`/batches", schema.BATCH_QUESTIONS),
        ("machine_labels/`<annotator>`/batches", schema.BATCH_ANSWERS),
        ("rounds/NNN/ledger.parquet", schema.LEDGER),
        ("rounds/NNN/tasks.parquet", schema.TASKS),
        ("rounds/NNN/codes.parquet", schema.CODES),
        ("rounds/NNN/disagreements.parquet", schema.DISAGREEMENTS),
        ("rounds/NNN/disagreements.parquet", schema.UNADJUDICATED),
        ("rounds/NNN/gold.parquet", schema.GOLD),
        ("rounds/NNN/nonresponse.parquet", schema.NONRESPONSE),
        ("models/round-NNN/probabilities.parquet", schema.model_probabilities(())),
        ("models/round-NNN/decision.parquet", schema.MODEL_DECISION),
        ("estimates.parquet", schema.ESTIMATES),
        ("reliability.parquet", schema.RELIABILITY),
        ("simulation.parquet", schema.SIMULATION),
    ],
)
def test_every_column_is_documented(heading, columns):
    sections = TABLES.read_text(encoding="utf-8").split("\n## ")
    (section,) = [each for each in sections if each.startswith(heading)]
    assert set(columns.names) <= set(re.findall(r"`([^`]+)`", section))
