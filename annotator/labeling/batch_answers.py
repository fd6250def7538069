"""What came of the questions of one batch: read from the provider's files, kept in a table of our own."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from annotator.labeling.completion import Completion, NotACompletionError
from annotator.labeling.faults import Fault, sort_out
from annotator.labeling.reading import Outcome
from annotator.schema import BATCH_ANSWERS

NO_ANSWER = Fault("busy", "the batch ended without an answer to this question")
_NOT_DONE = ("batch_expired", "batch_cancelled")


def read_lines(text: str, redact: Callable[[str], str]) -> Iterator[tuple[str, Outcome]]:
    """Question and outcome of every line of an output or error file; what is no such line is left out."""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("custom_id"), str):
            yield entry["custom_id"], _outcome(entry, redact)


def _outcome(entry: Mapping[str, Any], redact: Callable[[str], str]) -> Outcome:
    response, failure = entry.get("response"), entry.get("error")
    if isinstance(response, dict):
        return _of_response(response, redact)
    if isinstance(failure, dict):
        said = str(failure.get("message") or failure.get("code") or "no reason given")
        return Fault("busy" if failure.get("code") in _NOT_DONE else "broken", redact(said))
    return NO_ANSWER


def _of_response(response: Mapping[str, Any], redact: Callable[[str], str]) -> Outcome:
    import httpx2  # noqa: PLC0415 (slow to import)
    import openai  # noqa: PLC0415

    status, body = response.get("status_code"), response.get("body")
    if status == httpx2.codes.OK:
        try:
            return Completion.read(json.dumps(body))
        except NotACompletionError as error:
            return Fault("garbage", str(error))
    if not isinstance(status, int):
        return Fault("garbage", "the answer has no status")
    inner = body.get("error", body) if isinstance(body, dict) else body
    answer = httpx2.Response(status, request=httpx2.Request("POST", "http://batch"))
    return sort_out(openai.APIStatusError("no reason given", response=answer, body=inner), redact)


def to_table(outcomes: Mapping[str, Outcome]) -> pa.Table:
    """A row a question under schema ``BATCH_ANSWERS``."""
    rows = [
        {
            "question": question,
            "status": "ok" if isinstance(outcome, Completion) else outcome.kind,
            "answer": json.dumps(asdict(outcome)),
        }
        for question, outcome in outcomes.items()
    ]
    return pa.Table.from_pylist(rows, schema=BATCH_ANSWERS)


def from_table(table: pa.Table) -> Iterable[tuple[str, Outcome]]:
    """The inverse of ``to_table``."""
    for row in table.to_pylist():
        data = json.loads(row["answer"])
        yield row["question"], Completion.from_dict(data) if row["status"] == "ok" else Fault(**data)
