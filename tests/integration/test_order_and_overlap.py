"""In which order coders meet the texts, and what three coders a unit come to."""

import uuid

import numpy as np
import pandas as pd
import pytest
import small_study
from scipy.stats import spearmanr

from annotator.advance import advance
from annotator.codebook import Code, Codebook
from annotator.coding.accounts import Account, ensure_account
from annotator.coding.build import build
from annotator.coding.form import Form
from annotator.coding.label_studio import LabelStudio
from annotator.coding.label_studio_client import NotFoundError
from annotator.coding.labeling_config import chosen
from annotator.coding.protocol import Task
from annotator.coding.simulated import SimulatedCoder, code_all
from annotator.services import Services
from annotator.workspace import Workspace

pytestmark = pytest.mark.integration

PASSWORD = "coder-password-1"
BOOK = Codebook(question="Which side?", labels=[Code(name=code) for code in small_study.CODES])


@pytest.fixture(scope="module")
def accounts(label_studio: Services) -> list[Account]:
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    return [ensure_account(url, token, f"order{number}@example.com", PASSWORD) for number in range(3)]


def all_in_order(account: Account, project_id: int) -> list[str]:
    """The units as this coder's page shows them, each coded before the next is asked for."""
    met: list[str] = []
    while True:
        try:
            task = account.client.get(f"/api/projects/{project_id}/next")
        except NotFoundError:
            return met
        met.append(task["data"]["unit_id"])
        body = {"result": [chosen([BOOK.names[0]])], "lead_time": 1.0}
        account.client.post(f"/api/tasks/{task['id']}/annotations/", body)


def test_each_coder_meets_the_texts_in_an_order_of_their_own(
    label_studio: Services, accounts: list[Account]
) -> None:
    url, token = label_studio.label_studio_url, label_studio.credentials().token
    told: list[tuple[int, int, str]] = []
    service = LabelStudio(
        url,
        token,
        "orders",
        Form(BOOK),
        study_id=uuid.uuid4().hex,
        progress=lambda *now: told.append(now),
    )
    units = [f"u{number:02d}" for number in range(40)]
    service.send(1, [Task(unit, f"text {unit}", 2) for unit in units])
    assert (40, 40, "tasks sent") in told
    assert told[-1] == (40, 40, "texts marked for several coders")
    first, second = (all_in_order(account, service.project_id) for account in accounts[:2])
    assert sorted(first) == sorted(second) == units
    # By chance alone, rank correlations of 40 have a standard deviation of 0.16.
    for one, other in ((first, second), (first, units), (second, units)):
        places = [other.index(unit) for unit in one]
        assert abs(spearmanr(range(40), places).statistic) < 0.75


def test_three_coders_a_unit_give_majorities_and_a_kappa_of_three(
    label_studio: Services, accounts: list[Account], tmp_path
) -> None:
    coding = {"kind": "label_studio", "overlap": {"share": 0.5, "coders": 3}}
    frame = small_study.corpus(80)
    design = {"rounds": 1, "budget": 24}
    path = small_study.write(tmp_path, frame, coding=coding, design=design, name="three")
    while not advance(Workspace.open(path)).waiting:
        pass
    service = build(Workspace.open(path))
    assert isinstance(service, LabelStudio)
    coders = [
        SimulatedCoder(
            label_studio.label_studio_url,
            account.email,
            PASSWORD,
            answers=dict(zip(frame["id"], frame["human"], strict=True)),
            error_rate=0.3,
            codebook=BOOK,
            rng=np.random.default_rng(number),
        )
        for number, account in enumerate(accounts)
    ]
    assert sum(code_all(coders, service.project_id).values()) == 12 + 12 * 3
    while advance(Workspace.open(path)).step.stage != "done":
        pass
    folder = tmp_path / "out" / "rounds" / "001"
    sent = pd.read_parquet(folder / "tasks.parquet").set_index("unit_id")["overlap"]
    codes, gold = (pd.read_parquet(folder / f"{name}.parquet") for name in ("codes", "gold"))
    assert sent.value_counts().to_dict() == {1: 12, 3: 12}
    assert codes.groupby("unit_id")["coder"].nunique().reindex(sent.index).tolist() == sent.tolist()
    for unit, label, how in gold[["unit_id", "label", "how"]].itertuples(index=False):
        votes = codes.loc[codes["unit_id"] == unit, "label"].value_counts()
        assert how == ("single" if votes.max() == 1 else "agreed" if len(votes) == 1 else "majority")
        assert votes[label] == votes.max()
    assert set(gold["how"]) >= {"single", "agreed", "majority"}
    reliability = pd.read_parquet(tmp_path / "out" / "reliability.parquet")
    fleiss = reliability[(reliability["statistic"] == "fleiss_kappa") & (reliability["weighting"] == "coded")]
    assert set(fleiss["n"]) == {12}
    assert fleiss["value"].notna().any()
