"""The model of Dawid and Skene: known units, smoothing, convergence."""

import numpy as np
import pytest

from annotator.coding.dawid_skene import dawid_skene


def played(skills, n=400, n_codes=3, missing=0.3, seed=1):
    """True codes (n,), and what coders of these skills say of the units."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(n_codes, n, p=np.arange(n_codes, 0, -1) / (n_codes * (n_codes + 1) / 2))
    shape = (n, len(skills))
    wrong = (truth[:, None] + rng.integers(1, n_codes, shape)) % n_codes
    codes = np.where(rng.random(shape) < np.asarray(skills), truth[:, None], wrong)
    away = rng.random(shape) < missing
    away[away.all(axis=1), 0] = False
    return truth, np.where(away, -1, codes)


def test_the_objective_never_falls_and_the_fit_converges():
    for seed in range(5):
        _, codes = played([0.9, 0.7, 0.55], seed=seed)
        found = dawid_skene(codes, 3)
        assert found.converged
        assert np.diff(found.log_posterior).min() > -1e-8
        assert found.posterior.sum(axis=1) == pytest.approx(1.0)
        assert found.confusion.sum(axis=2) == pytest.approx(1.0)
        assert found.prevalence.sum() == pytest.approx(1.0)


def test_confusions_are_found():
    truth, codes = played([0.9, 0.75, 0.6, 0.6], n=4000, missing=0.2)
    found = dawid_skene(codes, 3)
    accuracy = np.einsum("ckk->ck", found.confusion)
    # Standard errors are about 0.02; truth is only partly known.
    assert accuracy == pytest.approx(np.repeat([[0.9], [0.75], [0.6], [0.6]], 3, axis=1), abs=0.07)
    assert found.prevalence == pytest.approx(np.bincount(truth) / 4000, abs=0.03)


def test_posteriors_are_calibrated_where_the_model_holds():
    truth, codes = played([0.85, 0.75, 0.65], n=4000)
    found = dawid_skene(codes, 3)
    sure = found.posterior.max(axis=1)
    right = found.posterior.argmax(axis=1) == truth
    assert right.mean() == pytest.approx(sure.mean(), abs=0.03)


def test_known_units_keep_their_code_and_teach_how_coders_err():
    truth, codes = played([0.9, 0.4, 0.4], n=600, missing=0.0)
    known = np.where(np.arange(600) < 200, truth, -1)
    found = dawid_skene(codes, 3, known)
    assert (found.posterior[:200].argmax(axis=1) == truth[:200]).all()
    assert (found.posterior[:200].max(axis=1) == 1.0).all()
    rest = slice(200, None)
    learned = (found.posterior[rest].argmax(axis=1) == truth[rest]).mean()
    alone = (dawid_skene(codes[rest], 3).posterior.argmax(axis=1) == truth[rest]).mean()
    assert learned >= alone
    assert learned > 0.85
    assert np.diff(found.log_posterior).min() > -1e-8


def test_a_unit_may_be_known_without_codes():
    codes = np.array([[0, 0], [1, 1], [-1, -1]])
    found = dawid_skene(codes, 2, np.array([-1, -1, 1]))
    assert found.posterior[2].tolist() == [0.0, 1.0]


def test_the_same_codes_give_the_same_answer():
    _, codes = played([0.8, 0.6, 0.6])
    first, second = dawid_skene(codes, 3), dawid_skene(codes, 3)
    assert (first.posterior == second.posterior).all()


def test_a_coder_with_one_unit_is_not_believed_to_be_perfect():
    codes = np.array([[0, -1], [1, -1], [0, -1], [1, 0]])
    found = dawid_skene(codes, 2)
    assert found.confusion.min() > 0.05
    assert found.confusion.max() < 0.95


def test_codes_that_agree_stay_what_they_are():
    codes = np.repeat(np.arange(3)[:, None], 2, axis=1).repeat(5, axis=0)
    assert (dawid_skene(codes, 3).posterior.argmax(axis=1) == codes[:, 0]).all()


@pytest.mark.parametrize(
    ("codes", "known", "smoothing", "said"),
    [
        (np.array([[0, 1], [-1, -1]]), None, 2.0, "unit 1 has no code"),
        (np.array([[0, 2]]), None, 2.0, "between 0 and 1"),
        (np.array([[0, 1]]), np.array([3]), 2.0, "between 0 and 1"),
        (np.array([0, 1]), None, 2.0, "shape"),
        (np.array([[0, 1]]), None, 0.0, "smoothing"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(codes, known, smoothing, said):
    with pytest.raises(ValueError, match=said):
        dawid_skene(codes, 2, known, smoothing=smoothing)
