"""The services of one project on this machine: Prefect, its worker, Label Studio, its webhooks' receiver.

``up`` starts what is missing, ``down`` stops what ``up`` started, ``find`` tells a command where the
services of its project are, ``status`` whether they answer. Everything lives under ``<root>/.services``.
"""

from annotator.services.automation import ensure_zombie_automation
from annotator.services.folder import Credentials, Services, find
from annotator.services.lifecycle import down, up
from annotator.services.prefect_address import prefect_api_url
from annotator.services.status import ServiceStatus, status

__all__ = [
    "Credentials",
    "ServiceStatus",
    "Services",
    "down",
    "ensure_zombie_automation",
    "find",
    "prefect_api_url",
    "status",
    "up",
]
