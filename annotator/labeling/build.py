"""From a study's ``machine`` section to a machine annotator ready to label."""

import os
from pathlib import Path

from annotator import corpus
from annotator.errors import StudyError
from annotator.labeling.cache import ReplyCache
from annotator.labeling.classifier import ClassifierAnnotator
from annotator.labeling.images import Images
from annotator.labeling.lexicon import LexiconAnnotator
from annotator.labeling.local import TransformersAnnotator
from annotator.labeling.openai import OpenAIAnnotator
from annotator.labeling.privacy import refuse_remote
from annotator.labeling.protocol import MachineAnnotator
from annotator.labeling.replay import ReplayAnnotator
from annotator.labeling.translation import TranslatingAnnotator, Translator
from annotator.labeling.wording import prompts, variation
from annotator.machines import LexiconMachine
from annotator.study import Machine, OpenAIMachine, ReplayMachine, Study, TransformersMachine
from annotator.workspace import Workspace
from models import embedded

REPLIES = "replies.sqlite"
OPENAI_URL = "https://api.openai.com/v1"


def build(workspace: Workspace, machine: Machine, *, ask_again: bool = False) -> MachineAnnotator:
    """The machine annotator a section describes. Raises StudyError where it cannot be.

    With ``ask_again``, known replies that are no labels are asked for again.
    """
    match machine:
        case OpenAIMachine():
            return _translating(workspace, machine, openai(workspace, machine, ask_again=ask_again))
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


def openai(
    workspace: Workspace, machine: OpenAIMachine, *, ask_again: bool = False, needs_key: bool = True
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
        api_key=_api_key(machine) if needs_key else None,
        prompts=own,
        codebook=codebook,
        cache=ReplyCache(workspace.folder / REPLIES),
        confidence=machine.confidence,
        variation=variation(workspace.study, machine, own),
        logprobs=machine.logprobs,
        pictures=Images(workspace.study) if workspace.study.corpus.image else None,
        concurrency=machine.concurrency,
        timeout=machine.timeout,
        attempts=machine.attempts,
        requests_per_minute=machine.requests_per_minute,
        tokens_per_minute=machine.tokens_per_minute,
        price_in=machine.price_in,
        price_out=machine.price_out,
        max_cost=machine.max_cost,
        ask_again=ask_again,
    )


def spent(workspace: Workspace, machine: OpenAIMachine) -> float:
    """What the annotator's replies cost so far, at the section's prices. Makes no cache."""
    if not (workspace.folder / REPLIES).exists():
        return 0.0
    return openai(workspace, machine, needs_key=False).spent


def _api_key(machine: OpenAIMachine) -> str | None:
    key = os.environ.get(machine.api_key_env)
    if key is None and machine.base_url is None:
        raise StudyError(
            f"machine annotator '{machine.name}' needs a key",
            hint=f"Set the environment variable {machine.api_key_env}, or name a base_url that needs none.",
        )
    return key


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
