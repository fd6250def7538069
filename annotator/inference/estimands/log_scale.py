"""Values that are estimated as logarithms and reported as what they are the logarithm of."""

import math

from annotator.inference.estimands import Reported


def exponential(found: Reported) -> Reported:
    """A logarithm's interval as its ratio's; the standard error follows by the delta method.

    >>> exponential(Reported(0.0, 0.1, -1.0, 1.0)).std_error
    0.1
    """
    estimate = math.exp(found.estimate)
    return Reported(estimate, estimate * found.std_error, math.exp(found.low), math.exp(found.high))
