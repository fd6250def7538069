"""Asking again for units without a label, before any round is open."""

import json
from pathlib import Path

import pandas as pd
import pytest
import small_study
from chat_endpoint import CUT, Answer, ChatEndpoint, completion
from labeling_setup import text_of
from test_cli import run

from annotator.advance import advance
from annotator.stages.ingest import ingest
from annotator.stages.label import label
from annotator.stages.retry import failures, retry_failed
from annotator.workspace import Workspace, shard

pytestmark = pytest.mark.usefixtures("no_waiting")

REFUSED = ("text number 3", "text number 7", "text number 900")


class Moody:
    """Refuses some texts, and cuts the connection on others, until it is in a better mood."""

    def __init__(self) -> None:
        self.is_kind = False
        self.still_refused: tuple[str, ...] = ()

    def __call__(self, messages: list[dict[str, str]], _: int) -> Answer:
        text = text_of(messages)
        if text in self.still_refused or (text in REFUSED and not self.is_kind):
            return completion(None, refusal=f"Not I ({self.is_kind}).")
        if text == "text number 1100" and not self.is_kind:
            return CUT
        return completion("left")


@pytest.fixture
def moody() -> Moody:
    return Moody()


def study_file(folder: Path, base_url: str, **more: object) -> Path:
    machine = {"name": "gpt", "kind": "openai", "model": "m", "base_url": base_url, "confidence": "none"}
    section = {**machine, "attempts": 2, "price_in": 1.0, **more}
    return small_study.write(folder, small_study.corpus(1700), machine=[section])


def test_failed_units_are_asked_again_and_others_left_alone(tmp_path: Path, moody: Moody) -> None:
    with ChatEndpoint(moody) as endpoint:
        workspace = Workspace.open(study_file(tmp_path, endpoint.base_url))
        ingest(workspace)
        label(workspace)
        before = workspace.machine_labels("gpt")
        assert failures(workspace, "gpt") == {0: 2, 1: 1, 2: 1}
        untouched = workspace.store.read_bytes(shard("gpt", 3))
        n_asked = len(endpoint.requests)
        label(workspace)
        assert len(endpoint.requests) == n_asked
        moody.is_kind, moody.still_refused = True, REFUSED[1:2]
        assert retry_failed(workspace) == "gpt: 3 of 4 failed units labelled now"
        asked_again = [text_of(request["messages"]) for request in endpoint.requests[n_asked:]]
    assert sorted(asked_again) == sorted([*REFUSED, "text number 1100"])
    after = workspace.machine_labels("gpt").set_index("unit_id")
    assert after.index.tolist() == before["unit_id"].tolist()
    was_ok = before["status"] == "ok"
    assert after[was_ok.to_numpy()].reset_index().equals(before[was_ok].reset_index(drop=True))
    assert workspace.store.read_bytes(shard("gpt", 3)) == untouched
    refused = after.loc["u0007"]
    assert (refused["status"], refused["raw"]) == ("refusal", "Not I (True).")
    assert pd.isna(refused["label"])
    assert (refused["attempts"], refused["tokens_in"]) == (2, 20)
    assert refused["cost"] == pytest.approx(20e-6)
    assert after.loc["u1100", "attempts"] == 3
    assert after.loc[["u0003", "u0900", "u1100"], "status"].tolist() == ["ok"] * 3


def test_a_retry_that_was_cut_short_pays_for_no_label_twice(tmp_path: Path, moody: Moody) -> None:
    with ChatEndpoint(moody) as endpoint:
        path = study_file(tmp_path, endpoint.base_url)
        workspace = Workspace.open(path)
        ingest(workspace)
        label(workspace)
        moody.is_kind = True
        written = {index: workspace.store.read_bytes(shard("gpt", index)) for index in range(4)}
        retry_failed(workspace)
        for index, content in written.items():  # as if it was killed before it wrote
            workspace.store.write_bytes(shard("gpt", index), content)
        n_asked = len(endpoint.requests)
        retry_failed(Workspace.open(path))
        assert len(endpoint.requests) == n_asked
        assert failures(workspace, "gpt") == {}


def test_identical_texts_are_asked_again_once(tmp_path: Path, moody: Moody) -> None:
    corpus = small_study.corpus(700)
    corpus["text"] = "text number 3"
    with ChatEndpoint(moody) as endpoint:
        path = study_file(tmp_path, endpoint.base_url)
        corpus.to_csv(tmp_path / "corpus.csv", index=False)
        workspace = Workspace.open(path)
        ingest(workspace)
        label(workspace)
        assert len(endpoint.requests) == 1
        retry_failed(workspace)
        assert len(endpoint.requests) == 2
    assert set(workspace.machine_labels("gpt")["status"]) == {"refusal"}


def test_once_a_round_is_open_labels_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = small_study.corpus()
    frame.loc[0, "machine"] = "nobody knows"
    path = small_study.write(tmp_path, frame)
    while advance(Workspace.open(path)).step.stage != "label":
        pass
    code, out, _ = run(capsys, "label", path, "--retry", "failed", "--json")
    assert (code, json.loads(out)["message"]) == (0, "old: 0 of 1 failed units labelled now")
    advance(Workspace.open(path))
    for more in ([], ["--dry-run"]):
        code, _, err = run(capsys, "label", path, "--retry", "failed", *more)
        assert code == 2
        assert "round 1 is open" in err
        assert "new study" in err
