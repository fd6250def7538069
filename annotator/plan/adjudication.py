"""How many decisions an adjudicator is to make, and how long these take."""

import math
from dataclasses import dataclass
from itertools import count, takewhile

import pandas as pd

from annotator import schema
from annotator.coding.disagreement import compared
from annotator.coding.effort import seconds_a_code
from annotator.stages.collect import stored_codes
from annotator.stages.disagreement import disagreeing, stored_adjudications, undecided
from annotator.workspace import Workspace, gold, tasks

RATE = 0.2


@dataclass(frozen=True)
class Adjudication:
    """What decisions are expected, and how fast they are.

    Attributes
    ----------
    rate : float
        Share of units coded by several people that need a decision.
    n_compared : int
        Units that several people have coded so far, from which the rate comes; it is assumed while that is 0.
    n_open : int
        Disagreements that wait for a decision now.
    minutes_per_decision : float
    from_adjudicator : bool
        Whether that is the adjudicator's own mean without outliers, not that of a code.
    """

    rate: float
    n_compared: int
    n_open: int
    minutes_per_decision: float
    from_adjudicator: bool

    def n_to_come(self, n_doubled: int) -> float:
        """Decisions still to be made when ``n_doubled`` more units come to be coded by several people.

        >>> Adjudication(0.2, 50, 3, 1.0, from_adjudicator=False).n_to_come(40)
        11.0
        """
        return self.n_open + self.rate * n_doubled

    def hours_to_come(self, n_doubled: int) -> float:
        """The same in hours."""
        return self.n_to_come(n_doubled) * self.minutes_per_decision / 60.0


def adjudication(workspace: Workspace, minutes_per_code: float) -> Adjudication | None:
    """What the study's codes and decisions so far let expect; None in a study that adjudicates nothing.

    Before two people have coded a unit, `RATE` is assumed; before a decision has been timed, that it takes as
    long as a code.
    """
    study = workspace.study
    if not study.coding.gold.adjudicate:
        return None
    sent = [*takewhile(lambda number: workspace.store.exists(tasks(number)), count(1))]
    n_compared = sum(len(compared(stored_codes(workspace, n), study.codebook)) for n in sent)
    n_disputed = sum(len(disagreeing(workspace, number)) for number in sent)
    still_open = [number for number in sent if not workspace.store.exists(gold(number))]
    made = [stored_adjudications(workspace, number) for number in sent]
    seconds = seconds_a_code(pd.concat([schema.ADJUDICATIONS.empty_table().to_pandas(), *made]))
    is_timed = not math.isnan(seconds)
    return Adjudication(
        rate=n_disputed / n_compared if n_compared else RATE,
        n_compared=n_compared,
        n_open=sum(len(undecided(workspace, number)) for number in still_open),
        minutes_per_decision=seconds / 60.0 if is_timed else minutes_per_code,
        from_adjudicator=is_timed,
    )
