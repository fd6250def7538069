"""The whole loop on replayed labels and codes: what comes out, and that no crash or repeat changes it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import small_study
import yaml

from annotator import schema
from annotator.advance import advance
from annotator.errors import BusyError, StudyError
from annotator.stages.collect import merge
from annotator.state import Step, next_step, reason_to_end
from annotator.workspace import Workspace, codes, gold, ledger


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return small_study.run_to_the_end(small_study.write(tmp_path_factory.mktemp("finished")))


def test_every_stage_comes_in_its_order(tmp_path: Path) -> None:
    workspace = Workspace.open(small_study.write(tmp_path))
    seen = []
    while (outcome := advance(workspace)).step.stage != "done":
        seen.append(str(outcome.step))
    a_round = ["open round", "send", "collect", "close round", "rectify", "publish"]
    assert seen == ["ingest", "label", *(f"{stage} (round {r})" for r in (1, 2, 3) for stage in a_round)]


def test_rounds_draw_their_budget_and_never_a_unit_twice(finished: Workspace) -> None:
    drawn = [finished.store.read_frame(ledger(r)).query("drawn")["unit_id"] for r in (1, 2, 3)]
    assert [len(units) for units in drawn] == [20, 20, 20]
    assert pd.concat(drawn).is_unique


def test_ledgers_hold_every_eligible_unit_with_its_probability(finished: Workspace) -> None:
    known = 0
    for r in (1, 2, 3):
        rows = finished.store.read_frame(ledger(r))
        assert len(rows) == 300 - known
        assert rows["inclusion_probability"].between(0, 1, inclusive="right").all()
        assert rows["inclusion_probability"].sum() == pytest.approx(20)
        known += 20


def test_tables_have_the_columns_of_the_contract(finished: Workspace) -> None:
    for path, table_schema in (
        (ledger(2), schema.LEDGER),
        (codes(2), schema.CODES),
        (gold(2), schema.GOLD),
        ("estimates.parquet", schema.ESTIMATES),
        ("machine_labels/old/part-00000.parquet", schema.MACHINE_LABELS),
    ):
        assert finished.store.read(path).schema.remove_metadata().equals(table_schema), path
        assert finished.store.metadata(path)["study"] == "small"
    assert list(finished.units.columns) == ["unit_id", "text", "party", "content_hash"]


def test_estimates_are_the_means_of_the_rectified_labels(finished: Workspace) -> None:
    labels = finished.store.read_frame("labels.parquet")
    rows = finished.store.read_frame("estimates.parquet").query("round == 3 and method == 'rounds'")
    for row in rows.itertuples():
        chosen = labels if row.estimand == "prevalence" else labels[labels["party"] == row.group]
        if row.estimand == "prevalence":
            assert row.estimate == pytest.approx(chosen[f"rectified_{row.label}"].mean(), abs=1e-12)
        else:
            total = chosen[[f"rectified_{code}" for code in small_study.CODES]].to_numpy().sum()
            assert row.estimate == pytest.approx(chosen[f"rectified_{row.label}"].sum() / total, abs=1e-12)


def test_labels_tell_gold_and_the_history_of_the_draw(finished: Workspace) -> None:
    labels = finished.store.read_frame("labels.parquet")
    truth = small_study.corpus().set_index("id")["human"]
    coded = labels[labels["gold"].notna()]
    assert len(coded) == 60
    assert (coded["gold"] == coded["unit_id"].map(truth)).all()
    assert labels["round"].value_counts().to_dict() == {1: 20, 2: 20, 3: 20}
    assert labels.loc[labels["round"] == 1, "inclusion_probability_002"].isna().all()
    rectified = labels[[f"rectified_{code}" for code in small_study.CODES]].sum(axis=1)
    assert np.allclose(rectified, 1.0)


def test_labels_can_be_read_a_part_at_a_time(
    finished: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.stages.publish.RESULTS_TOGETHER", 128)
    path = small_study.write(tmp_path)
    small_study.run_to_the_end(path)
    labels = pq.ParquetFile(tmp_path / "out" / "labels.parquet")
    assert [labels.metadata.row_group(g).num_rows for g in range(3)] == [128, 128, 44]
    assert labels.read().equals(finished.store.read("labels.parquet"))


def test_report_shows_every_code_and_both_methods(finished: Workspace) -> None:
    page = finished.store.read_bytes("report.html").decode()
    assert all(code in page for code in small_study.CODES)
    assert "human codes alone" in page
    assert page.count("<svg") == 3
    assert "{{" not in page


def test_the_same_study_and_seed_give_the_same_files(finished: Workspace, tmp_path: Path) -> None:
    again = small_study.run_to_the_end(small_study.write(tmp_path))
    assert small_study.tables(Path(again.store.root)) == small_study.tables(Path(finished.store.root))
    other = small_study.run_to_the_end(small_study.write(tmp_path / "other", seed=6))
    assert other.store.read_bytes(ledger(1)) != finished.store.read_bytes(ledger(1))


def test_advancing_a_finished_study_changes_nothing(finished: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(finished.store.root).rglob("*")}
    assert advance(Workspace.open(finished.study.path)).step.stage == "done"
    assert {path: path.stat().st_mtime_ns for path in Path(finished.store.root).rglob("*")} == before


def test_two_processes_do_not_advance_at_once(tmp_path: Path) -> None:
    path = small_study.write(tmp_path)
    script = (
        "import sys\nfrom annotator.workspace import Workspace\n"
        "with Workspace.open(sys.argv[1]).lock():\n    print('locked', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(BusyError):
            advance(Workspace.open(path))
        os.kill(holder.pid, signal.SIGKILL)
    assert advance(Workspace.open(path)).step.stage == "ingest"


@pytest.mark.parametrize(
    ("section", "value", "named"),
    [
        (
            "codebook",
            {"question": "Another?", "labels": [{"name": c} for c in small_study.CODES]},
            "codebook.question",
        ),
        (
            "codebook",
            {"question": "Which side?", "labels": [{"name": "left"}, {"name": "right"}]},
            "codebook.labels",
        ),
        ("seed", 99, "seed"),
        ("machine", [{"name": "old", "kind": "replay", "label": "human"}], "machine"),
    ],
)
def test_a_changed_study_is_refused_and_told_what_to_do(
    tmp_path: Path, section: str, value: object, named: str
) -> None:
    path = small_study.write(tmp_path)
    for _ in range(4):
        advance(Workspace.open(path))
    data = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**data, section: value}))
    with pytest.raises(StudyError, match="changed since the study started") as caught:
        Workspace.open(path)
    assert named in caught.value.message
    assert "another folder" in str(caught.value.hint)
    path.write_text(yaml.safe_dump(data))
    assert next_step(Workspace.open(path)).stage == "collect"


def test_new_questions_are_answered_from_the_old_ledger(tmp_path: Path) -> None:
    workspace = small_study.run_to_the_end(small_study.write(tmp_path))
    path = small_study.write(tmp_path, estimands=[{"name": "share", "kind": "mean"}], confidence_level=0.8)
    assert str(next_step(Workspace.open(path))) == "rectify (round 3)"
    rows = small_study.run_to_the_end(path).store.read_frame("estimates.parquet")
    assert set(rows["estimand"]) == {"share"}
    assert set(rows["confidence_level"]) == {0.8}
    assert workspace.store.read_frame(ledger(3))["drawn"].sum() == 20


def test_a_budget_beyond_the_corpus_ends_with_a_census(tmp_path: Path) -> None:
    path = small_study.write(tmp_path, small_study.corpus(30), design={"rounds": 4, "budget": 60})
    workspace = small_study.run_to_the_end(path)
    rows = workspace.store.read_frame("estimates.parquet")
    last = rows[(rows["round"] == rows["round"].max()) & (rows["method"] == "rounds")]
    shares = small_study.corpus(30)["human"].value_counts(normalize=True)
    prevalence = last[last["estimand"] == "prevalence"].set_index("label")["estimate"]
    assert prevalence.to_dict() == pytest.approx(shares.to_dict())


def test_a_wide_goal_stops_after_the_first_round(tmp_path: Path) -> None:
    stop = {"half_width": 0.9, "estimand": "prevalence"}
    path = small_study.write(tmp_path, design={"rounds": 3, "budget": 60, "stop": stop})
    rows = small_study.run_to_the_end(path).store.read_frame("estimates.parquet")
    assert rows["round"].max() == 1
    ours = rows[rows["method"] == "rounds"]
    assert ours["flags"].str.contains("confidence_sequence").all()
    plain = rows[rows["method"] == "rounds_fixed_n"]
    assert (
        (ours["ci_high"] - ours["ci_low"]).to_numpy() >= (plain["ci_high"] - plain["ci_low"]).to_numpy()
    ).all()


def test_a_code_once_collected_stays_and_a_later_one_of_the_coder_counts() -> None:
    def rows(*values: tuple[str, str, str]) -> pd.DataFrame:
        frame = pd.DataFrame(values, columns=["unit_id", "coder", "label"])
        return frame.assign(
            lead_time=1.0,
            annotation_id=frame["coder"].map({"ann": 1, "ben": 2}),
            updated_at=pd.Timestamp("2026-01-01", tz="UTC"),
            skipped=False,
        )

    merged = merge(rows(("a", "ann", "x"), ("b", "ann", "x")), rows(("b", "ann", "y"), ("b", "ben", "x")))
    assert merged[["unit_id", "coder", "label"]].to_numpy().tolist() == [
        ["a", "ann", "x"],
        ["b", "ann", "y"],
        ["b", "ben", "x"],
    ]


def test_part_of_a_round_can_be_picked_for_training(tmp_path: Path) -> None:
    path = small_study.write(tmp_path, design={"rounds": 2, "budget": 60, "training": 0.3})
    workspace = small_study.run_to_the_end(path)
    first, second = (workspace.store.read_frame(ledger(number)) for number in (1, 2))
    assert set(first["purpose"]) == {"estimate"}
    picked = second[second["purpose"] == "training"]
    assert len(picked) == 9
    assert picked["drawn"].all()
    assert (picked["inclusion_probability"] == 1.0).all()
    assert second["drawn"].sum() == 30


def test_a_budget_changed_on_the_way_is_spent_by_the_rounds_that_are_left(tmp_path: Path) -> None:
    path = small_study.write(tmp_path, design={"rounds": 3, "budget": 60})
    while next_step(Workspace.open(path)) != Step("open_round", 2):
        advance(Workspace.open(path))
    small_study.write(tmp_path, design={"rounds": 3, "budget": 101})
    workspace = small_study.run_to_the_end(path)
    assert [len(workspace.store.read_frame(gold(number))) for number in (1, 2, 3)] == [20, 41, 40]
    small_study.write(tmp_path, design={"rounds": 5, "budget": 90})
    assert reason_to_end(Workspace.open(path), 3) == "the budget of 90 codes is spent"
