"""Sequence models small enough to be made within a test: classifiers, and a translator."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

WORDS = (
    "good bad fine awful day news rain sun the a is was it this example about crime health tax "
    "positive neutral negative . , !"
)
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def _tokenizer() -> Any:
    words = Tokenizer(models.WordLevel({}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.train_from_iterator(
        [WORDS], trainers.WordLevelTrainer(special_tokens=_SPECIAL, show_progress=False)
    )
    ends = [(name, words.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    fast: Any = transformers.PreTrainedTokenizerFast
    return fast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    )


def build(folder: Path, labels: list[str], seed: int = 0) -> Path:
    """A BERT with random weights, large enough that its labels differ, saved into ``folder``."""
    tokenizer = _tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = transformers.BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=32,
            initializer_range=0.5,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: place for place, label in enumerate(labels)},
        )
        transformers.BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


SENTENCES = {"gut .": "good .", "schlecht .": "bad .", "der Tag war gut .": "the day was good ."}


def build_translator(folder: Path) -> Path:
    """A T5 that knows ``SENTENCES`` by heart after a few seconds of training."""
    tokenizer = Tokenizer(models.WordLevel({}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(special_tokens=["<pad>", "</s>", "<unk>"], show_progress=False)
    tokenizer.train_from_iterator([*SENTENCES, *SENTENCES.values()], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast: Any = transformers.PreTrainedTokenizerFast
    wrapped = fast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    source = wrapped(list(SENTENCES), padding=True, return_tensors="pt")
    target = wrapped(list(SENTENCES.values()), padding=True, return_tensors="pt")["input_ids"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.T5Config(
            vocab_size=len(wrapped),
            d_model=32,
            d_ff=64,
            d_kv=16,
            num_layers=1,
            num_heads=2,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        )
        model: Any = transformers.T5ForConditionalGeneration(config)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        labels = target.masked_fill(target == 0, -100)
        for _ in range(120):
            loss = model(
                input_ids=source["input_ids"], attention_mask=source["attention_mask"], labels=labels
            ).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder
