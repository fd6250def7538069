"""Stage: read the corpus once and keep it, so that everything after sees the same units."""

import pyarrow as pa

from annotator import corpus
from annotator.asked import refuse_unanswerable
from annotator.coding.images import refuse_missing_images
from annotator.workspace import CORPUS, ROW_GROUP, Workspace


def ingest(workspace: Workspace) -> str:
    """Write ``corpus.parquet``. Raises CorpusError, and StudyError if it cannot answer the questions."""
    table = corpus.read(workspace.study)
    refuse_unanswerable(workspace.study, table.units)
    refuse_missing_images(workspace.study, table.units)
    workspace.store.write(
        CORPUS,
        pa.Table.from_pandas(table.units, preserve_index=False).replace_schema_metadata(None),
        workspace.provenance(study_id=workspace.study_id, n_dropped=table.n_dropped),
        row_group_size=ROW_GROUP,
    )
    dropped = f", {table.n_dropped:,} rows left out for an empty text" if table.n_dropped else ""
    return f"{len(table.units):,} units read{dropped}"
