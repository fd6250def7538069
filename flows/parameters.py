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

RETRY_DELAYS = [5.0, 20.0, 60.0]  # seconds; a scheduled run tries again anyway


async def is_retryable(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether the same call may succeed later: the error says so itself."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, AnnotatorError) and error.retryable
