"""The work pool that the study's deployments and the worker share."""

import httpx

from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.privacy import shown

WORK_POOL = "annotator"


def ensure_work_pool(api_url: str) -> None:
    """Create the process work pool unless there is one of its name.

    Raises ServiceUnavailableError when the server does not answer, ServiceError when it refuses.
    """
    pool = {"name": WORK_POOL, "type": "process", "description": "Flows of annotation studies"}
    try:
        answer = httpx.post(f"{api_url}/work_pools/", json=pool, timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        raise ServiceUnavailableError(
            f"Prefect at {shown(api_url)} does not answer: {error}", hint="Run: annotator up"
        ) from error
    if answer.status_code not in (httpx.codes.CREATED, httpx.codes.CONFLICT):
        raise ServiceError(f"Prefect at {shown(api_url)} refuses the work pool: {answer.text[:500]}")
