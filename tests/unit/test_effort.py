"""What coding took and what is left of it."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_study

from annotator import cli, schema
from annotator.advance import advance
from annotator.coding.effort import COLUMNS, effort, median_seconds, seconds_a_code, usual
from annotator.status import status
from annotator.workspace import Workspace, codes, tasks


def given(coder: str, *seconds: float | None, skipped: bool = False) -> pd.DataFrame:
    return pd.DataFrame({"coder": coder, "lead_time": list(seconds), "skipped": skipped})


def test_a_page_left_open_does_not_count() -> None:
    steady = list(np.random.default_rng(1).lognormal(2.3, 0.4, 200))
    found = effort(pd.concat([given("ann", *steady, 40_000.0, 0.01), given("ann", 3.0, skipped=True)]))
    row = found.iloc[0]
    assert row["n_coded"] == 202
    assert row["n_skipped"] == 1
    assert row["n_outliers"] >= 2
    assert row["median_seconds"] == pytest.approx(np.exp(2.3), rel=0.1)


def test_few_or_equal_times_are_all_usual() -> None:
    assert usual(pd.Series([10.0, 10.0, 10.0, 50.0])).all()
    assert usual(pd.Series([4.0, 400.0])).all()
    assert np.isnan(median_seconds(pd.Series([None, None], dtype=float)))
    assert np.isnan(median_seconds(pd.Series([], dtype=float)))


def test_what_a_code_takes_is_judged_among_each_coders_own_times() -> None:
    rng = np.random.default_rng(2)
    quick, slow = rng.lognormal(1.6, 0.3, 300), rng.lognormal(4.0, 0.3, 100)
    codes = pd.concat([given("ann", *quick, 5400.0), given("ben", *slow), given("ben", 900.0, skipped=True)])
    expected = np.concatenate([quick, slow]).mean()
    assert seconds_a_code(codes) == pytest.approx(expected, rel=0.03)
    assert np.isnan(seconds_a_code(given("ann", None, 0.0)))


def test_nobody_has_coded_yet() -> None:
    nothing = effort(schema.CODES.empty_table().to_pandas())
    assert list(nothing.columns) == list(COLUMNS)
    assert nothing.empty


def test_status_says_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_study.write(tmp_path)
    workspace = Workspace.open(path)
    while advance(workspace).step.stage != "send":
        pass
    sent = workspace.store.read_frame(tasks(1))
    workspace.write(tasks(1), sent.assign(overlap=[2] * 5 + [1] * 15), schema.TASKS, round=1, address="")
    rows = pd.DataFrame(
        {
            "unit_id": sent["unit_id"].iloc[:8],
            "coder": "ann",
            "label": "left",
            "lead_time": [20.0, 22.0, 24.0, 18.0, 20.0, 16.0, 20.0, 9000.0],
            "annotation_id": 1,
            "updated_at": pd.Timestamp("2026-01-01", tz="UTC"),
            "skipped": False,
            "preannotated": False,
            "cannot_code": None,
            "note": None,
        }
    )
    workspace.write(codes(1), rows, schema.CODES, round=1)
    found = status(workspace)
    # Five units lack their second code, twelve any.
    assert (found.rounds[0].n_coded, found.rounds[0].n_codes_left) == (3, 17)
    assert found.hours_left == pytest.approx(17 * 20 / 3600)
    assert found.coders.to_dict("records") == [
        {"coder": "ann", "n_coded": 8, "n_skipped": 0, "median_seconds": 20.0, "n_outliers": 1}
    ]
    out = shown(capsys, "status", path)
    assert "waiting for 17 (17 codes)" in out
    assert "about 0.1 hours of coding left" in out
    assert json.loads(shown(capsys, "status", path, "--json"))["rounds"][0]["n_codes_left"] == 17


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["annotator", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code == 0
    return capsys.readouterr().out
