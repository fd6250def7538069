"""`annotator label` and `annotator cache`."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import small_study
from chat_endpoint import Answer, ChatEndpoint, completion, error
from labeling_setup import text_of
from test_cli import run

from annotator.labeling.cache import Payment, ReplyCache
from annotator.plan.costs import tokens_from_lengths
from annotator.stages.label import label
from annotator.workspace import Workspace

pytestmark = pytest.mark.usefixtures("no_waiting")


def says_left(messages: list[dict[str, str]], _: int = 1) -> Answer:
    return completion("80%" if len(messages) > 2 else "left")


def study_file(folder: Path, base_url: str, n_units: int = 600, **more: object) -> Path:
    machine = {"name": "gpt", "kind": "openai", "model": "m", "base_url": base_url, "attempts": 2}
    section = {**machine, "price_in": 3.0, "price_out": 6.0, **more}
    replayed = {"name": "old", "kind": "replay", "label": "machine"}
    return small_study.write(folder, small_study.corpus(n_units), machine=[section, replayed])


def test_it_labels_now_and_says_what_came_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ChatEndpoint(says_left) as endpoint:
        path = study_file(tmp_path, endpoint.base_url)
        code, out, err = run(capsys, "label", path, "--annotator", "gpt")
        assert code == 0
        assert "600 units labelled by gpt" in out
        assert "labelling with gpt: 600 of 600" in err
        code, out, _ = run(capsys, "label", path, "--json")
        found = json.loads(out)
    assert [(row["annotator"], row["n_labelled"]) for row in found["machines"]] == [
        ("gpt", 600),
        ("old", 600),
    ]
    assert len(endpoint.requests) == 1200
    code, _, err = run(capsys, "label", path, "--annotator", "nobody")
    assert code == 2
    assert "gpt, old" in err


def test_a_dry_run_sends_nothing_and_counts_what_would_be_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ChatEndpoint(says_left) as endpoint:
        path = study_file(tmp_path, endpoint.base_url)
        workspace = Workspace.open(path)
        code, out, _ = run(capsys, "label", path, "--dry-run", "--json")
        gpt, old = json.loads(out)
        assert code == 0
        assert endpoint.requests == []
        assert not (tmp_path / "out").exists()
        assert (gpt["n_units"], gpt["calls"], old["n_units"], old["calls"]) == (600, 1200, 600, 0)
        texts = small_study.corpus(600)["text"]
        tokens_in, tokens_out = tokens_from_lengths(workspace.study, workspace.study.machine[0], texts)
        assert gpt["tokens_in"] == pytest.approx(tokens_in, rel=0.01)
        assert gpt["tokens_out"] == pytest.approx(tokens_out)
        assert gpt["cost"] == pytest.approx((3 * gpt["tokens_in"] + 6 * gpt["tokens_out"]) / 1e6)
        run(capsys, "label", path, "--annotator", "gpt")
        code, out, _ = run(capsys, "label", path, "--dry-run", "--json")
        assert [(cost["n_units"], cost["calls"]) for cost in json.loads(out)] == [(0, 0), (600, 0)]


def test_a_dry_run_does_not_count_what_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The endpoint breaks down after 250 answers; some second questions are still to be asked then."""
    answered = 0

    def until_it_dies(messages: list[dict[str, str]], _: int) -> Answer:
        nonlocal answered
        answered += 1
        return says_left(messages) if answered <= 250 else error(503)

    with ChatEndpoint(until_it_dies) as endpoint:
        path = study_file(tmp_path, endpoint.base_url, 200, concurrency=4)
        assert run(capsys, "label", path, "--annotator", "gpt")[0] == 3
        code, out, _ = run(capsys, "label", path, "--dry-run", "--annotator", "gpt", "--json")
        assert code == 0
        (cost,) = json.loads(out)
        answered, n_asked = -10_000, len(endpoint.requests)
        label(Workspace.open(path))
        assert cost["calls"] == len(endpoint.requests) - n_asked == 400 - 250


def test_a_dry_run_needs_no_key_and_shows_the_cap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    machine = {"name": "gpt", "kind": "openai", "model": "m", "price_in": 3.0, "max_cost": 0.01}
    path = small_study.write(tmp_path, machine=[machine])
    code, out, _ = run(capsys, "label", path, "--dry-run")
    assert code == 0
    assert "0.0000 of max_cost 0.0100 is spent: labelling will stop before the end" in out
    assert "Labelling stops at a max_cost of 0.01" in run(capsys, "plan", path)[1]


def test_a_dry_run_of_a_retry_counts_failed_units_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def declines_some(messages: list[dict[str, str]], _: int) -> Answer:
        return completion("" if text_of(messages).endswith("7") else "left")

    with ChatEndpoint(declines_some) as endpoint:
        path = study_file(tmp_path, endpoint.base_url, confidence="none")
        run(capsys, "label", path, "--annotator", "gpt")
        n_asked = len(endpoint.requests)
        arguments = ("label", path, "--retry", "failed", "--annotator", "gpt")
        (cost,) = json.loads(run(capsys, *arguments, "--dry-run", "--json")[1])
        assert (cost["n_units"], cost["calls"], len(endpoint.requests)) == (60, 60, n_asked)
        code, out, _ = run(capsys, *arguments)
    assert (code, "gpt: 0 of 60 failed units labelled now" in out) == (0, True)
    assert len(endpoint.requests) == n_asked + 60


def test_a_cap_needs_prices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = {"name": "gpt", "kind": "openai", "model": "m", "max_cost": 5}
    code, _, err = run(capsys, "label", small_study.write(tmp_path, machine=[machine]))
    assert code == 2
    assert "max_cost needs price_in" in err


def kept_replies(path: Path) -> ReplyCache:
    """Three replies of one model and one of another, the first of them ten days old."""
    workspace = Workspace.open(path)
    cache = ReplyCache(workspace.folder / "replies.sqlite")
    for number, model in enumerate(["m", "m", "m", "n"]):
        cache.put(str(number), {"text": "x" * 1000}, model=model, payment=Payment("gpt", 10, 1))
    with cache.database.connected() as connection:
        connection.execute("UPDATE replies SET created = created - 10 * 86400 WHERE key = '0'")
    return cache


def test_the_cache_is_shown_by_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_study.write(tmp_path)
    assert "no such reply is kept" in run(capsys, "cache", path)[1]
    assert not (tmp_path / ".annotator").exists()
    kept_replies(path).close()
    code, out, _ = run(capsys, "cache", path)
    assert code == 0
    assert all(word in out for word in ("model", "replies", "size", "oldest", "newest", "UTC"))
    found = json.loads(run(capsys, "cache", path, "--json")[1])
    rows = {row["model"]: row for row in found["replies"]}
    assert {model: row["replies"] for model, row in rows.items()} == {"m": 3, "n": 1}
    assert 3000 < rows["m"]["size"] < 4000
    assert rows["m"]["oldest"] < rows["m"]["newest"]


def test_the_cache_is_pruned_as_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_study.write(tmp_path)
    cache = kept_replies(path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(capsys, "cache", path, "--prune")[0] == 1
    assert len(cache) == 4
    _, out, _ = run(capsys, "cache", path, "--prune", "--older-than", "9", "--yes")
    assert "1 replies removed" in out
    assert cache.get("0") is None
    _, out, _ = run(capsys, "cache", path, "--prune", "--model", "n", "--yes", "--json")
    assert json.loads(out)["replies"][0]["replies"] == 1
    assert {one.model: one.replies for one in cache.kept()} == {"m": 2}
    assert cache.spent("gpt") == (40, 4)
    _, out, _ = run(capsys, "cache", path, "--prune", "--model", "n", "--yes")
    assert "no such reply is kept" in out
    cache.close()


def test_nothing_is_pruned_while_the_study_is_at_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_study.write(tmp_path)
    cache = kept_replies(path)
    script = "import sys; from annotator.workspace import Workspace\n"
    script += "with Workspace.open(sys.argv[1]).lock(): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        assert run(capsys, "cache", path, "--prune", "--yes")[0] == 4
        holder.stdin.close()
    assert len(cache) == 4
    cache.close()
