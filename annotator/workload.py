"""Whether coders keep to the daily limit and take their breaks, as far as the collected answers tell.

Label Studio's community edition enforces neither, so this is for people to see and to talk about.
"""

from itertools import count, takewhile
from typing import Any

import pandas as pd

from annotator.coders import LabelStudioCoding
from annotator.coding.days import days
from annotator.coding.stints import stints
from annotator.workspace import (
    Workspace,
    adjudication_changes,
    adjudications,
    code_changes,
    codes,
    late_codes,
    tasks,
)

COLUMNS = ("coder", "today", "most_a_day", "days_over", "longest_stint", "stints_over")
RECENT = pd.Timedelta(days=7)
_DAY = pd.Timedelta(days=1)
_ANSWER = ["coder", "text", "updated_at", "lead_time", "skipped"]


def workload(workspace: Workspace, now: pd.Timestamp) -> pd.DataFrame:
    """One row a coder or adjudicator in `COLUMNS`; none where codes are only replayed.

    Texts in the coder's day that ``now`` is in and in the fullest one (`days`), minutes of the longest stint
    (`stints`), and how many days and stints were more than the study asks for: missing where it asks for
    nothing.
    """
    given = _answers(workspace)
    limit, after = _asked(workspace)
    by_day, by_stint = days(given), stints(given)
    rows = []
    for coder in sorted(given["coder"].unique()):
        day, stint = by_day[by_day["coder"] == coder], by_stint[by_stint["coder"] == coder]
        is_now = (day["begin"] <= now) & (now < day["begin"] + _DAY)
        rows.append(
            {
                "coder": coder,
                "today": int(day.loc[is_now, "n_coded"].sum()),
                "most_a_day": int(day["n_coded"].max()) if len(day) else 0,
                "days_over": _n_over(day["n_coded"], limit),
                "longest_stint": round(float(stint["minutes"].max()), 1),
                "stints_over": _n_over(stint["minutes"], after),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def warnings(workspace: Workspace, now: pd.Timestamp) -> list[str]:
    """Who coded more a day, or longer without a break, than asked for, within a week before ``now``.

    One line a coder and wish, about the worst case.
    """
    limit, after = _asked(workspace)
    if limit is None and after is None:
        return []
    given = _answers(workspace)
    by_day, by_stint = days(given), stints(given)
    full = _worst(by_day[by_day["begin"] + _DAY > now - RECENT], "n_coded", limit)
    long = _worst(by_stint[by_stint["end"] > now - RECENT], "minutes", after)
    told = [
        f"{coder} coded {n:,} texts in the day from {begin:%Y-%m-%d %H:%M} UTC on (daily_limit: {limit})"
        for coder, begin, n in zip(full["coder"], full["begin"], full["n_coded"], strict=True)
    ]
    told += [
        f"{coder} coded {n:.0f} minutes without a break, from {begin:%Y-%m-%d %H:%M} UTC on "
        f"(break_after: {after})"
        for coder, begin, n in zip(long["coder"], long["begin"], long["minutes"], strict=True)
    ]
    return sorted(told)


def with_warnings(workspace: Workspace, message: str) -> str:
    """What a look at the coders' work brought, and what a person who schedules them should know."""
    return "; ".join([message, *warnings(workspace, pd.Timestamp.now(tz="UTC"))])


def _n_over(amounts: "pd.Series[Any]", limit: int | None) -> int | None:
    return None if limit is None else int((amounts > limit).sum())


def _worst(found: pd.DataFrame, column: str, limit: int | None) -> pd.DataFrame:
    """The row a coder with the largest amount above the limit."""
    over = found[found[column] > (float("inf") if limit is None else limit)]
    rows: pd.DataFrame = over.sort_values(column).drop_duplicates("coder", keep="last")
    return rows


def _asked(workspace: Workspace) -> tuple[int | None, int | None]:
    section = workspace.study.coding
    if not isinstance(section, LabelStudioCoding):
        return None, None
    return section.daily_limit, section.break_after


def _answers(workspace: Workspace) -> pd.DataFrame:
    """All that people answered in Label Studio: codes and decisions, and what they said before a change."""
    found = []
    if isinstance(workspace.study.coding, LabelStudioCoding):
        for number in takewhile(lambda number: workspace.store.exists(tasks(number)), count(1)):
            for kind, path in _tables(number):
                if workspace.store.exists(path):
                    rows = workspace.store.read_frame(path)
                    found.append(rows.assign(text=f"{kind} " + rows["unit_id"])[_ANSWER])
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=_ANSWER)


def _tables(number: int) -> list[tuple[str, str]]:
    """A person who decides on a text reads it once more, so codes and decisions are texts apart."""
    return [
        ("code", codes(number)),
        ("code", code_changes(number)),
        ("code", late_codes(number)),
        ("decision", adjudications(number)),
        ("decision", adjudication_changes(number)),
    ]
