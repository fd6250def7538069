"""`annotator plan`: it says what it rests on, counts what is done, and leaves no trace."""

import json
import math

import adjudicated_study
import pandas as pd
import pytest
import small_study
import typer
from typer.testing import CliRunner

from annotator import schema
from annotator.advance import advance
from annotator.commands.plan import costs_table
from annotator.commands.plan import plan as plan_command
from annotator.errors import AnnotatorError, StudyError
from annotator.labeling.protocol import MachineLabel, to_table
from annotator.plan.budgets import Stand, choose, round_sizes
from annotator.plan.costs import coding, machine_costs, tokens_from_lengths
from annotator.plan.study import Options, plan_study
from annotator.stages.disagreement import disagreeing
from annotator.stages.ingest import ingest
from annotator.status import status
from annotator.study import Design
from annotator.workspace import Workspace, adjudications, codes, shard

ESTIMANDS = [
    {"name": "prevalence", "kind": "mean"},
    {"name": "by_party", "kind": "mean", "by": "party"},
    {"name": "odds", "kind": "odds_ratio", "label": "left", "feature": "party"},
    {"name": "drivers", "kind": "logit", "outcome": "left", "covariates": ["party"]},
    {"name": "machine", "kind": "agreement", "statistics": ["accuracy"]},
]


def test_budgets_fit_the_corpus_and_the_rounds():
    design = Design(rounds=4, budget=100)
    start = Stand(n_units=300, n_coded=0, n_open=0, n_rounds_left=4)
    assert choose(None, design, start) == [25, 50, 100, 200]
    assert choose([200, 4, 200], design, start) == [4, 200]
    assert round_sizes(102, start) == [26, 26, 25, 25]
    later = Stand(n_units=300, n_coded=25, n_open=25, n_rounds_left=2)
    assert choose(None, design, later) == [50, 100, 200]
    assert round_sizes(100, later) == [25, 25, 25]
    last = Stand(n_units=300, n_coded=75, n_open=25, n_rounds_left=0)
    assert round_sizes(100, last) == [25]
    assert round_sizes(150, last) == [25, 50]
    with pytest.raises(StudyError, match="49 is too small: 25 units are coded and 25 more are drawn"):
        choose([49], design, later)
    assert round_sizes(50, later) == [25]
    with pytest.raises(StudyError, match="nothing to plan"):
        choose(None, design, Stand(n_units=300, n_coded=300, n_open=0, n_rounds_left=1))


def invoke(*arguments):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(plan_command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_plan_at_every_stage_says_what_it_rests_on_and_leaves_no_trace(tmp_path):
    path = small_study.write(tmp_path, estimands=ESTIMANDS)
    workspace = Workspace.open(path)
    told = {
        0: "From a prior: the machine is right for 60 % beyond chance, and codes are this common",
        2: "From a prior: the machine is right for 60 % beyond chance, and codes are as common as its labels",
        7: "From 20 human codes in 1 round: the error map",
    }
    for step in range(8):
        if step in told:
            before = files(tmp_path)
            shown = invoke(path)
            assert shown.exit_code == 0, shown.output
            assert told[step] in shown.stdout
            assert "Still to be spent" in shown.stdout
            assert files(tmp_path) == before
        advance(workspace)


@pytest.mark.parametrize(
    ("overlap", "heading"), [(0.0, "codes to give"), (0.4, "codes to give (40% of units by 2 people)")]
)
def test_codes_on_top_are_spoken_of_where_there_are_any(tmp_path, overlap, heading):
    section = {"kind": "label_studio", "overlap": overlap}
    found = plan_study(Workspace.open(small_study.write(tmp_path, coding=section)), Options(budgets=[60]))
    assert costs_table(found).columns[1] == heading


def test_json_has_a_row_for_every_value_and_budget(tmp_path):
    path = small_study.write(tmp_path, estimands=ESTIMANDS)
    found = json.loads(invoke(path, "--budget", "60,120", "--minutes-per-code", "2", "--json").stdout)
    assert [row["hours_to_come"] for row in found["budgets"]] == [2.0, 4.0]
    assert len(found["values"]) == 2 * (3 + 6 + 1 + 2 + 1)
    value = {(v["estimand"], v["term"], v["budget"]): v for v in found["values"]}
    odds, slope = value["odds", "party=b", 60], value["drivers", "party=b", 60]
    assert odds["estimate"] == pytest.approx(math.exp(slope["estimate"]))
    on_log_scale = odds["estimate"] * math.sinh(slope["half_width"])
    assert odds["half_width"] == pytest.approx(on_log_scale, rel=0.03)
    assert found["coding"]["from_coders"] is False


def test_codes_given_count_and_an_open_round_is_planned_as_drawn(tmp_path):
    path = small_study.write(tmp_path)
    workspace = Workspace.open(path)
    fresh = plan_study(workspace, Options(budgets=[60]))
    while not workspace.store.exists("rounds/002/tasks.parquet"):
        advance(workspace)
    later = plan_study(Workspace.open(path), Options(budgets=[40, 60], skill=0.9))
    assert later.n_coded == 20
    assert later.costs()["codes_to_come"].tolist() == [20, 40]
    assert "--skill is not used: there are human codes" in later.remarks
    assert later.widths[1].half_width == pytest.approx(fresh.widths[0].half_width, rel=0.3)
    with pytest.raises(StudyError, match="too small"):
        plan_study(workspace, Options(budgets=[39]))


def test_after_the_last_round_one_more_is_planned(tmp_path):
    workspace = small_study.run_to_the_end(small_study.write(tmp_path))
    before = files(tmp_path)
    found = plan_study(workspace, Options(shares=[0.2, 0.3, 0.5]))
    assert files(tmp_path) == before
    assert found.source.startswith("from 60 human codes in 3 rounds")
    assert found.budgets == (120, 240)
    assert found.costs()["codes_to_come"].tolist() == [60, 180]
    assert found.remarks == (
        "all 3 rounds are closed: the plan adds one more",
        "--shares are not used: there are machine labels",
    )


def test_the_stopping_rule_is_told_where_it_is_met(tmp_path):
    stop = {"half_width": 0.09, "estimand": "prevalence"}
    path = small_study.write(tmp_path, design={"rounds": 3, "budget": 60, "stop": stop})
    remarks = plan_study(Workspace.open(path), Options(budgets=[60, 200, 250])).remarks
    assert remarks[-1].endswith("'prevalence' is within 0.09 at 200 codes")


def test_what_cannot_be_answered_is_named(tmp_path):
    frame = small_study.corpus().assign(again=lambda frame: frame["party"])
    section = {**small_study.study()["corpus"], "covariates": ["party", "again"]}
    within = {"name": "within", "kind": "logit", "outcome": "left", "covariates": ["again"], "by": "party"}
    path = small_study.write(tmp_path, frame, corpus=section, estimands=[*ESTIMANDS[:1], within])
    found = plan_study(Workspace.open(path), Options(budgets=[60]))
    assert [math.isnan(width.half_width) for width in found.widths] == [False] * 3 + [True] * 2
    assert found.remarks[-1] == "no answer can be expected yet for: within"
    assert found.to_json()["values"][-1]["half_width"] is None
    shown = invoke(path, "--figure", tmp_path / "plan.svg")
    assert shown.exit_code == 0, shown.output
    assert "no answer" in shown.stdout


def test_coders_speed_is_their_own_once_there_is_one_and_a_lunch_break_is_no_part_of_it(tmp_path):
    overlap = {"kind": "label_studio", "overlap": 0.25}
    workspace = Workspace.open(small_study.write(tmp_path, coding=overlap))
    assert coding(workspace, None).hours_to_come(240) == pytest.approx(300 * 0.5 / 60)
    rows = pd.DataFrame(
        {
            "unit_id": ["u1", "u2", "u3", "u4"],
            "coder": "x",
            "label": ["left", "left", "right", None],
            "lead_time": [12.0, 60.0, 36.0, 900.0],
            "annotation_id": range(4),
            "updated_at": pd.Timestamp(0, tz="UTC"),
            "skipped": [False, False, False, True],
            "preannotated": False,
            "cannot_code": None,
            "note": None,
        }
    )
    workspace.write(codes(1), rows, schema.CODES)
    found = coding(workspace, None)
    assert (found.n_given, found.from_coders) == (3, True)
    assert found.minutes_per_code == pytest.approx(0.6)
    assert coding(workspace, 2.0).minutes_per_code == 2.0
    lunch = rows.iloc[[0] * 5].assign(
        unit_id=[f"v{i}" for i in range(5)], lead_time=[30.0, 36.0, 40.0, 38.0, 3600.0]
    )
    workspace.write(codes(1), pd.concat([rows, lunch]), schema.CODES)
    assert coding(workspace, None).n_given == 8
    assert coding(workspace, None).minutes_per_code == pytest.approx(40 / 60)  # neither 12 nor 3600


def test_a_daily_limit_makes_hours_into_working_days(tmp_path):
    limited = {"kind": "label_studio", "overlap": 0.25, "daily_limit": 40}
    path = small_study.write(tmp_path, coding=limited)
    found = json.loads(invoke(path, "--budget", "32,60,120", "--json").stdout)
    assert [row["coder_days_to_come"] for row in found["budgets"]] == [1, 2, 4]
    assert "coder-days" in invoke(path).stdout
    free = json.loads(invoke(small_study.write(tmp_path / "free"), "--json").stdout)
    assert free["budgets"][0]["coder_days_to_come"] is None
    assert "coder-days" not in invoke(tmp_path / "free" / "study.yaml").stdout


def timed(rows, seconds):
    return rows.assign(lead_time=seconds)


def test_an_adjudicators_decisions_are_part_of_the_hours(tmp_path):
    path = adjudicated_study.write(tmp_path)
    fresh = coding(Workspace.open(path), 1.0)
    assert fresh.n_decisions_to_come(80) == pytest.approx(40 * 0.2)
    assert fresh.hours_to_come(80) == pytest.approx((120 + 8) / 60)
    assert (
        "20% of the units that several people code (assumed), at 0.5 minutes (as a code)"
        in invoke(path).stdout
    )

    workspace = adjudicated_study.advance_until(path, "adjudicate")
    n_open = len(disagreeing(workspace, 1))
    assert n_open > 5
    waiting = coding(workspace, 1.0)
    assert (waiting.adjudication.n_compared, waiting.adjudication.rate) == (40, n_open / 40)
    assert waiting.n_decisions_to_come(80) == n_open
    assert waiting.n_decisions_to_come(160) == pytest.approx(n_open + 40 * n_open / 40)
    assert status(workspace).hours_left is None
    given = timed(workspace.store.read_frame(codes(1)), 90.0)
    workspace.write(codes(1), given, schema.CODES, round=1)
    assert status(workspace).hours_left == pytest.approx(n_open * 90 / 3600)

    advance(workspace)
    decided = workspace.store.read_frame(adjudications(1))
    workspace.write(adjudications(1), timed(decided, 120.0), schema.ADJUDICATIONS, round=1)
    done = coding(workspace, 0.5)
    assert (done.adjudication.minutes_per_decision, done.adjudication.from_adjudicator) == (2.0, True)
    assert done.n_decisions_to_come(80) == 0
    assert done.hours_to_come(160) == pytest.approx((120 * 0.5 + n_open * 2.0) / 60)
    shown = invoke(path, "--budget", "160").stdout
    assert f"{n_open / 40:.0%} of the units that several people code (as in 40 so far), at 2 minutes" in shown


def test_replies_cost_what_their_texts_are_long_until_tokens_are_seen(tmp_path):
    machine = {"name": "gpt", "kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    priced = {**machine, "price_in": 2.0, "price_out": 8.0}
    workspace = Workspace.open(small_study.write(tmp_path, machine=[priced]))
    texts = small_study.corpus()["text"]
    section = workspace.study.machine[0]
    (found,) = machine_costs(workspace, texts)
    assert found.basis == "text lengths"
    assert found.cost == pytest.approx((2 * found.tokens_in + 8 * found.tokens_out) / 1e6)
    assert found.to_come == found.cost
    asked_again = 3 * 20 / texts.nunique()
    assert found.canary == pytest.approx(found.cost * asked_again)
    twice, _ = tokens_from_lengths(workspace.study, section, texts)
    once, _ = tokens_from_lengths(workspace.study, section.model_copy(update={"confidence": "none"}), texts)
    assert twice > 2 * once > 2 * texts.str.len().sum() / 4
    (doubled,) = machine_costs(workspace, pd.concat([texts, texts], ignore_index=True))
    assert doubled.tokens_in == pytest.approx(found.tokens_in)
    ingest(workspace)
    rows = [
        MachineLabel(unit, "gpt", "left", 0.9, None, "ok", "left", None, 100, 5, 0.0, 0.1, 2)
        for unit in workspace.units["unit_id"]
    ]
    workspace.store.write(shard("gpt", 0), to_table(rows))
    (seen,) = machine_costs(workspace, workspace.units["text"])
    assert (seen.basis, seen.tokens_in, seen.tokens_out) == ("replies", 30_000, 1_500)
    assert (seen.cost, seen.to_come) == (pytest.approx(0.072), 0.0)


@pytest.mark.parametrize(
    ("arguments", "told", "remedy"),
    [
        (("--budget", "5000"), "only 300 units", "300 or less"),
        (("--budget", "2"), "cannot fill 3 rounds", "Ask for 3 or more"),
        (("--budget", "many"), "expected whole numbers", "--budget 200,500"),
        (("--skill", "1.5"), "1.5 is no probability", "from 0"),
        (("--skill", "nan"), "nan is no probability", "from 0"),
        (("--minutes-per-code", "0"), "is no time", "0.5"),
        (("--shares", "0.5,0.5"), "not the shares of 3 codes", "left, right, neither"),
        (("--shares", "0.9,0.9,0.9"), "not the shares of 3 codes", "together they are 1"),
        (("--shares", "half"), "expected numbers", "--shares 0.1,0.9"),
        (("--figure", "plan.docx"), "ends in .svg", "plan.svg"),
        (("--figure", "no/such/folder/plan.svg"), "cannot be written", "folder that exists"),
    ],
)
def test_bad_input_is_refused_with_its_remedy(tmp_path, arguments, told, remedy):
    error = invoke(small_study.write(tmp_path), *arguments).exception
    assert isinstance(error, AnnotatorError)
    assert error.exit_code == 2
    assert told in error.message
    assert remedy in str(error.hint)
    assert invoke(tmp_path / "study.yaml", "--skill", "good").exit_code == 2


@pytest.mark.parametrize(
    ("name", "start"), [("plan.svg", b"<?xml"), ("plan.png", b"\x89PNG"), ("plan.pdf", b"%PDF")]
)
def test_the_picture_is_written_where_it_is_asked_for(tmp_path, name, start):
    path = small_study.write(tmp_path, estimands=ESTIMANDS)
    shown = invoke(path, "--figure", tmp_path / name, "--budget", "60,300")
    assert shown.exit_code == 0, shown.output
    assert (tmp_path / name).read_bytes().startswith(start)
    if name == "plan.svg":
        text = (tmp_path / name).read_text()
        assert all(asked["name"] in text for asked in ESTIMANDS)
        assert "human codes alone" in text
