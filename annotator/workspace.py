"""A study at work: its file, its output folder, and the names of everything in it."""

import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout

from annotator import __version__, study_file
from annotator.errors import BusyError, StudyError
from annotator.schema import MACHINE_LABELS, signals_frame
from annotator.store import Store
from annotator.study import Study

PIN = "study.json"
CORPUS = "corpus.parquet"
ESTIMATES = "estimates.parquet"
LABELS = "labels.parquet"
RELIABILITY = "reliability.parquet"
REPORT = "report.html"
SIMULATION = "simulation.parquet"
SIMULATION_FIGURE = "simulation.svg"
ADOPTED = 0  # the number under which codes from before the study are kept among the rounds
SHARD_SIZE = 500  # units in one part of a machine annotator's labels: what a crash can cost to redo
ROW_GROUP = 10 * SHARD_SIZE  # units of the corpus that are read together while machines label
RESULTS_TOGETHER = 100_000  # units whose results are read together; they have many columns


def shard(annotator: str, index: int) -> str:
    """One part of a machine annotator's labels."""
    return f"machine_labels/{annotator}/part-{index:05d}.parquet"


def canary_labels(annotator: str, round_number: int) -> str:
    """What a machine annotator said when it was asked again before a round."""
    return f"machine_labels/{annotator}/canary/round-{round_number:03d}.parquet"


def ledger(round_number: int) -> str:
    """Who could have been drawn in a round, with which probability, and who was."""
    return f"rounds/{round_number:03d}/ledger.parquet"


def predictions(round_number: int) -> str:
    """The probabilities of each code that a round's estimate uses."""
    return f"rounds/{round_number:03d}/predictions.parquet"


def tasks(round_number: int) -> str:
    """Which task of the coding service stands for which drawn unit."""
    return f"rounds/{round_number:03d}/tasks.parquet"


def codes(round_number: int) -> str:
    """What the coders said."""
    return f"rounds/{round_number:03d}/codes.parquet"


def code_changes(round_number: int) -> str:
    """What coders said before they changed it."""
    return f"rounds/{round_number:03d}/code_changes.parquet"


def late_codes(round_number: int) -> str:
    """What coders said of a round's units after it was closed."""
    return f"rounds/{round_number:03d}/late_codes.parquet"


def nonresponse(round_number: int) -> str:
    """The drawn units that nobody coded, where a round was closed without them."""
    return f"rounds/{round_number:03d}/nonresponse.parquet"


def disagreements(round_number: int) -> str:
    """The units whose coders disagree, and which task of the adjudication stands for which."""
    return f"rounds/{round_number:03d}/disagreements.parquet"


def adjudications(round_number: int) -> str:
    """What the adjudicator said."""
    return f"rounds/{round_number:03d}/adjudications.parquet"


def adjudication_changes(round_number: int) -> str:
    """What the adjudicator said before changing it."""
    return f"rounds/{round_number:03d}/adjudication_changes.parquet"


def unadjudicated(round_number: int) -> str:
    """The disagreements that were no longer waited for."""
    return f"rounds/{round_number:03d}/unadjudicated.parquet"


def gold(round_number: int) -> str:
    """The one human code of each drawn unit."""
    return f"rounds/{round_number:03d}/gold.parquet"


def taught(round_number: int) -> str:
    """Human labels that only maps and classifiers learn from, as their sampling is unknown."""
    return f"rounds/{round_number:03d}/taught.parquet"


def posteriors(round_number: int) -> str:
    """The probabilities of each code behind the gold of a round, where a model formed it."""
    return f"rounds/{round_number:03d}/posteriors.parquet"


def model_probabilities(round_number: int) -> str:
    """What the classifier of all codes up to a round says of every unit."""
    return f"models/round-{round_number:03d}/probabilities.parquet"


def model_decision(round_number: int) -> str:
    """Whether that classifier is good enough for the rounds to come."""
    return f"models/round-{round_number:03d}/decision.parquet"


class Workspace:
    """One study, its store and its lock. Opening it refuses a study file that no longer fits."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.store = Store(study.locate(study.output))
        self._refuse_changed_study()

    @classmethod
    def open(cls, path: Path | str) -> "Workspace":
        """The workspace of the study file at ``path``. Raises StudyError."""
        return cls(study_file.read(path))

    @property
    def folder(self) -> Path:
        """A local folder beside the study file for what is not a result: the lock, paid replies."""
        return self.study.folder / ".annotator" / self.study.name

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the study, so that no two processes advance it at once. Raises BusyError.

        Within one process it nests, as a flow holds it around those of its stages; threads of one process
        therefore do not exclude each other.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock", timeout=0, is_singleton=True, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise BusyError(
                f"another process is advancing '{self.study.name}' right now",
                hint="Nothing is wrong: run this again when it has finished.",
            ) from error
        try:
            if lock.lock_counter == 1:
                self.store.sweep()
            yield
        finally:
            lock.release()

    @cached_property
    def study_id(self) -> str:
        """An identity for this run of the study, made when it starts."""
        if not self.store.exists(PIN):
            started = {"id": uuid.uuid4().hex, "pinned": self.study.pinned()}
            self.store.write_bytes(PIN, json.dumps(started, indent=1, sort_keys=True).encode())
        return str(self._pin()["id"])

    def _pin(self) -> dict[str, Any]:
        started: dict[str, Any] = json.loads(self.store.read_bytes(PIN))
        return started

    def _refuse_changed_study(self) -> None:
        if not self.store.exists(PIN):
            return
        changed = list(_differences(self._pin()["pinned"], self.study.pinned()))
        if changed:
            raise StudyError(
                f"{self.study.path}: changed since the study started: {', '.join(changed)}",
                hint=(
                    "Codes given before and after such a change cannot be combined. Take the change back "
                    f"(what the study started with is in {self.store.address(PIN)}), "
                    "or start a new study: set `output` to another folder."
                ),
            )

    def provenance(self, **more: Any) -> dict[str, Any]:
        """What every table says about where it came from. No clock, so that files can be compared."""
        return {
            "study": self.study.name,
            "codebook_hash": self.study.codebook.digest(),
            "code_version": __version__,
            **more,
        }

    def write(self, path: str, frame: pd.DataFrame, table_schema: pa.Schema, **metadata: Any) -> None:
        """Write a frame under a schema of the project, with its provenance."""
        table = pa.Table.from_pandas(frame, schema=table_schema, preserve_index=False)
        self.store.write(path, table.replace_schema_metadata(None), self.provenance(**metadata))

    @cached_property
    def units(self) -> pd.DataFrame:
        """The corpus as ingested, in its fixed order."""
        return self.store.read_frame(CORPUS)

    @cached_property
    def position(self) -> pd.Series:
        """Unit id -> row in the corpus, for aligning other tables."""
        return pd.Series(range(len(self.units)), index=self.units["unit_id"])

    @cached_property
    def n_units(self) -> int:
        """How many units the corpus has, without reading it."""
        return self.store.n_rows(CORPUS)

    @property
    def n_shards(self) -> int:
        """How many parts the labels of one machine annotator have."""
        return -(-self.n_units // SHARD_SIZE)

    def shards(self, indices: Iterable[int]) -> Iterator[pa.Table]:
        """What machines see of the units of these shards, ascending, a few shards in memory at a time."""
        image = self.study.corpus.image
        slices = ((i * SHARD_SIZE, min((i + 1) * SHARD_SIZE, self.n_units)) for i in indices)
        yield from self.store.read_slices(CORPUS, ["unit_id", "text", *([image] if image else [])], slices)

    def machine_labels(self, annotator: str) -> pd.DataFrame:
        """All labels of one machine annotator, in corpus order, without the signals."""
        table = self._machine_table(annotator)
        frame: pd.DataFrame = table.drop_columns("signals").to_pandas()
        return frame

    def machine_signals(self, annotator: str) -> pd.DataFrame:
        """The signals of one machine annotator, in corpus order: one column each, NaN where there is none."""
        return signals_frame(self._machine_table(annotator)["signals"])

    def _machine_table(self, annotator: str) -> pa.Table:
        """All parts of an annotator's labels; parts of an earlier version have no signals."""
        parts = [self.store.read(shard(annotator, index)) for index in range(self.n_shards)]
        whole = pa.concat_tables([*parts, MACHINE_LABELS.empty_table()], promote_options="default")
        return whole.select(MACHINE_LABELS.names)


def _differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            inner = f"{place}.{key}" if place else key
            if key not in before:
                yield f"{inner} (added)"
            elif key not in now:
                yield f"{inner} (removed)"
            else:
                yield from _differences(before[key], now[key], inner)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for position, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _differences(old, new, f"{place}[{position}]")
    elif before != now:
        yield place
