"""From a study's ``coding`` section to the service where people code."""

import os
from dataclasses import replace
from typing import Any

from annotator import corpus, services
from annotator.coders import LabelStudioCoding
from annotator.coders import ReplayCoding as ReplaySection
from annotator.coding.form import Form
from annotator.coding.images import fetched
from annotator.coding.label_studio import LabelStudio
from annotator.coding.material import Material
from annotator.coding.protocol import CodingService
from annotator.coding.replay import ADJUDICATOR, ReplayCoding
from annotator.errors import NotKnownYetError, ServiceUnavailableError
from annotator.labeling.images import Images
from annotator.labeling.privacy import refuse_remote, shown
from annotator.progress import Progress, silent
from annotator.study import Study
from annotator.webhook.address import webhook
from annotator.workspace import Workspace

TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"


def build(workspace: Workspace, progress: Progress = silent) -> CodingService:
    """The coding service of the study. Raises StudyError where it cannot be."""
    study = workspace.study
    match study.coding:
        case LabelStudioCoding() as section:
            return _label_studio(workspace, section, _form(study, section), progress)
        case ReplaySection(column=column, second=second):
            return ReplayCoding(
                _on_record(study, column),
                study.codebook,
                second=None if second is None else _on_record(study, second),
            )


def build_adjudication(workspace: Workspace) -> CodingService:
    """Where the study's disagreements are adjudicated. Raises StudyError where it cannot be."""
    study = workspace.study
    match study.coding:
        case LabelStudioCoding() as section:
            form = replace(_form(study, section), adjudicates=True, suggests=False)
            return _label_studio(workspace, section, form, silent)
        case ReplaySection(adjudicator=column):
            codes = {} if column is None else _on_record(study, column)
            return ReplayCoding(codes, study.codebook, coder=ADJUDICATOR)


def _label_studio(
    workspace: Workspace, section: LabelStudioCoding, form: Form, progress: Progress
) -> LabelStudio:
    study = workspace.study
    url, token = address_and_token(study, section)
    return LabelStudio(
        url,
        token,
        study.name,
        form,
        study_id=workspace.study_id,
        webhook=webhook(study),
        progress=progress,
    )


def _on_record(study: Study, column: str) -> dict[str, Any]:
    rows = corpus.read(study, [column]).units
    return dict(zip(rows["unit_id"], rows[column], strict=True))


def _form(study: Study, section: LabelStudioCoding) -> Form:
    return Form(
        codebook=study.codebook,
        cannot_code=section.cannot_code,
        note=section.note,
        content_warning=section.content_warning,
        break_after=section.break_after,
        daily_limit=section.daily_limit,
        suggests=section.shown > 0,
        material=Material(study.corpus.text_columns, Images(study, fetched) if study.corpus.image else None),
    )


def still_lacking(study: Study) -> NotKnownYetError | ServiceUnavailableError | None:
    """What is to be known before people can code, if it is not known yet; nothing is sent to anybody.

    Raises StudyError for an address that `local_only` refuses: waiting does not help there.
    """
    if isinstance(study.coding, LabelStudioCoding):
        try:
            address_and_token(study, study.coding)
        except (NotKnownYetError, ServiceUnavailableError) as error:
            return error
    return None


def address_and_token(study: Study, section: LabelStudioCoding) -> tuple[str, str]:
    """Where the study's Label Studio is and what opens it. Raises NotKnownYetError where one is not known."""
    local = services.find(study.folder)
    url = section.url or (local.label_studio_url if local else None)
    if url is None:
        raise NotKnownYetError(
            f"{study.path}: no Label Studio is known",
            hint="`annotator up` starts one on this machine; or set `coding.url` to yours.",
        )
    if study.privacy == "local_only":
        refuse_remote(url, who="coding")
    token = os.environ.get(TOKEN_VARIABLE, "").strip() or None
    is_local = local is not None and url.rstrip("/") == (local.label_studio_url or "").rstrip("/")
    if token is None and local and is_local:
        token = local.credentials().token
    if token is None:
        raise NotKnownYetError(
            f"no access token for the Label Studio at {shown(url)}",
            hint=f"Set {TOKEN_VARIABLE} to a token from Account & Settings in Label Studio.",
        )
    return url, token
