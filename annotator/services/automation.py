"""The automation that ends flow runs nobody runs any more.

A flow run whose process and worker are both gone stays Running for ever, and holds the concurrency
limit of its deployment. Flow runs send a heartbeat; a self-hosted server does nothing about a missing
one unless an automation tells it to.
"""

import httpx

from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.privacy import shown

_NAME = "Mark flow runs without heartbeat as crashed"
_AUTOMATION = {
    "name": _NAME,
    "description": "A flow run whose heartbeat is missing for 90 seconds has lost its process and worker.",
    "enabled": True,
    "trigger": {
        "type": "event",
        "posture": "Proactive",
        "match": {"prefect.resource.id": ["prefect.flow-run.*"]},
        "for_each": ["prefect.resource.id"],
        "after": ["prefect.flow-run.heartbeat"],
        "expect": [
            "prefect.flow-run.heartbeat",
            "prefect.flow-run.Completed",
            "prefect.flow-run.Failed",
            "prefect.flow-run.Cancelled",
            "prefect.flow-run.Crashed",
        ],
        "threshold": 1,
        "within": 90,
    },
    "actions": [
        {
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "name": "Crashed",
            "message": "No heartbeat for 90 seconds: the process and its worker are gone.",
        }
    ],
}


def ensure_zombie_automation(api_url: str) -> bool:
    """Create the automation unless one of its name exists; True if it was created.

    An existing one is left as it is: somebody may have changed or disabled it on purpose.
    Raises ServiceUnavailableError when the server does not answer, ServiceError when it refuses.
    """
    try:
        with httpx.Client(base_url=api_url, timeout=30, trust_env=False) as client:
            found = client.post("/automations/filter", json={"automations": {"name": {"any_": [_NAME]}}})
            found.raise_for_status()
            if found.json():
                return False
            client.post("/automations/", json=_AUTOMATION).raise_for_status()
    except httpx.HTTPStatusError as error:
        raise ServiceError(
            f"Prefect at {shown(api_url)} refuses the automation for lost flow runs: "
            f"{error.response.text[:500]}"
        ) from error
    except httpx.HTTPError as error:
        raise ServiceUnavailableError(
            f"Prefect at {shown(api_url)} does not answer: {error}", hint="Run: annotator up"
        ) from error
    return True
