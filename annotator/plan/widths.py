"""Expected half-widths of the intervals when a budget is spread over rounds: analytic, nothing is drawn."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from annotator.campaign_estimates import combined_rounds
from annotator.errors import EstimateRefusedError, NotEstimableError
from annotator.inference.estimands import Estimand, Solution, Term
from annotator.inference.estimands.agreement import Agreement
from annotator.inference.estimands.subset import Subset
from annotator.inference.estimate import Answer, Estimate, Question, estimates, refused_estimate
from annotator.inference.moments import Moments
from annotator.inference.rectify import UNKNOWN, Round, rectify
from annotator.inference.stretches import stretches
from annotator.inference.variance import PRIOR_DEGREES_OF_FREEDOM, DesignVariance, design_variances
from annotator.plan.draws import Draws, draw_moments, planned_draws
from annotator.plan.outlook import Outlook
from annotator.sampling.campaign import Inquiry
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Width:
    """What is expected of one value with one budget.

    ``half_width`` is that of the study's interval and ``human_only`` that of human codes alone, of a simple
    random sample of the same size; ``estimate`` is where the value is expected. All are on the scale that is
    reported, and NaN for an estimand that has no answer yet.
    """

    estimand: str
    term: str
    label: str
    group: str
    budget: int
    estimate: float
    half_width: float
    human_only: float


def expected_widths(
    outlook: Outlook, plans: Sequence[Sequence[int]], question: Question, *, stops: bool = False
) -> list[Width]:
    """The expected half-width of every value with every plan.

    The design variance of a value adds up over rounds as ``sum_r w_r**2 sum_i left_ir v_i (1 - pi_ir) /
    pi_ir``, where ``v_i`` is the variance of unit i's influence under its expected code, ``left_ir`` the
    probability that it is not coded before round r, and ``pi_ir`` its planned inclusion probability; closed
    rounds count with the variance that their codes show. Third and fourth moments add up alike and give
    skewness and degrees of freedom, so that an interval is laid by the rules of the estimates.

    Parameters
    ----------
    outlook : Outlook
    plans : sequence of sequences of int
        Sizes of the rounds to come, one sequence a budget: their sum, and what is coded so far.
    question : Question
        Its ``planned_labels`` are ignored.
    stops : bool
        Whether a stopping rule watches the intervals, which are confidence sequences then.

    Returns
    -------
    list of Width, by estimand, then value, then plan.
    """
    draws = planned_draws(outlook, plans)
    found = []
    for inquiry in outlook.campaign.inquiries:
        asked = replace(question, codes=inquiry.codes)
        pairs = [(d, replace(asked, planned_labels=d.budget if stops else None)) for d in draws]
        view = _View.of(outlook, inquiry)
        found += [width for estimand in inquiry.estimands for width in _of(view, estimand, pairs)]
    return found


@dataclass(frozen=True)
class _View:
    """The outlook of one inquiry's answers, K of them: arrays (N, K), and its closed rounds and gold."""

    prediction: FloatArray
    labels: FloatArray
    gold: IntArray
    rounds: Sequence[Round]

    @classmethod
    def of(cls, outlook: Outlook, inquiry: Inquiry) -> "_View":
        return cls(
            inquiry.expected(outlook.prediction),
            inquiry.expected(outlook.labels),
            outlook.campaign.combined(inquiry, outlook.gold),
            combined_rounds(inquiry, outlook.rounds),
        )


@dataclass(frozen=True)
class _Solved:
    """An estimand solved for the labels that tell most about it."""

    estimand: Estimand
    solution: Solution
    labels: FloatArray

    @classmethod
    def of(cls, estimand: Estimand, outlook: _View) -> "_Solved":
        """Agreement needs to know how often the machine errs; so do few codes that leave no other answer."""
        if not _is_agreement(estimand):
            with suppress(NotEstimableError):
                return cls(estimand, estimand.solve(outlook.labels), outlook.labels)
        return cls(estimand, estimand.solve(outlook.prediction), outlook.prediction)

    def estimate(self, t: int, design: DesignVariance, budget: int, question: Question) -> Estimate:
        """Value t as it would be estimated."""
        answer = Answer("rounds", self.estimand.name, self.solution, t, self.labels, n_labels=budget)
        return estimates(answer, design, question)[0]


def _of(outlook: _View, estimand: Estimand, pairs: Sequence[tuple[Draws, Question]]) -> Iterator[Width]:
    try:
        solved = _Solved.of(estimand, outlook)
    except EstimateRefusedError as error:
        group = error.group if isinstance(error, NotEstimableError) else ""
        for draws, question in pairs:
            nothing = refused_estimate("rounds", estimand.name, Term("", None, group), question)
            yield _width(nothing, nothing, draws.budget)
        return
    closed = _closed_rounds(outlook, solved.solution)
    for t in range(len(solved.solution.terms)):
        support = solved.solution.support(t)
        to_come, random = _moments(outlook, solved, t, [draws for draws, _ in pairs])
        for b, (draws, question) in enumerate(pairs):
            shown = [each[t].weighted(float(w)) for w, each in zip(draws.closed_weights, closed, strict=True)]
            ours = _designed(sum(shown, to_come[b]), float(draws.coded[support].sum()))
            human = _designed(random[b], draws.budget * support.size / outlook.gold.size)
            yield _width(
                solved.estimate(t, ours, draws.budget, question),
                solved.estimate(t, human, draws.budget, question),
                draws.budget,
            )


def _is_agreement(estimand: Estimand) -> bool:
    return isinstance(estimand.estimand if isinstance(estimand, Subset) else estimand, Agreement)


def _closed_rounds(outlook: _View, solution: Solution) -> list[list[Moments]]:
    """The moments that each closed round shows of each value, as if it were the only one."""
    found = []
    for each in outlook.rounds:
        gold = np.where(each.known | each.drawn, outlook.gold, UNKNOWN)
        alone = rectify([each], gold, outlook.prediction.shape[1])
        found.append([_of_design(d) for d in design_variances(alone, solution, outlook.prediction)])
    return found


def _of_design(design: DesignVariance) -> Moments:
    freedom = max(design.degrees_of_freedom - PRIOR_DEGREES_OF_FREEDOM, 1.0)
    return Moments(design.variance, design.third, 2.0 * design.variance**2 / freedom)


def _moments(
    outlook: _View, solved: _Solved, t: int, draws: Sequence[Draws]
) -> tuple[list[Moments], list[Moments]]:
    """The moments of the error of value t that the rounds to come add, and those of simple random samples."""
    units = solved.solution.support(t)
    planned, raw, residual = np.zeros((len(draws), 3)), np.zeros(3), 0.0
    for stretch in stretches(units.size):
        part = units[stretch]
        expected, influence = outlook.prediction[part], solved.solution.influence(t, part)
        deviation = influence - (expected * influence).sum(axis=1, keepdims=True)
        central = np.stack([(expected * deviation**j).sum(axis=1) for j in (2, 3, 4)])
        residual += float(central[0].sum())
        raw += [float((solved.labels[part] * influence**j).sum()) for j in (2, 3, 4)]
        for b, each in enumerate(draws):
            planned[b] += (each.spread[:, part] * central).sum(axis=1)
    # Labels may be negative; without the machine the variance is no smaller than with it.
    raw[0] = max(raw[0], residual)
    uniform = draw_moments(1.0, np.array([min(each.budget / outlook.gold.size, 1.0) for each in draws]))
    return [_as_moments(row) for row in planned], [_as_moments(row) for row in uniform.T * raw]


def _as_moments(sums: FloatArray) -> Moments:
    return Moments(float(sums[0]), float(sums[1]), float(max(sums[2], 0.0)))


def _designed(moments: Moments, n_coded: float) -> DesignVariance:
    """Degrees of freedom as `design_variances` grants them."""
    relative = moments.relative_variance
    freedom = min(2.0 / relative if relative > 0 else np.inf, max(n_coded - 1.0, 0.0))
    return DesignVariance(
        variance=moments.variance,
        third=moments.third,
        degrees_of_freedom=freedom + PRIOR_DEGREES_OF_FREEDOM,
        n_coded=round(n_coded),
        n_drawn=round(n_coded),
        floored=False,
    )


def _width(ours: Estimate, human: Estimate, budget: int) -> Width:
    return Width(
        estimand=ours.estimand,
        term=ours.term,
        label=ours.label,
        group=ours.group,
        budget=budget,
        estimate=ours.estimate,
        half_width=(ours.ci_high - ours.ci_low) / 2.0,
        human_only=(human.ci_high - human.ci_low) / 2.0,
    )
