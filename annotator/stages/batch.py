"""Labelling by a provider's batches: hand in, end, look again later, collect.

Nothing waits here: each call does what can be done now. What is with the provider is read off the files.
"""

import hashlib
import json
import time
from collections.abc import Iterator

import pyarrow as pa

from annotator.errors import ServiceError
from annotator.labeling.batch_answers import NO_ANSWER, read_lines, to_table
from annotator.labeling.batch_api import QUEUE_IS_FULL, BatchApi, BatchState
from annotator.labeling.build import batch_api, build_batched
from annotator.labeling.completion import Completion
from annotator.labeling.protocol import MachineLabel
from annotator.labeling.reading import Outcome
from annotator.machines import Machine, OpenAIMachine
from annotator.provider_batch import ProviderBatch
from annotator.schema import BATCH_QUESTIONS
from annotator.stages.lots import Lot, Record, lots
from annotator.stages.shards import parts, write_shard
from annotator.workspace import SHARD_SIZE, Workspace

MOST_BYTES = 190_000_000  # of 200 MB that a file may have
FEW = 20  # so many refusals and no answer: the endpoint refuses them all


def is_batched(machine: Machine) -> bool:
    """Whether a machine annotator is asked by a provider's batches."""
    return isinstance(machine, OpenAIMachine) and machine.batch is not None


def waiting(workspace: Workspace) -> list[str]:
    """The batches that are with a provider, or about to be, in words."""
    return [
        f"batch {record.batch_id} of {lot.annotator}" if record and record.batch_id else
        f"a batch of {lot.annotator} that could not be handed in yet"
        for machine in workspace.study.machine
        if is_batched(machine)
        for lot in lots(workspace, machine.name, 1)
        if lot.is_open
        for record in [lot.record(lot.n_turns)]
    ]  # fmt: skip


def label_by_batches(workspace: Workspace, machine: OpenAIMachine) -> None:
    """Do what can be done now: collect what is answered, write the shards that are whole, hand in the next.

    What one batch fails with does not keep the others from being collected. Raises ServiceError.
    """
    if next(lots(workspace, machine.name, 1), None) is None:
        return
    run = _Run(workspace, machine)
    failures: list[ServiceError] = []
    n_open = 0
    for lot in lots(workspace, machine.name, run.shards_a_lot):
        if not lot.n_turns and n_open >= run.rules.at_once:
            break
        try:
            n_open += not run.bring_forward(lot)
        except ServiceError as error:
            failures.append(error)
            n_open += 1
    if failures:
        raise failures[0]


class _Run:
    """One look at all batches of one annotator."""

    def __init__(self, workspace: Workspace, machine: OpenAIMachine) -> None:
        assert machine.batch is not None
        self.rules: ProviderBatch = machine.batch
        self.shards_a_lot = max(self.rules.requests // SHARD_SIZE, 1)
        self._workspace = workspace
        self._machine = machine
        self._annotator, self._source = build_batched(workspace, machine)
        self._api: BatchApi = batch_api(workspace, machine)

    def bring_forward(self, lot: Lot) -> bool:
        """Take a lot as far as it goes now; whether it is labelled."""
        if lot.is_open and not self._collect(lot, lot.n_turns):
            return False
        self._source.begin(lot.answers(), self.rules.attempts)
        indices = sorted(lot.indices)
        rows = {index: self._annotator.label(units) for index, units in parts(self._workspace, indices)}
        if self._source.unanswered:
            self._ask(lot)
            return False
        self._write(rows)
        return True

    def _write(self, rows: dict[int, list[MachineLabel]]) -> None:
        for index, labelled in rows.items():
            write_shard(self._workspace, self._machine.name, index, labelled)

    def _ask(self, lot: Lot) -> None:
        """Hand in what the lot lacks, but for what another lot has asked already."""
        asked_elsewhere = {
            question
            for other in lots(self._workspace, self._machine.name, self.shards_a_lot)
            if other.first != lot.first and other.is_open
            for question in other.questions(other.n_turns)["question"].to_pylist()
        }
        bodies = {
            question: json.dumps(body, ensure_ascii=False)
            for question, body in self._source.unanswered.items()
            if question not in asked_elsewhere
        }
        rows = list(_within_limits(bodies, self.rules.requests))
        if rows:
            turn = lot.ask(pa.Table.from_pylist(rows, schema=BATCH_QUESTIONS))
            self._hand_in(lot, turn)

    def _hand_in(self, lot: Lot, turn: int) -> None:
        """Make sure that one batch of the turn's questions is with the provider, and write down which."""
        record = lot.record(turn)
        if record is not None and len(record.failures) >= self.rules.attempts:
            raise ServiceError(
                f"machine annotator {lot.annotator}: the provider refused a batch "
                f"{len(record.failures)} times: {record.failures[-1]}",
                hint=f"Mend that, then remove {self._workspace.store.address(lot.path(turn, 'batch.json'))} "
                "to hand it in again.",
            )
        lines = _lines(lot.questions(turn))
        key = hashlib.sha256(f"{self._workspace.study_id} {lot.path(turn, '')} ".encode() + lines).hexdigest()
        batch_id = None
        if record is None:
            record = Record(began=time.time())
            lot.write_record(turn, record)
        else:  # this was begun before: the batch may be there, though its name was never written down
            batch_id = self._api.find(key, record.began)
        if batch_id is None:
            batch_id = self._api.create(self._api.upload(lines), key)
        lot.write_record(turn, record.handed_in(batch_id))

    def _collect(self, lot: Lot, turn: int) -> bool:
        """Fetch a turn's answers; whether they are there."""
        record = lot.record(turn)
        if record is None or record.batch_id is None:
            self._hand_in(lot, turn)
            return False
        state = self._api.state(record.batch_id)
        if state.is_under_way:
            return False
        outcomes: dict[str, Outcome] = dict.fromkeys(lot.questions(turn)["question"].to_pylist(), NO_ANSWER)
        for file_id in state.files:
            found = read_lines(self._api.content(file_id), self._api.redact)
            outcomes.update((question, outcome) for question, outcome in found if question in outcomes)
        why = _refusal(state, outcomes)
        if why is None:
            lot.answered(turn, to_table(outcomes))
            return True
        lot.write_record(turn, record.refused(None if state.code == QUEUE_IS_FULL else why))
        return False


def _refusal(state: BatchState, outcomes: dict[str, Outcome]) -> str | None:
    """Why the provider took none of the questions; None where it took some, or ran out of time."""
    faults = [outcome for outcome in outcomes.values() if not isinstance(outcome, Completion)]
    if len(faults) < len(outcomes):
        return None
    if state.status == "failed":
        return state.complaint or "no reason given"
    fatal = [fault for fault in faults if fault.kind == "fatal"]
    refused = [fault for fault in faults if fault.kind == "refused"]
    if fatal or len(refused) == len(faults) >= FEW:
        return (fatal or refused)[0].message
    return None


def _within_limits(bodies: dict[str, str], most: int) -> Iterator[dict[str, str]]:
    """The first questions that fit into one file; the others are for a later turn."""
    n_bytes = 0
    for n_questions, (question, body) in enumerate(bodies.items()):
        n_bytes += len(body.encode()) + 200
        if n_questions == most or (n_questions and n_bytes > MOST_BYTES):
            break
        yield {"question": question, "body": body}


def _lines(questions: pa.Table) -> bytes:
    """The questions as the provider wants them."""
    lines = (
        f'{{"custom_id": "{question}", "method": "POST", "url": "/v1/chat/completions", "body": {body}}}\n'
        for question, body in zip(
            questions["question"].to_pylist(), questions["body"].to_pylist(), strict=True
        )
    )
    return "".join(lines).encode()
