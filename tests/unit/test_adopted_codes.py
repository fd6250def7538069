"""Codes from before the study enter it once, and count for what is known of their sampling and no more."""

from pathlib import Path
from typing import Any

import multilabel_study
import numpy as np
import pandas as pd
import pytest
import small_study
import yaml
from typer.testing import CliRunner

from annotator import evidence
from annotator.advance import advance
from annotator.classifiers.coded_texts import coded_texts
from annotator.cli import app
from annotator.errors import StudyError
from annotator.machine_signals import machine_signals
from annotator.state import next_step
from annotator.status import status
from annotator.workspace import (
    Workspace,
    codes,
    gold,
    ledger,
    model_probabilities,
    nonresponse,
    predictions,
    taught,
)

CORPUS = small_study.corpus()
TRUTH = CORPUS.set_index("id")["human"]


def write(folder: Path, units: list[str], section: dict[str, Any], **changes: Any) -> Path:
    """A study that adopts the true codes of some units."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame({"unit_id": units, "coder": "ann", "label": [TRUTH.get(unit, "") for unit in units]})
    rows.to_csv(folder / "codes.csv", index=False)
    return small_study.write(folder, adopted=[{"file": "codes.csv", **section}], **changes)


def of_code(code: str, n: int) -> list[str]:
    return CORPUS.loc[CORPUS["human"] == code, "id"].head(n).tolist()


def drawn(n: int) -> list[str]:
    return CORPUS["id"].sample(n, random_state=4).tolist()


def prevalence(workspace: Workspace, after: int) -> pd.DataFrame:
    rows = workspace.store.read_frame("estimates.parquet")
    mine = rows.query("round == @after and estimand == 'prevalence' and method == 'rounds'")
    return mine.set_index("label")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    path = write(tmp_path_factory.mktemp("known"), of_code("left", 80), {"use": "known"})
    return small_study.run_to_the_end(path)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    path = write(tmp_path_factory.mktemp("training"), of_code("left", 80), {"use": "training"})
    return small_study.run_to_the_end(path)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    section = {"use": "sample", "probability": 0.2}
    return small_study.run_to_the_end(write(tmp_path_factory.mktemp("sample"), drawn(60), section))


def test_adopting_comes_once_before_round_1(tmp_path: Path) -> None:
    path = write(tmp_path, drawn(5), {"use": "known"}, design={"rounds": 1, "budget": 20})
    workspace, seen = Workspace.open(path), []
    while (outcome := advance(workspace)).step.stage != "done":
        seen.append(str(outcome.step))
    rounds = ["open round", "send", "collect", "close round", "rectify", "publish"]
    assert seen == ["ingest", "label", "adopt", *(f"{stage} (round 1)" for stage in rounds)]


def test_known_units_are_never_drawn_and_count_as_they_are(known: Workspace) -> None:
    adopted = known.store.read_frame(ledger(0))
    assert set(adopted["purpose"]) == {"known"}
    assert (adopted["inclusion_probability"] == 1).all()
    assert adopted["drawn"].all()
    for number in (1, 2, 3):
        assert not set(known.store.read_frame(ledger(number))["unit_id"]) & set(adopted["unit_id"])
    assert len(known.store.read_frame(ledger(1))) == 220
    labels = known.store.read_frame("labels.parquet")
    mine = labels[labels["round"] == 0]
    assert len(mine) == 80
    assert (mine["rectified_left"] == 1).all()
    assert (mine["gold"] == "left").all()
    assert labels["round"].value_counts().to_dict() == {0: 80, 1: 20, 2: 20, 3: 20}
    rows = prevalence(known, 3)
    assert rows["n_human"].eq(140).all()
    assert rows["flags"].str.contains("adopted_codes").all()
    assert rows.loc["left", "estimate"] == pytest.approx(labels["rectified_left"].mean())
    assert rows.loc["left", "ci_low"] < (CORPUS["human"] == "left").mean() < rows.loc["left", "ci_high"]


def test_the_budget_is_for_new_codes(known: Workspace) -> None:
    assert [len(known.store.read_frame(gold(number))) for number in (0, 1, 2, 3)] == [80, 20, 20, 20]


def test_units_of_unknown_sampling_stay_to_be_drawn_and_never_count(training: Workspace) -> None:
    adopted = training.store.read_frame(ledger(0))
    assert set(adopted["purpose"]) == {"training"}
    assert adopted["inclusion_probability"].isna().all()
    assert not adopted["drawn"].any()
    assert training.store.read_frame(gold(0)).empty
    assert len(training.store.read_frame(taught(0))) == 80
    assert len(training.store.read_frame(ledger(1))) == 300
    labels = training.store.read_frame("labels.parquet")
    assert labels["gold"].notna().sum() == 60
    assert set(labels["round"].dropna()) == {1, 2, 3}
    rows = prevalence(training, 3)
    assert rows["n_human"].eq(60).all()
    assert not rows["flags"].str.contains("adopted_codes").any()


def test_the_map_of_round_1_learns_from_them(training: Workspace) -> None:
    about = training.store.metadata(ledger(1))
    assert "80 codes" in about["error_map"]
    maps = evidence.corpus_maps(training, machine_signals(training), 3)
    assert maps[0].n_gold == 60, "the map that describes the corpus rests on gold alone"


def test_classifiers_learn_from_them_and_are_not_judged_by_them(training: Workspace) -> None:
    judged, learnt = coded_texts(training), coded_texts(training, taught=True)
    assert len(judged.rows) == 60
    both = set(judged.rows) | set(training.position[of_code("left", 80)])
    assert set(learnt.rows) == both
    new = ~np.isin(learnt.rows, judged.rows)
    assert (learnt.weights[new] == 1).all()
    assert (learnt.rounds[new] == 0).all()


def test_a_sample_is_a_round_of_its_own(sample: Workspace) -> None:
    rows = sample.store.read_frame(ledger(0))
    assert len(rows) == 300
    assert rows["drawn"].sum() == 60
    assert rows["inclusion_probability"].sum() == pytest.approx(60)
    by_fold = rows.groupby("stratum")["drawn"].agg(["mean", "sum"])
    assert (by_fold["sum"] == 12).all()
    assert np.allclose(rows["stratum"].map(by_fold["mean"]), rows["inclusion_probability"])
    (rounds,) = evidence.rounds(sample, 3)
    assert [each.number for each in rounds] == [0, 1, 2, 3]
    assert rounds[0].weight == 1.0
    assert all(0.2 < (each.weight or 0) < 3 for each in rounds[1:])
    labels = sample.store.read_frame("labels.parquet")
    assert labels["round"].value_counts().to_dict() == {0: 60, 1: 20, 2: 20, 3: 20}
    assert labels.filter(like="inclusion_probability_").shape[1] == 4
    assert labels["rectified_left"].mean() == pytest.approx(prevalence(sample, 3).loc["left", "estimate"])
    assert prevalence(sample, 1)["n_human"].eq(80).all()


def test_the_same_study_gives_the_same_files(sample: Workspace, tmp_path: Path) -> None:
    again = write(tmp_path, drawn(60), {"use": "sample", "probability": 0.2})
    tables = small_study.tables(Path(small_study.run_to_the_end(again).store.root))
    assert tables == small_study.tables(Path(sample.store.root))


def test_a_sample_with_probabilities_of_their_own(tmp_path: Path) -> None:
    frame = small_study.corpus()
    frame["pi"] = np.where(frame["party"] == "a", 0.4, 0.1)
    chosen = frame["id"][np.random.default_rng(3).random(300) < frame["pi"]].tolist()
    path = write(tmp_path, chosen, {"use": "sample", "probability_column": "pi"})
    frame.to_csv(tmp_path / "corpus.csv", index=False)
    workspace = small_study.run_to_the_end(path)
    rows = workspace.store.read_frame(ledger(0))
    assert rows["inclusion_probability"].tolist() == frame["pi"].tolist()
    assert not evidence.rounds(workspace, 3)[0][0].fixed_size
    frame.assign(pi=frame["pi"].where(frame.index > 0, 0)).to_csv(tmp_path / "corpus.csv", index=False)
    other = write(tmp_path, chosen, {"use": "sample", "probability_column": "pi"}, output="other")
    frame.assign(pi=frame["pi"].where(frame.index > 0, 0)).to_csv(tmp_path / "corpus.csv", index=False)
    with pytest.raises(StudyError, match="no probability above 0 and up to 1 for 1 units, first u0000"):
        small_study.run_to_the_end(other)


def test_probabilities_that_do_not_fit_are_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path, drawn(60), {"use": "sample", "probability": 0.5})
    with pytest.raises(StudyError, match="would draw about 150 of the 300"):
        small_study.run_to_the_end(path)
    assert str(next_step(Workspace.open(path))) == "adopt"


def test_units_of_a_sample_without_a_code_are_never_dropped_silently(tmp_path: Path) -> None:
    units, section = drawn(60), {"use": "sample", "probability": 0.2}
    path = write(tmp_path, units, section)
    rows = pd.read_csv(tmp_path / "codes.csv")
    rows.loc[[3, 4], "label"] = ["", "a martian"]
    rows.to_csv(tmp_path / "codes.csv", index=False)
    with pytest.raises(StudyError, match="2 drawn units have no usable code"):
        small_study.run_to_the_end(path)
    small_study.write(tmp_path, adopted=[{"file": "codes.csv", **section, "uncoded": "adjust"}])
    workspace = small_study.run_to_the_end(path)
    lost = workspace.store.read_frame(nonresponse(0))
    assert set(lost["unit_id"]) == set(units[3:5])
    assert (lost["response_rate"] == 58 / 60).all()
    assert evidence.drawn_in(workspace, 0).drawn.sum() == 58
    assert prevalence(workspace, 1)["flags"].str.contains("nonresponse_adjusted").all()


def test_what_a_sample_holds_has_to_be_found(tmp_path: Path) -> None:
    section = {"use": "sample", "probability": 0.2}
    path = write(tmp_path, [*drawn(60), "nobody"], section)
    with pytest.raises(StudyError, match="1 tasks or rows are no certain unit"):
        small_study.run_to_the_end(path)
    small_study.write(tmp_path, adopted=[{"file": "codes.csv", **section, "uncoded": "adjust"}])
    rows = prevalence(small_study.run_to_the_end(path), 1)
    assert not rows["flags"].str.contains("nonresponse_adjusted").any(), "nothing of this corpus is missing"


def test_training_beside_a_sample(tmp_path: Path) -> None:
    units = drawn(60)
    path = write(tmp_path, units, {"use": "sample", "probability": 0.2})
    others = of_code("left", 80)
    pd.DataFrame({"unit_id": others, "label": "left"}).to_csv(tmp_path / "more.csv", index=False)
    data = yaml.safe_load(path.read_text())
    data["adopted"].append({"file": "more.csv", "use": "training"})
    path.write_text(yaml.safe_dump(data))
    workspace = small_study.run_to_the_end(path)
    rows = workspace.store.read_frame(ledger(0)).set_index("unit_id")
    assert rows.index.is_unique
    for_training = set(others) - set(units)
    assert set(rows.index[rows["purpose"] == "training"]) == for_training
    assert set(rows.index[rows["drawn"]]) == set(units)
    assert set(workspace.store.read_frame(taught(0))["unit_id"]) == for_training


def test_a_corpus_coded_whole_needs_no_round(tmp_path: Path) -> None:
    path = write(tmp_path, CORPUS["id"].tolist(), {"use": "known"})
    workspace = small_study.run_to_the_end(path)
    assert status(workspace).ended_because == "every unit of the corpus is coded"
    assert not workspace.store.exists(ledger(1))


def test_a_stopping_rule_counts_the_codes_of_the_plan_alone(tmp_path: Path) -> None:
    stop = {"half_width": 0.01, "estimand": "prevalence"}
    design = {"rounds": 2, "budget": 40, "stop": stop}
    for use in ({"use": "known"}, {"use": "sample", "probability": 0.2}):
        workspace = small_study.run_to_the_end(
            write(tmp_path / use["use"], drawn(60), use, design=design)  # type: ignore[arg-type]
        )
        assert prevalence(workspace, 2)["flags"].str.contains("confidence_sequence").all()


def test_until_round_1_opens_what_is_adopted_can_be_changed(tmp_path: Path) -> None:
    path = write(tmp_path, drawn(60), {"use": "sample", "probability": 0.2})
    while str(next_step(Workspace.open(path))) != "open round (round 1)":
        advance(Workspace.open(path))
    small_study.write(tmp_path, adopted=[{"file": "codes.csv", "use": "training"}])
    assert str(next_step(Workspace.open(path))) == "adopt"
    assert "nothing is written yet" in CliRunner().invoke(app, ["adopt", str(path)]).output
    advance(Workspace.open(path))
    workspace = Workspace.open(path)
    assert (workspace.store.n_rows(gold(0)), workspace.store.n_rows(taught(0))) == (0, 60)
    small_study.write(tmp_path)
    workspace = small_study.run_to_the_end(path)
    assert [len(workspace.store.read_frame(gold(number))) for number in range(4)] == [0, 20, 20, 20]
    assert [each.number for each in evidence.rounds(workspace, 3)[0]] == [1, 2, 3]
    assert not prevalence(workspace, 3)["flags"].str.contains("adopted").any()


def test_codes_added_or_changed_too_late_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, drawn(9), {"use": "known"})
    other = small_study.write(tmp_path / "other")
    for each in (path, other):
        while str(next_step(Workspace.open(each))) != "send (round 1)":
            advance(Workspace.open(each))
    small_study.write(tmp_path, adopted=[{"file": "codes.csv", "use": "training"}])
    write(tmp_path / "other", drawn(9), {"use": "known"})
    for each in (path, other):
        with pytest.raises(StudyError, match="changed after round 1 had been opened"):
            next_step(Workspace.open(each))


def test_a_source_that_fits_nothing_does_not_enter(tmp_path: Path) -> None:
    path = write(tmp_path, ["a", "b"], {"use": "training"})
    with pytest.raises(StudyError, match="no unit of this corpus has a code in it"):
        small_study.run_to_the_end(path)


def test_a_killed_adoption_is_done_anew(tmp_path: Path) -> None:
    path = write(tmp_path, drawn(60), {"use": "sample", "probability": 0.2})
    workspace = small_study.run_to_the_end(path)
    root = Path(workspace.store.root)
    before = small_study.tables(root)
    for place in (*root.glob("rounds/00[123]/*"), root / gold(0), *root.glob("*.parquet")):
        if place.name != "corpus.parquet":
            place.unlink()
    assert str(next_step(Workspace.open(path))) == "adopt"
    small_study.run_to_the_end(path)
    assert small_study.tables(root) == before
    assert (root / codes(0)).exists()
    assert (root / predictions(0)).exists()


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ([{"file": "a.csv", "project": 3, "use": "known"}], "name either a `project` or a `file`"),
        ([{"use": "known"}], "name either a `project` or a `file`"),
        ([{"file": "a.csv"}], "line 33, adopted.0.use: this key is missing"),
        ([{"file": "a.csv", "use": "sample"}], "needs the probability"),
        ([{"file": "a.csv", "use": "known", "probability": 0.1}], "goes with `use: sample`"),
        ([{"file": "a.csv", "use": "sample", "probability": 1.1}], "adopted.0.probability"),
        ([{"file": "a.csv", "use": "training", "lables": {}}], "did you mean 'labels'"),
        ([{"file": "a.csv", "use": "training", "labels": {"x": "martian"}}], "'martian', which is no code"),
        ([{"project": 3, "use": "training"}], "which is no Label Studio"),
        (
            [
                {"file": "a.csv", "use": "known"},
                {"file": "b.csv", "use": "sample", "probability": 0.1},
            ],
            "beside a sample no units can be known",
        ),
        (
            [
                {"file": "a.csv", "use": "sample", "probability": 0.2},
                {"file": "b.csv", "use": "sample", "probability": 0.1},
            ],
            "one draw",
        ),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(
    tmp_path: Path, sections: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(StudyError) as caught:
        Workspace.open(small_study.write(tmp_path, adopted=sections))
    assert said in caught.value.message


def test_the_command_shows_what_would_enter_and_what_did(tmp_path: Path) -> None:
    path = write(tmp_path, [*drawn(60), "nobody"], {"use": "known"})
    runner = CliRunner()
    result = runner.invoke(app, ["adopt", str(path)])
    assert result.exit_code == 0, result.output
    assert "nothing is written yet" in result.output
    assert "no unit of the corpus" in result.output
    assert not (tmp_path / "out").exists()
    before = yaml.safe_load(runner.invoke(app, ["adopt", str(path), "--json"]).output)
    small_study.run_to_the_end(path)
    (tmp_path / "codes.csv").unlink()
    after = yaml.safe_load(runner.invoke(app, ["adopt", str(path), "--json"]).output)
    assert (before["entered"], after["entered"]) == (False, True)
    assert before["sources"] == after["sources"]
    assert after["sources"][0]["unmatched"] == 1
    bare = runner.invoke(app, ["adopt", str(small_study.write(tmp_path / "bare"))])
    assert isinstance(bare.exception, StudyError)


def test_the_command_says_that_texts_were_not_compared(tmp_path: Path) -> None:
    path = write(tmp_path, drawn(5), {"use": "known"})
    result = CliRunner().invoke(app, ["adopt", str(path)])
    assert "5 texts were not compared" in result.output
    rows = pd.read_csv(tmp_path / "codes.csv").assign(
        text=CORPUS.set_index("id")["text"].loc[drawn(5)].tolist()
    )
    rows.to_csv(tmp_path / "codes.csv", index=False)
    assert "texts were not compared with" not in CliRunner().invoke(app, ["adopt", str(path)]).output


@pytest.mark.parametrize(
    ("units", "section", "refusal"),
    [
        ([*drawn(60), "nobody"], {"use": "sample", "probability": 0.2}, "no certain unit"),
        (drawn(60), {"use": "sample", "probability": 0.5}, "would draw about 150"),
        (["a", "b"], {"use": "training"}, "no unit of this corpus has a code"),
    ],
)
def test_the_command_refuses_what_would_not_enter(
    tmp_path: Path, units: list[str], section: dict[str, Any], refusal: str
) -> None:
    result = CliRunner().invoke(app, ["adopt", str(write(tmp_path, units, section))])
    assert "nothing is written yet" in result.output, "what does not fit is shown first"
    assert isinstance(result.exception, StudyError)
    assert refusal in str(result.exception)


def test_the_command_refuses_a_sample_with_uncoded_units(tmp_path: Path) -> None:
    section = {"use": "sample", "probability": 0.2}
    path = write(tmp_path, drawn(60), section)
    rows = pd.read_csv(tmp_path / "codes.csv")
    rows.loc[3, "label"] = "a martian"
    rows.to_csv(tmp_path / "codes.csv", index=False)
    result = CliRunner().invoke(app, ["adopt", str(path)])
    assert "1 drawn units have no usable code" in str(result.exception)
    small_study.write(tmp_path, adopted=[{"file": "codes.csv", **section, "uncoded": "adjust"}])
    assert CliRunner().invoke(app, ["adopt", str(path)]).exit_code == 0


def test_the_report_says_where_codes_are_from(known: Workspace, training: Workspace) -> None:
    page = known.store.read_bytes("report.html").decode()
    assert "80</b> units were coded before the study" in page
    assert "taken for true" in page
    assert "only the error map learnt" in training.store.read_bytes("report.html").decode()


def test_an_interval_that_leans_on_known_units_says_how_few_were_drawn(tmp_path: Path) -> None:
    design = {"rounds": 1, "budget": 1}
    workspace = small_study.run_to_the_end(write(tmp_path, drawn(50), {"use": "known"}, design=design))
    rows = prevalence(workspace, 1)
    assert rows["n_human"].eq(51).all()
    assert rows["flags"].str.contains("few_coded_units").all()
    assert (rows["ci_high"] - rows["ci_low"] > 0.2).all()


@pytest.mark.parametrize(
    "section", [{"use": "known"}, {"use": "sample", "probability": 0.2}, {"use": "training"}]
)
def test_sets_of_codes_enter_too(tmp_path: Path, section: dict[str, Any]) -> None:
    corpus = multilabel_study.corpus()
    sections = {**multilabel_study.sections(), "adopted": [{"file": "codes.csv", **section}]}
    path = small_study.write(tmp_path, corpus, design={"rounds": 2, "budget": 80}, **sections)
    chosen = corpus.sample(round(0.2 * len(corpus)), random_state=1)
    rows = pd.DataFrame({"unit_id": chosen["id"], "label": chosen["human"]})
    rows.to_csv(tmp_path / "codes.csv", index=False)
    workspace = small_study.run_to_the_end(path)
    labels = workspace.store.read_frame("labels.parquet").set_index("unit_id")
    is_gold = labels.loc[chosen["id"], "round"].eq(0)
    assert is_gold.all() if section["use"] != "training" else not is_gold.any()
    if section["use"] == "known":
        gold_of = labels.loc[chosen["id"]]
        for code in multilabel_study.CODES:
            has = gold_of["gold"].str.split(";").map(lambda codes, code=code: code in codes)
            assert (gold_of[f"rectified_{code}"] == has).all()


def test_a_classifier_in_the_loop_never_judges_an_adopted_text_that_it_has_seen(tmp_path: Path) -> None:
    model = {"kind": "tfidf_logistic"}
    path = write(tmp_path, drawn(60), {"use": "training"}, model=model, design={"rounds": 2, "budget": 60})
    workspace = small_study.run_to_the_end(path)
    learnt = set(workspace.store.read_frame(taught(0))["unit_id"])
    rows = workspace.store.read_frame(model_probabilities(1)).set_index("unit_id")
    assert len(learnt) == 60
    assert rows.loc[sorted(learnt), "out_of_fold"].all()
    assert workspace.store.metadata(model_probabilities(1))["n_coded"] > 60
