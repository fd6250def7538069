"""Stage: the product, one row a unit in ``labels.parquet``, reliability, and the report."""

import pyarrow as pa

from annotator import evidence, product
from annotator.classifiers import in_the_loop
from annotator.stages import reliability
from annotator.workspace import ESTIMATES, LABELS, REPORT, RESULTS_TOGETHER, Workspace


def publish(workspace: Workspace, n_rounds: int) -> str:
    """Write ``reliability.parquet``, ``report.html`` and then ``labels.parquet``: all three are done."""
    reliability.reliability(workspace, n_rounds)
    write_report(workspace, n_rounds)
    table = pa.Table.from_pandas(product.labels(workspace, n_rounds), preserve_index=False)
    workspace.store.write(
        LABELS,
        table.replace_schema_metadata(None),
        workspace.provenance(rounds=n_rounds, asked=_asked(workspace)),
        row_group_size=RESULTS_TOGETHER,
    )
    return f"labels and report written: {workspace.store.address(REPORT)}"


def write_report(workspace: Workspace, n_rounds: int) -> None:
    """Write ``report.html`` as of ``n_rounds`` closed rounds."""
    from annotator.report.page import page  # noqa: PLC0415 (loads matplotlib)

    error_maps = evidence.corpus_maps(workspace, in_the_loop.signals(workspace, n_rounds), n_rounds)
    workspace.store.write_bytes(REPORT, page(workspace, n_rounds, error_maps).encode())


def is_current(workspace: Workspace, n_rounds: int) -> bool:
    """Whether labels, reliability and report show ``n_rounds`` rounds and the estimates as they are."""
    if not (workspace.store.exists(LABELS) and workspace.store.exists(REPORT)):
        return False
    if not reliability.is_current(workspace, n_rounds):
        return False
    metadata = workspace.store.metadata(LABELS)
    return bool(metadata.get("rounds") == n_rounds and metadata.get("asked") == _asked(workspace))


def _asked(workspace: Workspace) -> str:
    return str(workspace.store.metadata(ESTIMATES)["asked"])
