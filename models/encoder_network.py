"""An encoder with a classification head: made for a fit, written, and read again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import torch
from transformers import AutoModelForSequenceClassification

from models.encoder_config import EncoderConfig
from models.encoder_loss import n_outputs
from models.encoder_tokens import TextTokenizer
from models.errors import CheckpointError
from models.label_map import LabelMap
from models.pretrained import chosen_device, fingerprint, loading, open_base, text_tokenizer

BASE_FILE = "base.json"


@dataclass(frozen=True)
class Network:
    """A model, its tokenizer, where it runs, and a hash of the base it grew from."""

    model: Any
    text: TextTokenizer
    device: torch.device
    base_hash: str

    def trained(self) -> dict[str, torch.Tensor]:
        """What training moves, by name."""
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}


def new_network(config: EncoderConfig, label_map: LabelMap) -> Network:
    """The base with a fresh head. The global generator of torch decides the head.

    Raises CannotFitError if the base cannot be loaded.
    """
    (model, found), tokenizer = open_base(config.base, lambda where: _load(where, label_map))
    fresh = set(found["missing_keys"]) | {str(key[0]) for key in found["mismatched_keys"]}
    base_hash = fingerprint(model, without=fresh)
    text = text_tokenizer(model, tokenizer, config.max_length, _reserved(config))
    model.config.pad_token_id = tokenizer.pad_token_id
    if config.method != "full":
        model = _adapted(model, config, sorted({name.rpartition(".")[0] for name in fresh}))
    device = chosen_device(config.device)
    return Network(model.to(device), text, device, base_hash)


def write_network(network: Network, config: EncoderConfig, folder: Path) -> None:
    """Put what was trained into a folder: everything, or the adapter and the name and hash of its base."""
    with loading():
        if config.method == "full":
            network.model.save_pretrained(folder)
            network.text.tokenizer.save_pretrained(folder)
        else:
            network.model.save_pretrained(folder, save_embedding_layers=False)
            (folder / "README.md").unlink(missing_ok=True)
            content = json.dumps({"base": config.base, "hash": network.base_hash})
            (folder / BASE_FILE).write_text(content, encoding="utf-8")


def read_network(folder: Path, config: EncoderConfig, label_map: LabelMap) -> Network:
    """What `write_network` wrote.

    Raises CannotFitError if the base cannot be loaded, CheckpointError if it is no longer the one that the
    adapter was trained on.
    """
    full = config.method == "full"
    base = str(folder) if full else config.base
    (model, found), tokenizer = open_base(base, lambda where: _load(where, label_map))
    fresh = set(found["missing_keys"]) | {str(key[0]) for key in found["mismatched_keys"]}
    if full and fresh:
        raise CheckpointError(f"{folder} lacks the weights {', '.join(sorted(fresh))}. Train anew")
    base_hash = fingerprint(model, without=fresh)
    text = text_tokenizer(model, tokenizer, config.max_length, _reserved(config))
    model.config.pad_token_id = tokenizer.pad_token_id
    if not full:
        wanted = json.loads((folder / BASE_FILE).read_text(encoding="utf-8"))["hash"]
        if wanted != base_hash:
            raise CheckpointError(
                f"the base model {config.base!r} is not the one that the adapter in {folder} was trained on: "
                "its weights differ. Bring that base back, or train anew"
            )
        with loading():
            model = peft.PeftModel.from_pretrained(model, str(folder))
    device = chosen_device(config.device)
    return Network(model.to(device).eval(), text, device, base_hash)


def _load(where: str, label_map: LabelMap) -> tuple[Any, dict[str, Any]]:
    loaded: tuple[Any, dict[str, Any]] = AutoModelForSequenceClassification.from_pretrained(
        where,
        num_labels=n_outputs(label_map),
        dtype=torch.float32,
        ignore_mismatched_sizes=True,  # a base that was tuned for other codes gets a new head
        output_loading_info=True,
    )
    return loaded


def _reserved(config: EncoderConfig) -> int:
    return config.prompt_tokens if config.method == "prompt" else 0


def _adapted(model: Any, config: EncoderConfig, fresh: list[str]) -> Any:
    """The model with an adapter. What the base did not bring is trained and stored with it."""
    settings: dict[str, Any] = {"task_type": peft.TaskType.SEQ_CLS, "modules_to_save": fresh or None}
    with loading():
        if config.method == "prompt":
            settings["num_virtual_tokens"] = config.prompt_tokens
            return peft.get_peft_model(model, peft.PromptTuningConfig(**settings))
        settings |= {
            "r": config.lora_rank,
            "lora_alpha": config.lora_alpha,
            "lora_dropout": config.lora_dropout,
        }
        known = peft.utils.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
        if model.config.model_type not in known:
            settings["target_modules"] = "all-linear"
        return peft.get_peft_model(model, peft.LoraConfig(**settings))
