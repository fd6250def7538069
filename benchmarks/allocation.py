"""Opening a round of a large corpus, against one sort of its scores and one Parquet write of its ledger.

    python benchmarks/allocation.py [--units 1000000] [--labels 10000] [--repeats 7]

Ours: the list order, the inclusion probabilities, the draw, the ledger's rows and their Parquet file, as
`open_round` does it. The peer: `numpy.sort` of the same scores, and `pyarrow.parquet.write_table` of the same
table with the same compression. Both run by turns in this process, on one thread.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from annotator import schema
from annotator.sampling.design import Design, design_round, list_order
from annotator.store import Store
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Corpus:
    """What is known of N units when a later round opens."""

    unit_id: pd.Series
    machine_label: IntArray
    certainty: FloatArray
    score: FloatArray


def corpus(n_units: int) -> Corpus:
    """Units whose predicted probabilities lie mostly near 0 and 1, each worth its predicted sd."""
    probability = np.random.default_rng(1).beta(0.6, 0.8, n_units)
    return Corpus(
        unit_id=pd.Series([f"unit-{i:08d}" for i in range(n_units)], name="unit_id"),
        machine_label=(probability > 0.5).astype(np.int64),
        certainty=np.maximum(probability, 1.0 - probability),
        score=np.sqrt(probability * (1.0 - probability)),
    )


def rows(units: Corpus, design: Design) -> pd.DataFrame:
    """The ledger, as `annotator.stages.open_round` lists it."""
    return pd.DataFrame(
        {
            "unit_id": units.unit_id.array.take(design.units),
            "round": 2,
            "inclusion_probability": design.inclusion_probability,
            "score": design.score,
            "error_probability": design.error_probability,
            "stratum": design.stratum,
            "drawn": design.drawn,
            "purpose": "estimate",
            "seed": 20_261_121,
            "preannotated": False,
        },
        copy=False,
    )


def open_round(units: Corpus, n_labels: int, store: Store) -> pa.Table:
    """Design a round, draw it and write its ledger; gives the table that was written."""
    rng = np.random.default_rng(2)
    design = design_round(
        np.arange(units.score.size),
        units.score,
        n_labels,
        rng,
        uniform_mix=0.1,
        order=list_order(units.machine_label, units.certainty, rng=rng),
        error_probability=1.0 - units.certainty,
        reason="a benchmark",
    )
    table = pa.Table.from_pandas(rows(units, design), schema=schema.LEDGER, preserve_index=False)
    store.write("ledger.parquet", table, {"round": 2})
    return table


def sort_and_write(score: FloatArray, table: pa.Table, path: Path) -> None:
    """The peer."""
    np.sort(score)
    pq.write_table(table, path, compression="zstd")


def main() -> None:
    """Time both by turns and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    units = corpus(args.units)
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.repeats + 1):
            started = time.perf_counter()
            table = open_round(units, args.labels, Store(folder))
            middle = time.perf_counter()
            sort_and_write(units.score, table, Path(folder, "peer.parquet"))
            ours.append(middle - started)
            peer.append(time.perf_counter() - middle)
    # The first turn also loads what both need.
    seconds, of_peer = float(np.median(ours[1:])), float(np.median(peer[1:]))
    print(f"{args.units:,} units, {args.labels:,} drawn")
    print(f"order, allocate, draw, write  {seconds:7.3f} s ({ours[0]:.3f} s the first time)")
    print(f"sort, write                   {of_peer:7.3f} s ({peer[0]:.3f} s the first time)")
    print(f"ratio                         {seconds / of_peer:7.2f}   (goal: at most 1.5)")
    print(f"peak memory                   {peak():7.2f} GiB (goal: below 1)")


def peak() -> float:
    """Largest resident memory of this process so far, in GiB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**30 if sys.platform == "darwin" else 2**20)


if __name__ == "__main__":
    main()
