"""Prediction-powered inference on plain arrays, as its papers and ppi_py define it.

The setting is a reviewer's: a simple random sample of n labelled units and N unlabelled ones, all from one
superpopulation, with a prediction of the label for each. It is apart from the rounds of a study, whose units
are drawn with unequal probabilities from a corpus; there the same methods go by the same names
(`annotator.inference.methods`).

``method="ppi"`` corrects the predictions by their mean error on the labelled units. ``"ppi_plus_plus"``, the
default, first multiplies them by a factor lambda between 0 and 1, chosen to narrow the interval, so that
useless predictions cost nothing.

References
----------
Angelopoulos, Bates, Fannjiang, Jordan and Zrnic (2023), Prediction-powered inference, Science 382.
Angelopoulos, Duchi and Zrnic (2023), PPI++: efficient prediction-powered inference, arXiv 2311.01453.
"""

from annotator.inference.ppi.answer import Method, PredictionPowered
from annotator.inference.ppi.coefficients import logistic, ols
from annotator.inference.ppi.means import mean
from annotator.inference.ppi.quantiles import quantile

__all__ = ["Method", "PredictionPowered", "logistic", "mean", "ols", "quantile"]
