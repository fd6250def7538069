import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base_rate import fit_base_rate
from models.error_map import cross_fit, fit_error_map
from models.multinomial import ridge_multinomial
from models.signals import Signals
from models.smoothed_table import confidence_edges, fit_smoothed_table


def gold_units(n, n_codes, *, accuracy=0.8, annotators=1, failed=0.1, missing=0.1, seed=1):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, n_codes, n)
    right = rng.random((n, annotators)) < accuracy
    said = np.where(right, gold[:, None], rng.integers(0, n_codes, (n, annotators)))
    said[rng.random((n, annotators)) < failed] = -1
    confidence = np.where(right, rng.beta(6, 2, (n, annotators)), rng.beta(3, 3, (n, annotators)))
    confidence[rng.random((n, annotators)) < missing] = np.nan
    return Signals(said, confidence), gold


def fitted(signals, gold, n_codes, seed=1):
    return fit_error_map(
        signals,
        gold,
        n_codes=n_codes,
        weights=np.ones(gold.size),
        rng=np.random.default_rng(seed),
    )


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 40),
    n_codes=st.integers(2, 10),
    annotators=st.integers(1, 3),
    failed=st.sampled_from([0.0, 0.3, 1.0]),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 1000),
)
def test_predictions_stay_strictly_inside_the_simplex(*, n, n_codes, annotators, failed, missing, seed):
    signals, gold = gold_units(n, n_codes, annotators=annotators, failed=failed, missing=missing, seed=seed)
    result = fitted(signals, gold, n_codes, seed)
    other, _ = gold_units(50, n_codes, annotators=annotators, seed=seed + 1)
    for prediction in (result.predict(other), result.out_of_fold):
        assert np.all(prediction > 0)
        assert np.all(prediction < 1)
        assert prediction.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("n_codes", [2, 5, 10])
def test_one_code_only_among_ten_gold_units(n_codes):
    signals, _ = gold_units(10, n_codes)
    result = fitted(signals, np.ones(10, dtype=np.int64), n_codes)
    prediction = result.predict(signals)
    assert np.all(prediction.argmax(axis=1) == 1)
    assert prediction.min() > 0


def test_informative_labels_have_skill_and_beat_the_base_rate():
    signals, gold = gold_units(300, 4)
    result = fitted(signals, gold, 4)
    assert result.has_skill
    assert result.candidate in {"table", "logistic"}
    intercept = next(c for c in result.losses if c.candidate == "intercept")
    chosen = next(c for c in result.losses if c.candidate == result.candidate)
    assert chosen.log_loss < 0.7 * intercept.log_loss
    assert result.calibration.brier < 0.5
    assert 0 <= result.calibration.expected_calibration_error < 0.1
    assert sum(b.weight for b in result.calibration.reliability) == pytest.approx(1.0)


def test_noise_labels_seldom_have_skill():
    claims = 0
    for seed in range(100):
        rng = np.random.default_rng(seed + 10_000)
        signals, _ = gold_units(100, 3, seed=seed)
        claims += fitted(signals, rng.integers(0, 3, 100), 3, seed).has_skill
    # A five per cent test, 100 times: more than 12 is passed by chance once in 700 runs.
    assert claims <= 12


def test_labels_that_are_systematically_wrong_are_learnt():
    signals, gold = gold_units(400, 3, accuracy=0.9, failed=0.0)
    wrong = Signals((signals.labels + 1) % 3, signals.confidence)
    result = fitted(wrong, gold, 3)
    prediction = result.predict(wrong)
    assert np.mean(prediction.argmax(axis=1) == gold) > 0.8


def test_the_simplest_candidate_within_one_standard_error_is_kept():
    for seed in range(20):
        result = fitted(*gold_units(120, 3, accuracy=0.5, seed=seed), 3, seed)
        near = [c.candidate for c in result.losses if c.behind_best <= c.behind_best_std_error]
        assert result.candidate == near[0]
        assert min(c.behind_best for c in result.losses) == 0.0


def test_a_failed_label_gets_the_base_rate_from_a_table():
    signals, gold = gold_units(200, 3)
    base = fit_base_rate(signals.labels, gold, 3, np.ones(200))
    edges = confidence_edges(signals.confidence[:, 0], 200)
    table = fit_smoothed_table(0, signals, gold, weights=np.ones(200), edges=edges, base=base)
    assert table.predict(Signals(np.array([[-1]]), np.array([[0.9]])))[0] == pytest.approx(base.share)


def test_a_second_annotator_that_knows_better_is_used():
    signals, gold = gold_units(400, 3, annotators=2, accuracy=0.95)
    signals.labels[:, 0] = np.random.default_rng(9).integers(0, 3, 400)
    result = fitted(signals, gold, 3)
    assert result.candidate in {"table_1", "logistic"}
    assert np.mean(result.predict(signals).argmax(axis=1) == gold) > 0.8


def test_weights_change_the_base_rate():
    rate = fit_base_rate(np.full((4, 1), -1), np.array([0, 0, 0, 1]), 2, np.array([1.0, 1.0, 1.0, 97.0]))
    assert rate.share[1] > 0.95


def test_the_logit_solves_its_score_equation():
    rng = np.random.default_rng(1)
    columns = np.column_stack([np.ones(150), rng.normal(size=(150, 3))])
    one_hot = np.eye(3)[rng.integers(0, 3, 150)]
    weights = rng.uniform(0.5, 2.0, (2, 150))
    offsets = rng.normal(size=(2, 150, 3))
    for c, w, o in zip(
        ridge_multinomial(columns, one_hot, weights, offsets, np.ones(4)), weights, offsets, strict=True
    ):
        p = np.exp(o + columns @ c)
        p /= p.sum(axis=1, keepdims=True)
        score = columns.T @ (w[:, None] * (one_hot - p)) - c
        assert np.abs(score).max() < 0.2  # of 150 weighted units


def test_the_same_seed_gives_the_same_map():
    signals, gold = gold_units(60, 3)
    first, second = (fitted(signals, gold, 3, seed=4) for _ in range(2))
    assert (first.out_of_fold == second.out_of_fold).all()
    assert first.losses == second.losses


def test_cross_fitted_predictions_owe_nothing_to_their_own_fold():
    signals, gold = gold_units(100, 3)
    fold = np.arange(100) % 5
    gold[50:] = -1

    def predictions(codes):
        return cross_fit(
            signals,
            codes,
            fold=fold,
            n_codes=3,
            weights=np.ones(100),
            rng=np.random.default_rng(1),
        )

    changed = gold.copy()
    changed[(fold == 2) & (gold >= 0)] = 0
    before, after = predictions(gold), predictions(changed)
    assert (before[fold == 2] == after[fold == 2]).all()
    assert (before[fold == 1] != after[fold == 1]).any()


def test_one_fold_or_no_gold_makes_every_code_equally_likely():
    signals, gold = gold_units(4, 3)
    rng = np.random.default_rng(1)
    one_fold = cross_fit(
        signals, gold, fold=np.zeros(4, dtype=np.int64), n_codes=3, weights=np.ones(4), rng=rng
    )
    assert one_fold == pytest.approx(1 / 3)


def test_a_code_outside_the_codebook_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.1"):
        fitted(Signals(np.zeros((3, 1), dtype=np.int64), np.full((3, 1), 0.5)), np.array([0, 1, 2]), 2)
