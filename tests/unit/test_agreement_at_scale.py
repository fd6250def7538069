"""Agreement with many codes or many coders: the same numbers as from whole tables, without building them."""

import tracemalloc
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from annotator.codebook import Code, Codebook
from annotator.coding.ratings import label_ratings, ratings
from annotator.coding.reliability import (
    against_others,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    measure,
    people,
    percent_agreement,
)
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.coefficient import NO_OVERLAP
from annotator.coding.reliability.patterns import distinct_rows
from annotator.coding.reliability.people import of_coders, of_pairs

LEVELS = ("nominal", "ordinal", "interval")
MEGABYTE = 1_000_000


def simulated(rng, n, n_coders, n_codes, missing):
    truth = rng.integers(0, n_codes, n)
    codes = np.where(rng.random((n, n_coders)) < 0.7, truth[:, None], rng.integers(0, n_codes, (n, n_coders)))
    codes[rng.random(codes.shape) < missing] = -1
    return codes


def dense_coincidences(codes, n_codes):
    """(n, K * K) pairs of codes within units, each unit's over its m - 1."""
    counts = np.stack([(codes == k).sum(axis=1) for k in range(n_codes)], axis=1).astype(float)
    m = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(n_codes)
    pairs = np.where((m >= 2)[:, None, None], pairs / np.maximum(m - 1, 1)[:, None, None], 0.0)
    return pairs.reshape(len(codes), -1)


def dense_alpha(sums, n_codes, level, values):
    """Alpha from the sums of all K * K coincidences: each distance is looked at."""
    together = sums.reshape(n_codes, n_codes)
    margins = together.sum(axis=1)
    scores = np.cumsum(margins) - margins / 2 if level == "ordinal" else np.asarray(values, dtype=float)
    apart = 1.0 - np.eye(n_codes) if level == "nominal" else (scores[:, None] - scores[None, :]) ** 2
    n_values = margins.sum()
    expected = (np.outer(margins, margins) * apart).sum() / (n_values * (n_values - 1)) if n_values > 1 else 0
    return 1.0 - (together * apart).sum() / n_values / expected if expected > 1e-12 else np.nan


@pytest.mark.parametrize("level", LEVELS)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 25),
    n_coders=st.integers(2, 5),
    n_codes=st.integers(2, 30),
    missing=st.sampled_from([0.0, 0.3, 0.6]),
)
def test_alpha_is_that_of_the_whole_matrix_of_coincidences(level, *, seed, n, n_coders, n_codes, missing):
    """Also in each resample: of ranks, distances follow the resample's own margins."""
    rng = np.random.default_rng(seed)
    codes = simulated(rng, n, n_coders, n_codes, missing)
    values = np.sort(rng.normal(1990, 20, n_codes))
    found = krippendorff_alpha(codes, n_codes, level, values)
    if found.undefined:
        return
    whole = dense_coincidences(codes, n_codes)
    assert found.value == pytest.approx(dense_alpha(whole.sum(axis=0), n_codes, level, values), abs=1e-12)
    resamples = rng.multinomial(n, np.full(n, 1 / n), 20) * rng.uniform(0.5, 5, n)
    expected = [dense_alpha(sums, n_codes, level, values) for sums in resamples @ whole]
    assert found.of(resamples @ found.per_unit) == pytest.approx(expected, abs=1e-10, nan_ok=True)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), n_columns=st.integers(1, 6))
def test_distinct_rows_are_in_the_order_of_whole_ones(seed, n, n_columns):
    rng = np.random.default_rng(seed)
    whole = rng.choice([0.0, 0.0, 0.25, 1 / 3, 1.0, 300.0], (n, n_columns))
    where, times = distinct_rows(sparse.csr_array(whole))
    distinct, counted = np.unique(whole, axis=0, return_counts=True)
    assert (whole[where] == distinct).all()
    assert (times == counted).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("level", LEVELS)
def test_a_seed_draws_the_resamples_of_whole_rows(level, weighted):
    rng = np.random.default_rng(3)
    codes = simulated(rng, 90, 4, 5, 0.5)
    weights = rng.uniform(0.5, 5, 90) if weighted else np.ones(90)
    alpha = krippendorff_alpha(codes, 5, level)
    (found,) = measure([alpha], np.random.default_rng(8), weights=weights)
    whole = dense_coincidences(codes, 5) * weights[:, None]
    rng, drawn = np.random.default_rng(8), 0
    for stratum in (alpha.shows, ~alpha.shows):
        distinct, times = np.unique(whole[stratum], axis=0, return_counts=True)
        drawn = drawn + rng.multinomial(times.sum(), times / times.sum(), 2000) @ distinct
    resampled = [dense_alpha(sums, 5, level, range(5)) for sums in drawn]
    low, high = np.quantile(resampled, [0.025, 0.975])
    assert found.ci_low == pytest.approx(low, abs=1e-12)
    assert found.ci_high >= high - 1e-12  # the exact binomial end lies further out, of names
    assert level == "nominal" or found.ci_high == pytest.approx(high, abs=1e-12)


def test_weights_do_not_stay_with_a_coefficient():
    alpha = krippendorff_alpha(simulated(np.random.default_rng(2), 40, 2, 3, 0.1), 3)
    before, weights = alpha.per_unit.toarray(), np.arange(40.0)
    measure([alpha], np.random.default_rng(0), weights=weights)
    assert (alpha.per_unit.toarray() == before).all()


def test_codes_that_nobody_gave_change_nothing():
    codes = simulated(np.random.default_rng(4), 60, 3, 4, 0.2)
    spread = np.where(codes >= 0, codes * 250, -1)
    for coefficient in (krippendorff_alpha, fleiss_kappa, percent_agreement):
        (few,) = measure([coefficient(codes, 4)], np.random.default_rng(1))
        (many,) = measure([coefficient(spread, 1000)], np.random.default_rng(1))
        assert many == few
    first, *others = spread.T
    kappa = against_others(first, np.column_stack(others), 1000)
    assert kappa.value == against_others(codes[:, 0], codes[:, 1:], 4).value
    assert gwet_ac1(spread, 1000).value > gwet_ac1(codes, 4).value  # its chance knows of all codes


def coded_once_or_twice(n, n_codes, share_twice):
    rng = np.random.default_rng(5)
    codes = simulated(rng, n, 2, n_codes, 0.0)
    codes[rng.random(n) > share_twice, 1] = -1
    return codes, rng.uniform(0.5, 2, n)


@pytest.mark.parametrize(("n_codes", "level"), [(800, "nominal"), (101, "interval"), (101, "ordinal")])
def test_memory_holds_what_was_coded_and_not_all_pairs_of_codes(n_codes, level):
    """All pairs of 800 sets are 26 GB for 5,000 units, of 101 numbers 400 MB."""
    codes, weights = coded_once_or_twice(5000, n_codes, 0.15)
    tracemalloc.start()
    try:
        parts = [
            percent_agreement(codes, n_codes),
            krippendorff_alpha(codes, n_codes, level),
            fleiss_kappa(codes, n_codes),
            against_others(codes[:, 0], codes[:, 1:], n_codes),
        ]
        found = measure(parts, np.random.default_rng(0), weights=weights)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150 * MEGABYTE
    assert all(each.ci_low < each.value < each.ci_high for each in found)


@pytest.fixture(scope="module")
def crowd() -> Coded:
    """300 units by 3 of 40 coders each."""
    rng = np.random.default_rng(6)
    n, names = 300, ("a", "b", "c")
    book = Codebook(question="Which?", labels=[Code(name=name) for name in names])
    units = [f"u{at:03d}" for at in range(n)]
    who = np.argsort(rng.random((n, 40)), axis=1)[:, :3]
    truth = rng.integers(0, 3, n)
    said = np.where(rng.random((n, 3)) < 0.8, truth[:, None], rng.integers(0, 3, (n, 3)))
    rows = {
        "unit_id": np.repeat(units, 3),
        "coder": [f"w{coder:02d}" for coder in who.ravel()],
        "label": np.array(names)[said.ravel()],
        "skipped": False,
    }
    labels = pd.Series(np.array(names)[truth])
    return Coded(
        codebook=book,
        people=ratings(pd.DataFrame(rows), book).of(units),
        gold=label_ratings(units, labels, book, "gold"),
        machines=label_ratings(units, labels, book, "gpt"),
        rounds=np.zeros(n, dtype=int),
        weights=None,
        doubt=np.full(n, np.nan),
        shown=np.zeros(n, dtype=bool),
        how=np.full(n, "majority"),
    )


def test_of_a_crowd_only_pairs_that_met_are_looked_at_on_what_both_coded(crowd, monkeypatch):
    """All the rows together are the pairs of codes within units, however many coders there are."""
    seen = []

    def watched(first, second, n_codes):
        seen.append((len(first), (first >= 0).all() and (second >= 0).all()))
        return cohen_kappa(first, second, n_codes)

    monkeypatch.setattr(people, "cohen_kappa", watched)
    rows = list(of_pairs(crowd, 0, "round", np.random.default_rng(0), 0.95, strangers=False))
    assert sum(n for n, _ in seen) == 300 * 3
    assert all(both for _, both in seen)
    assert len(rows) == len(seen) < 40 * 39 / 2


def test_pairs_and_coders_of_a_crowd_have_the_numbers_of_whole_tables(crowd):
    said, n, coders = crowd.said, crowd.n_labels, crowd.people.coders
    pairs = [*of_pairs(crowd, 0, "round", np.random.default_rng(0), 0.95)]
    assert len(pairs) == 40 * 39 / 2
    rng = np.random.default_rng(0)
    for each, (a, b) in zip(pairs, combinations(range(40), 2), strict=True):
        (whole,) = measure([cohen_kappa(said[:, a], said[:, b], n)], rng)
        assert (each.coder, each.other, each.n, each.note) == (coders[a], coders[b], whole.n, whole.note)
        found = [each.value, each.ci_low, each.ci_high]
        assert found == pytest.approx([whole.value, whole.ci_low, whole.ci_high], nan_ok=True)
    assert {each.note for each in pairs if not each.n} == {NO_OVERLAP}
    rows = [*of_coders(crowd, 0, "round", np.random.default_rng(1), 0.95)]
    rng = np.random.default_rng(1)
    for at, coder in enumerate(coders):
        mine, others = said[:, at], np.delete(said, at, axis=1)
        agreement = [against_others(mine, others, n, corrected=False), against_others(mine, others, n)]
        whole = [*measure(agreement, rng), *measure([krippendorff_alpha(others, n)], rng)]
        of_this = [each for each in rows if each.coder == coder]
        assert [each.statistic for each in of_this] == [
            "percent_agreement",
            "kappa_against_others",
            "alpha_without",
        ]
        for each, expected in zip(of_this, whole, strict=True):
            assert (each.n, each.note) == (expected.n, expected.note)
            found = [each.value, each.ci_low, each.ci_high]
            assert found == pytest.approx([expected.value, expected.ci_low, expected.ci_high], nan_ok=True)
