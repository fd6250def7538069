"""Disagreements go to an adjudicator, who sees what was said and not who said it, before a round closes."""

from pathlib import Path

import adjudicated_study
import numpy as np
import pandas as pd
import pytest
import small_study
import yaml

from annotator import schema, study_file
from annotator.advance import advance, is_waiting
from annotator.check import check
from annotator.codebook import Code, Codebook
from annotator.coders import Gold
from annotator.coding import gold_rule
from annotator.coding.replay import ADJUDICATOR, ReplayCoding
from annotator.errors import AnnotatorError, StudyError
from annotator.stages.disagreement import decided, disagreeing, undecided
from annotator.state import Step, next_step
from annotator.status import status
from annotator.workspace import (
    Workspace,
    adjudication_changes,
    adjudications,
    codes,
    gold,
    nonresponse,
    unadjudicated,
)
from annotator.workspace import disagreements as disagreement_table


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    return small_study.run_to_the_end(adjudicated_study.write(tmp_path_factory.mktemp("closed")))


def truth():
    return adjudicated_study.corpus().set_index("id")["human"]


def test_a_study_is_adjudicated_from_columns_of_its_corpus(closed):
    labels = closed.store.read_frame(gold(1)).set_index("unit_id")
    sent = closed.store.read_frame(disagreement_table(1))
    given = closed.store.read_frame(codes(1)).groupby("unit_id")["label"]
    differ = given.nunique().index[given.nunique() > 1]
    assert len(differ) > 5
    assert set(sent["unit_id"]) == set(differ) == set(labels.index[labels["how"] == "adjudicated"])
    assert (labels.loc[differ, "label"] == truth()[differ]).all()
    assert set(closed.store.read_frame(adjudications(1))["coder"]) == {ADJUDICATOR}
    for row in sent.itertuples():
        lines = {f"\N{BULLET} {label}" for label in given.get_group(row.unit_id)}
        assert set(row.given.splitlines()) == lines
    assert labels["how"].value_counts()["agreed"] == (given.count() == 2).sum() - len(differ)


def test_tables_have_the_columns_of_the_contract(closed):
    for path, columns in (
        (disagreement_table(1), schema.DISAGREEMENTS),
        (adjudications(1), schema.ADJUDICATIONS),
    ):
        assert closed.store.read(path).schema.remove_metadata().equals(columns)


def test_the_same_study_and_seed_give_the_same_files(closed, tmp_path):
    again = small_study.run_to_the_end(adjudicated_study.write(tmp_path / "again"))
    path = disagreement_table(1)
    assert again.store.read_bytes(path) == closed.store.read_bytes(path)
    assert again.store.read_bytes(gold(1)) == closed.store.read_bytes(gold(1))


def test_without_it_nothing_is_asked(tmp_path):
    coding = {**adjudicated_study.CODING, "gold": {"rule": "majority"}}
    del coding["adjudicator"]
    workspace = small_study.run_to_the_end(adjudicated_study.write(tmp_path, coding=coding))
    assert not workspace.store.exists(disagreement_table(1))
    assert set(workspace.store.read_frame(gold(1))["how"]) == {"single", "agreed"}
    assert status(workspace).rounds[0].n_disagreements == 0


class Adjudicator:
    """Between the study and the codes on record: a slow adjudicator, and coders who change their minds."""

    def __init__(self, monkeypatch):
        self.answers, self.codes, self.sent = 0, {}, []
        self._collect, self._send = ReplayCoding.collect, ReplayCoding.send

        def collect(service, tasks, since=None):
            found = self._collect(service, tasks)
            if ADJUDICATOR in set(found["coder"]):
                return self.judge(found.sort_values("unit_id").head(self.answers))
            for (unit, coder), label in self.codes.items():
                found.loc[(found["unit_id"] == unit) & (found["coder"] == coder), "label"] = label
            return found

        def send(service, round_number, tasks):
            if tasks and tasks[0].given is not None:
                self.sent.append(tasks)
            return self._send(service, round_number, tasks)

        monkeypatch.setattr(ReplayCoding, "collect", collect)
        monkeypatch.setattr(ReplayCoding, "send", send)

    def judge(self, found):
        return found.reset_index(drop=True)


@pytest.fixture
def adjudicator(monkeypatch):
    return Adjudicator(monkeypatch)


@pytest.fixture
def waiting(tmp_path, adjudicator):
    """A study whose coders have answered and whose adjudicator has not."""
    workspace = adjudicated_study.advance_until(adjudicated_study.write(tmp_path), "adjudicate")
    assert advance(workspace).waiting
    return workspace


def test_the_round_waits_for_the_adjudicator(waiting, adjudicator):
    n_open = len(undecided(waiting, 1))
    assert next_step(waiting) == Step("adjudicate", 1)
    assert is_waiting(waiting, Step("adjudicate", 1))
    this = status(waiting).rounds[0]
    assert (this.n_disagreements, this.n_adjudicated, this.is_closed) == (n_open, 0, False)
    adjudicator.answers = 3
    outcome = advance(waiting)
    assert outcome.waiting
    assert outcome.message == f"3 of {n_open} disagreements adjudicated"
    # What is decided is not sent again; its row stays.
    assert [len(tasks) for tasks in adjudicator.sent] == [n_open, n_open]
    advance(waiting)
    assert len(adjudicator.sent[-1]) == n_open - 3
    assert len(waiting.store.read_frame(disagreement_table(1))) == n_open
    path = Path(waiting.store.root) / disagreement_table(1)
    written = path.stat().st_mtime_ns
    advance(waiting)
    assert path.stat().st_mtime_ns == written, "nothing new, nothing written"
    adjudicator.answers = n_open
    for _ in range(5):
        outcome = advance(waiting)
        if not outcome.waiting:
            break
    assert next_step(waiting) == Step("close_round", 1)


def test_neither_coders_nor_machine_labels_are_sent(waiting, adjudicator):
    for task in adjudicator.sent[0]:
        assert (task.overlap, task.suggestion) == (1, None)
        assert "replay" not in task.given
        assert len(task.given.splitlines()) == 2


def test_the_adjudicator_may_change_a_decision_until_the_round_closes(waiting, adjudicator):
    unit = undecided(waiting, 1)[0]
    adjudicator.answers = 3
    advance(waiting)
    before = decided(waiting, 1).set_index("unit_id")["label"][unit]
    other = next(code for code in small_study.CODES if code != before)
    adjudicator.judge = lambda found: found.assign(
        label=found["label"].where(found["unit_id"] != unit, other)
    ).reset_index(drop=True)
    adjudicator.answers = 1000
    small_study.run_to_the_end(waiting.study.path)
    labels = waiting.store.read_frame(gold(1)).set_index("unit_id")
    assert labels.loc[unit].tolist() == [other, "adjudicated"]
    changed = waiting.store.read_frame(adjudication_changes(1))
    assert changed[["unit_id", "label"]].to_numpy().tolist() == [[unit, before]]


def test_a_disagreement_that_vanished_is_no_longer_waited_for(waiting, adjudicator):
    unit = undecided(waiting, 1)[0]
    first = waiting.store.read_frame(codes(1)).set_index(["unit_id", "coder"])["label"][unit, "replay"]
    adjudicator.codes = {(unit, "replay second"): first}
    advance(waiting)
    assert unit not in undecided(waiting, 1)
    assert unit in set(waiting.store.read_frame(disagreement_table(1))["unit_id"])
    adjudicator.answers = 1000
    small_study.run_to_the_end(waiting.study.path)
    assert waiting.store.read_frame(gold(1)).set_index("unit_id").loc[unit].tolist() == [first, "agreed"]


def test_a_disagreement_that_appears_meanwhile_is_sent_too(waiting, adjudicator):
    given = waiting.store.read_frame(codes(1)).query("coder == 'replay second'")
    new = next(unit for unit in given["unit_id"] if unit not in disagreeing(waiting, 1))
    label = given.set_index("unit_id")["label"][new]
    other = next(code for code in small_study.CODES if code != label)
    adjudicator.codes = {(new, "replay second"): other}
    assert advance(waiting).waiting
    assert new in {task.unit_id for task in adjudicator.sent[-1]}
    assert new in set(waiting.store.read_frame(disagreement_table(1))["unit_id"])


def test_what_coders_changed_at_the_last_moment_keeps_the_round_open(waiting, adjudicator, monkeypatch):
    """Everything is fetched once more before the last decision counts."""
    given = waiting.store.read_frame(codes(1)).query("coder == 'replay second'").set_index("unit_id")["label"]
    new = next(unit for unit in given.index if unit not in disagreeing(waiting, 1))
    other = next(code for code in small_study.CODES if code != given[new])
    adjudicator.answers = 1000
    adjudicate_then = Adjudicator.judge

    def judge(found):
        adjudicator.codes = {(new, "replay second"): other}
        return adjudicate_then(adjudicator, found)

    adjudicator.judge = judge
    advance(waiting)
    assert undecided(waiting, 1) == [new]
    assert next_step(waiting) == Step("adjudicate", 1)


def test_a_unit_that_the_adjudicator_cannot_code_is_left_out_aloud(waiting, adjudicator):
    unit = undecided(waiting, 1)[0]

    def judge(found):
        declined = found["unit_id"] == unit
        found.loc[declined, ["label", "cannot_code"]] = [None, "garbled"]
        return found.reset_index(drop=True)

    adjudicator.answers, adjudicator.judge = 1000, judge
    small_study.run_to_the_end(waiting.study.path)
    lost = waiting.store.read_frame(nonresponse(1))
    assert lost[["unit_id", "reason"]].to_numpy().tolist() == [[unit, "cannot code: garbled"]]
    assert unit not in set(waiting.store.read_frame(gold(1))["unit_id"])
    assert waiting.store.read_frame("estimates.parquet")["flags"].str.contains("nonresponse_adjusted").all()


def test_what_is_given_up_keeps_the_gold_of_the_rule(waiting, adjudicator):
    units = undecided(waiting, 1)
    adjudicator.answers = 3
    outcome = advance(waiting, force=True)
    assert outcome.message == (
        f"{len(units) - 3} disagreements were given up: the rule for gold settles them"
    )
    assert next_step(waiting) == Step("close_round", 1)
    left = waiting.store.read_frame(unadjudicated(1))
    assert set(left["reason"]) == {"not adjudicated yet"}
    adjudicator.answers = 0
    small_study.run_to_the_end(waiting.study.path)
    how = waiting.store.read_frame(gold(1)).set_index("unit_id")["how"]
    assert set(how[left["unit_id"]]) == {"single"}
    assert (how == "adjudicated").sum() == 3


def test_an_adjudicator_who_coded_the_unit_is_told(waiting, adjudicator):
    adjudicator.answers = 2
    adjudicator.judge = lambda found: found.assign(coder="replay").reset_index(drop=True)
    assert advance(waiting).message.endswith("adjudicated (2 by somebody who had coded the unit)")


def test_force_takes_what_has_come_before_it_gives_up(waiting, adjudicator):
    adjudicator.answers = 1000
    outcome = advance(waiting, force=True)
    assert "disagreements adjudicated" in outcome.message
    assert not waiting.store.exists(unadjudicated(1))


def test_a_kill_between_sending_and_writing_is_healed(tmp_path, adjudicator, monkeypatch):
    workspace = adjudicated_study.advance_until(adjudicated_study.write(tmp_path), "adjudicate")
    write = Workspace.write

    def killed(self, path, *more, **metadata):
        if path == disagreement_table(1):
            raise KeyboardInterrupt
        write(self, path, *more, **metadata)

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            advance(workspace)
    assert not workspace.store.exists(disagreement_table(1))
    adjudicator.answers = 1000
    small_study.run_to_the_end(workspace.study.path)
    assert adjudicator.sent[0] == adjudicator.sent[1]


@pytest.mark.parametrize(
    "rule", [{"rule": "majority"}, {"rule": "expert", "experts": ["prof"]}, {"rule": "dawid_skene"}]
)
def test_a_decision_is_gold_under_every_rule(tmp_path, rule):
    coding = {**adjudicated_study.CODING, "gold": {**rule, "adjudicate": True}}
    design = {"rounds": 2, "budget": 160}
    workspace = small_study.run_to_the_end(adjudicated_study.write(tmp_path, coding=coding, design=design))
    for number in (1, 2):
        labels = workspace.store.read_frame(gold(number)).set_index("unit_id")
        units = workspace.store.read_frame(disagreement_table(number))["unit_id"]
        assert (labels.loc[units, "how"] == "adjudicated").all()
        assert (labels.loc[units, "label"] == truth()[units]).all()
        if rule["rule"] == "dawid_skene":
            assert set(labels["how"]) == {"adjudicated", "dawid_skene"}
            behind = workspace.store.read_frame(f"rounds/{number:03d}/posteriors.parquet")
            behind = behind.set_index("unit_id").loc[units]
            assert np.allclose([behind.loc[unit, truth()[unit]] for unit in units], 1.0)


def test_units_that_nobody_waits_for_are_not_adjudicated(tmp_path, adjudicator):
    workspace = adjudicated_study.advance_until(adjudicated_study.write(tmp_path), "adjudicate")
    unit = undecided(workspace, 1)[0]
    rows = pd.DataFrame({"unit_id": [unit], "stratum": [-1], "reason": ["lost"], "response_rate": [0.9]})
    workspace.write(nonresponse(1), rows, schema.NONRESPONSE, round=1)
    assert unit not in undecided(workspace, 1)


def refused(tmp_path, coding):
    path = small_study.write(tmp_path, adjudicated_study.corpus(), coding=coding)
    with pytest.raises(StudyError) as caught:
        study_file.read(path)
    return str(caught.value)


LABEL_STUDIO = {"kind": "label_studio", "url": "http://127.0.0.1:1"}
REPLAY = {"kind": "replay", "column": "first"}


@pytest.mark.parametrize(
    ("coding", "said"),
    [
        ({**LABEL_STUDIO, "overlap": 0, "gold": {"adjudicate": True}}, "needs an `overlap` above 0"),
        ({**REPLAY, "gold": {"adjudicate": True}}, "columns of a `second` coder and of an `adjudicator`"),
        (
            {**REPLAY, "second": "second", "overlap": 0.2, "gold": {"adjudicate": True}},
            "columns of a `second` coder and of an `adjudicator`",
        ),
        ({**LABEL_STUDIO, "gold": {"adjudicat": True}}, "did you mean 'adjudicate'?"),
        ({**REPLAY, "adjudicator": "human"}, "asked only with `gold: {adjudicate: true}`"),
        ({**REPLAY, "second": "second"}, "`second` and `overlap` go together"),
        ({**REPLAY, "overlap": 0.2}, "`second` and `overlap` go together"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, coding, said):
    assert said in refused(tmp_path, coding)


@pytest.mark.parametrize("gold_section", [{"rule": "majority"}, {"rule": "dawid_skene"}])
def test_every_sensible_combination_is_accepted(tmp_path, gold_section):
    coding = {**LABEL_STUDIO, "gold": {**gold_section, "adjudicate": True}}
    assert study_file.read(small_study.write(tmp_path, coding=coding)).coding.gold.adjudicate


def test_a_column_that_is_not_there_is_named(tmp_path):
    coding = {**adjudicated_study.CODING, "adjudicator": "nobody"}
    path = adjudicated_study.write(tmp_path, coding=coding)
    found = [finding for finding in check(Workspace.open(path)) if finding.what == "adjudication"]
    assert "nobody" in found[0].error.message
    with pytest.raises(AnnotatorError, match="nobody"):
        advance(Workspace.open(path))


def test_it_may_be_switched_on_between_rounds(tmp_path):
    coding = {**adjudicated_study.CODING, "gold": {"rule": "majority"}}
    del coding["adjudicator"]
    path = adjudicated_study.write(tmp_path, coding=coding, design={"rounds": 2, "budget": 160})
    while not Workspace.open(path).store.exists(gold(1)):
        advance(Workspace.open(path))
    data = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**data, "coding": adjudicated_study.CODING}))
    workspace = small_study.run_to_the_end(path)
    how = [set(workspace.store.read_frame(gold(number))["how"]) for number in (1, 2)]
    assert how == [{"single", "agreed"}, {"single", "agreed", "adjudicated"}]


@pytest.mark.parametrize("rule", ["majority", "dawid_skene"])
def test_a_decision_on_sets_of_codes_is_gold_as_it_is(rule):
    book = Codebook(question="?", type="multilabel", labels=[Code(name=name) for name in "xyz"])
    said = {"a": ("x", "x;y"), "b": ("x;z", "x;z"), "c": ("none", "none"), "d": ("y", "y")}
    rows = pd.DataFrame(
        [
            {"unit_id": unit, "coder": coder, "label": label, "skipped": False}
            for unit, labels in said.items()
            for coder, label in zip(("ann", "ben"), labels, strict=True)
        ]
    )
    labels, behind = gold_rule.apply(
        Gold(rule=rule, adjudicate=True),
        rows,
        rows.iloc[:0],
        drawn=list(said),
        overlap=dict.fromkeys(said, 2),
        codebook=book,
        rng=np.random.default_rng(0),
        adjudicated={"a": "y;z"},
    )
    found = labels.set_index("unit_id")
    assert found.loc["a"].tolist() == ["y;z", "adjudicated"]
    assert found["label"].drop("a").tolist() == ["x;z", "none", "y"]
    if behind is not None:
        assert behind.set_index("unit_id").loc["a"].tolist() == pytest.approx([0.0, 1.0, 1.0])
