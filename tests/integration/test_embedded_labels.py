"""The shipped model: small, offline, right often but not always, and surer where it is right."""

import generate
import numpy as np
import pytest

from annotator import study_file
from annotator.labeling.local import TransformersAnnotator
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Unit
from models import embedded

pytestmark = pytest.mark.integration


def test_it_labels_fresh_answers_usefully_but_not_perfectly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    codebook = study_file.read(generate.HERE / "study.yaml").codebook
    annotator = TransformersAnnotator(
        "embedded", model_path=str(embedded.path("survey")), prompts=Prompts(codebook), codebook=codebook
    )
    fresh = generate.survey(np.random.default_rng(99), 400)
    rows = annotator.label(
        [Unit(unit, text) for unit, text in zip(fresh["respondent_id"], fresh["answer"], strict=True)]
    )
    right = np.array([row.label == code for row, code in zip(rows, fresh["reference"], strict=True)])
    confidence = np.array([np.nan if row.confidence is None else row.confidence for row in rows])
    assert 0.62 <= right.mean() <= 0.85
    assert np.mean([row.status == "ok" for row in rows]) >= 0.97
    assert len(np.unique(confidence[~np.isnan(confidence)])) >= 4
    assert np.nanmean(confidence[right]) > np.nanmean(confidence[~right]) + 0.1
