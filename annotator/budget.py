"""How the budget of human codes is spread over the rounds, as it stands now."""

from annotator.workspace import Workspace, gold


def coded(workspace: Workspace, n_closed: int) -> list[int]:
    """How many units each closed round brought codes for."""
    return [workspace.store.n_rows(gold(number)) for number in range(1, n_closed + 1)]


def round_sizes(workspace: Workspace, n_closed: int) -> list[int]:
    """The closed rounds as they turned out, and what is left of the budget spread evenly over the others.

    A budget changed in the study file, or codes that never came, so change the rounds to come. Rounds for
    which nothing is left are not there.
    """
    design = workspace.study.design
    done = coded(workspace, n_closed)
    return [*done, *spread(design.budget - sum(done), design.rounds - n_closed)]


def spread(budget: int, n_rounds: int) -> list[int]:
    """A budget in equal shares, the first rounds taking what does not divide, no round being empty.

    >>> spread(8, 3), spread(2, 3), spread(0, 3)
    ([3, 3, 2], [1, 1], [])
    """
    n_rounds = min(n_rounds, budget)
    if n_rounds <= 0:
        return []
    share, over = divmod(budget, n_rounds)
    return [share + (number < over) for number in range(n_rounds)]
