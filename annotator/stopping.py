"""Whether the stopping rule of the study file is met."""

from annotator.inference.estimands.coefficients import INTERCEPT
from annotator.workspace import ESTIMATES, Workspace


def is_narrow_enough(workspace: Workspace, n_rounds: int) -> bool:
    """Whether every interval of the watched estimand is within the half-width after ``n_rounds`` rounds.

    The intercept of a regression with covariates is not watched. The intervals are confidence sequences, so
    looking after every round costs no validity.
    """
    stop = workspace.study.design.stop
    if stop is None:
        return False
    rows = workspace.store.read_frame(ESTIMATES)
    watched = rows[
        (rows["round"] == n_rounds) & (rows["estimand"] == stop.estimand) & (rows["method"] == "rounds")
    ]
    asked_for = watched[watched["term"] != INTERCEPT]
    watched = watched if asked_for.empty else asked_for
    half_width = (watched["ci_high"] - watched["ci_low"]) / 2
    return not watched.empty and bool((half_width <= stop.half_width).all())
