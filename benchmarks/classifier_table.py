"""The table of papers on a corpus of one's own: every classifier in cross-validation.

    python benchmarks/classifier_table.py CSV --text COLUMN --label COLUMN [--base embedded:encoder]

Five folds, stratified; mean (SD) over folds of macro precision, recall and F1, accuracy, ROC-AUC, and the
seconds that all folds took. ``--machine COLUMN`` adds the labels of a machine annotator, and where the codes
are negative, neutral and positive VADER joins. ``--latex`` prints LaTeX, ``--parquet FILE`` writes the
numbers. ``--rows`` takes a random part. Without a file it says so and ends. Real work names a real base model
with ``--base``.
"""

import argparse
import logging
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from models.classifier import Make
from models.cross_validation import CrossValidation, cross_validate
from models.encoder_config import EMBEDDED
from models.errors import CannotFitError
from models.given import GivenPredictions
from models.kinds import KINDS, make
from models.label_map import LabelMap
from models.score_table import score_table, to_latex, to_markdown, write_parquet

METRICS = ("precision_macro", "recall_macro", "f1_macro", "accuracy", "roc_auc_macro")


def classifiers(data: pd.DataFrame, args: argparse.Namespace, label_map: LabelMap) -> dict[str, Make]:
    """Everything that can judge these texts, by name."""
    found: dict[str, Make] = {}
    for kind in KINDS:
        settings = {"base": args.base} if kind in {"encoder", "embeddings_logistic"} else {}
        if kind == "encoder":
            settings["method"] = args.method
        try:
            make(kind, label_map, settings)
        except CannotFitError as error:
            print(f"{kind} is left out: {error}", file=sys.stderr)
            continue
        found[kind] = partial(make, kind, label_map, settings)
    if args.machine:
        place = {code: k for k, code in enumerate(label_map.codes)}
        said = np.array([place.get(str(label), -1) for label in data[args.machine]])
        found[args.machine] = lambda: GivenPredictions(label_map, data[args.text].tolist(), said)
    return {name: one for name, one in found.items() if not args.only or name in args.only}


def main() -> None:
    """Cross-validate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--text", default="text")
    parser.add_argument("--label", default="human")
    parser.add_argument("--machine")
    parser.add_argument("--base", default=EMBEDDED)
    parser.add_argument("--method", default="full", choices=["full", "lora", "prompt"])
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latex", action="store_true")
    parser.add_argument("--parquet", type=Path)
    args = parser.parse_args()
    if args.path is None:
        print("needs a corpus: python benchmarks/classifier_table.py CSV --text COLUMN --label COLUMN")
        sys.exit(0)
    logging.disable(logging.WARNING)
    data = pd.read_csv(args.path, dtype=str, keep_default_na=False)
    data = data[data[args.label] != ""]
    if args.rows and args.rows < len(data):
        data = data.sample(args.rows, random_state=args.seed)
    codes = tuple(sorted(data[args.label].unique()))
    label_map = LabelMap(codes, "binary" if len(codes) == 2 else "categorical")
    texts, labels = data[args.text].tolist(), label_map.encode(data[args.label].tolist())
    results: dict[str, CrossValidation] = {}
    seconds = {}
    for name, one in classifiers(data, args, label_map).items():
        begun = time.perf_counter()
        rng = np.random.default_rng(args.seed)
        results[name] = cross_validate(one, texts, labels, rng=rng, n_folds=args.folds)
        seconds[name] = time.perf_counter() - begun
        print(f"{name}: {seconds[name]:.1f} s", file=sys.stderr, flush=True)
    table = score_table(results, METRICS)
    print(f"{len(texts):,} texts, {len(codes)} codes, {args.folds} folds, mean (SD)\n")
    print(to_latex(table) if args.latex else to_markdown(table))
    if args.parquet:
        write_parquet(table, args.parquet)


if __name__ == "__main__":
    main()
