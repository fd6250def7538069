"""Intercoder reliability: how far the codes depend on who gave them.

Pure functions on arrays. Codes are (n, C) positions in the codebook, one column a coder, -1 where a coder did
not code a unit; for one code against the rest they are 1, 0 and -1.
"""

from annotator.coding.reliability.alpha import krippendorff_alpha
from annotator.coding.reliability.alternative import alternative_annotator_test
from annotator.coding.reliability.bootstrap import Measured, measure
from annotator.coding.reliability.coefficient import Coefficient
from annotator.coding.reliability.cohen import against_others, cohen_kappa
from annotator.coding.reliability.fleiss import fleiss_kappa
from annotator.coding.reliability.gwet import gwet_ac1
from annotator.coding.reliability.percent import percent_agreement

__all__ = [
    "Coefficient",
    "Measured",
    "against_others",
    "alternative_annotator_test",
    "cohen_kappa",
    "fleiss_kappa",
    "gwet_ac1",
    "krippendorff_alpha",
    "measure",
    "percent_agreement",
]
