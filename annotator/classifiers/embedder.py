"""Texts of a study as vectors, for picks that are unlike each other."""

from dataclasses import dataclass
from pathlib import Path

from annotator.errors import ServiceUnavailableError, StudyError
from annotator.workspace import Workspace
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Embedder:
    """Vectors of the units at some places of the corpus, by the study's own base model if it has one."""

    study: Path

    def __call__(self, rows: IntArray) -> FloatArray:
        """The vectors (p, width). Raises StudyError, or ServiceUnavailableError if the hub is silent."""
        from annotator.classifiers.coded_texts import texts_of  # noqa: PLC0415 (imports the stages)
        from models.embeddings import embed  # noqa: PLC0415 (loads torch)
        from models.encoder_config import EMBEDDED  # noqa: PLC0415
        from models.errors import CannotFitError, UnreachableError  # noqa: PLC0415

        workspace = Workspace.open(self.study)
        model = workspace.study.model
        base = EMBEDDED if model is None or model.base is None else model.base
        beside = workspace.study.folder / base
        try:
            return embed(texts_of(workspace, rows), str(beside.resolve()) if beside.exists() else base)
        except CannotFitError as error:
            raise StudyError(f"the units picked for training: {error}") from error
        except UnreachableError as error:
            raise ServiceUnavailableError(f"the units picked for training: {error}") from error
