"""How codes become gold: the rules, and that a tie is broken without bias."""

import numpy as np
import pandas as pd
import pytest

from annotator.codebook import Code, Codebook
from annotator.coding.gold import form_gold, outstanding, uncodable

BOOK = Codebook(question="?", labels=[Code(name=name) for name in ("yes", "no", "unclear")])


def codes(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["unit_id", "coder", "label"])
    return frame.assign(skipped=frame["label"] == "SKIP", label=frame["label"].replace({"SKIP": None}))


def gold_of(*rows: tuple[str, str, str | None], seed: int = 0) -> list[str]:
    overlap = {"u": len(rows)}
    gold, _ = form_gold(codes(*rows), ["u"], overlap, BOOK, np.random.default_rng(seed))
    return [] if gold.empty else list(gold.iloc[0][["label", "how"]])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["yes"], ["yes", "single"]),
        (["yes", "yes"], ["yes", "agreed"]),
        (["no", "no", "no"], ["no", "agreed"]),
        (["no", "yes", "no"], ["no", "majority"]),
        (["yes", "SKIP"], ["yes", "single"]),
        (["SKIP"], []),
        (["maybe"], []),
        ([None], []),
    ],
)
def test_rules(labels: list[str | None], expected: list[str]) -> None:
    assert gold_of(*(("u", f"coder {i}", label) for i, label in enumerate(labels))) == expected


def test_a_tie_takes_one_of_the_tied_codes_with_equal_chances_and_calls_it_single() -> None:
    units = [f"u{i}" for i in range(4000)]
    rows = [(unit, coder, label) for unit in units for coder, label in [("ann", "yes"), ("ben", "no")]]
    gold, lacking = form_gold(codes(*rows), units, dict.fromkeys(units, 2), BOOK, np.random.default_rng(3))
    assert set(gold["how"]) == {"single"}
    assert lacking.empty
    # 4,000 fair lots: standard error 0.0079.
    assert abs((gold["label"] == "yes").mean() - 0.5) < 4 * 0.0079


def test_a_tie_among_four_is_between_the_most_frequent_only() -> None:
    found = {
        gold_of(*zip("uuuuu", "abcde", ["yes", "yes", "no", "no", "unclear"], strict=True), seed=seed)[0]
        for seed in range(30)
    }
    assert found == {"yes", "no"}


def test_the_lot_of_a_unit_does_not_depend_on_other_units_or_on_the_order_of_rows() -> None:
    units = [f"u{i}" for i in range(50)]
    tie = [(unit, coder, label) for unit in units for coder, label in [("ann", "yes"), ("ben", "no")]]
    overlap = dict.fromkeys(units, 2)
    first, _ = form_gold(codes(*tie), units, overlap, BOOK, np.random.default_rng(1))
    less = [row for row in tie if row[0] not in {"u0", "u7"}] + [
        ("u0", "ann", "unclear"),
        ("u0", "ben", "unclear"),
    ]
    second, _ = form_gold(codes(*reversed(less)), units, overlap, BOOK, np.random.default_rng(1))
    both = first.merge(second, on="unit_id", suffixes=("_1", "_2")).query("unit_id != 'u0'")
    assert len(both) == 48
    assert (both["label_1"] == both["label_2"]).all()


def test_gold_follows_the_order_of_the_draw_and_ignores_units_that_were_not_drawn() -> None:
    found = codes(("b", "ann", "yes"), ("a", "ann", "no"), ("stranger", "ann", "no"))
    gold, _ = form_gold(found, ["a", "b"], {"a": 1, "b": 1}, BOOK, np.random.default_rng(0))
    assert gold["unit_id"].tolist() == ["a", "b"]


def test_the_latest_code_of_a_coder_counts_once() -> None:
    assert gold_of(("u", "ann", "yes"), ("u", "ann", "no")) == ["no", "single"]


def test_outstanding_says_what_lacks_and_why() -> None:
    found = codes(
        ("half", "ann", "yes"), ("skipped", "ann", "SKIP"), ("odd", "ann", "maybe"), ("done", "ann", "no")
    )
    need = {"half": 2, "skipped": 1, "odd": 1, "done": 1, "untouched": 1}
    lacking = outstanding(found, need, BOOK).set_index("unit_id")["reason"].to_dict()
    assert lacking == {
        "half": "1 of 2 coders so far",
        "skipped": "skipped by 1",
        "odd": "answered, but with no code of the codebook",
        "untouched": "not coded yet",
    }


def test_complete_when_every_unit_has_its_codes() -> None:
    assert outstanding(codes(("a", "ann", "no"), ("a", "ben", "yes")), {"a": 2}, BOOK).empty
    assert not outstanding(codes(("a", "ann", "no"), ("a", "ann", "yes")), {"a": 2}, BOOK).empty
    assert not outstanding(codes(), {"a": 1}, BOOK).empty


SETS = Codebook(question="?", type="multilabel", labels=[Code(name=name) for name in ("a", "b", "c")])


def set_gold(*labels: str, seed: int = 0) -> list[str]:
    rows = codes(*(("u", f"coder {i}", label) for i, label in enumerate(labels)))
    gold, lacking = form_gold(rows, ["u"], {"u": len(labels)}, SETS, np.random.default_rng(seed))
    assert lacking.empty
    return list(gold.iloc[0][["label", "how"]])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a;c"], ["a;c", "single"]),
        (["none", "none"], ["none", "agreed"]),
        (["a;b", "a;b"], ["a;b", "agreed"]),
        (["a;b", "b;c", "b"], ["b", "majority"]),
        (["a", "b", "c"], ["none", "majority"]),
    ],
)
def test_sets_of_codes_are_counted_code_by_code(labels: list[str], expected: list[str]) -> None:
    assert set_gold(*labels) == expected


def test_two_who_disagree_about_a_set_are_one_of_them_by_lot() -> None:
    found = [set_gold("a;b", "b;c", seed=seed) for seed in range(40)]
    assert {label for label, _ in found} == {"a;b", "b;c"}
    assert {how for _, how in found} == {"single"}


def test_a_set_with_an_unknown_code_is_no_label() -> None:
    lacking = outstanding(codes(("u", "ann", "a;x"), ("u", "ben", "c;a")), {"u": 1}, SETS)
    assert lacking["reason"].tolist() == ["answered, but with no code of the codebook"]


def test_a_reason_for_no_code_is_an_answer_but_outweighed_by_a_code() -> None:
    rows = codes(("u", "ann", None), ("v", "ann", None), ("v", "ben", "no"), ("w", "ann", None))
    rows = rows.assign(cannot_code=["garbled", "garbled", None, None])
    lacking = outstanding(rows, {"u": 1, "v": 2, "w": 1}, BOOK)
    assert lacking["unit_id"].tolist() == ["w"]
    assert uncodable(rows, ["u", "v", "w"], BOOK).to_numpy().tolist() == [["u", "cannot code: garbled"]]
    gold, _ = form_gold(rows, ["v"], {"v": 2}, BOOK, np.random.default_rng(0))
    assert gold.to_numpy().tolist() == [["v", "no", "single"]]
