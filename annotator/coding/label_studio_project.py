"""The one Label Studio project of a study: found again by a mark, or made from the codebook."""

from typing import Any

from annotator.coding.adjudication_page import SUFFIX
from annotator.coding.form import Form
from annotator.coding.label_studio_client import Client
from annotator.coding.labeling_config import instruction, labeling_config
from annotator.coding.literal import printable

_SEEING = ("show_collab_predictions", "show_annotation_history", "evaluate_predictions_automatically")
_ONCE = {"max_retries": 0}  # an unanswered creation is looked for, not repeated
_FIELDS = ",".join(["id", "description", "maximum_annotations", *_SEEING])


def find_or_create(client: Client, study_name: str, study_id: str, form: Form) -> dict[str, Any]:
    """The study's project with its id and settings; the lowest id where there are several.

    The adjudicator's project is another one, with a mark of its own.

    A creation whose answer was lost is found by the next call. Two processes that create at the same
    moment agree on the lower id, and each removes its own still empty surplus.
    """
    mark = f"[annotator {'adjudication' if form.adjudicates else 'study'} {study_id}]"
    project = _find(client, mark)
    if project is None:
        new = _new(study_name, mark, form)
        mine = client.through_sdk(lambda sdk: sdk.projects.create(**new, request_options=_ONCE)).id
        project = _find(client, mark)
        if project is None or project["id"] != mine:
            client.delete(f"/api/projects/{mine}/")
            return find_or_create(client, study_name, study_id, form)
    wanted = _what_coders_see(form)
    if any(project[setting] != value for setting, value in wanted.items()):
        client.patch(f"/api/projects/{project['id']}/", wanted)
    return project


def _what_coders_see(form: Form) -> dict[str, bool]:
    """Never each other's answers, and a machine's only where the study says so, whatever is set by hand."""
    return {setting: form.suggests and setting == "show_collab_predictions" for setting in _SEEING}


def _find(client: Client, mark: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = client.get("/api/projects/", include=_FIELDS, page=page, page_size=100)
        found += [project for project in answer["results"] if mark in (project["description"] or "")]
        if not answer["next"]:
            return min(found, key=lambda project: int(project["id"]), default=None)
        page += 1


def _new(study_name: str, mark: str, form: Form) -> dict[str, Any]:
    what, suffix = ("Adjudication", SUFFIX) if form.adjudicates else ("Coding", "")
    return {
        # Label Studio wants 3 to 50 characters.
        "title": (printable(study_name)[: 50 - len(suffix)] + suffix).ljust(3, "."),
        "description": f"{what} for a study. Please leave the next words in place: {mark}",
        "label_config": labeling_config(form),
        "expert_instruction": instruction(form),
        "show_instruction": True,
        "show_skip_button": True,
        "enable_empty_annotation": False,
        # Another order for every coder, in which a text that two of them code cannot be told.
        "sampling": "Uniform sampling",
        "skip_queue": "REQUEUE_FOR_OTHERS",
        "maximum_annotations": 1,
        **_what_coders_see(form),
    }
