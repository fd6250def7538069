"""Which budgets a plan looks at, and how each is spread over the rounds still to come."""

from collections.abc import Sequence
from dataclasses import dataclass

from annotator.budget import spread
from annotator.errors import StudyError
from annotator.study import Design

LADDER = (0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Stand:
    """How far a study is.

    Attributes
    ----------
    n_units : int
        Of the corpus.
    n_coded : int
        Units coded in closed rounds.
    n_open : int
        Units drawn in a round that is open, 0 if none is.
    n_rounds_left : int
        Rounds of the study file that have not been opened.
    """

    n_units: int
    n_coded: int
    n_open: int
    n_rounds_left: int

    @property
    def smallest_budget(self) -> int:
        """A unit for each round; once rounds are open, what is drawn, or one unit more than is coded."""
        has_started = self.n_coded or self.n_open
        return self.n_coded + max(self.n_open, 1) if has_started else self.n_rounds_left


def choose(asked: Sequence[int] | None, design: Design, stand: Stand) -> list[int]:
    """The budgets asked for, ascending, or a ladder around the study's own.

    Raises StudyError if a budget does not fit the corpus and the rounds, or nothing is left to code.

    >>> choose(None, Design(rounds=5, budget=500), Stand(1500, 200, 0, 3))
    [250, 500, 1000]
    """
    if stand.n_coded >= stand.n_units:
        raise StudyError(
            "every unit of the corpus is coded: there is nothing to plan",
            hint="`annotator status` shows the estimates.",
        )
    if asked is None:
        _refuse_large(design.budget, stand, "design.budget is")
        rungs = {round(step * design.budget) for step in LADDER}
        fitting = sorted(b for b in rungs if stand.smallest_budget <= b <= stand.n_units)
        return fitting or [min(max(stand.smallest_budget, design.budget), stand.n_units)]
    if not asked:
        raise StudyError("no budget is named", hint="For example: --budget 200,500")
    budgets = sorted({*asked})
    _refuse_large(budgets[-1], stand, "the plan asks for")
    if budgets[0] < stand.smallest_budget:
        raise StudyError(_too_small(budgets[0], stand), hint=f"Ask for {stand.smallest_budget:,} or more.")
    return budgets


def round_sizes(budget: int, stand: Stand) -> list[int]:
    """Sizes of the rounds to come: the open one as it was drawn, the others alike.

    Once all rounds of the study file are opened, one more is assumed.

    >>> round_sizes(500, Stand(n_units=2000, n_coded=100, n_open=100, n_rounds_left=3))
    [100, 100, 100, 100]
    >>> round_sizes(700, Stand(n_units=2000, n_coded=500, n_open=0, n_rounds_left=0))
    [200]
    """
    opened = [stand.n_open] if stand.n_open else []
    rest = budget - stand.n_coded - stand.n_open
    return [*opened, *spread(rest, max(stand.n_rounds_left, 1))]


def _refuse_large(budget: int, stand: Stand, what: str) -> None:
    if budget > stand.n_units:
        raise StudyError(
            f"{what} {budget:,} human codes, but the corpus has only {stand.n_units:,} units",
            hint=f"Ask for {stand.n_units:,} or less.",
        )


def _too_small(budget: int, stand: Stand) -> str:
    if stand.n_coded or stand.n_open:
        done = f"{stand.n_coded:,} units are coded and {stand.n_open:,} more are drawn"
        return f"a budget of {budget:,} is too small: {done}"
    return f"a budget of {budget:,} cannot fill {stand.n_rounds_left} rounds"
