"""From a study's ``machine`` section to a machine annotator ready to label."""

import os
from pathlib import Path

from annotator import corpus
from annotator.errors import StudyError
from annotator.labeling.batch_api import BatchApi
from annotator.labeling.batched_endpoint import BatchedEndpoint
from annotator.labeling.cache import ReplyCache
from annotator.labeling.endpoint import Endpoint
from annotator.labeling.keys import api_key
from annotator.labeling.local import TransformersAnnotator
from annotator.labeling.openai import OpenAIAnnotator
from annotator.labeling.privacy import refuse_remote
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import MachineAnnotator
from annotator.labeling.replay import ReplayAnnotator
from annotator.study import Machine, OpenAIMachine, ReplayMachine, Study, TransformersMachine
from annotator.workspace import Workspace
from models import embedded

OPENAI_URL = "https://api.openai.com/v1"


def build(workspace: Workspace, machine: Machine, replies: ReplyCache | None = None) -> MachineAnnotator:
    """The machine annotator a section describes, with replies of its own if given any.

    Raises StudyError where it cannot be.
    """
    match machine:
        case OpenAIMachine():
            return _openai(workspace, machine, replies)
        case TransformersMachine():
            codebook = workspace.study.codebook
            return TransformersAnnotator(
                name=machine.name,
                model_path=_model_path(workspace.study, machine.model),
                prompts=Prompts(codebook),
                codebook=codebook,
                confidence=machine.confidence,
                batch_size=machine.batch_size,
            )
        case ReplayMachine():
            return _replay(workspace.study, machine)


def build_batched(workspace: Workspace, machine: OpenAIMachine) -> tuple[OpenAIAnnotator, BatchedEndpoint]:
    """The annotator whose labels are paid for at the price of batches, and what it is asked through."""
    annotator = _openai(workspace, machine, None, BatchedEndpoint, machine.price_factor)
    assert isinstance(annotator.endpoint, BatchedEndpoint)
    return annotator, annotator.endpoint


def batch_api(workspace: Workspace, machine: OpenAIMachine) -> BatchApi:
    """The batches of the account that a section names."""
    return BatchApi(
        annotator=machine.name,
        base_url=machine.base_url or OPENAI_URL,
        api_key=api_key(machine),
        attempts=machine.attempts,
        local_only=workspace.study.privacy == "local_only",
    )


def _openai(
    workspace: Workspace,
    machine: OpenAIMachine,
    replies: ReplyCache | None,
    endpoint_class: type[Endpoint] = Endpoint,
    price_factor: float = 1.0,
) -> OpenAIAnnotator:
    codebook = workspace.study.codebook
    base_url = machine.base_url or OPENAI_URL
    if workspace.study.privacy == "local_only":
        refuse_remote(base_url, machine.name)
    workspace.folder.mkdir(parents=True, exist_ok=True)
    return OpenAIAnnotator(
        name=machine.name,
        model=machine.model,
        base_url=base_url,
        api_key=api_key(machine),
        prompts=Prompts(codebook),
        codebook=codebook,
        cache=ReplyCache(_replies(workspace)) if replies is None else replies,
        confidence=machine.confidence,
        concurrency=machine.concurrency,
        timeout=machine.timeout,
        attempts=machine.attempts,
        price_in=machine.price_in * price_factor,
        price_out=machine.price_out * price_factor,
        local_only=workspace.study.privacy == "local_only",
        endpoint_class=endpoint_class,
    )


def _replies(workspace: Workspace) -> Path:
    """Where paid replies are kept: beside the study file, or on the disk a worker has to itself."""
    own = os.environ.get("ANNOTATOR_REPLIES")
    return Path(own) / f"{workspace.study_id}.sqlite" if own else workspace.folder / "replies.sqlite"


def _model_path(study: Study, model: str) -> str:
    if model.startswith("embedded:"):
        try:
            return str(embedded.path(model.removeprefix("embedded:")))
        except ValueError as error:
            raise StudyError(f"model {model}: {error}") from error
    beside = study.folder / model
    return str(beside.resolve()) if beside.exists() or Path(model).is_absolute() else model


def _replay(study: Study, machine: ReplayMachine) -> ReplayAnnotator:
    columns = [machine.label, *([machine.confidence] if machine.confidence else [])]
    rows = corpus.read(study, columns).units.set_index("unit_id")
    confidence = None
    if machine.confidence:
        confidence = {str(unit): _number(value) for unit, value in rows[machine.confidence].items()}
    labels = {str(unit): str(value) or None for unit, value in rows[machine.label].items()}
    return ReplayAnnotator(machine.name, labels=labels, confidence=confidence, codebook=study.codebook)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")
