"""Rules for gold beside the majority: experts win, or the likeliest code by a model."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from annotator.codebook import Code, Codebook
from annotator.coders import Gold
from annotator.coding import gold_rule
from annotator.coding.ratings import label_ratings, ratings, together

BOOK = Codebook(question="Which?", labels=[Code(name=name) for name in ("yes", "no", "unclear")])
SETS = Codebook(question="Which?", type="multilabel", labels=[Code(name=name) for name in ("a", "b", "c")])


def codes(*rows):
    frame = pd.DataFrame(rows, columns=["unit_id", "coder", "label"])
    return frame.assign(skipped=frame["label"].isna())


def gold(rule, found, *, earlier=None, book=BOOK, seed=0):
    drawn = sorted(set(found["unit_id"]))
    return gold_rule.apply(
        rule,
        found,
        codes() if earlier is None else earlier,
        drawn=drawn,
        overlap=dict.fromkeys(drawn, 1),
        codebook=book,
        rng=np.random.default_rng(seed),
    )


def as_lists(frame):
    return frame[["unit_id", "label", "how"]].to_numpy().tolist()


def test_an_expert_settles_the_units_that_the_expert_coded():
    found = codes(
        ("a", "ann", "yes"), ("a", "ben", "yes"), ("a", "prof", "no"), ("b", "ann", "no"), ("b", "ben", "no")
    )
    formed, behind = gold(Gold(rule="expert", experts=("prof",)), found)
    assert as_lists(formed) == [["a", "no", "expert"], ["b", "no", "agreed"]]
    assert behind is None


@pytest.mark.parametrize("rule", ["expert", "dawid_skene"])
def test_experts_are_found_whatever_the_case_of_their_names(rule):
    found = codes(("a", "ann", "yes"), ("a", "prof@example.org", "no"))
    formed, _ = gold(Gold(rule=rule, experts=("Prof@Example.org",)), found)
    assert as_lists(formed) == [["a", "no", "expert"]]
    alone, behind = gold(Gold(rule=rule, experts=("PROF",)), codes(("a", "prof", "no")))
    assert as_lists(alone) == [["a", "no", "expert"]]
    assert (behind is None) == (rule == "expert"), "an expert alone teaches the model"


def test_an_expert_named_twice_is_refused_whatever_the_case():
    with pytest.raises(ValidationError, match="given twice"):
        Gold(rule="expert", experts=("Prof", "prof"))


def test_what_an_expert_skipped_or_answered_off_the_codebook_settles_nothing():
    found = codes(("a", "ann", "yes"), ("a", "prof", None), ("b", "ann", "no"), ("b", "prof", "perhaps"))
    formed, _ = gold(Gold(rule="expert", experts=("prof",)), found)
    assert as_lists(formed) == [["a", "yes", "single"], ["b", "no", "single"]]


def test_the_model_trusts_the_coder_who_is_right_more_often():
    rng = np.random.default_rng(1)
    truth = rng.choice(["yes", "no"], 200)
    rows = []
    for at, label in enumerate(truth):
        other = "no" if label == "yes" else "yes"
        rows.append((f"u{at:03d}", "good", label if rng.random() < 0.97 else other))
        rows += [(f"u{at:03d}", coder, label if rng.random() < 0.65 else other) for coder in ("poor", "weak")]
    formed, behind = gold(Gold(rule="dawid_skene"), codes(*rows))
    majority, _ = gold(Gold(), codes(*rows))
    right, as_majority = ((each["label"].to_numpy() == truth).mean() for each in (formed, majority))
    assert right > 0.88
    assert right > as_majority + 0.02
    assert set(formed["how"]) == {"dawid_skene"}
    assert behind["unit_id"].tolist() == formed["unit_id"].tolist()
    assert behind[list(BOOK.names)].sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert behind[list(BOOK.names)].idxmax(axis=1).tolist() == formed["label"].tolist()


def test_codes_of_earlier_rounds_teach_the_model():
    earlier = codes(
        *((f"e{i}", coder, "yes" if i % 2 else "no") for i in range(40) for coder in ("ann", "cy"))
    )
    slips = codes(*((f"e{i}", "ben", "no" if i % 3 else "yes") for i in range(40)))
    tie = codes(("u", "ann", "yes"), ("u", "ben", "no"))
    both = pd.concat([earlier, slips])
    found = {gold(Gold(rule="dawid_skene"), tie, earlier=both, seed=seed)[0]["label"][0] for seed in range(8)}
    assert found == {"yes"}
    alone = {gold(Gold(rule="dawid_skene"), tie, seed=seed)[0]["label"][0] for seed in range(20)}
    assert alone == {"yes", "no"}, "with nothing to tell them apart the lot decides"


def test_experts_are_known_to_the_model_where_they_agree():
    found = codes(
        ("a", "ann", "yes"),
        ("a", "prof", "no"),
        ("b", "prof", "no"),
        ("b", "dean", "yes"),
        ("c", "ann", "unclear"),
    )
    formed, behind = gold(Gold(rule="dawid_skene", experts=("prof", "dean")), found)
    assert formed["how"].tolist() == ["expert", "dawid_skene", "dawid_skene"]
    assert formed["label"][0] == "no"
    assert behind.loc[0, "no"] == 1.0
    assert behind.loc[1, list(BOOK.names)].max() < 1.0


def test_where_nothing_shows_how_coders_err_gold_is_formed_as_without_the_model():
    found = codes(("a", "ann", "yes"), ("b", "ben", "no"))
    formed, behind = gold(Gold(rule="dawid_skene"), found)
    assert as_lists(formed) == [["a", "yes", "single"], ["b", "no", "single"]]
    assert behind is None


def test_sets_of_codes_are_modelled_code_by_code():
    said = {"u1": "a;b", "u2": "none", "u3": "c", "u4": "a", "u5": "b;c", "u6": "none"}
    rows = [(unit, coder, label) for unit, label in said.items() for coder in ("ann", "ben", "cy")]
    formed, behind = gold(Gold(rule="dawid_skene"), codes(*rows), book=SETS)
    assert formed["label"].tolist() == list(said.values())
    assert (behind.loc[1, ["a", "b", "c"]] < 0.5).all()


def test_an_expert_may_say_that_no_code_applies():
    rows = codes(("u1", "ann", "a"), ("u1", "prof", "none"), ("u2", "ann", "b"), ("u2", "ben", "b"))
    formed, _ = gold(Gold(rule="dawid_skene", experts=("prof",)), rows, book=SETS)
    assert as_lists(formed)[0] == ["u1", "none", "expert"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"rule": "expert"}, "needs `experts`"),
        ({"rule": "majority", "experts": ["ann"]}, "has no experts"),
        ({"rule": "expert", "experts": ["ann", "ann"]}, "given twice: ann"),
        ({"rule": "median"}, "dawid_skene"),
    ],
)
def test_rules_that_make_no_sense_are_refused(section, said):
    with pytest.raises(ValidationError, match=said):
        Gold(**section)


def test_ratings_take_the_last_label_of_a_coder_and_nothing_else():
    found = ratings(
        codes(
            ("b", "ben", "no"),
            ("b", "ben", "yes"),
            ("a", "ann", "unclear"),
            ("a", "cy", None),
            ("a", "dee", "other"),
        ),
        BOOK,
    )
    assert (found.units, found.coders) == (("a", "b"), ("ann", "ben"))
    assert found.whole()[0].tolist() == [[2, -1], [-1, 0]]
    assert found.of(["b", "new"]).whole()[0].tolist() == [[-1, 0], [-1, -1]]


def test_sets_of_codes_are_told_apart_as_wholes_and_code_by_code():
    rows = codes(("u", "ann", "a;b"), ("u", "ben", "B; A"), ("v", "ann", "none"), ("v", "ben", "a"))
    found = ratings(rows, SETS)
    whole, n_kinds = found.whole()
    assert n_kinds == 3
    assert whole[0, 0] == whole[0, 1] != whole[1, 0] != whole[1, 1]
    assert found.of_code(1).tolist() == [[1, 1], [0, 0]]


def test_gold_and_machines_stand_beside_the_coders():
    people = ratings(codes(("u", "ann", "yes"), ("v", "ann", "no")), BOOK)
    machine = label_ratings(["u", "v"], pd.Series(["no", None]), BOOK, "gpt")
    silent = label_ratings(["u", "v"], pd.Series([None, None], dtype=object), BOOK, "old")
    joined = together(people, machine, silent)
    assert joined.coders == ("ann", "gpt", "old")
    assert joined.whole()[0].tolist() == [[0, 1, -1], [1, -1, -1]]
