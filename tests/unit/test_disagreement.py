"""Which units coders disagree on, what an adjudicator sees of them, and which decision counts."""

import numpy as np
import pandas as pd

from annotator.codebook import Code, Codebook
from annotator.coding.disagreement import decisions, disagreements, shown

BOOK = Codebook(question="?", labels=[Code(name="x"), Code(name="y"), Code(name="z")])
SETS = Codebook(question="?", type="multilabel", labels=BOOK.labels)


def answers(*rows):
    """Codes from (unit, coder, label or None, reason or None, note or None)."""
    return pd.DataFrame(
        [
            {
                "unit_id": unit,
                "coder": coder,
                "label": label,
                "cannot_code": reason,
                "note": note,
                "skipped": label is None and reason is None,
                "annotation_id": at,
                "updated_at": pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=at),
            }
            for at, (unit, coder, label, reason, note) in enumerate(rows)
        ]
    )


def differing(book, *rows, experts=()):
    return sorted(set(disagreements(answers(*rows), book, experts)["unit_id"]))


class TestWhatADisagreementIs:
    def test_two_labels_differ(self):
        rows = [("a", "ann", "x", None, None), ("a", "ben", "y", None, None)]
        same = [("b", "ann", "x", None, None), ("b", "ben", "x", None, None)]
        assert differing(BOOK, *rows, *same, ("c", "ann", "z", None, None)) == ["a"]

    def test_a_majority_is_a_disagreement_too(self):
        rows = [("a", coder, label, None, None) for coder, label in zip("abc", "xxy", strict=True)]
        assert differing(BOOK, *rows) == ["a"]

    def test_two_sets_differ_if_one_code_does(self):
        rows = [("a", "ann", "x;y", None, None), ("a", "ben", "x", None, None)]
        same = [("b", "ann", "x;y", None, None), ("b", "ben", "x;y", None, None)]
        assert differing(SETS, *rows, *same) == ["a"]

    def test_a_label_against_a_reason_for_none_is_one_and_two_reasons_are_not(self):
        rows = [("a", "ann", "x", None, None), ("a", "ben", None, "garbled", None)]
        reasons = [("b", "ann", None, "garbled", None), ("b", "ben", None, "foreign", None)]
        assert differing(BOOK, *rows, *reasons) == ["a"]

    def test_skipped_units_and_answers_outside_the_codebook_are_no_answers(self):
        rows = [("a", "ann", "x", None, None), ("a", "ben", None, None, None)]
        unknown = [("b", "ann", "x", None, None), ("b", "ben", "other", None, None)]
        assert differing(BOOK, *rows, *unknown) == []

    def test_what_experts_settle_needs_no_adjudicator_but_their_own_disputes_do(self):
        settled = [("a", coder, label, None, None) for coder, label in zip("pbc", "xyz", strict=True)]
        dispute = [("b", coder, label, None, None) for coder, label in zip("pqc", "xyy", strict=True)]
        declined = [
            ("c", "p", None, "garbled", None),
            ("c", "b", "x", None, None),
            ("c", "c", "y", None, None),
        ]
        found = disagreements(answers(*settled, *dispute, *declined), BOOK, ["P", "q"])
        assert set(found["unit_id"]) == {"b", "c"}
        assert found.loc[found["unit_id"] == "b", "said"].tolist() == ["x", "y"]


class TestWhatAnAdjudicatorSees:
    ROWS = (
        ("a", "ann@example.org", "x", None, "first  line\nsecond"),
        ("a", "ben@example.org", "y", None, None),
        ("a", "cy@example.org", None, "garbled", None),
    )

    def test_every_answer_with_its_note_and_nobodys_name(self):
        found = disagreements(answers(*self.ROWS), BOOK)
        text = shown(found, lambda _: np.random.default_rng(0))["a"]
        assert sorted(text.splitlines()) == [
            "\N{BULLET} cannot code: garbled",
            "\N{BULLET} x (note: first line second)",
            "\N{BULLET} y",
        ]
        assert "coder" not in found.columns

    def test_the_order_does_not_depend_on_who_said_what_nor_on_other_units(self):
        swapped = [(*row[:1], coder, *row[2:]) for row, coder in zip(self.ROWS, "zyx", strict=True)]
        more = [("0", "ann", "x", None, None), ("0", "ben", "z", None, None)]

        def lines(rows):
            found = disagreements(answers(*rows), BOOK)
            return shown(found, lambda unit: np.random.default_rng([5, ord(unit)]))["a"]

        assert lines(self.ROWS) == lines(swapped) == lines([*more, *self.ROWS])

    def test_each_answer_comes_first_about_as_often(self):
        rows = [
            (f"u{at}", coder, label, None, None)
            for at in range(400)
            for coder, label in (("ann", "x"), ("ben", "y"))
        ]
        found = shown(disagreements(answers(*rows), BOOK), lambda unit: np.random.default_rng(int(unit[1:])))
        first = np.mean([text.startswith("\N{BULLET} x") for text in found.values()])
        assert abs(first - 0.5) < 4 * 0.025


def test_the_latest_decision_counts_whoever_made_it_and_a_skip_is_none():
    rows = [
        ("a", "judge", "x", None, None),
        ("a", "other", "y", None, None),
        ("b", "judge", None, "garbled", None),
        ("c", "judge", None, None, None),
    ]
    found = decisions(answers(*rows), BOOK)
    assert found["unit_id"].tolist() == ["a", "b"]
    assert found["label"].tolist()[0] == "y"
    assert found["reason"].tolist()[1] == "cannot code: garbled"
    assert found.isna().to_numpy().tolist() == [[False, False, True], [False, True, False]]
