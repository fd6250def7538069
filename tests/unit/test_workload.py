"""Who codes too much a day, or too long without a break, is seen: nobody else is."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_study
from typer.testing import CliRunner

from annotator import cli, schema
from annotator.coding.days import days
from annotator.coding.stints import stints
from annotator.status import status
from annotator.workload import COLUMNS, warnings, with_warnings, workload
from annotator.workspace import Workspace, adjudications, code_changes, codes, tasks

NOW = pd.Timestamp("2026-03-06 20:00", tz="UTC")
LIMITS = {"kind": "label_studio", "daily_limit": 40, "break_after": 30}


def worked(
    begin: str, n: int, *, seconds: float = 20.0, coder: str = "ann", zone: str = "UTC"
) -> pd.DataFrame:
    """Codes given one after the other from a moment on, in the coder's own time zone."""
    start = pd.Timestamp(begin, tz=zone).tz_convert("UTC")
    return pd.DataFrame(
        {
            "unit_id": [f"{start:%d%H%M} {i}" for i in range(n)],
            "coder": coder,
            "label": "left",
            "lead_time": seconds,
            "annotation_id": range(n),
            "updated_at": [start + pd.Timedelta(seconds=seconds * (i + 1)) for i in range(n)],
            "skipped": False,
            "preannotated": False,
            "cannot_code": None,
            "note": None,
        }
    )


def per_day(rows: pd.DataFrame) -> list[int]:
    return list(days(rows.assign(text=rows["unit_id"]))["n_coded"])


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"])
@pytest.mark.parametrize("hours", [("09:00", "16:00"), ("07:30", "18:30"), ("13:00", "21:30")])
def test_a_day_is_the_coders_own_in_every_time_zone(zone: str, hours: tuple[str, str]) -> None:
    rows = pd.concat(
        worked(f"2026-03-{day:02} {hour}", n, zone=zone)
        for day in (2, 3, 4, 7)
        for hour, n in zip(hours, (10 + day, 20), strict=True)
    )
    assert per_day(rows) == [32, 33, 34, 37]


def test_a_text_counts_once_on_the_day_of_its_first_answer_and_a_skipped_one_not_at_all() -> None:
    first = worked("2026-03-02 10:00", 5)
    again = first.iloc[:2].assign(updated_at=pd.Timestamp("2026-03-03 10:00", tz="UTC"))
    skipped = worked("2026-03-03 11:00", 3).assign(skipped=True)
    assert per_day(pd.concat([again, first, skipped])) == [5]


def test_a_stint_ends_at_a_pause_and_not_at_a_long_text() -> None:
    steady = worked("2026-03-02 10:00", 60, seconds=60.0)
    pause = steady["updated_at"] >= steady["updated_at"].iloc[30]

    def longest(minutes: float) -> float:
        later = steady["updated_at"] + pd.to_timedelta(pause * minutes, unit="min")
        return float(stints(steady.assign(updated_at=later))["minutes"].max())

    assert longest(0) == pytest.approx(60)
    assert longest(4.9) == pytest.approx(64.9)
    assert longest(5.0) == pytest.approx(30)
    # The page was open all through lunch, and its lead time says so.
    lunch = steady.assign(updated_at=steady["updated_at"] + pd.to_timedelta(pause * 60, unit="min"))
    lunch["lead_time"] = [50.0, 60.0, 55.0] * 20
    lunch.loc[30, "lead_time"] = 3660.0
    assert stints(lunch)["minutes"].tolist() == pytest.approx([30, 30], abs=0.2)


def test_work_in_several_windows_and_answers_without_times_break_nothing() -> None:
    both = pd.concat([worked("2026-03-02 10:00", 10), worked("2026-03-02 10:01", 10, seconds=15.0)])
    assert len(stints(both)) == 1
    untimed = worked("2026-03-02 10:00", 3).assign(lead_time=np.nan)
    assert stints(untimed)["minutes"].tolist() == pytest.approx([40 / 60])
    assert stints(untimed.iloc[:0]).empty
    assert days(untimed.iloc[:0].assign(text="")).empty


def written(folder: Path, rows: pd.DataFrame, **limits: object) -> Path:
    path = small_study.write(folder, coding={"kind": "label_studio", **limits})
    workspace = Workspace.open(path)
    sent = pd.DataFrame({"unit_id": rows["unit_id"].unique(), "task_id": 1, "overlap": 1, "position": 0})
    workspace.write(tasks(1), sent, schema.TASKS, round=1, address="")
    workspace.write(codes(1), rows, schema.CODES, round=1)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Ann too many and too long this week, Ben last month, Cat never."""
    ann = pd.concat([worked("2026-03-05 10:00", 50, seconds=45.0), worked("2026-03-06 10:00", 7)])
    ben = worked("2026-02-01 10:00", 100, coder="ben")
    cat = worked("2026-03-06 10:00", 40, coder="cat")
    return written(tmp_path, pd.concat([ann, ben, cat]), daily_limit=40, break_after=30)


def test_the_week_is_warned_of_and_all_is_counted(path: Path) -> None:
    workspace = Workspace.open(path)
    assert workload(workspace, NOW).to_dict("records") == [
        dict(zip(COLUMNS, row, strict=True))
        for row in [("ann", 7, 50, 1, 37.5, 1), ("ben", 0, 100, 1, 33.3, 1), ("cat", 40, 40, 0, 13.3, 0)]
    ]
    long, over = warnings(workspace, NOW)
    assert over.startswith("ann coded 50 texts in the day from 2026-03-04 22:1")
    assert long == "ann coded 38 minutes without a break, from 2026-03-05 10:00 UTC on (break_after: 30)"
    assert len(warnings(workspace, pd.Timestamp("2026-02-02", tz="UTC"))) == 2 + 2
    assert warnings(workspace, NOW + pd.Timedelta(days=30)) == []


def test_decisions_and_earlier_answers_are_work_too(path: Path) -> None:
    workspace = Workspace.open(path)
    begun = worked("2026-03-06 10:14", 30, coder="cat")
    workspace.write(code_changes(1), begun, schema.CODES, round=1)
    decided = worked("2026-03-06 10:25", 30, coder="dan")
    workspace.write(adjudications(1), decided, schema.ADJUDICATIONS, round=1)
    found = workload(workspace, NOW).set_index("coder")
    assert found.loc["cat", "most_a_day"] == 70
    assert found.loc["dan", "most_a_day"] == 30
    assert found.loc["cat", "longest_stint"] == pytest.approx(24.0)


def test_status_and_the_tick_say_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd.Timestamp, "now", staticmethod(lambda tz=None: NOW.tz_convert(tz)))
    assert with_warnings(Workspace.open(path), "147 of 200 units coded").startswith(
        "147 of 200 units coded; ann coded 38 minutes without a break"
    )
    out = CliRunner().invoke(cli.app, ["status", str(path)]).stdout
    assert "warning: ann coded 50 texts in the day from" in out
    assert "days_over" in out
    found = json.loads(CliRunner().invoke(cli.app, ["status", str(path), "--json"]).stdout)
    assert len(found["warnings"]) == 2
    assert found["workload"][0]["stints_over"] == 1


def test_without_wishes_nobody_is_warned_of(tmp_path: Path) -> None:
    path = written(tmp_path, worked("2026-03-05 10:00", 500))
    workspace = Workspace.open(path)
    row = workload(workspace, NOW).iloc[0]
    assert (row["most_a_day"], row["days_over"], row["stints_over"]) == (500, None, None)
    assert warnings(workspace, NOW) == []
    out = CliRunner().invoke(cli.app, ["status", str(path)]).stdout
    assert "most_a_day" in out
    assert "days_over" not in out


@pytest.mark.parametrize("n_skipped", [0, 3])
def test_before_anybody_has_coded_nobody_is_warned_of(tmp_path: Path, n_skipped: int) -> None:
    rows = worked("2026-03-05 10:00", 3).head(n_skipped).assign(skipped=True)
    workspace = Workspace.open(written(tmp_path, rows, daily_limit=1, break_after=1))
    assert warnings(workspace, NOW) == []
    found = workload(workspace, NOW)
    assert found[["today", "most_a_day", "days_over"]].to_numpy().tolist() == [[0, 0, 0]] * bool(n_skipped)
    assert with_warnings(workspace, "0 of 3 units coded") == "0 of 3 units coded"


def test_replayed_codes_are_nobodys_work(tmp_path: Path) -> None:
    workspace = small_study.run_to_the_end(small_study.write(tmp_path))
    assert status(workspace).workload.empty
    assert status(workspace).warnings == ()
