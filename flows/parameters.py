"""What the flows are given, and when a task is tried again.

The run form in the Prefect page shows the bounds given here; its words come from the flows' docstrings.
"""

from pathlib import Path
from typing import Annotated, Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from pydantic import Field

from annotator.errors import AnnotatorError

StudyFile = Path
MaxSteps = Annotated[int, Field(ge=1, le=100)]


async def is_retryable(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether the same call may succeed later: the error says so itself."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, AnnotatorError) and error.retryable


_DELAYS = [5.0, 20.0, 60.0]  # seconds; a scheduled run tries again anyway
RETRIED: dict[str, Any] = {
    "retries": len(_DELAYS),
    "retry_delay_seconds": _DELAYS,
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_retryable,
    "persist_result": False,
}
"""What every task of a study is made with: it is tried again where that may help, and no result is kept."""
