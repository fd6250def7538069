"""What coders are called in the tables."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd


def coder_names(accounts: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """The e-mail address of each account of Label Studio, by its number.

    Accounts without one of their own are left out: Label Studio calls everybody who was removed from the
    organisation "Deleted", and two of them are still two coders.

    >>> coder_names([{"id": 1, "email": "ann@example.org"}, {"id": 2, "email": "Deleted"}])
    {1: 'ann@example.org'}
    """
    accounts = list(accounts)
    times = Counter(account["email"] for account in accounts)
    return {
        account["id"]: account["email"]
        for account in accounts
        if "@" in (account["email"] or "") and times[account["email"]] == 1
    }


def under_known_names(found: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Answers as ``found``, each under the coder whom ``known`` gives for it.

    So an answer stays with its coder, also when the account has got another name, or none, since. One that is
    not known goes to whom ``known`` gives for another answer of the same account to the same unit: nobody
    becomes two coders of a unit.
    """
    answer = ["unit_id", "annotation_id"]
    sure = known[~known.duplicated(answer, keep=False)].set_index(answer)["coder"]
    before = sure.reindex(pd.MultiIndex.from_frame(found[answer])).set_axis(found.index)
    of_unit = before.groupby([found["unit_id"], found["coder"]]).transform("first")
    return found.assign(coder=before.fillna(of_unit).fillna(found["coder"]))
