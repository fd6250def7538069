"""Asking Label Studio to report new codes of a project."""

from typing import Any

from annotator.coding.label_studio_client import Client
from annotator.webhook.address import Webhook

_EVENTS = ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"]


def register(client: Client, project_id: int, webhook: Webhook) -> None:
    """Make sure that the project has this webhook once, as it is now. Raises ServiceError.

    One that an earlier receiver of the study had is changed to this one. Reports hold no text and no code.
    """
    wanted = {
        "project": project_id,
        "url": webhook.url,
        "headers": webhook.headers,
        "send_payload": False,
        "send_for_all_actions": False,
        "actions": _EVENTS,
        "is_active": True,
    }
    there = client.get("/api/webhooks/", project=project_id)
    ours = [each for each in there if _place(each["url"]) == _place(webhook.url)]
    if not ours:
        client.post("/api/webhooks/", wanted)
    elif any(_said(ours[0][name]) != _said(value) for name, value in wanted.items()):
        client.patch(f"/api/webhooks/{ours[0]['id']}/", wanted)
    for surplus in ours[1:]:
        client.delete(f"/api/webhooks/{surplus['id']}/")


def _place(url: str) -> str:
    """The part of the address that names the study."""
    return "/".join(url.rsplit("/", 2)[-2:])


def _said(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value
