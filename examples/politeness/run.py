"""The whole loop on a corpus that holds machine labels and human codes: nobody is asked, nothing is paid.

python examples/politeness/run.py PATH/TO/politeness.csv [--out FOLDER]
"""

import argparse
from pathlib import Path

import pandas as pd
import yaml

from annotator import console
from annotator.advance import advance
from annotator.status import latest_estimates
from annotator.workspace import Workspace

HERE = Path(__file__).parent


def run(corpus: Path, folder: Path) -> pd.DataFrame:
    """Run the study on ``corpus``, its files under ``folder``; the last estimates with the true shares."""
    data = yaml.safe_load((HERE / "study.yaml").read_text(encoding="utf-8"))
    data["corpus"]["path"] = str(corpus.resolve())
    folder.mkdir(parents=True, exist_ok=True)
    study_file = folder / "study.yaml"
    study_file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    workspace = Workspace.open(study_file)
    with console.progress_bar() as progress:
        while (outcome := advance(workspace, progress)).step.stage != "done":
            console.show_line(str(outcome.step), f": {outcome.message}")
    return _with_truth(latest_estimates(workspace), pd.read_csv(corpus, dtype=str))


def _with_truth(estimates: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    shares = rows["human"].value_counts(normalize=True)
    by_hedge = rows.groupby("feature_3")["human"].value_counts(normalize=True)
    truth = [
        shares[row.label] if not row.group else by_hedge[(row.group, row.label)]
        for row in estimates.itertuples()
    ]
    return estimates.assign(truth=truth)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "out")
    options = parser.parse_args()
    columns = [
        "estimand",
        "label",
        "group",
        "truth",
        "estimate",
        "ci_low",
        "ci_high",
        "n_human",
        "n_effective",
    ]
    console.show_frame(run(options.corpus, options.out)[columns], "Estimates and true shares, 90% intervals")


if __name__ == "__main__":
    main()
