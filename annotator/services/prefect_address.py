"""Which Prefect server a command speaks to."""

import os
from pathlib import Path

from annotator.errors import StudyError
from annotator.services.folder import find


def prefect_api_url(start: Path) -> str:
    """``PREFECT_API_URL``, or the server that `annotator up` started.

    Raises StudyError where neither is known.
    """
    local = find(start)
    url = os.environ.get("PREFECT_API_URL") or (local.prefect_api_url if local else None)
    if url is None:
        raise StudyError(
            "no Prefect server is known",
            hint="`annotator up` starts one on this machine; or set PREFECT_API_URL to yours.",
        )
    return url
