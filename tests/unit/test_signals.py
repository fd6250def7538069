"""The column of signals: written, read back, read from older parts, and given to the error map."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import small_study
from chat_endpoint import Answer, ChatEndpoint, completion

from annotator.advance import advance
from annotator.labeling.protocol import MachineLabel, to_table
from annotator.machine_signals import machine_signals
from annotator.schema import MACHINE_LABELS, signals_frame
from annotator.workspace import Workspace, shard

pytestmark = pytest.mark.usefixtures("no_waiting")


def row(unit_id: str, **changes: Any) -> MachineLabel:
    plain = MachineLabel(unit_id, "old", "left", 0.5, None, "ok", "left", None, 0, 0, 0.0, 0.0, 0)
    return MachineLabel(**{**{f: getattr(plain, f) for f in plain.__slots__}, **changes})


def written(folder: Path, rows: list[MachineLabel], n_units: int, **changes: Any) -> Workspace:
    """A study of so many units whose labels are these."""
    path = small_study.write(folder, small_study.corpus(n_units), **changes)
    workspace = Workspace.open(path)
    advance(workspace)
    workspace.store.write(shard("old", 0), to_table(rows))
    return workspace


SMALL = {"design": {"rounds": 1, "budget": 3}, "estimands": [{"name": "prevalence", "kind": "mean"}]}


def test_signals_survive_the_table(tmp_path: Path) -> None:
    rows = [
        row("u0000", signals={"agreement": 0.6, "code:left": 0.7}),
        row("u0001"),
        row("u0002", signals={"agreement": 1.0}),
    ]
    workspace = written(tmp_path, rows, 3, **SMALL)
    assert workspace.store.read(shard("old", 0)).schema.field("signals").type == pa.map_(
        pa.string(), pa.float64()
    )
    found = workspace.machine_signals("old")
    assert list(found.columns) == ["agreement", "code:left"]
    assert found["agreement"].fillna(-1).tolist() == [0.6, -1.0, 1.0]
    assert "signals" not in workspace.machine_labels("old").columns


def test_parts_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    n_units = 600  # two parts
    workspace = written(
        tmp_path, [row(f"u{n:04d}", logprob=-0.1, label="left") for n in range(500)], n_units, **SMALL
    )
    older = workspace.store.read(shard("old", 0)).drop_columns("signals")
    workspace.store.write(shard("old", 0), older)
    newer = [row(f"u{n:04d}", signals={"agreement": 0.5}) for n in range(500, n_units)]
    workspace.store.write(shard("old", 1), to_table(newer))
    assert workspace.machine_labels("old")["logprob"].notna().sum() == 500
    found = workspace.machine_signals("old")["agreement"]
    assert (found.isna().sum(), found.notna().sum()) == (500, 100)
    assert machine_signals(workspace)[0].n_units == n_units


def test_a_slice_of_the_column_is_read_right() -> None:
    column = to_table([row("a", signals={"x": 1.0}), row("b"), row("c", signals={"y": 2.0})])["signals"]
    assert signals_frame(column.slice(2))["y"].tolist() == [2.0]
    assert signals_frame(column.slice(1, 1)).dropna(axis=1, how="all").empty
    assert signals_frame(MACHINE_LABELS.empty_table()["signals"]).empty


def test_signals_become_features_but_details_do_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    agreement, confidence = rng.random(20), rng.random(20)
    rows = [
        row(
            f"u{n:04d}",
            confidence=confidence[n],
            logprob=-0.5,
            signals={
                "agreement": agreement[n],
                "verbalized": confidence[n],
                "code:left": 0.5,
                "shuffle:1:left": 1.0,
                "logprob": -0.5,
            },
        )
        for n in range(20)
    ]
    workspace = written(tmp_path, rows, 20, **SMALL)
    found = machine_signals(workspace)[0].features
    # Not the verbalized confidence: it is the confidence already.
    names = ["party a", "party b", "length", "agreement", "logprob"]
    assert found.shape == (20, len(names))
    assert found[:, 3].tolist() == agreement.tolist()
    assert found[:, 4].tolist() == [-0.5] * 20


def test_a_whole_study_uses_and_reports_them(tmp_path: Path) -> None:
    """A model that is asked in three orders, and takes the first code of the list when it does not know."""

    def behave(messages: list[dict[str, str]], _: int) -> Answer:
        number = int(messages[1]["content"].split()[3])
        first = next(line for line in messages[0]["content"].splitlines() if line.startswith("- "))[2:]
        if len(messages) == 4:
            return completion("70%")
        human = frame["human"].iloc[number]
        return completion(human if number % 3 else first)

    frame = small_study.corpus(240)
    with ChatEndpoint(behave) as endpoint:
        machine = {
            "name": "gpt",
            "kind": "openai",
            "model": "m",
            "base_url": endpoint.base_url,
            "shuffles": 2,
        }
        path = small_study.write(tmp_path, frame, machine=[machine])
        workspace = small_study.run_to_the_end(path)
    page = Path(workspace.store.address("report.html")).read_text()
    assert "Does the order of the codes move the answers?" in page
    assert "asked with the codes in 3 orders" in page
    signals = workspace.machine_signals("gpt")
    assert signals["shuffle_agreement"].between(0, 1).all()
    knows = np.arange(240) % 3 > 0
    assert (signals["shuffle_agreement"][knows] == 1.0).all()
    assert (signals["shuffle_agreement"][~knows] == 0.0).all()
    labels = workspace.machine_labels("gpt")
    assert (labels["attempts"] == 4).all()
    assert (labels["tokens_in"] == 40).all()


def test_without_shuffles_the_report_is_silent(tmp_path: Path) -> None:
    workspace = small_study.run_to_the_end(small_study.write(tmp_path))
    assert "order of the codes" not in Path(workspace.store.address("report.html")).read_text()
