"""From a study's ``machine`` section to a machine annotator ready to label."""

import os
from pathlib import Path

from annotator import corpus
from annotator.errors import StudyError
from annotator.labeling.batch_api import BatchApi
from annotator.labeling.batched_endpoint import BatchedEndpoint
from annotator.labeling.cache import ReplyCache
from annotator.labeling.classifier import ClassifierAnnotator
from annotator.labeling.endpoint import Endpoint
from annotator.labeling.images import Images
from annotator.labeling.keys import api_key
from annotator.labeling.lexicon import LexiconAnnotator
from annotator.labeling.local import TransformersAnnotator
from annotator.labeling.openai import OpenAIAnnotator
from annotator.labeling.privacy import refuse_remote
from annotator.labeling.protocol import MachineAnnotator
from annotator.labeling.replay import ReplayAnnotator
from annotator.labeling.translation import TranslatingAnnotator, Translator
from annotator.labeling.wording import prompts, variation
from annotator.machines import LexiconMachine, Machine, OpenAIMachine, ReplayMachine, TransformersMachine
from annotator.study import Study
from annotator.workspace import Workspace
from models import embedded

REPLIES = "replies.sqlite"
OPENAI_URL = "https://api.openai.com/v1"


def build(
    workspace: Workspace, machine: Machine, *, occasion: str = "", ask_again: bool = False
) -> MachineAnnotator:
    """The machine annotator a section describes.

    Replies are known within their ``occasion`` only. With ``ask_again``, known replies that are no labels are
    asked for again. Raises StudyError where it cannot be.
    """
    match machine:
        case OpenAIMachine():
            own = openai(workspace, machine, occasion=occasion, ask_again=ask_again)
            return _translating(workspace, machine, own)
        case TransformersMachine() if machine.is_causal:
            return _translating(workspace, machine, _causal(workspace.study, machine))
        case TransformersMachine():
            return _translating(workspace, machine, _classifier(workspace.study, machine))
        case LexiconMachine():
            lexicon = LexiconAnnotator(machine.name, machine.thresholds)
            return _translating(workspace, machine, lexicon)
        case ReplayMachine():
            return _replay(workspace.study, machine)


def _translating(
    workspace: Workspace,
    machine: OpenAIMachine | TransformersMachine | LexiconMachine,
    annotator: MachineAnnotator,
) -> MachineAnnotator:
    """The annotator behind a translation model, where its section names one."""
    if machine.translate is None:
        return annotator
    workspace.folder.mkdir(parents=True, exist_ok=True)
    translator = Translator(
        _model_path(workspace.study, machine.translate.model),
        ReplyCache(workspace.folder / "translations.sqlite"),
        batch_size=machine.translate.batch_size,
    )
    text = workspace.study.corpus.text
    return TranslatingAnnotator(annotator, translator, None if isinstance(text, str) else text)


def models(study: Study, machine: Machine) -> list[str]:
    """Where the models are that the annotator of a section loads on this machine: folders, or hub ids."""
    named = [machine.model] if isinstance(machine, TransformersMachine) else []
    if not isinstance(machine, ReplayMachine) and machine.translate is not None:
        named.append(machine.translate.model)
    return [_model_path(study, model) for model in named]


def _causal(study: Study, machine: TransformersMachine) -> TransformersAnnotator:
    own = prompts(study, machine)
    return TransformersAnnotator(
        name=machine.name,
        model_path=_model_path(study, machine.model),
        prompts=own,
        codebook=study.codebook,
        confidence=machine.confidence,
        variation=variation(study, machine, own),
        batch_size=machine.batch_size,
    )


def _classifier(study: Study, machine: TransformersMachine) -> ClassifierAnnotator:
    text = study.corpus.text
    return ClassifierAnnotator(
        name=machine.name,
        model_path=_model_path(study, machine.model),
        codebook=study.codebook,
        labels=machine.labels,
        hypothesis=machine.hypothesis if machine.task == "zero-shot-classification" else None,
        columns=None if isinstance(text, str) else text,
        batch_size=machine.batch_size,
    )


def build_batched(workspace: Workspace, machine: OpenAIMachine) -> tuple[OpenAIAnnotator, BatchedEndpoint]:
    """The annotator whose labels are paid for at the price of batches, and what it is asked through."""
    annotator = openai(workspace, machine, endpoint_class=BatchedEndpoint, price_factor=machine.price_factor)
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


def openai(
    workspace: Workspace,
    machine: OpenAIMachine,
    *,
    occasion: str = "",
    ask_again: bool = False,
    needs_key: bool = True,
    endpoint_class: type[Endpoint] = Endpoint,
    price_factor: float = 1.0,
) -> OpenAIAnnotator:
    """The annotator of a section of kind ``openai``. Raises StudyError where it cannot be.

    ``needs_key`` is false where nothing will be sent.
    """
    codebook = workspace.study.codebook
    base_url = machine.base_url or OPENAI_URL
    if workspace.study.privacy == "local_only":
        refuse_remote(base_url, machine.name)
    workspace.folder.mkdir(parents=True, exist_ok=True)
    own = prompts(workspace.study, machine)
    return OpenAIAnnotator(
        name=machine.name,
        model=machine.model,
        base_url=base_url,
        api_key=api_key(machine) if needs_key else None,
        prompts=own,
        codebook=codebook,
        cache=ReplyCache(replies_path(workspace)),
        confidence=machine.confidence,
        variation=variation(workspace.study, machine, own),
        logprobs=machine.logprobs,
        pictures=Images(workspace.study) if workspace.study.corpus.image else None,
        concurrency=machine.concurrency,
        timeout=machine.timeout,
        attempts=machine.attempts,
        requests_per_minute=machine.requests_per_minute,
        tokens_per_minute=machine.tokens_per_minute,
        price_in=machine.price_in * price_factor,
        price_out=machine.price_out * price_factor,
        max_cost=machine.max_cost,
        ask_again=ask_again,
        shared=workspace.study.runner.workers > 1,
        occasion=occasion,
        local_only=workspace.study.privacy == "local_only",
        endpoint_class=endpoint_class,
    )


def spent(workspace: Workspace, machine: OpenAIMachine) -> float:
    """What the annotator's replies cost so far, at the section's prices. Makes no cache."""
    if not replies_path(workspace).exists():
        return 0.0
    return openai(workspace, machine, needs_key=False).spent


def replies_path(workspace: Workspace) -> Path:
    """Where paid replies are kept: beside the study file, or on the disk a worker has to itself."""
    own = os.environ.get("ANNOTATOR_REPLIES")
    return Path(own) / f"{workspace.study_id}.sqlite" if own else workspace.folder / REPLIES


def _model_path(study: Study, model: str) -> str:
    if model.startswith("embedded:"):
        try:
            return str(embedded.path(model.removeprefix("embedded:")))
        except ValueError as error:
            raise StudyError(f"model {model}: {error}") from error
    beside = study.folder / model
    return str(beside.resolve()) if beside.exists() or Path(model).is_absolute() else model


def _replay(study: Study, machine: ReplayMachine) -> ReplayAnnotator:
    rows = corpus.read(study, machine.columns).units.set_index("unit_id")
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
