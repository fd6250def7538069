import numpy as np
import pytest

from annotator.inference.estimands.mean import Mean
from annotator.inference.intervals import quantile, score_interval
from annotator.inference.rectify import Round, rectify
from annotator.inference.sequences import boundary, sequence_interval
from annotator.inference.variance import design_variance
from annotator.sampling.draw import draw_poisson

N = 400


def drawn_round(pi, codes, prediction, rng, stratum=None):
    drawn = draw_poisson(pi, rng)
    stratum = np.zeros(N, dtype=np.int64) if stratum is None else stratum
    each = Round(1, np.zeros(N, dtype=bool), pi, drawn, stratum, prediction)
    return rectify([each], np.where(drawn, codes, -1), prediction.shape[1])


def population(seed=1):
    rng = np.random.default_rng(seed)
    prediction = rng.dirichlet([1.0, 1.0], N)
    codes = (rng.random(N) < prediction[:, 1]).astype(np.int64)
    return codes, prediction, rng


def test_the_fixed_size_variance_is_that_of_a_simple_random_sample():
    codes, prediction, rng = population()
    drawn = np.zeros(N, dtype=bool)
    drawn[rng.choice(N, 100, replace=False)] = True
    each = Round(1, np.zeros(N, dtype=bool), np.full(N, 0.25), drawn, np.zeros(N, dtype=np.int64), prediction)
    rectified = rectify([each], np.where(drawn, codes, -1), 2)
    found = design_variance(rectified, Mean("p").solve(rectified.labels), 1)
    residual = codes[drawn] - prediction[drawn, 1]
    textbook = residual.var(ddof=1) / 100 * 0.75
    assert found.variance >= textbook * (1 - 1e-12)
    if not found.floored:
        assert found.variance == pytest.approx(textbook)
    assert found.variance == pytest.approx(textbook, rel=0.1)


def test_strata_take_their_means_out():
    codes, _, _ = population()
    stratum = np.arange(N) % 2
    prediction = np.where((stratum == 0)[:, None], [0.9, 0.1], [0.1, 0.9])
    drawn = np.arange(N) % 8 < 2

    def variance(strata):
        each = Round(1, np.zeros(N, dtype=bool), np.full(N, 0.25), drawn, strata, prediction)
        rectified = rectify([each], np.where(drawn, codes, -1), 2)
        return design_variance(rectified, Mean("p").solve(rectified.labels), 1).variance

    assert variance(stratum) < 0.8 * variance(np.zeros(N, dtype=np.int64))


def test_strata_of_single_units_are_pooled():
    codes, prediction, _ = population()
    drawn = np.arange(N) % 80 == 0
    each = Round(1, np.zeros(N, dtype=bool), np.full(N, 5 / N), drawn, np.arange(N) // 80, prediction)
    rectified = rectify([each], np.where(drawn, codes, -1), 2)
    found = design_variance(rectified, Mean("p").solve(rectified.labels), 1)
    assert np.isfinite(found.variance)
    assert found.variance > 0
    assert 8 <= found.degrees_of_freedom <= 12


def test_certain_units_add_nothing():
    codes, prediction, rng = population()
    pi = np.where(np.arange(N) < 390, 1.0, 0.5)
    some = drawn_round(pi, codes, prediction, rng)
    variance = design_variance(some, Mean("p").solve(some.labels), 1).variance
    assert 0 < variance < 10 * 0.25 / 0.5 / N**2 * 4


def test_rare_codes_have_fewer_degrees_of_freedom_and_a_longer_upper_side():
    rng = np.random.default_rng(1)
    pi = np.full(N, 0.5)

    def found(share):
        prediction = np.tile([1 - share, share], (N, 1))
        codes = (np.arange(N) < share * N).astype(np.int64)
        rectified = drawn_round(pi, codes, prediction, rng)
        return design_variance(rectified, Mean("p").solve(rectified.labels), 1)

    common, rare = found(0.5), found(0.03)
    assert rare.degrees_of_freedom < 0.3 * common.degrees_of_freedom


def test_the_usual_interval_without_skewness_and_the_long_tail_with_it():
    usual = score_interval(0.3, 0.01, 0.0, 7.0, 0.9)
    assert usual.high - 0.3 == pytest.approx(0.1 * quantile(0.9, 7.0))
    assert 0.3 - usual.low == pytest.approx(usual.high - 0.3)
    skewed = score_interval(0.3, 0.01, 0.0005, 7.0, 0.9)
    assert skewed.high - 0.3 > 0.3 - skewed.low


def test_a_sequence_is_wider_than_one_interval_and_tightest_near_the_plan():
    for level in (0.8, 0.9, 0.95, 0.99):
        fractions = [0.05, 0.2, 0.5, 1.0]
        widths = [boundary(f, level) * f**-0.5 for f in fractions]
        assert widths == sorted(widths, reverse=True)
        assert boundary(1.0, level) > quantile(level)
        # Tuned for the plan: nearly nothing is gained by another tuning.
        assert boundary(1.0, level) <= min(boundary(f, level) for f in (0.5, 0.8, 1.0, 1.5, 3.0)) * 1.0001
    assert sequence_interval(0.5, 0.0, 10, 20, 0.9).half_width == 0.0
    with pytest.raises(ValueError, match="first label"):
        boundary(0.0, 0.9)
