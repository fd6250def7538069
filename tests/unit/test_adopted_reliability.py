"""Agreement on codes from before the study: a round 0 of its own, which the study's rounds do not see."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import several_coders
import small_study

from annotator.coding.ratings import ratings
from annotator.coding.reliability import krippendorff_alpha
from annotator.workspace import RELIABILITY, REPORT, Workspace, gold

CORPUS = small_study.corpus()
SHORT = {"rounds": 1, "budget": 60}


def before(n_units: int, coders: tuple[str, ...] = ("eve", "fay")) -> pd.DataFrame:
    """Codes of the same units by several people, who err in one of five."""
    rng = np.random.default_rng(4)
    units = CORPUS.sample(n_units, random_state=2)
    rows = [
        {
            "unit_id": unit,
            "coder": coder,
            "label": human if rng.random() < 0.8 else rng.choice(small_study.CODES),
        }
        for unit, human in zip(units["id"], units["human"], strict=True)
        for coder in coders
    ]
    return pd.DataFrame(rows)


def run(folder: Path, rows: pd.DataFrame | None, section: dict[str, Any]) -> Workspace:
    folder.mkdir(parents=True, exist_ok=True)
    adopted = {}
    if rows is not None:
        rows.to_csv(folder / "codes.csv", index=False)
        adopted = {"adopted": [{"file": "codes.csv", **section}]}
    return several_coders.run(several_coders.write(folder, design=SHORT, **adopted))


def table(workspace: Workspace) -> pd.DataFrame:
    return workspace.store.read_frame(RELIABILITY)


def value(rows: pd.DataFrame, statistic: str, **of: str) -> pd.Series:
    for column, wanted in {"label": "", "coder": "", "other": "", **of}.items():
        rows = rows[rows[column] == wanted]
    (found,) = rows[rows["statistic"] == statistic].to_dict("records")
    return pd.Series(found)


@pytest.mark.parametrize(
    "section",
    [{"use": "known"}, {"use": "training"}, {"use": "sample", "probability": 0.2}],
    ids=["known", "training", "sample"],
)
def test_adopted_codes_are_round_0_whatever_they_are_used_for(
    tmp_path: Path, section: dict[str, Any]
) -> None:
    given = before(60)
    workspace = run(tmp_path, given, section)
    rows = table(workspace)[lambda all_rows: all_rows["round"] == 0]
    assert set(rows["scope"]) == {"round"}
    assert set(rows["weighting"]) == {"coded"}, "what these units stand for is not known"
    assert set(rows["annotator"]) == {""}
    both = given.pivot(index="unit_id", columns="coder", values="label")
    agree = value(rows, "percent_agreement")
    assert agree["value"] == pytest.approx((both["eve"] == both["fay"]).mean())
    assert agree["ci_low"] < agree["value"] < agree["ci_high"]
    assert agree["n"] == 60
    said, n_labels = ratings(given.assign(skipped=False), workspace.study.codebook).whole()
    alpha = krippendorff_alpha(said, n_labels)
    assert value(rows, "alpha_nominal")["value"] == pytest.approx(alpha.value)
    assert {"gwet_ac1", "fleiss_kappa"} <= set(rows["statistic"])
    assert value(rows, "percent_agreement", coder="eve")["n"] == 60
    assert value(rows, "cohen_kappa", coder="eve", other="fay")["n"] == 60
    report = workspace.store.read_bytes(REPORT).decode()
    assert "Codes from before the study</h3>" in report
    assert "<td>eve</td>" in report


def test_the_studys_own_rounds_do_not_see_them(tmp_path: Path) -> None:
    alone = run(tmp_path / "alone", None, {})
    beside = run(tmp_path / "beside", before(60), {"use": "training"})
    rows = table(beside)[lambda all_rows: all_rows["round"] > 0]
    assert set(rows["coder"]) == set(table(alone)["coder"])
    assert set(rows["statistic"]) == set(table(alone)["statistic"])
    of_round = rows.query("scope == 'round'")["n"].max()
    assert of_round == rows.query("scope == 'so_far' and statistic == 'alpha_nominal'")["n"].max()
    assert "Codes from before the study</h3>" not in alone.store.read_bytes(REPORT).decode()


def test_codes_of_one_person_show_no_agreement(tmp_path: Path) -> None:
    workspace = run(tmp_path, before(60, ("eve",)), {"use": "known"})
    assert (table(workspace)["round"] > 0).all()
    assert "Codes from before the study</h3>" not in workspace.store.read_bytes(REPORT).decode()


def test_two_files_that_name_no_coder_are_compared(tmp_path: Path) -> None:
    given = before(60)
    files = {coder: rows[["unit_id", "label"]] for coder, rows in given.groupby("coder")}
    for coder, rows in files.items():
        rows.to_csv(tmp_path / f"{coder}.csv", index=False)
    sections = [{"file": f"{coder}.csv", "use": "known"} for coder in files]
    workspace = several_coders.run(several_coders.write(tmp_path, design=SHORT, adopted=sections))
    rows = table(workspace)[lambda all_rows: all_rows["round"] == 0]
    both = given.pivot(index="unit_id", columns="coder", values="label")
    pair = {"coder": "unknown (eve.csv)", "other": "unknown (fay.csv)"}
    assert value(rows, "percent_agreement")["value"] == pytest.approx((both["eve"] == both["fay"]).mean())
    assert value(rows, "cohen_kappa", **pair)["n"] == 60
    how = workspace.store.read_frame(gold(0))["how"].value_counts()
    assert how["agreed"] == (both["eve"] == both["fay"]).sum()
    assert how["single"] == (both["eve"] != both["fay"]).sum()
