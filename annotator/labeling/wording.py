"""From a machine section to the words of its model: its own prompts, shuffled and paraphrased ones."""

from importlib.resources.abc import Traversable
from pathlib import Path

from annotator.errors import StudyError
from annotator.labeling.dialogue import Variation
from annotator.labeling.few_shot import Example, from_codebook, from_gold
from annotator.labeling.orders import orders
from annotator.labeling.prompts import Prompts
from annotator.labeling.templating import PARAPHRASES
from annotator.machines import Elicited, FewShot
from annotator.seeds import generator, stream_seed
from annotator.study import Study


def prompts(study: Study, machine: Elicited) -> Prompts:
    """The annotator's own prompts. Raises StudyError where a template or example is wrong."""
    return _prompts(study, machine)


def variation(study: Study, machine: Elicited, own: Prompts) -> Variation:
    """How the question is asked again, ``own`` being the annotator's prompts. Raises StudyError as above."""
    others = orders(own.order, machine.shuffles, generator(study, 0, "shuffles"))
    return Variation(
        samples=machine.samples,
        temperature=machine.temperature,
        shuffled=[own.with_order(order) for order in others],
        paraphrased=[_prompts(study, machine, paraphrase) for paraphrase in machine.paraphrases],
        seed=stream_seed(study, 0, "samples") if machine.samples else 0,
    )


def _prompts(study: Study, machine: Elicited, paraphrase: str | None = None) -> Prompts:
    named = [] if paraphrase is None else [_paraphrase(study, paraphrase)]
    own = [] if machine.prompts is None else [_folder(study, machine.prompts, "prompts")]
    text = study.corpus.text
    return Prompts(
        study.codebook,
        folders=[*named, *own],
        as_json=machine.confidence == "structured",
        examples=_examples(study, machine.few_shot),
        columns=None if isinstance(text, str) else text,
    )


def _paraphrase(study: Study, name: str) -> Traversable:
    """A built-in paraphrase by name, or a folder of the user's."""
    known = {entry.name: entry for entry in PARAPHRASES.iterdir() if entry.is_dir()}
    if name in known:
        return known[name]
    try:
        return _folder(study, name, "paraphrases")
    except StudyError as error:
        raise StudyError(
            error.message, hint=f"Built in are {', '.join(sorted(known))}; any other name is a folder."
        ) from error


def _folder(study: Study, path: str, key: str) -> Path:
    folder = (study.folder / path).resolve()
    if not folder.is_dir():
        raise StudyError(
            f"{key}: there is no folder {folder}", hint="It is seen from the study file's folder."
        )
    return folder


def _examples(study: Study, asked: FewShot | None) -> tuple[Example, ...]:
    if asked is None:
        return ()
    if asked.path is None:
        found = from_codebook(study.codebook, asked.k)
    else:
        path = (study.folder / asked.path).resolve()
        found = from_gold(path, study.codebook, asked.k, generator(study, 0, "few_shot"))
    if not found:
        raise StudyError("few_shot: there is no example", hint="Give the codes `examples`, or use gold.")
    return found
