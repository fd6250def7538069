"""What gold rests on, and the error that adjudication shows is left in it."""

import adjudicated_study
import numpy as np
import pandas as pd
import pytest
import small_study

from annotator import schema
from annotator.codebook import Code, Codebook
from annotator.coding.ratings import label_ratings, ratings
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.left_in_gold import NOT_ADJUDICATED, left_in_gold, single_code_accuracy
from annotator.report.left_in_gold import error_left, gold_shares

BOOK = Codebook(question="?", labels=[Code(name="x"), Code(name="y"), Code(name="z")])


def material(rows, weights=None):
    """Coded units from (codes of up to two coders, gold, how)."""
    units = [f"u{at}" for at in range(len(rows))]
    codes = [
        {"unit_id": unit, "coder": coder, "label": label, "skipped": False}
        for unit, (said, _, _) in zip(units, rows, strict=True)
        for coder, label in zip(("ann", "ben"), said, strict=False)
    ]
    labels = pd.Series([settled for _, settled, _ in rows])
    return Coded(
        codebook=BOOK,
        people=ratings(pd.DataFrame(codes), BOOK).of(units),
        gold=label_ratings(units, labels, BOOK, "gold"),
        machines=label_ratings(units, labels, BOOK, "gpt"),
        rounds=np.ones(len(rows), dtype=int),
        weights=np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=float),
        doubt=np.full(len(rows), np.nan),
        shown=np.zeros(len(rows), dtype=bool),
        how=np.array([how for _, _, how in rows]),
    )


def table(coded):
    rows = left_in_gold(coded, 1, "so_far", np.random.default_rng(0), 0.95)
    return pd.DataFrame([vars(each) for each in rows])


def one(rows, statistic, weighting="coded", label=""):
    found = rows[
        (rows["statistic"] == statistic) & (rows["weighting"] == weighting) & (rows["label"] == label)
    ]
    assert len(found) == 1
    return found.iloc[0]


ONCE = ("x",), "x", "single"
AGREED = ("x", "x"), "x", "agreed"
ONE_ERRS = ("x", "y"), "y", "adjudicated"
BOTH_ERR = ("x", "y"), "z", "adjudicated"
GIVEN_UP = ("x", "y"), "y", "single"


def test_the_error_of_a_single_code_is_what_adjudication_changes():
    rows = table(material([AGREED] * 6 + [ONE_ERRS] * 2 + [BOTH_ERR] + [ONCE] * 9))
    error = one(rows, "single_code_error")
    assert error["value"] == pytest.approx((2 * 0.5 + 1) / 9)
    assert error["ci_low"] < error["value"] < error["ci_high"]
    assert error["n"] == 9
    # Half of the gold is one coder's code.
    assert one(rows, "gold_error_left")["value"] == pytest.approx(0.5 * 2 / 9)


def test_weights_make_it_speak_of_the_corpus():
    weights = [3.0] * 8 + [1.0] * 8
    rows = table(material([AGREED] * 8 + [ONE_ERRS] * 8, weights))
    assert one(rows, "single_code_error")["value"] == pytest.approx(0.25)
    assert one(rows, "single_code_error", "corpus")["value"] == pytest.approx(8 * 0.5 / 32)
    # Nothing rests on one coder.
    assert "gold_error_left" not in set(rows["statistic"])


def test_disputes_that_were_given_up_count_as_disputes_of_the_same_kind():
    rows = table(material([AGREED] * 6 + [ONE_ERRS] + [GIVEN_UP] * 3))
    assert one(rows, "single_code_error")["value"] == pytest.approx(0.4 * 0.5)
    # The three that were given up are wrong half of the time each, nothing else may be.
    assert one(rows, "gold_error_left")["value"] == pytest.approx(3 * 0.5 / 10)


def test_without_any_disagreement_the_interval_still_has_width():
    found = single_code_accuracy(np.zeros((20, 2), dtype=int), np.zeros(20, dtype=int), np.zeros(20, bool))
    assert found.value == 1.0
    assert not found.undefined


def test_disagreements_that_nobody_adjudicated_give_no_number():
    said = np.array([[0, 1], [0, 0]])
    found = single_code_accuracy(said, np.zeros(2, dtype=int), np.zeros(2, dtype=bool))
    assert found.undefined == NOT_ADJUDICATED
    assert "single_code_error" not in set(table(material([AGREED, GIVEN_UP]))["statistic"])


def test_shares_of_gold_by_code_sum_to_one():
    rows = table(material([AGREED] * 6 + [ONE_ERRS] * 2 + [BOTH_ERR] + [ONCE] * 9))
    shares = rows[rows["statistic"].isin(["gold_single", "gold_agreed", "gold_adjudicated"])]
    sums = shares[shares["weighting"] == "coded"].groupby("label")["value"].sum()
    assert sums.to_dict() == pytest.approx({"": 1.0, "x": 1.0, "y": 1.0, "z": 1.0})
    assert one(rows, "gold_single", label="x")["value"] == pytest.approx(9 / 15)
    assert one(rows, "gold_adjudicated", label="z")["value"] == 1.0
    assert one(rows, "gold_single")["n"] == 18


def test_a_code_without_gold_has_no_shares():
    found = one(table(material([AGREED] * 3)), "gold_agreed", label="z")
    assert np.isnan(found["value"])
    assert found["note"] == "no gold has this code"


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    return small_study.run_to_the_end(adjudicated_study.write(tmp_path_factory.mktemp("closed")))


def test_the_table_and_the_report_say_it(closed):
    rows = closed.store.read_frame("reliability.parquet")
    assert closed.store.read("reliability.parquet").schema.remove_metadata().equals(schema.RELIABILITY)
    error, left = (one(rows, name, "corpus") for name in ("single_code_error", "gold_error_left"))
    assert 0 < left["value"] < error["value"] < 0.5
    page = closed.store.read_bytes("report.html").decode()
    said = (
        f"to {error['value']:.1%} ({error['ci_low']:.1%} to {error['ci_high']:.1%}) of units",
        f"so that {left['value']:.1%} ({left['ci_low']:.1%} to {left['ci_high']:.1%}) of all gold",
        "What all coders of a unit get wrong is not seen",
        "adjudicated, %",
    )
    for words in said:
        assert words in page


def test_the_report_of_a_study_that_adjudicates_nothing_shows_shares_and_no_error():
    rows = table(material([AGREED] * 3 + [ONCE]))
    assert error_left(rows) == []
    shares = gold_shares(rows)
    assert shares["ways"] == ["one coder", "coders agree"]
    assert shares["rows"][0] == {"label": "all codes", "n": 4, "shares": [0.25, 0.75]}


def test_where_nothing_can_be_said_the_report_says_why():
    rows = table(material([(("x",), "y", "adjudicated"), GIVEN_UP]))
    assert error_left(rows) == [
        f"How often adjudication would change a single coder's code cannot be said: {NOT_ADJUDICATED}."
    ]
