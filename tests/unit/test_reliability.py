"""Reliability of a study: its table, its section of the report, and what the rules for gold leave behind."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import several_coders
import small_study

from annotator import evidence, label_sets, schema
from annotator.advance import advance
from annotator.codebook import Code, Codebook
from annotator.coding.ratings import label_ratings, ratings
from annotator.coding.reliability import against_others, krippendorff_alpha
from annotator.coding.reliability.anchoring import anchoring
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.table import reliability_table
from annotator.facets import Facet
from annotator.report import reliability as told
from annotator.stages.publish import is_current, publish
from annotator.stages.reliability import coded, reliability
from annotator.state import next_step
from annotator.workspace import RELIABILITY, Workspace, codes, gold, posteriors

ONE_ROUND, TWO_ROUNDS = {"rounds": 1, "budget": 60}, {"rounds": 2, "budget": 120}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return several_coders.run(several_coders.write(tmp_path_factory.mktemp("coders")))


@pytest.fixture(scope="module")
def rows(finished: Workspace) -> pd.DataFrame:
    return finished.store.read_frame(RELIABILITY)


def one(rows: pd.DataFrame, **of: object) -> pd.Series:
    wanted = {"scope": "so_far", "weighting": "coded", "label": "", "coder": "", "other": "", "annotator": ""}
    found = rows
    for column, value in {**wanted, **of}.items():
        found = found[found[column] == value]
    assert len(found) == 1, of
    return found.iloc[0]


def copy_without_table(finished: Workspace, folder: Path) -> Workspace:
    shutil.copytree(finished.study.folder, folder / "copy")
    workspace = Workspace.open(folder / "copy" / finished.study.path.name)
    (Path(workspace.store.root) / RELIABILITY).unlink()
    return workspace


def test_the_table_has_the_columns_of_the_contract(finished: Workspace) -> None:
    table = finished.store.read(RELIABILITY)
    assert table.schema.remove_metadata().equals(schema.RELIABILITY)
    assert table.column_names[:6] == ["round", "statistic", "value", "ci_low", "ci_high", "n"]
    key = ["round", "scope", "statistic", "weighting", "label", "coder", "other", "annotator", "note"]
    assert not table.to_pandas().duplicated(key).any()


def test_values_are_those_of_the_coefficients(finished: Workspace, rows: pd.DataFrame) -> None:
    said = [finished.store.read_frame(codes(number)) for number in (1, 2, 3)]
    wide = pd.concat(said).pivot_table(index="unit_id", columns="coder", values="label", aggfunc="last")
    whole = Facet(small_study.CODES, small_study.CODES)
    array = np.column_stack([whole.index(wide[coder]) for coder in ("ann", "ben", "replay")])
    assert one(rows, statistic="alpha_nominal")["value"] == pytest.approx(krippendorff_alpha(array, 3).value)
    of_ben = one(rows, statistic="kappa_against_others", coder="ben")
    expected = against_others(array[:, 1], array[:, [0, 2]], 3)
    assert (of_ben["value"], of_ben["n"]) == (pytest.approx(expected.value), expected.n)
    right = np.where(array >= 0, array == 1, -1)
    found = one(rows, statistic="alpha_nominal", label="right")["value"]
    assert found == pytest.approx(krippendorff_alpha(right, 2).value)
    without_ben = krippendorff_alpha(array[:, [0, 2]], 3).value
    assert one(rows, statistic="alpha_without", coder="ben")["value"] == pytest.approx(without_ben)


def test_the_poor_coder_is_seen(rows: pd.DataFrame) -> None:
    with_others = {
        coder: one(rows, statistic="kappa_against_others", coder=coder)["value"]
        for coder in ("ann", "ben", "replay")
    }
    assert min(with_others, key=lambda coder: with_others[coder]) == "ben"
    overall = one(rows, statistic="alpha_nominal")["value"]
    assert one(rows, statistic="alpha_without", coder="ben")["value"] > overall


def test_intervals_hold_their_values_and_have_width(rows: pd.DataFrame) -> None:
    measured = rows.dropna(subset=["ci_low"])
    assert (measured["ci_low"] <= measured["value"] + 1e-9).all()
    assert (measured["value"] <= measured["ci_high"] + 1e-9).all()
    assert (measured["ci_high"] > measured["ci_low"]).all()
    lacking = rows[rows["ci_low"].isna() & ~rows["statistic"].str.startswith("alt_test")]
    assert (lacking["note"] != "").all()


def test_the_corpus_counts_units_by_what_they_stand_for(finished: Workspace, rows: pd.DataFrame) -> None:
    material = coded(finished, 3)
    for number in (1, 2, 3):
        of_round = material.of_round(number)
        assert of_round.weights.sum() == pytest.approx(len(of_round.weights))
        pi = evidence.drawn_with(finished, number)[finished.position.loc[list(of_round.people.units)]]
        assert of_round.weights * pi == pytest.approx(of_round.weights[0] * pi[0])
    right = (material.by_machine(0) == material.settled).astype(float)
    found = one(rows, statistic="percent_agreement", annotator="old", other="gold", weighting="corpus")
    assert found["value"] == pytest.approx(np.average(right, weights=material.weights))
    plain = one(rows, statistic="percent_agreement", annotator="old", other="gold")
    assert plain["value"] == pytest.approx(right.mean())


def test_three_people_a_unit_allow_the_alternative_annotator_test(rows: pd.DataFrame) -> None:
    tests = rows[rows["statistic"] == "alt_test_winning_rate"]
    assert [note.split(",")[0] for note in tests["note"]] == ["epsilon 0.1", "epsilon 0.15", "epsilon 0.2"]
    assert tests["value"].between(0, 1).all()
    advantage = one(rows, statistic="alt_test_advantage", annotator="old", other="coders")
    assert 0 < advantage["value"] < 1


def test_drift_speaks_of_the_rounds(rows: pd.DataFrame) -> None:
    by_round = rows[
        (rows["scope"] == "round")
        & (rows["statistic"] == "percent_agreement")
        & (rows["weighting"] == "corpus")
        & (rows["label"] == "")
    ]
    assert by_round["round"].tolist() == [1, 2, 3]
    change = one(rows, statistic="percent_agreement_change", weighting="corpus")
    assert change["value"] == pytest.approx(by_round["value"].iloc[2] - by_round["value"].iloc[0])
    assert change["note"] == "round 1 to round 3"


def test_the_same_study_gives_the_same_table_and_doing_it_again_changes_nothing(
    finished: Workspace, tmp_path: Path
) -> None:
    again = several_coders.run(several_coders.write(tmp_path))
    assert again.store.read_bytes(RELIABILITY) == finished.store.read_bytes(RELIABILITY)
    path = Path(again.store.root) / RELIABILITY
    before = path.stat().st_mtime_ns
    publish(again, 3)
    assert path.stat().st_mtime_ns == before


def test_rows_of_a_round_stay_when_rounds_are_added(
    finished: Workspace, rows: pd.DataFrame, tmp_path: Path
) -> None:
    workspace = copy_without_table(finished, tmp_path)
    after_two = reliability(workspace, 2)
    first = rows[(rows["scope"] == "round") & (rows["round"] <= 2)].reset_index(drop=True)
    pd.testing.assert_frame_equal(after_two[after_two["scope"] == "round"].reset_index(drop=True), first)


def test_a_study_without_the_table_is_published_again(finished: Workspace, tmp_path: Path) -> None:
    workspace = copy_without_table(finished, tmp_path)
    assert not is_current(workspace, 3)
    assert str(next_step(workspace)) == "publish (round 3)"


def test_one_coder_gives_reasons_instead_of_numbers(tmp_path: Path) -> None:
    workspace = small_study.run_to_the_end(small_study.write(tmp_path))
    rows = workspace.store.read_frame(RELIABILITY)
    alpha = one(rows, statistic="alpha_nominal")
    assert np.isnan(alpha["value"])
    assert alpha["note"] == "one coder only: there is nobody to compare with"
    assert one(rows, statistic="percent_agreement", annotator="old", other="gold")["n"] == 60
    assert "coded by 3 people or more" in rows[rows["statistic"] == "alt_test_advantage"]["note"].iloc[0]
    page = workspace.store.read_bytes("report.html").decode()
    assert "one coder only" in page
    assert "no unit was coded by two people" in page


def test_the_report_says_what_the_numbers_mean(finished: Workspace, rows: pd.DataFrame) -> None:
    page = finished.store.read_bytes("report.html").decode()
    assert "Do people agree?" in page
    assert "Agreement between people in each round" in page
    assert page.count("<svg") == 4
    found = one(rows, statistic="percent_agreement", weighting="corpus")
    assert f"Two people gave different codes to {1 - found['value']:.1%}" in page
    assert "From round 1 to round 3 percent agreement" in page
    assert "alternative annotator test" in page


@pytest.mark.parametrize(
    ("value", "low", "words"),
    [
        (0.9, 0.85, "reliable (.800 or more)"),
        (0.9, 0.5, "reaches below .667"),
        (0.7, 0.68, "tentative conclusions only (.667 to .800)"),
        (0.3, 0.1, "too low"),
    ],
)
def test_readings_follow_the_convention(value: float, low: float, words: str) -> None:
    assert words in told.reading("alpha_nominal", value, low)
    assert told.reading("percent_agreement", value, low) == ""


def test_the_bounds_on_errors_of_single_codes_hold() -> None:
    """For coders who err independently of each other, with any codes instead of the right one."""
    rng = np.random.default_rng(1)
    wrong = rng.uniform(0, 0.5, 2000)
    others = rng.dirichlet(np.ones(4), 2000) * wrong[:, None]
    differ = 1.0 - (1.0 - wrong) ** 2 - (others**2).sum(axis=1)
    assert (differ / 2 <= wrong + 1e-12).all()
    assert (wrong <= differ + 1e-12).all()


def test_gold_by_the_model_keeps_its_probabilities_and_says_so(tmp_path: Path) -> None:
    workspace = several_coders.run(several_coders.write(tmp_path, gold={"rule": "dawid_skene"}))
    for number in (1, 2, 3):
        settled, behind = (workspace.store.read_frame(name(number)) for name in (gold, posteriors))
        assert set(settled["how"]) == {"dawid_skene"}
        assert behind["unit_id"].tolist() == settled["unit_id"].tolist()
        likeliest = behind[list(small_study.CODES)].idxmax(axis=1)
        assert (likeliest.to_numpy() == settled["label"].to_numpy()).all()
        assert workspace.store.metadata(gold(number))["rule"] == "dawid_skene"
    rows = workspace.store.read_frame(RELIABILITY)
    expected = one(rows, statistic="gold_error", weighting="corpus")
    page = workspace.store.read_bytes("report.html").decode()
    assert f"expects {expected['value']:.1%} of it to be wrong" in page
    truth = small_study.corpus().set_index("id")["human"]
    settled = pd.concat([workspace.store.read_frame(gold(number)) for number in (1, 2, 3)])
    wrong = (settled["label"] != settled["unit_id"].map(truth)).mean()
    assert abs(wrong - one(rows, statistic="gold_error")["value"]) < 0.08


def test_closing_a_round_names_experts_who_answered_nothing(tmp_path: Path) -> None:
    rule = {"rule": "expert", "experts": ["Replay", "Prof@Example.org"]}
    workspace = Workspace.open(several_coders.write(tmp_path, gold=rule))
    while (outcome := advance(workspace)).step.stage != "close_round":
        pass
    assert "60 expert" in outcome.message
    assert outcome.message.endswith("; no answer so far by the experts named Prof@Example.org")


def test_gold_by_an_expert_is_the_experts_where_there_is_one(tmp_path: Path) -> None:
    rule = {"rule": "expert", "experts": ["replay"]}
    workspace = several_coders.run(several_coders.write(tmp_path, gold=rule, design=TWO_ROUNDS))
    truth = small_study.corpus().set_index("id")["human"]
    settled = workspace.store.read_frame(gold(2))
    assert set(settled["how"]) == {"expert"}
    assert (settled["label"] == settled["unit_id"].map(truth)).all()
    assert not workspace.store.exists(posteriors(2))


def test_ranks_get_an_ordinal_alpha(tmp_path: Path) -> None:
    book = {"question": "Which side?", "type": "ordinal", "labels": [{"name": c} for c in small_study.CODES]}
    workspace = several_coders.run(several_coders.write(tmp_path, codebook=book, design=TWO_ROUNDS))
    rows = workspace.store.read_frame(RELIABILITY)
    assert one(rows, statistic="alpha_ordinal")["value"] != one(rows, statistic="alpha_nominal")["value"]
    assert one(rows, statistic="alpha_ordinal_slope", weighting="corpus")["n"] > 0
    assert "(ordinal)" in workspace.store.read_bytes("report.html").decode()


def test_weights_of_the_corpus_count(tmp_path: Path) -> None:
    frame = small_study.corpus()
    frame["w"] = np.random.default_rng(1).uniform(0.2, 5.0, len(frame))
    columns = {"path": "corpus.csv", "id": "id", "text": "text", "covariates": ["party"], "weight": "w"}
    path = several_coders.write(tmp_path, frame, corpus=columns, design=ONE_ROUND)
    workspace = several_coders.run(path)
    material = coded(workspace, 1)
    own = frame.set_index("id")["w"].loc[list(material.people.units)].to_numpy()
    pi = evidence.drawn_with(workspace, 1)[workspace.position.loc[list(material.people.units)]]
    assert material.weights == pytest.approx(own / pi * len(own) / (own / pi).sum())


def test_sets_of_codes_are_measured_as_wholes_and_code_by_code() -> None:
    book = Codebook(
        question="Which?", type="multilabel", labels=[Code(name=name) for name in ("a", "b", "c")]
    )
    rng = np.random.default_rng(1)
    units = [f"u{at:03d}" for at in range(90)]
    truth = rng.random((90, 3)) < [0.5, 0.3, 0.2]

    def said(error: float) -> list[str]:
        flipped = truth ^ (rng.random(truth.shape) < error)
        return [label_sets.join(np.array(book.names)[row].tolist(), book.names) for row in flipped]

    people = pd.DataFrame(
        [
            {"unit_id": unit, "coder": coder, "label": label, "skipped": False}
            for coder in ("ann", "ben", "cy")
            for unit, label in zip(units, said(0.05), strict=True)
        ]
    )
    labels = pd.Series([*said(0.1)[:80], *[None] * 10], dtype=object)
    material = Coded(
        codebook=book,
        people=ratings(people, book).of(units),
        gold=label_ratings(units, pd.Series(said(0.0)), book, "gold"),
        machines=label_ratings(units, labels, book, "gpt"),
        rounds=np.repeat([1, 2, 3], 30),
        weights=np.ones(90),
        doubt=np.full(90, np.nan),
        shown=np.zeros(90, dtype=bool),
        how=np.full(90, "agreed"),
    )
    rows = reliability_table(material, lambda number, _: np.random.default_rng(number))
    assert pa.Table.from_pandas(rows, schema=schema.RELIABILITY, preserve_index=False).num_rows == len(rows)
    of_b = material.people.of_code(1)
    found = one(rows, statistic="alpha_nominal", label="b")["value"]
    assert found == pytest.approx(krippendorff_alpha(of_b, 2).value)
    exact = np.mean([len({*row}) == 1 for row in material.said])
    assert one(rows, statistic="percent_agreement")["value"] >= exact
    assert not ((rows["statistic"] == "gwet_ac1") & (rows["label"] == "")).any()
    machine = one(rows, statistic="cohen_kappa", label="b", annotator="gpt", other="gold")
    assert machine["n"] == 80
    assert machine["note"] == "10 units without a machine label left out"
    assert rows[rows["statistic"] == "alt_test_winning_rate"]["value"].notna().all()


def test_the_pull_of_suggestions_is_the_difference_between_two_arms() -> None:
    rng = np.random.default_rng(5)
    book = Codebook(question="?", labels=[Code(name="a"), Code(name="b")])
    n = 4000
    units = [f"u{at:04d}" for at in range(n)]
    truth, machine = rng.random(n) < 0.5, rng.random(n) < 0.8
    shown = rng.random(n) < 0.3
    # Of the shown, one in five takes over what the machine said.
    said = np.where(shown & (rng.random(n) < 0.2), machine, truth)
    names = np.array(["b", "a"], dtype=object)
    people = pd.DataFrame(
        {"unit_id": units, "coder": "ann", "label": names[said.astype(int)], "skipped": False}
    )
    material = Coded(
        codebook=book,
        people=ratings(people, book).of(units),
        gold=label_ratings(units, people["label"], book, "gold"),
        machines=label_ratings(units, pd.Series(names[machine.astype(int)]), book, "gpt"),
        rounds=np.ones(n, dtype=int),
        weights=np.ones(n),
        doubt=np.full(n, np.nan),
        shown=shown,
        how=np.full(n, "single"),
    )
    rows = pd.DataFrame([vars(each) for each in anchoring(material, 1, "so_far", 0.95)])
    rows = rows[rows["weighting"] == "coded"].set_index(["statistic", "label"])
    agreement, share = rows.loc["anchoring_agreement_shift"].iloc[0], rows.loc["anchoring_share_shift", "a"]
    # Half of what is taken over is wrong; "a" are 0.8 of the machine's labels, 0.5 of the truth.
    for found, expected in ((agreement, 0.2 * 0.5), (share, 0.2 * 0.3)):
        assert found["ci_low"] < expected < found["ci_high"]
        assert 0 < found["ci_high"] - found["ci_low"] < 0.15
    blind = replace(material, shown=np.zeros(n, dtype=bool))
    assert list(anchoring(blind, 1, "so_far", 0.95)) == []
