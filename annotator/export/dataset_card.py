"""The card of a data set: what its columns are, in a header for programs and in words for people."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import yaml

from annotator import __version__
from annotator.export.meanings import meanings
from annotator.study import Study

_BODY = """\
# {study}

Units of a corpus, with human codes for some and machine labels for all. The question was: {question}

| code | definition |
|---|---|
{codes}

| split | units |
|---|---|
{splits}

## How to use it

* `gold` holds what people said. The coded units were **not drawn alike**: `round` says which round drew a
  unit, `inclusion_probability_NNN` with what probability. Shares and accuracies among coded units say
  nothing of the corpus unless they are weighted.
* {rectified}
* `prediction` and `probability_<code>` were fitted with all human codes: on coded units they test nothing.
* {texts}

## Columns

| column | holds |
|---|---|
{columns}

Written by annotator {version}.
"""
_RECTIFIED = (
    "`rectified_<code>` is for estimates on all units, both splits together: its mean estimates the share\n"
    "  of the code, and it may be the outcome of a linear regression. It leaves [0, 1]: it is neither a\n"
    "  prediction nor a training target."
)
_RECTIFIED_CODED = (
    "`rectified_<code>` is of no use here: it needs the units without a code too, which were left out."
)
_TEXT = "The texts are in `text`: publish them only if you may."
_NO_TEXT = (
    "The texts are not in it; `unit_id` finds them. Where the corpus has no ids, it is a hash of the text."
)


def card(study: Study, schema: pa.Schema, n_rows: Mapping[str, int], *, coded_only: bool) -> str:
    """The text of ``README.md`` for a data set with this schema and these splits: name -> number of units."""
    said = meanings(study, schema.names)
    body = _BODY.format(
        study=study.name,
        question=study.codebook.question,
        codes=_table((code.name, code.definition) for code in study.codebook.labels),
        splits=_table((f"`{split}`", f"{n:,}") for split, n in n_rows.items()),
        rectified=_RECTIFIED_CODED if coded_only else _RECTIFIED,
        texts=_TEXT if "text" in schema.names else _NO_TEXT,
        columns=_table((f"`{name}`", phrase) for name, phrase in said.items()),
        version=__version__,
    )
    header = yaml.safe_dump(_header(study, schema, n_rows), sort_keys=False, allow_unicode=True)
    return f"---\n{header}---\n\n{body}"


def _header(study: Study, schema: pa.Schema, n_rows: Mapping[str, int]) -> dict[str, Any]:
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    files = [{"split": split, "path": f"data/{split}.parquet"} for split in n_rows]
    return {
        "pretty_name": study.name,
        "task_categories": ["text-classification"],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"features": [{"name": name, **_feature(of)} for name, of in features.items()]},
    }


def _feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    """A feature as headers write it, from how Parquet schemas do."""
    if feature["_type"] == "Sequence":
        return {"sequence": _feature(feature["feature"])["dtype"]}
    if feature["_type"] == "ClassLabel":
        names = {str(place): name for place, name in enumerate(feature["names"])}
        return {"dtype": {"class_label": {"names": names}}}
    return {"dtype": feature["dtype"]}


def dtype(kind: pa.DataType) -> str:
    """An Arrow type as the library calls it.

    >>> dtype(pa.float64()), dtype(pa.timestamp("us")), dtype(pa.date32())
    ('float64', 'timestamp[us]', 'date32')
    """
    called = {"double": "float64", "float": "float32", "date32[day]": "date32", "date64[ms]": "date64"}
    return called.get(str(kind), str(kind))


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"| {_cell(first)} | {_cell(second)} |" for first, second in rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
