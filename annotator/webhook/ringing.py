"""From "somebody coded" to a run of ``advance``: not one a code, and none beside another.

Label Studio reports every single code. A run is asked for a moment after the first report, and the next not
before ``every`` seconds have gone by. While a run is on its way or at work no other is asked for: it may have
looked before the last code came, so that one more follows it. A Prefect that fails is asked again soon; as
a run may have begun all the same, one more follows where a report came since. A report that is lost, for the
receiver was restarted, costs nothing but time: the schedule goes on.
"""

import asyncio
import logging
import time
import uuid

import httpx
import numpy as np

from annotator.backoff import backoff
from annotator.labeling.privacy import shown

logger = logging.getLogger(__name__)

_UNDER_WAY = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}}


class Prefect:
    """The deployment ``advance/<study>`` of a Prefect server, by its REST interface.

    Its methods raise httpx.HTTPError, and ValueError for an answer that is not Prefect's.
    """

    def __init__(self, api_url: str, auth: tuple[str, str] | None = None) -> None:
        self._http = httpx.AsyncClient(base_url=api_url, auth=auth, timeout=30, trust_env=False)

    async def find(self, study: str) -> str | None:
        """The id of the deployment; None if there is none."""
        answer = await self._http.get(f"/deployments/name/advance/{study}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found = answer.raise_for_status().json()
        if not isinstance(found, dict) or "id" not in found:
            raise ValueError("a deployment has an id")
        return str(found["id"])

    async def is_busy(self, deployment: str) -> bool:
        """Whether a run is on its way or at work."""
        body = {**_UNDER_WAY, "deployments": {"id": {"any_": [deployment]}}}
        answer = await self._http.post("/flow_runs/count", json=body)
        found = answer.raise_for_status().json()
        if not isinstance(found, int):
            raise ValueError("a count is a whole number")
        return found > 0

    async def run(self, deployment: str, key: str) -> None:
        """Ask for a run now, and for no second one with the same key."""
        body = {"tags": ["webhook"], "idempotency_key": key}
        answer = await self._http.post(f"/deployments/{deployment}/create_flow_run", json=body)
        answer.raise_for_status()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()


class Ringing:
    """Reports of new codes by study, turned into runs at least ``every`` seconds apart."""

    def __init__(self, prefect: Prefect, *, every: float, delay: float = 2.0) -> None:
        self._prefect = prefect
        self._every = every
        self._delay = delay
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._is_new: set[str] = set()  # studies with a report since a run was first asked for
        self._last: dict[str, float] = {}
        self._rng = np.random.default_rng()

    def ring(self, study: str) -> None:
        """There is something new in this study; returns at once."""
        self._is_new.add(study)
        if study not in self._waiting:
            self._waiting[study] = asyncio.create_task(self._answer(study))

    async def _answer(self, study: str) -> None:
        try:
            while study in self._is_new:
                since = time.monotonic() - self._last.get(study, -self._every)
                await asyncio.sleep(max(self._delay, self._every - since))
                while not await self._is_settled(study):
                    await asyncio.sleep(self._every)
        finally:
            del self._waiting[study]

    async def _is_settled(self, study: str) -> bool:
        """Whether a run was asked for, or never can be; False to try again later."""
        key, failures = uuid.uuid4().hex, 0
        self._is_new.discard(study)
        while True:
            try:
                return await self._ask(study, key)
            except (httpx.HTTPError, ValueError) as error:
                logger.warning("advance/%s could not be started: %s", study, _said(error))
            failures += 1
            await asyncio.sleep(backoff(failures, self._rng, longest=self._every))

    async def _ask(self, study: str, key: str) -> bool:
        deployment = await self._prefect.find(study)
        if deployment is None:
            logger.warning("Prefect knows no deployment advance/%s: run `annotator deploy`", study)
            return True
        if await self._prefect.is_busy(deployment):
            return False
        await self._prefect.run(deployment, key)
        self._last[study] = time.monotonic()
        logger.info("advance/%s was started", study)
        return True


def _said(error: httpx.HTTPError | ValueError) -> str:
    """What went wrong, without the password that the address of a Prefect may hold."""
    match error:
        case httpx.HTTPStatusError(response=answer, request=request):
            return f"{shown(str(request.url))} answers HTTP {answer.status_code}"
        case httpx.HTTPError():
            return str(error) or type(error).__name__
        case _:
            return f"the answer is not Prefect's ({error})"
