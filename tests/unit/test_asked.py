"""Questions of a study file become estimands of its corpus; what cannot be answered is refused by name."""

import numpy as np
import pandas as pd
import pytest
import small_study
from small_study import CODES

from annotator import evidence
from annotator.errors import StudyError
from annotator.stages.ingest import ingest
from annotator.workspace import Workspace

N = 300


def frame():
    rng = np.random.default_rng(3)
    corpus = small_study.corpus(N)
    corpus["age"] = rng.integers(18, 90, N)
    corpus["urban"] = rng.integers(0, 2, N)
    corpus["region"] = rng.choice(["north", "south", "west"], N)
    corpus["votes"] = rng.poisson(2.0, N)
    corpus["income"] = np.where(rng.random(N) < 0.1, np.nan, rng.normal(30, 5, N).round(1))
    corpus["same"] = 1
    corpus["born"] = 2026 - corpus["age"]
    corpus["distance"] = np.where(corpus["age"] == corpus["age"].max(), np.inf, corpus["age"])
    corpus["weight"] = rng.uniform(0.5, 2, N).round(2)
    corpus["author"] = rng.integers(0, 40, N)
    return corpus


COVARIATES = ["party", "age", "urban", "region", "votes", "income", "same", "born", "distance"]


def study(folder, *questions, codebook=None, corpus=None, **changes):
    sections = {
        "corpus": {"path": "corpus.csv", "id": "id", "text": "text", "covariates": COVARIATES}
        | (corpus or {}),
        "estimands": list(questions),
    }
    if codebook:
        sections["codebook"] = codebook
    return small_study.write(folder, frame(), **sections, **changes)


def solved(folder, question, **sections):
    """The solutions of one question on the true codes, as if all machine labels were right."""
    data = frame()
    data["machine"] = data["human"]
    path = study(folder, question, **sections)
    data.to_csv(folder / "corpus.csv", index=False)
    workspace = Workspace.open(path)
    ingest(workspace)
    from annotator.stages.label import label  # noqa: PLC0415

    label(workspace, lambda *_: None)
    truth = np.eye(3)[pd.Categorical(data["human"], categories=CODES).codes]
    (asked,) = evidence.asked(workspace)
    return [estimand.solve(truth) for estimand in asked.estimands], data


NUMERIC = {
    "question": "How much?",
    "type": "ordinal",
    "labels": [{"name": code, "value": value} for code, value in zip(CODES, (1, 2, 5), strict=True)],
}


def test_means_shares_and_contrasts_are_those_of_the_codes(tmp_path):
    (shares,), data = solved(tmp_path / "a", {"name": "q", "kind": "mean"})
    assert shares.values == pytest.approx([(data["human"] == code).mean() for code in CODES])
    (means,), data = solved(
        tmp_path / "b", {"name": "q", "kind": "mean", "of": "number", "by": "party"}, codebook=NUMERIC
    )
    number = data["human"].map(dict(zip(CODES, (1, 2, 5), strict=True)))
    assert means.values == pytest.approx(number.groupby(data["party"]).mean())
    question = {
        "name": "q",
        "kind": "difference",
        "by": "region",
        "groups": ["west", "north"],
        "label": "right",
    }
    (gap,), data = solved(tmp_path / "c", question)
    share = (data["human"] == "right").groupby(data["region"]).mean()
    assert gap.values == pytest.approx([share["west"] - share["north"]])
    (ratio,), data = solved(tmp_path / "d", {"name": "q", "kind": "ratio", "labels": ["left", "neither"]})
    counts = data["human"].value_counts()
    assert np.exp(ratio.values) == pytest.approx([counts["left"] / counts["neither"]])


def test_regressions_have_named_terms_and_the_label_on_either_side(tmp_path):
    question = {"name": "q", "kind": "logit", "outcome": "left", "covariates": ["age", "region"]}
    (outcome,), _ = solved(tmp_path / "a", question)
    assert [t.term for t in outcome.terms] == ["intercept", "age", "region=south", "region=west"]
    assert {t.label for t in outcome.terms} == {0}
    question = {"name": "q", "kind": "poisson", "outcome": "votes", "covariates": ["label", "age"]}
    (covariate,), data = solved(tmp_path / "b", question)
    assert [t.term for t in covariate.terms] == ["intercept", "age", "label=right", "label=neither"]
    question = {"name": "q", "kind": "ols", "outcome": "votes", "covariates": ["right"]}
    (one,), data = solved(tmp_path / "c", question)
    means = data["votes"].groupby(data["human"] == "right").mean()
    assert one.values == pytest.approx([means[False], means[True] - means[False]])
    question = {"name": "q", "kind": "ols", "outcome": "label", "covariates": ["urban"]}
    (number,), data = solved(tmp_path / "d", question, codebook=NUMERIC)
    means = data["human"].map(dict(zip(CODES, (1, 2, 5), strict=True))).groupby(data["urban"]).mean()
    assert number.values == pytest.approx([means[0], means[1] - means[0]])


def test_a_regression_by_group_is_one_estimand_a_group(tmp_path):
    question = {"name": "q", "kind": "ols", "outcome": "left", "covariates": ["urban"], "by": "party"}
    groups, data = solved(tmp_path, question)
    assert [solution.terms[0].group for solution in groups] == ["a", "b"]
    for solution, name in zip(groups, ("a", "b"), strict=True):
        inside = data[data["party"] == name]
        means = (inside["human"] == "left").groupby(inside["urban"]).mean()
        assert solution.values == pytest.approx([means[0], means[1] - means[0]])
        assert (solution.support(0) == np.flatnonzero(data["party"] == name)).all()


def test_units_with_missing_covariates_are_refused_or_left_out_on_request(tmp_path):
    question = {"name": "q", "kind": "ols", "outcome": "left", "covariates": ["income"]}
    with pytest.raises(StudyError, match=r"'q': the column 'income' is missing for \d+ units"):
        solved(tmp_path / "a", question)
    (solution,), data = solved(tmp_path / "b", question | {"missing": "drop"})
    there = data[data["income"].notna()]
    slope = np.polyfit(there["income"], there["human"] == "left", 1)[0]
    assert solution.values[1] == pytest.approx(slope)


def test_odds_ratios_quantiles_and_agreement(tmp_path):
    question = {"name": "q", "kind": "odds_ratio", "label": "left", "feature": "region=west"}
    (odds,), data = solved(tmp_path / "a", question)
    table = pd.crosstab(data["region"] == "west", data["human"] == "left").to_numpy()
    assert np.exp(odds.values) == pytest.approx([table[1, 1] * table[0, 0] / (table[1, 0] * table[0, 1])])
    (median,), _ = solved(tmp_path / "b", {"name": "q", "kind": "quantile", "q": [0.75]}, codebook=NUMERIC)
    assert median.found.tolist() == [2.0]
    (right,), _ = solved(tmp_path / "c", {"name": "q", "kind": "agreement", "statistics": ["accuracy"]})
    assert right.values == pytest.approx([1.0])


def test_weights_of_the_corpus_count(tmp_path):
    (shares,), data = solved(tmp_path, {"name": "q", "kind": "mean"}, corpus={"weight": "weight"})
    expected = [np.average(data["human"] == code, weights=data["weight"]) for code in CODES]
    assert shares.values == pytest.approx(expected)


OWN = """
import numpy as np

class MeanVotes:
    terms, start = ("votes",), np.zeros(1)

    def __init__(self, units, codes, code):
        self.votes, self.code = units["votes"].to_numpy(float), codes.index(code)

    def score(self, theta, code):
        return (self.votes - theta[0])[:, None] * (code == self.code)
"""


def test_an_estimand_of_ones_own(tmp_path):
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "mine.py").write_text(OWN)
    question = {"name": "q", "kind": "custom", "path": "mine.py", "class": "MeanVotes"}
    (solution,), data = solved(tmp_path, question | {"options": {"code": "right"}})
    assert solution.values == pytest.approx([data["votes"][data["human"] == "right"].mean()])
    with pytest.raises(StudyError, match=r"mine.py cannot give a MeanVotes: .*not in"):
        solved(tmp_path / "..", question | {"path": str(tmp_path / "mine.py"), "options": {"code": "up"}})


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"kind": "ols", "outcome": "left", "covariates": ["same"]}, "'same' is the same for every unit"),
        (
            {"kind": "ols", "outcome": "left", "covariates": ["age", "party", "born"]},
            "'born' follows from those before it",
        ),
        ({"kind": "multinomial_logit", "covariates": ["distance"]}, "'distance' is infinite for a unit"),
        ({"kind": "ols", "outcome": "left", "covariates": ["nothing"]}, "'nothing', which is not among"),
        ({"kind": "ols", "outcome": "votes", "covariates": ["age"]}, "does not involve the label"),
        ({"kind": "ols", "outcome": "left", "covariates": ["right"]}, "outcome and among its covariates"),
        ({"kind": "ols", "outcome": "label", "covariates": ["age"]}, "needs codes that are numbers"),
        ({"kind": "logit", "outcome": "label", "covariates": ["age"]}, "outcome of a logit is a code"),
        ({"kind": "logit", "outcome": "votes", "covariates": ["left"]}, "of a logit is 0 or 1"),
        (
            {"kind": "ols", "outcome": "region", "covariates": ["left"]},
            "needs numbers in the column 'region'",
        ),
        ({"kind": "odds_ratio", "label": "up", "feature": "urban"}, "names the code 'up'"),
        (
            {"kind": "odds_ratio", "label": "left", "feature": "region"},
            "has 3 values where a feature has two",
        ),
        ({"kind": "odds_ratio", "label": "left", "feature": "region=east"}, "no unit has region=east"),
        ({"kind": "difference", "by": "region"}, "has 3 values where two are compared"),
        ({"kind": "difference"}, "compares either groups"),
        ({"kind": "difference", "by": "party", "groups": ["a", "z"]}, "has no value 'z'"),
        ({"kind": "quantile"}, "needs codes that are numbers"),
        ({"kind": "agreement", "annotator": "nobody"}, "no machine annotator"),
        ({"kind": "custom", "path": "absent.py", "class": "X"}, "no file absent.py"),
        ({"kind": "mean", "by": "nothing"}, "'nothing', which is not among corpus.covariates"),
    ],
)
def test_what_cannot_be_answered_is_refused_before_anything_is_labelled(tmp_path, question, message):
    path = study(tmp_path, {"name": "q", **question})
    with pytest.raises(StudyError) as caught:
        ingest(Workspace.open(path))
    assert message in str(caught.value)
    assert "estimand 'q'" in str(caught.value)
    assert not list(tmp_path.glob("out/**/*.parquet"))


@pytest.mark.parametrize(("column", "message"), [("votes", "not positive"), ("region", "not positive")])
def test_weights_must_be_positive_numbers(tmp_path, column, message):
    path = study(tmp_path, {"name": "q", "kind": "mean"}, corpus={"weight": column, "covariates": []})
    with pytest.raises(StudyError, match=message):
        ingest(Workspace.open(path))


def test_every_kind_runs_through_a_whole_study(tmp_path):
    questions = [
        {"name": "shares", "kind": "mean"},
        {"name": "gap", "kind": "difference", "by": "party"},
        {"name": "drivers", "kind": "logit", "outcome": "left", "covariates": ["age", "party"]},
        {"name": "effect", "kind": "ols", "outcome": "votes", "covariates": ["label", "age"]},
        {"name": "all", "kind": "multinomial_logit", "covariates": ["urban"]},
        {"name": "odds", "kind": "odds_ratio", "label": "right", "feature": "urban"},
        {"name": "level", "kind": "quantile"},
        {"name": "skill", "kind": "agreement"},
        {"name": "hopeless", "kind": "logit", "outcome": "neither", "covariates": ["age"], "by": "votes"},
    ]
    path = study(
        tmp_path,
        *questions,
        codebook=NUMERIC,
        corpus={"weight": "weight", "cluster": "author"},
        population="superpopulation",
        design={"rounds": 2, "budget": 60},
    )
    workspace = small_study.run_to_the_end(path)
    rows = workspace.store.read_frame("estimates.parquet")
    assert set(rows["estimand"]) == {question["name"] for question in questions}
    refused = rows["flags"].str.contains("not_estimable")
    assert (rows.loc[refused, "estimand"] == "hopeless").any()
    numbers = rows.loc[~refused, ["estimate", "std_error", "ci_low", "ci_high"]]
    assert np.isfinite(numbers).all(axis=None)
    ours = rows[(rows["method"] == "rounds") & ~refused & ~rows["flags"].str.contains("outside")]
    assert (ours["ci_low"] <= ours["estimate"]).all()
    assert (ours["estimate"] <= ours["ci_high"]).all()
    report = workspace.store.read_bytes("report.html").decode()
    assert "There is no finite answer" in report


def test_a_group_within_one_cluster_is_flagged_and_the_others_are_answered(tmp_path):
    data = frame()
    data["author"] = np.where(data["party"] == "a", -1, data["author"])
    path = study(
        tmp_path,
        {"name": "q", "kind": "mean", "by": "party"},
        corpus={"cluster": "author"},
        population="superpopulation",
    )
    data.to_csv(tmp_path / "corpus.csv", index=False)
    rows = small_study.run_to_the_end(path).store.read_frame("estimates.parquet")
    ours = rows[rows["method"] == "rounds"].set_index("group")
    assert ours.loc["a", "flags"].eq("not_estimable").all()
    assert ours.loc["a", "estimate"].isna().all()
    assert np.isfinite(ours.loc["b", ["estimate", "ci_low", "ci_high"]]).all(axis=None)
