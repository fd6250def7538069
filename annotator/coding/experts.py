"""Which coders are the experts that a study names, whatever the case of their names.

Label Studio keeps e-mail addresses in lower case, however they were entered.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from models.arrays import BoolArray


def is_expert(coders: Sequence[str] | pd.Series, experts: Iterable[str]) -> BoolArray:
    """(n,) whether each coder is one of the experts.

    >>> is_expert(["anna@example.org", "ben"], ["Anna@Example.org"]).tolist()
    [True, False]
    """
    found: BoolArray = _folded(coders).isin({each.casefold() for each in experts}).to_numpy(dtype=bool)
    return found


def silent(experts: Iterable[str], coders: Sequence[str] | pd.Series) -> list[str]:
    """The experts who are none of the coders, as the study names them.

    >>> silent(["Anna@Example.org", "prof"], ["anna@example.org", "ben"])
    ['prof']
    """
    there = set(_folded(coders))
    return [expert for expert in experts if expert.casefold() not in there]


def _folded(coders: Sequence[str] | pd.Series) -> pd.Series:
    return pd.Series(list(coders), dtype=object).map(lambda coder: str(coder).casefold())
