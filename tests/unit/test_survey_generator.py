"""The invented survey: the same seed gives the same files, and its answers are what the example says."""

from pathlib import Path

import generate
import numpy as np
import pytest


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        generate.write(generate.survey(np.random.default_rng(7), 200), tmp_path / folder)
    for name in ("responses.csv", "reference.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = generate.survey(np.random.default_rng(8), 200)
    assert other["answer"].tolist() != generate.survey(np.random.default_rng(7), 200)["answer"].tolist()


def test_the_corpus_does_not_hold_the_reference(tmp_path: Path) -> None:
    generate.write(generate.survey(np.random.default_rng(7), 50), tmp_path)
    header = (tmp_path / "responses.csv").read_text().splitlines()[0]
    assert header == "respondent_id,answer,age,party,region"


def test_answers_are_usable_and_shares_depend_on_covariates() -> None:
    frame = generate.survey(np.random.default_rng(2026), 3000)
    assert frame["respondent_id"].is_unique
    assert (frame["answer"].str.strip() != "").all()
    assert frame["answer"].duplicated().mean() < 0.05
    assert set(frame["reference"]) == set(generate.CODES)
    assert frame["age"].between(18, 90).all()
    shares = frame["reference"].value_counts(normalize=True)
    assert shares["economy"] == pytest.approx(0.316, abs=0.03)
    assert shares.min() > 0.05
    environment = frame["reference"].eq("environment").groupby(frame["party"]).mean()
    assert environment["left"] > 2 * environment["right"]
