"""Special tokens, the chat template, and tokenizers trained on our own text."""

import itertools
from collections.abc import Iterable
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

FRAME_TOKEN = "<|frame|>"
START_TOKEN = "<|im_start|>"
END_TOKEN = "<|im_end|>"
PAD_TOKEN = "<|endoftext|>"

# A part {"type": "video", "times": [0.0, 0.4]} becomes "0.0s" and its frame's placeholders,
# frame by frame. What stands between the generation marks is what a model learns to say.
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' -}}
{%- if message['role'] == 'assistant' -%}
{%- generation -%}
{{- message['content'] + '<|im_end|>' -}}
{%- endgeneration -%}
{%- elif message['content'] is string -%}
{{- message['content'] + '<|im_end|>' -}}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'video' -%}
{%- for time in part['times'] -%}
{{- '%.1fs' | format(time) + '<|frame|>' * tokens_per_frame -}}
{%- endfor -%}
{{- '\\n' -}}
{%- else -%}
{{- part['text'] -}}
{%- endif -%}
{%- endfor -%}
{{- '<|im_end|>' -}}
{%- endif -%}
{{- '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""

# Every turn begins with one of these; each should be one token.
_ROLES = ("system", "user", "assistant")
# Letters with the space before them, single digits, runs of signs, spaces.
_WORDS = Regex(r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+")


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, *, min_frequency: int = 2
) -> PreTrainedTokenizerFast:
    """Learn a byte-level BPE from texts; numbers are read digit by digit.

    Any text can be written in it, since every byte is a token of its own.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[attr-defined]
        [
            pre_tokenizers.Split(_WORDS, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[attr-defined]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[PAD_TOKEN, START_TOKEN, END_TOKEN, FRAME_TOKEN],
        show_progress=False,
    )
    tokenizer.train_from_iterator(itertools.chain(_ROLES * 1000, texts), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        eos_token=END_TOKEN,
        additional_special_tokens=[START_TOKEN, FRAME_TOKEN],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def prepare_tokenizer(tokenizer: PreTrainedTokenizerBase) -> int:
    """Give any tokenizer our special tokens and template; return how many tokens are new.

    A model may have to grow by as many: ``model.resize_token_embeddings(len(tokenizer))``.
    """
    wanted = [START_TOKEN, END_TOKEN, FRAME_TOKEN]
    missing = [token for token in wanted if token not in tokenizer.get_vocab()]
    num_new = tokenizer.add_tokens(missing, special_tokens=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = END_TOKEN
    tokenizer.chat_template = CHAT_TEMPLATE
    return num_new


def disarm_text(text: str, tokenizer: Any) -> str:
    """Break up special tokens that somebody wrote into a question."""
    for token in tokenizer.get_added_vocab():
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
