"""Models opened by several threads at the same time are what they are when opened one by one."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from transformers import PreTrainedModel

from annotator.labeling.loading import load_model
from models import embedded
from models.encoder_config import EncoderConfig
from models.encoder_network import new_network
from models.label_map import LabelMap

CODES = LabelMap(("no", "yes"))


def tied(_: int) -> Any:
    return load_model("AutoModelForCausalLM", str(embedded.path("survey")), "a test's model", "cpu")


def adapted(_: int) -> Any:
    return new_network(EncoderConfig(base="embedded:encoder", method="lora", device="cpu"), CODES).model


def test_threads_that_load_at_once_get_whole_models() -> None:
    before = PreTrainedModel.tie_weights, PreTrainedModel.init_weights, torch.nn.init.kaiming_uniform_
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(job, n) for n in range(8) for job in (tied, adapted)]
        models = [future.result() for future in asked]
    assert before == (
        PreTrainedModel.tie_weights,
        PreTrainedModel.init_weights,
        torch.nn.init.kaiming_uniform_,
    )
    for model in models[::2]:
        assert model.lm_head.weight is model.get_input_embeddings().weight
    for model in models[1::2]:
        fresh = [weight for name, weight in model.named_parameters() if "lora_A" in name]
        assert fresh
        assert all(0.01 < float(weight.detach().std()) < 1.0 for weight in fresh)
