"""The tables of a study: names, columns and types, in one place.

Every Parquet file the project writes has one of these schemas.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
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
        ("signals", pa.map_(pa.string(), pa.float64())),
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


def signals_frame(column: pa.ChunkedArray) -> pd.DataFrame:
    """The column ``signals`` as a frame: a column a name, in order of the names, NaN where one is missing.

    >>> said = pa.chunked_array([[[("agreement", 0.8)], None]], type=MACHINE_LABELS.field("signals").type)
    >>> signals_frame(said)["agreement"].tolist()
    [0.8, nan]
    """
    maps = column.combine_chunks()
    row = np.repeat(np.arange(len(maps)), np.diff(maps.offsets.to_numpy()))
    keys = maps.keys.dictionary_encode() if len(maps.keys) else pa.array([], pa.string()).dictionary_encode()
    code, value = keys.indices.to_numpy(), maps.items.to_numpy(zero_copy_only=False)
    found = {}
    for place, name in enumerate(keys.dictionary.to_pylist()):
        found[name] = np.full(len(maps), np.nan)
        found[name][row[code == place]] = value[code == place]
    return pd.DataFrame(dict(sorted(found.items())), index=range(len(maps)))


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
        ("preannotated", pa.bool_()),
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
        ("preannotated", pa.bool_()),
        ("cannot_code", pa.string()),
        ("note", pa.string()),
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

DISAGREEMENTS = pa.schema(
    [("unit_id", pa.string()), ("task_id", pa.int64()), ("position", pa.int32()), ("given", pa.string())]
)

ADJUDICATIONS = CODES

UNADJUDICATED = pa.schema([("unit_id", pa.string()), ("reason", pa.string())])

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

RELIABILITY = pa.schema(
    [
        ("round", pa.int32()),
        ("statistic", pa.string()),
        ("value", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("n", pa.int64()),
        ("scope", pa.string()),
        ("weighting", pa.string()),
        ("label", pa.string()),
        ("coder", pa.string()),
        ("other", pa.string()),
        ("annotator", pa.string()),
        ("note", pa.string()),
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

SCORES = pa.schema(
    [
        ("classifier", pa.string()),
        ("code", pa.string()),
        ("metric", pa.string()),
        ("mean", pa.float64()),
        ("sd", pa.float64()),
    ]
)

SCORE_INTERVALS = pa.schema(
    [
        ("classifier", pa.string()),
        ("texts", pa.string()),
        ("metric", pa.string()),
        ("code", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("n", pa.int64()),
    ]
)

CONFUSION = pa.schema(
    [
        ("classifier", pa.string()),
        ("code", pa.string()),
        ("gold", pa.string()),
        ("predicted", pa.string()),
        ("n", pa.int64()),
        ("share", pa.float64()),
    ]
)

LEARNING_CURVE = SCORES.insert(1, pa.field("n_labels", pa.int64()))

SEARCHED_SETTINGS = pa.schema([("classifier", pa.string()), ("fold", pa.int32()), ("settings", pa.string())])


MODEL_DECISION = pa.schema(
    [
        ("round", pa.int32()),
        ("kind", pa.string()),
        ("n_coded", pa.int64()),
        ("log_loss", pa.float64()),
        ("compared_with", pa.string()),
        ("last_log_loss", pa.float64()),
        ("gain", pa.float64()),
        ("std_error", pa.float64()),
        ("lower_bound", pa.float64()),
        ("promoted", pa.bool_()),
        ("note", pa.string()),
    ]
)


def model_probabilities(codes: Iterable[str]) -> pa.Schema:
    """One row a unit: one probability column a code, and whether the classifier had not seen the code."""
    columns = [("unit_id", pa.string()), *((code, pa.float64()) for code in codes)]
    return pa.schema([*columns, ("out_of_fold", pa.bool_())])


def predictions(codes: Iterable[str]) -> pa.Schema:
    """One row a unit, one probability column a code."""
    return pa.schema([("unit_id", pa.string()), *((code, pa.float64()) for code in codes)])
