"""Whether a server on this machine says that it is up."""

import httpx

from annotator.services.folder import ProcessRecord
from annotator.services.ports import LOOPBACK


def says_up(record: ProcessRecord) -> bool:
    """Whether ``/health`` on the recorded port answers with the status UP."""
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{record.port}/health", timeout=10, trust_env=False)
        return answer.status_code == httpx.codes.OK and answer.json().get("status") == "UP"
    except (httpx.HTTPError, ValueError):
        return False
