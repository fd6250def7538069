"""Single values of exports and tables, which anybody can have edited: read, or refused with a reason."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

NEVER = pd.Timestamp(0, tz="UTC")
_LARGEST = 2**63


def as_id(value: Any) -> str:
    """An id as the corpus writes it: whole numbers without a decimal point, the empty text for none.

    Halves of characters, which JSON escapes allow, become question marks.

    >>> as_id(12.0), as_id(" u7 "), as_id(None), as_id("\\ud83d")
    ('12', 'u7', '', '?')
    """
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and math.isnan(value)):
        return ""
    is_whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return (str(int(value)) if is_whole else str(value).strip()).encode("utf-8", "replace").decode()


def moment(value: Any) -> pd.Timestamp:
    """A date and time as ISO 8601 writes it, in UTC where it names no zone; long ago where there is none.

    Raises ValueError.

    >>> moment("2026-01-01T12:00:00+02:00").isoformat(), moment("2026-01-01") > moment(None)
    ('2026-01-01T10:00:00+00:00', True)
    """
    if value is None or value == "":
        return NEVER
    try:
        found = pd.Timestamp(datetime.fromisoformat(value))
        return found.tz_localize("UTC") if found.tzinfo is None else found.tz_convert("UTC")
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{_shown(value)} is no date and time such as 2026-01-31T12:00:00Z") from error


def seconds(value: Any) -> float | None:
    """A number, also one that is written as text; None where there is none. Raises ValueError.

    >>> seconds(3), seconds("12.5"), seconds("")
    (3.0, 12.5, None)
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.inf
    if not math.isfinite(found) or isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is no number of seconds")
    return found


def number(value: Any) -> int:
    """A whole number, also one that is written as text; 0 where there is none. Raises ValueError.

    >>> number(7), number("7"), number(None)
    (7, 7, 0)
    """
    text = as_id(value) or "0"
    if not text.removeprefix("-").isdecimal() or abs(found := int(text[:20])) >= _LARGEST:
        raise ValueError(f"{_shown(value)} is no whole number")
    return found


def coder(account: Any, names: Mapping[int, str], nameless: str) -> str:
    """What the coder behind an account is called: an e-mail address where one is known, else the account.

    ``names`` maps accounts to addresses, ``nameless`` is the coder of answers that name none. Raises
    ValueError.

    >>> coder({"id": 4, "email": "ann@example.org"}, {}, "?"), coder(5, {5: "ben@example.org"}, "?")
    ('ann@example.org', 'ben@example.org')
    >>> coder(6, {}, "?"), coder("eve@example.org", {}, "?"), coder(None, {}, "?")
    ('account 6', 'eve@example.org', '?')
    """
    if isinstance(account, dict):
        email = as_id(account.get("email"))
        return email if "@" in email else coder(account.get("id"), names, nameless)
    if isinstance(account, list):
        raise ValueError(f"{_shown(account)} names no coder")
    if isinstance(account, int) and account in names:
        return names[account]
    name = as_id(account)
    return name if "@" in name else f"account {name}" if name else nameless


def _shown(value: Any) -> str:
    return ascii(value)[:60]
