"""What `annotator predict` has to do: which stretches of which files become which parts.

The job is written down before the first part. Whoever comes later, after a crash or on another worker,
takes it up from there; parts of another classifier or of other texts are never mixed.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from annotator import corpus
from annotator.errors import CorpusError, StudyError
from annotator.store import Store
from annotator.workspace import Workspace
from models.checkpoint import CARD

PART = 20_000  # texts in one part: what an interruption can cost to redo
JOB = "_job.json"  # readers of a folder of Parquet pass over what begins so
PARQUET = {".parquet", ".pq"}
OTHERS = {".csv", ".tsv", ".jsonl", ".ndjson"}


@dataclass(frozen=True)
class TextsFile:
    """A Parquet file of texts: where it is, its rows, and the hash of all it holds."""

    place: str
    n_rows: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """Rows ``start`` to ``stop`` of one file; ``first`` is the place of the first among all texts."""

    place: str
    start: int
    stop: int
    first: int


@dataclass(frozen=True)
class Job:
    """A classifier, the texts it is to predict, and the folder that gets the parts.

    ``classifier`` is the hash of its card, ``n_part`` how many texts a part has.
    """

    classifier: str
    columns: tuple[str, ...]
    files: tuple[TextsFile, ...]
    n_part: int

    @property
    def n_texts(self) -> int:
        """In all files."""
        return sum(file.n_rows for file in self.files)

    @property
    def essence(self) -> tuple[object, ...]:
        """What must stay the same while its parts are made; files may move."""
        return (self.classifier, self.columns, self.n_part, [file.sha256 for file in self.files])

    @property
    def parts(self) -> list[Part]:
        """In the order of the files; a part is of one file."""
        found, first = [], 0
        for file in self.files:
            for start in range(0, file.n_rows, self.n_part):
                stop = min(start + self.n_part, file.n_rows)
                found.append(Part(file.place, start, stop, first + start))
            first += file.n_rows
        return found

    def pending(self, out: Store) -> list[int]:
        """The parts that are not there yet."""
        return [index for index in range(len(self.parts)) if not out.exists(part(index))]


def part(index: int) -> str:
    """The file of a part below the folder."""
    return f"part-{index:05d}.parquet"


def job_for(workspace: Workspace, model: Path, texts: str, out: Store) -> Job:
    """The job as it was begun in the folder, or begun now.

    ``texts`` is a file with the text columns of the study (Parquet, csv or jsonl), a folder of Parquet files
    or a pattern with ``*``, here or at any fsspec address. What is not Parquet is copied into the study's
    local folder first.

    Raises StudyError or CorpusError where there are no such texts, or the folder holds the parts of another
    job.
    """
    places = _places(texts)
    hashes = [_sha256(place) for place in places]
    if PurePosixPath(places[0]).suffix.lower() not in PARQUET:
        places = [_copy(workspace, places[0], hashes[0])]
    footers = [_footer(place) for place in places]
    job = Job(
        classifier=hashlib.sha256((model / CARD).read_bytes()).hexdigest(),
        columns=_columns(workspace, dict(zip(places, footers, strict=True))),
        files=tuple(
            TextsFile(place, footer.num_rows, sha256)
            for place, footer, sha256 in zip(places, footers, hashes, strict=True)
        ),
        n_part=PART,
    )
    if job.n_texts == 0:
        raise StudyError(f"{texts} holds no text")
    if out.exists(JOB) and job_in(out).essence != job.essence:
        raise StudyError(
            f"{out.root} holds predictions by another classifier, or of other texts",
            hint="Name another folder with --out, or remove this one.",
        )
    out.write_bytes(JOB, json.dumps(asdict(job), indent=1).encode())
    return job


def job_in(out: Store) -> Job:
    """The job that was begun in a folder."""
    known = json.loads(out.read_bytes(JOB))
    files = tuple(TextsFile(**file) for file in known["files"])
    return Job(known["classifier"], tuple(known["columns"]), files, known["n_part"])


def read_parts(job: Job, indices: Sequence[int]) -> Iterator[tuple[int, Part, pd.DataFrame]]:
    """The texts of some parts, which are in ascending order; a part and its row groups in memory."""
    wanted = [(index, job.parts[index]) for index in indices]
    for place, together in groupby(wanted, key=lambda pair: pair[1].place):
        folder, _, name = place.rpartition("/")
        mine = list(together)
        slices = [(one.start, one.stop) for _, one in mine]
        tables = Store(folder).read_slices(name, list(job.columns), slices)
        for (index, one), table in zip(mine, tables, strict=True):
            yield index, one, table.to_pandas()


def _places(texts: str) -> list[str]:
    filesystem, path = fsspec.core.url_to_fs(texts)
    if filesystem.isdir(path):
        path = f"{path.rstrip('/')}/*.parquet"
    found = sorted(filesystem.glob(path)) if any(sign in path for sign in "*?[") else [path]
    if not found or not all(filesystem.isfile(place) for place in found):
        raise StudyError(f"{texts}: there is no such file")
    endings = {PurePosixPath(place).suffix.lower() for place in found}
    if not endings <= PARQUET and (len(found) > 1 or not endings <= OTHERS):
        raise StudyError(
            f"{texts}: a .parquet or .csv file is needed",
            hint="Many files at once are all Parquet; a single one may be .csv, .tsv or .jsonl.",
        )
    return [str(filesystem.unstrip_protocol(place)) for place in found]


def _sha256(place: str) -> str:
    with fsspec.open(place, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _copy(workspace: Workspace, place: str, sha256: str) -> str:
    """The same texts as Parquet, made once. Raises CorpusError."""
    section = workspace.study.corpus
    local = Store(str(workspace.folder))
    name = f"texts-{sha256[:16]}.parquet"
    if not local.exists(name):
        wanted = list(section.text_columns)
        columns = [*([section.id] if section.id else []), *wanted]
        try:
            rows = corpus.read_file(place, columns, set(columns), section.encoding)
        except CorpusError:  # perhaps only for want of an id
            rows = corpus.read_file(place, wanted, set(wanted), section.encoding)
        table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
        local.write(name, table, row_group_size=PART)
    return f"file://{local.address(name)}"


def _footer(place: str) -> pq.FileMetaData:
    try:
        with fsspec.open(place, "rb") as stream:
            return pq.read_metadata(stream)
    except (OSError, pa.ArrowInvalid) as error:
        raise StudyError(f"{place} cannot be read: {error}") from error


def _columns(workspace: Workspace, footers: Mapping[str, pq.FileMetaData]) -> tuple[str, ...]:
    """The id where all files have it, and the text columns, which they must have."""
    section = workspace.study.corpus
    names = {place: footer.schema.to_arrow_schema().names for place, footer in footers.items()}
    for place, there in names.items():
        lacking = [column for column in section.text_columns if column not in there]
        if lacking:
            raise StudyError(f"{place} has no column '{lacking[0]}'", hint=f"It has: {', '.join(there[:20])}")
    if section.id is None or not all(section.id in there for there in names.values()):
        return section.text_columns
    return (section.id, *section.text_columns)
