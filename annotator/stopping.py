"""Whether the stopping rule of the study file is met."""

from annotator.workspace import ESTIMATES, Workspace


def is_narrow_enough(workspace: Workspace, n_rounds: int) -> bool:
    """Whether every interval of the watched estimand is within the half-width after ``n_rounds`` rounds.

    The intervals are confidence sequences, so looking after every round costs no validity.
    """
    stop = workspace.study.design.stop
    if stop is None:
        return False
    rows = workspace.store.read_frame(ESTIMATES)
    watched = rows[
        (rows["round"] == n_rounds) & (rows["estimand"] == stop.estimand) & (rows["method"] == "rounds")
    ]
    return bool(((watched["ci_high"] - watched["ci_low"]) / 2 <= stop.half_width).all())
