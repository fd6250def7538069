"""The tables of a study: names, columns and types, in one place.

Every Parquet file the project writes has one of these schemas.
"""

from collections.abc import Iterable

import pyarrow as pa

MACHINE_LABELS = pa.schema(
    [
        ("unit_id", pa.string()),
        ("annotator", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float64()),
        ("logprob", pa.float64()),
        ("status", pa.string()),
        ("raw", pa.string()),
        ("prompt_hash", pa.string()),
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("cost", pa.float64()),
        ("seconds", pa.float64()),
        ("attempts", pa.int32()),
    ]
)

CANARY = pa.schema(
    [
        *MACHINE_LABELS,
        ("round", pa.int32()),
        ("first_label", pa.string()),
        ("first_confidence", pa.float64()),
        ("first_status", pa.string()),
    ]
)

BATCH_QUESTIONS = pa.schema([("question", pa.string()), ("body", pa.string())])

BATCH_ANSWERS = pa.schema([("question", pa.string()), ("status", pa.string()), ("answer", pa.string())])

LEDGER = pa.schema(
    [
        ("unit_id", pa.string()),
        ("round", pa.int32()),
        ("inclusion_probability", pa.float64()),
        ("score", pa.float64()),
        ("error_probability", pa.float64()),
        ("stratum", pa.int32()),
        ("drawn", pa.bool_()),
        ("purpose", pa.string()),
        ("seed", pa.int64()),
    ]
)

TASKS = pa.schema(
    [("unit_id", pa.string()), ("task_id", pa.int64()), ("overlap", pa.int32()), ("position", pa.int32())]
)

CODES = pa.schema(
    [
        ("unit_id", pa.string()),
        ("coder", pa.string()),
        ("label", pa.string()),
        ("lead_time", pa.float64()),
        ("annotation_id", pa.int64()),
        ("updated_at", pa.timestamp("us", tz="UTC")),
        ("skipped", pa.bool_()),
    ]
)

NONRESPONSE = pa.schema(
    [
        ("unit_id", pa.string()),
        ("stratum", pa.int32()),
        ("reason", pa.string()),
        ("response_rate", pa.float64()),
    ]
)

GOLD = pa.schema([("unit_id", pa.string()), ("label", pa.string()), ("how", pa.string())])

ESTIMATES = pa.schema(
    [
        ("study", pa.string()),
        ("round", pa.int32()),
        ("estimand", pa.string()),
        ("term", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("method", pa.string()),
        ("estimate", pa.float64()),
        ("std_error", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("confidence_level", pa.float64()),
        ("population", pa.string()),
        ("n_units", pa.int64()),
        ("n_human", pa.int64()),
        ("n_effective", pa.float64()),
        ("lambda", pa.float64()),
        ("flags", pa.string()),
    ]
)


SIMULATION = pa.schema(
    [
        ("method", pa.string()),
        ("budget", pa.int64()),
        ("estimand", pa.string()),
        ("term", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("trials", pa.int64()),
        ("answered", pa.int64()),
        ("truth", pa.float64()),
        ("bias", pa.float64()),
        ("bias_mc_error", pa.float64()),
        ("rmse", pa.float64()),
        ("mean_half_width", pa.float64()),
        ("coverage", pa.float64()),
        ("coverage_mc_error", pa.float64()),
        ("relative_efficiency", pa.float64()),
        ("n_effective", pa.float64()),
        ("n_effective_width", pa.float64()),
        ("core_seconds", pa.float64()),
    ]
)


def predictions(codes: Iterable[str]) -> pa.Schema:
    """One row a unit, one probability column a code."""
    return pa.schema([("unit_id", pa.string()), *((code, pa.float64()) for code in codes)])
