"""Reading a study file: every mistake is named with file, line, key and what was expected."""

import difflib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from annotator import yaml_source
from annotator.adoption.section import AdoptedCodes
from annotator.classifiers.section import Model
from annotator.codebook import Code, Codebook
from annotator.coders import Gold, LabelStudioCoding, Overlap, ReplayCoding
from annotator.errors import StudyError
from annotator.machines import (
    FewShot,
    LexiconMachine,
    OpenAIMachine,
    ReplayMachine,
    TransformersMachine,
    Translate,
)
from annotator.provider_batch import ProviderBatch
from annotator.questions import SECTIONS, kinds
from annotator.runner import Runner
from annotator.study import Corpus, Design, Stop, Study, Training


def read(path: Path | str) -> Study:
    """Read and validate a study file.

    Raises StudyError listing every mistake with file, line, key and what was expected.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StudyError(
            f"there is no study file at {path}", hint="`annotator init` writes one to start from."
        ) from error
    except IsADirectoryError as error:
        raise StudyError(f"{path} is a folder", hint="Name the study file in it.") from error
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{path} is not UTF-8 text (byte {error.start})", hint="Save it as UTF-8."
        ) from error
    source = yaml_source.parse(text, str(path))
    if not isinstance(source.data, dict):
        raise StudyError(f"{path}: a study file is a mapping of keys", hint="`annotator init` writes one.")
    return _validated(source, source.data).at(path.resolve())


def read_questions(path: Path | str, study: Study) -> Study:
    """The study with other questions: ``estimands``, and if given ``population`` and ``confidence_level``.

    ``covariates`` may name further columns of the corpus. Raises StudyError as `read` does.
    """
    path = Path(path)
    try:
        source = yaml_source.parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"the questions in {path} cannot be read: {error}") from error
    asked = {"estimands", "population", "confidence_level", "covariates"}
    given = source.data if isinstance(source.data, dict) else {}
    if "estimands" not in given or set(given) - asked:
        raise StudyError(
            f"{path}: a file of questions has the key `estimands` and may have {', '.join(sorted(asked))}",
            hint="Write the estimands as in a study file.",
        )
    known = study.model_dump(mode="json", by_alias=True, exclude_unset=True)
    more = given.get("covariates") or []
    if not isinstance(more, list):
        raise StudyError(f"{path}, line {source.line_of(('covariates',))}, covariates: expected a list")
    known["corpus"]["covariates"] = list(dict.fromkeys([*study.corpus.covariates, *more]))
    asked_for = {key: value for key, value in given.items() if key != "covariates"}
    return _validated(source, {**known, **asked_for}).at(study.path)


def _validated(source: yaml_source.YamlSource, data: dict[str, Any]) -> Study:
    try:
        return Study.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        details = _without_consequences(error.errors())
        raise StudyError("\n".join(_explain(source, detail) for detail in details)) from error


def _without_consequences(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Drop "too few items" where the items are there but wrong: they are named one by one."""
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(
            len(other["loc"]) > len(detail["loc"]) and other["loc"][: len(detail["loc"])] == detail["loc"]
            for other in details
        )
    ]


_EXPECTED = {
    "bool_type": "expected true or false",
    "float_type": "expected a number",
    "int_from_float": "expected a whole number",
    "int_type": "expected a whole number",
    "model_type": "expected a mapping of keys",
    "string_type": "expected text (put it in quotes if it looks like a number, or is true or false)",
    "tuple_type": "expected a list",
}
_A_NAME = "a short name of letters, digits, '.', '_' and '-'"


def _expected(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "literal_error":
            return f"expected {context['expected']}"
        case "too_short":
            return f"expected at least {context['min_length']}, got {context['actual_length']}"
        case "union_tag_invalid":
            return f"kind '{context['tag']}' is none of {context['expected_tags']}"
        case "union_tag_not_found":
            return "the key 'kind' is missing"
        case "string_pattern_mismatch":
            is_name = context["pattern"].startswith("^[A-Za-z0-9]")
            return f"expected {_A_NAME if is_name else 'text without spaces at its ends'}"
        case kind:
            message = detail["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
            return _EXPECTED.get(kind, message)


def _explain(source: yaml_source.YamlSource, detail: ErrorDetails) -> str:
    location = _location_in_file(source, detail.get("ctx", {}).get("place", detail["loc"]))
    key = ".".join(str(part) for part in location) or "(the file)"
    place = f"{source.name}, line {source.line_of(location)}, {key}"
    if detail["type"] == "missing":
        return f"{place}: this key is missing"
    if detail["type"] == "extra_forbidden":
        return f"{place}: unknown key{_nearest(str(location[-1]), detail['loc'])}"
    given = "" if isinstance(detail["input"], dict | list | None) else f" (got {json.dumps(detail['input'])})"
    return f"{place}: {_expected(detail)}{given}"


def _location_in_file(
    source: yaml_source.YamlSource, location: tuple[int | str, ...]
) -> yaml_source.Location:
    """Drop the parts pydantic adds for unions, which stand in no file."""
    data = source.data
    found: list[str | int] = []
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        is_key = isinstance(data, dict) and part in data
        is_item = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if is_key or is_item:
            data = data[part]
        elif not (is_last and isinstance(data, dict)):
            continue
        found.append(part)
    return tuple(found)


def _nearest(key: str, location: tuple[int | str, ...]) -> str:
    known = _keys_at(location[:-1])
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known here: {', '.join(known)}" if known else ""


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys the section at a pydantic location may have."""
    sections: dict[tuple[str, ...], type[BaseModel]] = {
        (): Study,
        ("corpus",): Corpus,
        ("codebook",): Codebook,
        ("codebook", "labels"): Code,
        ("machine", "openai"): OpenAIMachine,
        ("machine", "openai", "batch"): ProviderBatch,
        ("machine", "transformers"): TransformersMachine,
        ("machine", "lexicon"): LexiconMachine,
        ("machine", "replay"): ReplayMachine,
        **{("machine", kind, "few_shot"): FewShot for kind in ("openai", "transformers")},
        **{("machine", kind, "translate"): Translate for kind in ("openai", "transformers", "lexicon")},
        ("coding", "label_studio"): LabelStudioCoding,
        **{("coding", kind, "overlap"): Overlap for kind in ("label_studio", "replay")},
        ("coding", "replay"): ReplayCoding,
        **{("coding", kind, "gold"): Gold for kind in ("label_studio", "replay")},
        ("adopted",): AdoptedCodes,
        ("design",): Design,
        ("design", "stop"): Stop,
        ("design", "training"): Training,
        ("model",): Model,
        ("runner",): Runner,
        **{("estimands", kind): section for section in SECTIONS for kind in kinds(section)},
    }
    model = sections.get(tuple(str(part) for part in location if isinstance(part, str)))
    return [field.alias or name for name, field in model.model_fields.items()] if model else []
