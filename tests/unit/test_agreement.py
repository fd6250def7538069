"""Agreement coefficients: published examples to four digits, missing codes, degenerate cases, intervals."""

import time

import numpy as np
import pytest

from annotator.coding.reliability import (
    against_others,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    measure,
    percent_agreement,
)
from annotator.coding.reliability.coefficient import NO_OVERLAP, NO_UNITS, ONE_CODE, ONE_CODER

# Krippendorff (2011): 12 units, 4 coders, 0 where missing. Gwet (2014) uses the same data.
KRIPPENDORFF = (
    np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
            [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
        ]
    ).T
    - 1
)
# Fleiss (1971) as retold with 10 subjects and 14 raters: how many gave each of five codes.
FLEISS_COUNTS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
FLEISS = np.array([np.repeat(np.arange(5), counts) for counts in FLEISS_COUNTS])
# Gwet (2014): two abstractors, three kinds of pregnancy, 100 women.
ABSTRACTORS = np.repeat([(i, j) for i in range(3) for j in range(3)], [13, 0, 0, 0, 20, 7, 0, 4, 56], axis=0)
# Gwet (2002): 125 subjects, nearly all of one kind; kappa is below zero at 94 % agreement.
SKEWED = np.repeat([(0, 0), (0, 1), (1, 0), (1, 1)], [118, 5, 2, 0], axis=0)
BINARY = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]).T


@pytest.mark.parametrize(
    ("found", "published"),
    [
        (krippendorff_alpha(KRIPPENDORFF, 5), 0.7434),
        (krippendorff_alpha(KRIPPENDORFF, 5, "ordinal"), 0.8154),
        (krippendorff_alpha(KRIPPENDORFF, 5, "interval"), 0.8491),
        (krippendorff_alpha(KRIPPENDORFF, 5, "interval", [10, 20, 30, 40, 50]), 0.8491),
        (krippendorff_alpha(BINARY, 2), 0.0952),
        (gwet_ac1(KRIPPENDORFF, 5), 0.7754),
        (fleiss_kappa(KRIPPENDORFF, 5), 0.7612),
        (percent_agreement(KRIPPENDORFF, 5), 0.8182),
        (fleiss_kappa(FLEISS, 5), 0.2099),
        (cohen_kappa(*ABSTRACTORS.T, 3), 0.7964),
        (gwet_ac1(ABSTRACTORS, 3), 0.8493),
        (krippendorff_alpha(ABSTRACTORS, 3), 0.7973),
        (percent_agreement(ABSTRACTORS, 3), 0.8900),
        (cohen_kappa(*SKEWED.T, 2), -0.0234),
        (gwet_ac1(SKEWED, 2), 0.9408),
    ],
)
def test_published_examples(found, published):
    assert found.value == pytest.approx(published, abs=5e-5)


def simulated(n=200, n_coders=3, n_codes=4, missing=0.2, seed=1):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_codes, n)
    codes = np.where(rng.random((n, n_coders)) < 0.8, truth[:, None], rng.integers(0, n_codes, (n, n_coders)))
    codes[rng.random(codes.shape) < missing] = -1
    return codes


def by_definition(codes, distance):
    """Alpha as mean distance of pairs within units over that of all pairs: slow, and from the definition."""
    within, pooled = [], []
    for row in codes:
        said = row[row >= 0]
        if len(said) >= 2:
            pooled += said.tolist()
            pairs = [distance(a, b) for i, a in enumerate(said) for j, b in enumerate(said) if i != j]
            within.append(sum(pairs) / (len(said) - 1))
    n = len(pooled)
    expected = sum(distance(a, b) for i, a in enumerate(pooled) for j, b in enumerate(pooled) if i != j)
    return 1.0 - (sum(within) / n) / (expected / (n * (n - 1)))


def test_alpha_by_its_definition():
    codes = simulated(80)
    assert krippendorff_alpha(codes, 4).value == pytest.approx(by_definition(codes, lambda a, b: a != b))
    squared = by_definition(codes, lambda a, b: (int(a) - int(b)) ** 2)
    assert krippendorff_alpha(codes, 4, "interval").value == pytest.approx(squared)
    paired = codes[(codes >= 0).sum(axis=1) >= 2]
    counts = np.bincount(paired[paired >= 0], minlength=4)

    def ordinal(a, b):
        low, high = min(a, b), max(a, b)
        return (counts[low : high + 1].sum() - (counts[low] + counts[high]) / 2) ** 2

    assert krippendorff_alpha(codes, 4, "ordinal").value == pytest.approx(by_definition(codes, ordinal))


@pytest.mark.parametrize("coefficient", [krippendorff_alpha, fleiss_kappa, gwet_ac1, percent_agreement])
def test_order_of_units_coders_and_codes_does_not_matter(coefficient):
    codes = simulated()
    rng = np.random.default_rng(2)
    shuffled = rng.permutation(rng.permutation(codes, axis=0), axis=1)
    renamed = np.where(codes >= 0, np.array([2, 0, 3, 1])[codes], -1)
    value = coefficient(codes, 4).value
    assert coefficient(shuffled, 4).value == pytest.approx(value)
    assert coefficient(renamed, 4).value == pytest.approx(value)


def test_independent_coders_agree_by_chance():
    rng = np.random.default_rng(3)
    codes = rng.choice(3, (20_000, 3), p=[0.6, 0.3, 0.1])
    # Standard errors of the kappas are about 0.005.
    for coefficient in (krippendorff_alpha, fleiss_kappa):
        assert abs(coefficient(codes, 3).value) < 0.02
    assert abs(cohen_kappa(codes[:, 0], codes[:, 1], 3).value) < 0.03


def test_one_code_against_the_rest_takes_codes_as_zero_and_one():
    codes = simulated()
    of_one = np.where(codes >= 0, codes == 2, -1)
    assert krippendorff_alpha(of_one, 2).value == pytest.approx(
        by_definition(of_one, lambda a, b: a != b), abs=1e-12
    )


def test_one_other_coder_makes_kappa_against_others_cohens():
    codes = simulated(n_coders=2)
    assert against_others(codes[:, 0], codes[:, 1:], 4).value == pytest.approx(
        cohen_kappa(codes[:, 1], codes[:, 0], 4).value
    )


@pytest.mark.parametrize(
    ("codes", "why"),
    [
        (np.full((3, 2), -1), NO_UNITS),
        (np.array([[0, -1], [1, -1]]), ONE_CODER),
        (np.array([[0], [1]]), ONE_CODER),
        (np.array([[0, -1], [-1, 1]]), NO_OVERLAP),
        (np.array([[1, 1], [1, 1], [0, -1]]), ONE_CODE),
    ],
)
@pytest.mark.parametrize("coefficient", [krippendorff_alpha, fleiss_kappa, gwet_ac1])
def test_what_cannot_be_said_is_missing_with_a_reason(coefficient, codes, why):
    found = coefficient(codes, 2)
    assert found.undefined == why
    assert np.isnan(found.value)
    (measured,) = measure([found], np.random.default_rng(0))
    assert np.isnan([measured.value, measured.ci_low, measured.ci_high]).all()
    assert measured.note == why


def test_pairs_without_common_units_or_with_one_code_have_no_kappa():
    assert cohen_kappa(np.array([0, -1]), np.array([-1, 1]), 2).undefined == NO_OVERLAP
    assert cohen_kappa(np.array([0, 0]), np.array([0, 0]), 2).undefined == ONE_CODE
    assert cohen_kappa(np.array([0, 0]), np.array([0, 0]), 2, corrected=False).value == 1.0


def test_percent_agreement_needs_no_second_code():
    assert percent_agreement(np.array([[1, 1], [1, 1]]), 2).value == 1.0


def test_codes_outside_the_codebook_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        krippendorff_alpha(np.array([[0, 2]]), 2)
    with pytest.raises(ValueError, match="one value each"):
        krippendorff_alpha(np.array([[0, 1]]), 2, "interval", [1.0])
    with pytest.raises(ValueError, match="two codes or more"):
        gwet_ac1(np.array([[0, 0]]), 1)


def coefficients(codes, n_codes=4):
    return [
        krippendorff_alpha(codes, n_codes),
        krippendorff_alpha(codes, n_codes, "ordinal"),
        fleiss_kappa(codes, n_codes),
        gwet_ac1(codes, n_codes),
        percent_agreement(codes, n_codes),
    ]


def test_intervals_are_those_of_a_plain_bootstrap():
    """Drawing distinct rows as often as they occur is drawing units, coded twice or once apart."""
    codes = simulated(150)
    found = measure(coefficients(codes), np.random.default_rng(1), n_resamples=4000)
    rng = np.random.default_rng(2)
    twice = (codes >= 0).sum(axis=1) >= 2
    drawn = [
        np.concatenate([codes[part][rng.integers(0, part.sum(), part.sum())] for part in (twice, ~twice)])
        for _ in range(1000)
    ]
    for at, measured in enumerate(found):
        low, high = np.quantile([coefficients(each)[at].value for each in drawn], [0.025, 0.975])
        # The Monte-Carlo error of a plain end is about 0.003, and exact binomial ends may lie further out.
        assert measured.ci_low == pytest.approx(low, abs=0.02)
        assert measured.ci_high == pytest.approx(high, abs=0.02)
        assert measured.ci_low < measured.value < measured.ci_high


def test_the_same_generator_gives_the_same_interval():
    parts = coefficients(simulated())
    assert measure(parts, np.random.default_rng(5)) == measure(parts, np.random.default_rng(5))


@pytest.mark.parametrize("n", [3, 5, 40])
def test_agreement_on_all_of_a_few_units_has_an_interval_with_width(n):
    codes = np.repeat((np.arange(2 * n) % 2)[:, None], 2, axis=1)
    for measured in measure(coefficients(codes, 2), np.random.default_rng(0)):
        assert measured.value == pytest.approx(1.0)
        assert measured.ci_high == pytest.approx(1.0)
        # 2 n units without a disagreement allow a rate of 1 - 0.025**(1 / 2 n).
        assert measured.ci_low <= 0.025 ** (1 / (2 * n)) + 1e-12


def test_a_code_that_resamples_often_lack_has_a_value_without_interval():
    codes = np.zeros((40, 2), dtype=int)
    codes[0] = 1
    (found,) = measure([krippendorff_alpha(codes, 2)], np.random.default_rng(0))
    assert found.value == 1.0
    assert np.isnan(found.ci_low)
    assert "of resamples hold one code only" in found.note


def test_weights_count_units_as_often_as_they_stand_for():
    codes = simulated()
    weights = np.random.default_rng(4).integers(1, 4, len(codes))
    repeated = np.repeat(codes, weights, axis=0)
    for build in (fleiss_kappa, gwet_ac1, percent_agreement):
        weighted, plain = build(codes, 4), build(repeated, 4)
        (found,) = measure([weighted], np.random.default_rng(0), weights=weights.astype(float))
        assert found.value == pytest.approx(plain.value)
    (kappa,) = measure(
        [cohen_kappa(codes[:, 0], codes[:, 1], 4)], np.random.default_rng(0), weights=weights.astype(float)
    )
    assert kappa.value == pytest.approx(cohen_kappa(repeated[:, 0], repeated[:, 1], 4).value)


def test_unequal_weights_widen_the_interval():
    codes = simulated(400)
    weights = np.random.default_rng(5).exponential(size=400) ** 2
    (plain,) = measure([krippendorff_alpha(codes, 4)], np.random.default_rng(0))
    (weighted,) = measure([krippendorff_alpha(codes, 4)], np.random.default_rng(0), weights=weights)
    assert weighted.ci_high - weighted.ci_low > 1.3 * (plain.ci_high - plain.ci_low)


def test_coefficients_of_other_units_are_not_measured_together():
    with pytest.raises(ValueError, match="same units"):
        measure(
            [percent_agreement(simulated(10), 4), percent_agreement(simulated(11), 4)],
            np.random.default_rng(0),
        )


def test_two_thousand_resamples_of_a_thousand_units_take_about_a_second():
    codes = simulated(1000)
    weights = np.random.default_rng(6).uniform(0.5, 5, 1000)
    started = time.perf_counter()
    measure(coefficients(codes), np.random.default_rng(0), weights=weights)
    assert time.perf_counter() - started < 5  # 0.4 s on a quiet machine
