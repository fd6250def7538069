"""Named ways to turn rounds and human codes into estimates, all on one kernel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from annotator.errors import EstimateRefusedError, NotEstimableError
from annotator.inference.estimands import Estimand, Solution, Term
from annotator.inference.estimate import (
    Answer,
    Estimate,
    Population,
    Question,
    estimates,
    naive_estimate,
    refused_estimate,
)
from annotator.inference.rectify import Rectified, Round, rectify
from annotator.inference.tuning import Tuner, hard_prediction
from annotator.inference.variance import design_variance, design_variances
from models.arrays import FloatArray, IntArray

__all__ = ["METHODS", "OF_A_DRAW", "Estimate", "Population", "Question", "estimate"]

DEFAULT_METHODS = ("rounds", "human_only", "machine_only")
OF_A_DRAW = {
    "leverage_only": "draws units by their leverage alone",
    "confidence_driven": "draws units by the error predicted from the machine's confidence",
}


def estimate(
    rounds: Sequence[Round],
    gold: IntArray,
    estimands: Sequence[Estimand],
    question: Question,
    *,
    machine_labels: IntArray | None = None,
    methods: Sequence[str] = DEFAULT_METHODS,
) -> list[Estimate]:
    """Estimates of every estimand by every method.

    Parameters
    ----------
    rounds : sequence of Round
        The closed rounds, in order.
    gold : (N,) array of int
        Human codes, -1 where there is none.
    estimands : sequence of Estimand
    question : Question
    machine_labels : (N,) array of int, optional
        Of the annotator whose hard labels some methods use, -1 where it failed. Without it there is no row of
        ``machine_only``.
    methods : sequence of str
        ``rounds``: rectified labels. ``human_only``: the same draws without the machine, weighted by one over
        the inclusion probability (Hajek). ``machine_only``: machine labels taken for true, never valid.
        ``ppi``: rectified with the hard machine label (Angelopoulos et al. 2023). ``ppi_plus_plus``: the same
        with a factor on it, tuned for each value (Angelopoulos, Duchi and Zrnic 2023). ``dsl``: design-based
        supervised learning with the machine's label as the surrogate (Egami et al. 2023); its pseudo-outcomes
        are the rectified labels of ``ppi``, so both give the same numbers on one ledger.

    Raises
    ------
    EstimateRefusedError
        If no honest estimate can be given (see `rectify`), a method is unknown, needs machine labels that are
        not there, or is a way to draw units that this ledger was not drawn by.
    """
    _refuse_unknown(methods)
    draws = _Draws(rectify(rounds, gold, len(question.codes)), machine_labels, question)
    return [row for one in estimands for name in methods for row in _answered(draws, one, name)]


def _answered(draws: "_Draws", estimand: Estimand, method: str) -> list[Estimate]:
    """The rows of one estimand by one method; one that says so when there is no answer on these labels."""
    try:
        return _METHODS[method](draws, estimand, method)
    except NotEstimableError as error:
        return [refused_estimate(method, estimand.name, Term("", None, error.group), draws.question)]


@dataclass
class _Draws:
    """What the methods share; what does not depend on the estimand is worked out once."""

    rectified: Rectified
    machine_labels: IntArray | None
    question: Question
    _human: tuple[Rectified, FloatArray] | None = field(default=None, init=False)
    _hard: tuple[Rectified, FloatArray] | None = field(default=None, init=False)

    @property
    def human(self) -> tuple[Rectified, FloatArray]:
        """The draws with the prediction zero, so that labels are weights, and what to expect of a unit."""
        if self._human is None:
            human = self.rectified.with_predictions(np.zeros_like(self.rectified.labels))
            totals = human.labels.sum(axis=0)
            n_coded = int((human.gold >= 0).sum())
            # Jeffreys' half a unit a code: a code that nobody met is rare, not impossible.
            share = (n_coded * totals / totals.sum() + 0.5) / (n_coded + 0.5 * totals.size)
            self._human = human, np.broadcast_to(share, human.labels.shape)
        return self._human

    def hard(self, method: str) -> tuple[Rectified, FloatArray]:
        """The draws rectified with the hard machine label, and what to expect of a unit given it."""
        if self.machine_labels is None or not np.any(self.machine_labels >= 0):
            raise EstimateRefusedError(
                f"The method {method} needs machine labels, and there are none.",
                hint="Name an annotator that labelled the corpus, or leave the method out.",
            )
        if self._hard is None:
            prediction = hard_prediction(self.machine_labels, self.rectified.n_codes)
            expected = _given_machine(self.rectified, self.machine_labels)
            self._hard = self.rectified.with_predictions(prediction), expected
        return self._hard


def _given_machine(rectified: Rectified, machine_labels: IntArray) -> FloatArray:
    """P(code | machine label) (N, K) from the draws, with Jeffreys' half a unit a code."""
    human = rectified.with_predictions(np.zeros_like(rectified.labels)).labels
    coded = np.flatnonzero(rectified.gold >= 0)
    weight = human[coded, rectified.gold[coded]]
    weight *= coded.size / weight.sum()
    said = machine_labels + 1
    counts = np.full((int(said.max()) + 1, rectified.n_codes), 0.5)
    np.add.at(counts, (said[coded], rectified.gold[coded]), np.maximum(weight, 0.0))
    table: FloatArray = counts / counts.sum(axis=1, keepdims=True)
    return table[said]


def _rounds(draws: _Draws, estimand: Estimand, method: str) -> list[Estimate]:
    return _designed(method, estimand, draws.rectified, draws.question, None, lambda_=1.0)


def _human_only(draws: _Draws, estimand: Estimand, method: str) -> list[Estimate]:
    human, expected = draws.human
    return _designed(method, estimand, human, draws.question, expected, lambda_=0.0)


def _machine_only(draws: _Draws, estimand: Estimand, method: str) -> list[Estimate]:
    said, question = draws.machine_labels, draws.question
    if said is None or not np.any(said >= 0):
        return []
    labels = np.zeros((said.size, len(question.codes)))
    labels[said >= 0] = np.eye(len(question.codes))[said[said >= 0]]
    solution = estimand.solve(labels)
    answers = [Answer(method, estimand.name, solution, t, labels) for t in range(len(solution.terms))]
    return [naive_estimate(answer, question) for answer in answers]


def _untuned(draws: _Draws, estimand: Estimand, method: str) -> list[Estimate]:
    hard, expected = draws.hard(method)
    return _designed(method, estimand, hard, draws.question, expected, lambda_=1.0)


def _tuned(draws: _Draws, estimand: Estimand, method: str) -> list[Estimate]:
    """Each value is solved anew with its own factor, found where the human codes alone put it."""
    hard, expected = draws.hard(method)
    prediction = hard.rounds[0].prediction
    pilot = _pilot(estimand, hard.labels, draws.human[0].labels)
    tuner = Tuner.of(hard, prediction)
    rows: list[Estimate] = []
    for t in range(len(pilot.terms)):
        factor = tuner.factor(pilot, t)
        weighted = hard.with_predictions(factor * prediction)
        solution = estimand.solve(weighted.labels)
        design = design_variance(weighted, solution, t, expected)
        answer = Answer(
            method, estimand.name, solution, t, weighted.labels, lambda_=factor, n_labels=_n_labels(weighted)
        )
        rows += estimates(answer, design, draws.question)
    return rows


def _pilot(estimand: Estimand, first: FloatArray, second: FloatArray) -> Solution:
    try:
        return estimand.solve(first)
    except NotEstimableError:
        return estimand.solve(second)


def _designed(
    method: str,
    estimand: Estimand,
    rectified: Rectified,
    question: Question,
    expected: FloatArray | None,
    *,
    lambda_: float,
) -> list[Estimate]:
    """Rows of a method whose error comes from the draw."""
    solution = estimand.solve(rectified.labels)
    n_labels = _n_labels(rectified)
    return [
        row
        for t, design in enumerate(design_variances(rectified, solution, expected))
        for row in estimates(
            Answer(method, estimand.name, solution, t, rectified.labels, lambda_, n_labels), design, question
        )
    ]


def _n_labels(rectified: Rectified) -> int:
    """How many human codes the rounds have brought; those that were there before are no part of the plan."""
    return int(sum(each.drawn.sum() for each in rectified.rounds))


def _refuse_unknown(methods: Sequence[str]) -> None:
    for name in methods:
        if name in OF_A_DRAW:
            raise EstimateRefusedError(
                f"{name} {OF_A_DRAW[name]}; this ledger was drawn otherwise.",
                hint="`annotator simulate` shows what it would do. For this ledger choose from: "
                f"{', '.join(METHODS)}.",
            )
        if name not in METHODS:
            raise EstimateRefusedError(
                f"There is no method {name!r}.", hint=f"Choose from: {', '.join(METHODS)}."
            )


_METHODS: dict[str, Callable[[_Draws, Estimand, str], list[Estimate]]] = {
    "rounds": _rounds,
    "human_only": _human_only,
    "machine_only": _machine_only,
    "ppi": _untuned,
    "ppi_plus_plus": _tuned,
    "dsl": _untuned,
}
METHODS = tuple(_METHODS)
