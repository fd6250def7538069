"""Stage: read the corpus once and keep it, so that everything after sees the same units.

Nothing has been spent before it, so it refuses whatever is wrong in the study file and the corpus. What may
still come, such as a Label Studio, is said and not waited for: labelling can take days that others
need to set it up, and what is labelled stays good.
"""

import pyarrow as pa

from annotator import corpus
from annotator.asked import refuse_unanswerable
from annotator.coders import ReplayCoding
from annotator.coding.build import still_lacking
from annotator.coding.images import refuse_missing_images
from annotator.machines import ReplayMachine
from annotator.study import Study
from annotator.workspace import CORPUS, ROW_GROUP, Workspace


def ingest(workspace: Workspace) -> str:
    """Write ``corpus.parquet``. Raises CorpusError, and StudyError if it cannot answer the questions."""
    study = workspace.study
    table = corpus.read(study, needed=_replayed(study))
    refuse_unanswerable(study, table.units)
    refuse_missing_images(study, table.units)
    lacking = still_lacking(study)
    workspace.store.write(
        CORPUS,
        pa.Table.from_pandas(table.units, preserve_index=False).replace_schema_metadata(None),
        workspace.provenance(study_id=workspace.study_id, n_dropped=table.n_dropped),
        row_group_size=ROW_GROUP,
    )
    dropped = f", {table.n_dropped:,} rows left out for an empty text" if table.n_dropped else ""
    needed = f". Needed before people can code: {lacking.message}. {lacking.hint}" if lacking else ""
    return f"{len(table.units):,} units read{dropped}{needed}"


def _replayed(study: Study) -> list[str]:
    """The columns that later stages replay: one that is not there would be missed after others are paid."""
    sections = (*study.machine, study.coding)
    return [c for each in sections if isinstance(each, ReplayMachine | ReplayCoding) for c in each.columns]
