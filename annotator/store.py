"""The output folder of a study: Parquet files that appear whole or not at all.

Works on a local folder or any fsspec URL. A local file is written under a temporary name beside its
place, flushed to disk and renamed; an object store puts whole objects by itself.
"""

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from annotator.errors import ServiceError, ServiceUnavailableError


class Store:
    """Tables under one root.

    >>> import tempfile
    >>> store = Store(tempfile.mkdtemp())
    >>> store.write("rounds/001/gold.parquet", pa.table({"unit_id": ["a"]}), {"round": 1})
    >>> store.exists("rounds/001/gold.parquet"), store.metadata("rounds/001/gold.parquet")
    (True, {'round': 1})
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._filesystem, self._base = fsspec.core.url_to_fs(self.root)
        self._is_local = "file" in _protocols(self._filesystem)

    def _place(self, path: str) -> str:
        return f"{self._base}/{path}"

    def address(self, path: str) -> str:
        """Where a table is, for people and for pandas."""
        return f"{self.root}/{path}"

    @property
    def folder(self) -> Path | None:
        """The root as a folder of this machine; None where it is elsewhere."""
        return Path(self._base) if self._is_local else None

    def exists(self, path: str) -> bool:
        """Whether the file is there (then it is whole)."""
        with _storage_errors(self.address(path)):
            return bool(self._filesystem.exists(self._place(path)))

    def write(
        self,
        path: str,
        table: pa.Table,
        metadata: Mapping[str, Any] | None = None,
        row_group_size: int | None = None,
    ) -> None:
        """Write a table with ``metadata`` (plain JSON values) in its footer, replacing what was there.

        ``row_group_size`` rows can later be read without the others.
        """
        packed = {
            f"annotator.{key}": json.dumps(value, sort_keys=True) for key, value in (metadata or {}).items()
        }
        buffer = io.BytesIO()
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **packed}),
            buffer,
            compression="zstd",
            row_group_size=row_group_size,
            # Numbers that hardly repeat only waste the time of looking for repetitions.
            use_dictionary=[field.name for field in table.schema if not pa.types.is_floating(field.type)],
        )
        self.write_bytes(path, buffer.getvalue())

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write any file whole."""
        place = self._place(path)
        with _storage_errors(self.address(path)):
            if self._is_local:
                _write_local(Path(place), data)
            else:
                self._filesystem.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
                self._filesystem.pipe_file(place, data)

    def upload(self, path: str, file: Path) -> None:
        """Write a file of this machine whole, however large it is."""
        place = self._place(path)
        with _storage_errors(self.address(path)):
            if self._is_local:
                _write_local(Path(place), file.read_bytes())
            else:
                self._filesystem.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
                self._filesystem.put_file(str(file), place)

    def download(self, path: str, file: Path) -> None:
        """Copy a file of any size to this machine; an interruption leaves a part of it."""
        with _storage_errors(self.address(path)):
            file.parent.mkdir(parents=True, exist_ok=True)
            self._filesystem.get_file(self._place(path), str(file))

    def read(self, path: str, columns: list[str] | None = None) -> pa.Table:
        """A table by its path below the root, or some of its columns."""
        with _storage_errors(self.address(path)), self._filesystem.open(self._place(path), "rb") as stream:
            return pq.read_table(stream, columns=columns)

    def read_slices(
        self, path: str, columns: list[str], slices: Iterable[tuple[int, int]]
    ) -> Iterator[pa.Table]:
        """The rows of each slice ``(start, stop)``, in ascending order, a row group or two in memory."""
        with _storage_errors(self.address(path)), self._filesystem.open(self._place(path), "rb") as stream:
            file = pq.ParquetFile(stream)
            ends = np.cumsum([file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)])
            held: dict[int, pa.Table] = {}
            for start, stop in slices:
                first, last = np.searchsorted(ends, [start, stop - 1], side="right")
                groups = range(int(first), min(int(last) + 1, len(ends)))
                held = {g: held[g] if g in held else file.read_row_group(g, columns=columns) for g in groups}
                before = int(ends[first - 1]) if first else 0
                yield pa.concat_tables(held.values()).slice(start - before, stop - start)

    def read_frame(self, path: str) -> pd.DataFrame:
        """The same as a pandas frame."""
        frame: pd.DataFrame = self.read(path).to_pandas()
        return frame

    def read_bytes(self, path: str) -> bytes:
        """Any file by its path below the root."""
        with _storage_errors(self.address(path)):
            return bytes(self._filesystem.cat_file(self._place(path)))

    def sweep(self) -> None:
        """Remove what a killed process left unfinished. Only for the one who holds the study's lock."""
        if self._is_local:
            for unfinished in Path(self._base).rglob(".*.unfinished"):
                unfinished.unlink(missing_ok=True)

    def n_rows(self, path: str) -> int:
        """How many rows a table has, without reading it."""
        with _storage_errors(self.address(path)), self._filesystem.open(self._place(path), "rb") as stream:
            return int(pq.read_metadata(stream).num_rows)

    def columns(self, path: str) -> list[str]:
        """The names of a table's columns, without reading it."""
        with _storage_errors(self.address(path)), self._filesystem.open(self._place(path), "rb") as stream:
            return list(pq.read_schema(stream).names)

    def metadata(self, path: str) -> dict[str, Any]:
        """What ``write`` was given as metadata, without reading the table."""
        with _storage_errors(self.address(path)), self._filesystem.open(self._place(path), "rb") as stream:
            packed = pq.read_schema(stream).metadata or {}
        prefix = b"annotator."
        return {
            key.removeprefix(prefix).decode(): json.loads(value)
            for key, value in packed.items()
            if key.startswith(prefix)
        }


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _write_local(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(place)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _storage_errors(address: str) -> Iterator[None]:
    try:
        yield
    except (
        FileExistsError,
        FileNotFoundError,
        PermissionError,
        IsADirectoryError,
        NotADirectoryError,
    ) as error:
        raise ServiceError(
            f"cannot use {address}: {error.strerror or error}",
            hint="Check that the output folder exists and may be written.",
        ) from error
    except pa.ArrowInvalid as error:
        raise ServiceError(
            f"{address} is not a whole Parquet file: {error}",
            hint="Something else wrote there. Move the file away and run `annotator advance`.",
        ) from error
    except OSError as error:
        raise ServiceUnavailableError(
            f"cannot write or read {address}: {error.strerror or error}",
            hint="Mend the storage, then run `annotator advance` again: nothing is half-written.",
        ) from error
