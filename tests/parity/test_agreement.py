"""Agreement coefficients are those of scikit-learn and statsmodels where these have them."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from annotator.coding.reliability import cohen_kappa, fleiss_kappa

inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")


def simulated(n, n_coders, n_codes, seed):
    rng = np.random.default_rng(seed)
    truth = rng.choice(n_codes, n, p=rng.dirichlet(np.ones(n_codes)))
    return np.where(rng.random((n, n_coders)) < 0.7, truth[:, None], rng.integers(0, n_codes, (n, n_coders)))


@pytest.mark.parametrize(("n", "n_codes"), [(20, 2), (150, 3), (1000, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_kappa_of_two_coders(n, n_codes, seed):
    first, second = simulated(n, 2, n_codes, seed).T
    expected = cohen_kappa_score(first, second, labels=list(range(n_codes)))
    assert cohen_kappa(first, second, n_codes).value == pytest.approx(expected, abs=1e-12)
    table = np.zeros((n_codes, n_codes))
    np.add.at(table, (first, second), 1)
    peer = inter_rater.cohens_kappa(table, return_results=False)
    assert cohen_kappa(first, second, n_codes).value == pytest.approx(peer, abs=1e-12)


@pytest.mark.parametrize(("n_coders", "n_codes"), [(2, 2), (3, 4), (14, 5)])
@pytest.mark.parametrize("seed", range(3))
def test_kappa_of_many_coders(n_coders, n_codes, seed):
    codes = simulated(200, n_coders, n_codes, seed)
    counts, _ = inter_rater.aggregate_raters(codes, n_cat=n_codes)
    peer = inter_rater.fleiss_kappa(counts, method="fleiss")
    assert fleiss_kappa(codes, n_codes).value == pytest.approx(peer, abs=1e-12)


def test_missing_codes_of_a_pair_leave_the_unit_out():
    first, second = simulated(300, 2, 3, 5).T.copy()
    first[:50], second[30:90] = -1, -1
    both = slice(90, None)
    expected = cohen_kappa_score(first[both], second[both])
    assert cohen_kappa(first, second, 3).value == pytest.approx(expected, abs=1e-12)
