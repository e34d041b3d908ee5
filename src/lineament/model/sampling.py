"""Next-token decoding with a kept cache: prefixes are read once, drafts are checked exactly.

``generate`` of ``transformers`` serves every model and every wish; what it does between two
tokens costs a small model as much as the network itself.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, CacheLayerMixin

from lineament.errors import BadInput
from lineament.model.drafting import Drafter
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.lean import find_lean
from lineament.model.media import MediaTokens

CAPACITY_STEP = 256
NUM_DRAFTS = 10  # a small model reads so many tokens in about the time of one


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        temperature: 0 takes the likeliest token.
        top_p: Choose among the likeliest tokens that together have this probability.
        seed: Of the choice; the same seed gives the same answer.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise BadInput(f"temperature: expected 0 or more, got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise BadInput(f"top_p: expected more than 0 and at most 1, got {self.top_p}")


GREEDY = Sampling()


class PreallocatedLayer(CacheLayerMixin):
    """Keys and values of one layer, written in place; ``length`` of them are valid."""

    is_sliding = False
    is_croppable = True

    def __init__(self, capacity: int = CAPACITY_STEP) -> None:
        super().__init__()
        self.capacity = capacity
        self.length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make room."""
        self.keys, self.values = (
            states.new_empty(*states.shape[:2], self.capacity, states.shape[-1])
            for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ARG002 - transformers' signature
        **kwargs: Any,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Append, and return all that is valid."""
        start, stop = self.length, self.length + key_states.shape[-2]
        if stop > self.capacity:
            self._grow(stop)
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys, values = self.keys, self.values
        assert keys is not None
        assert values is not None
        keys[:, :, start:stop] = key_states
        values[:, :, start:stop] = value_states
        self.length = stop
        return keys[:, :, :stop], values[:, :, :stop]

    def _grow(self, length: int) -> None:
        self.capacity = -(-length // CAPACITY_STEP) * CAPACITY_STEP
        if self.keys is None or self.values is None:
            return
        before = (self.keys, self.values)
        self.lazy_initialization(*before)
        for states, kept in zip((self.keys, self.values), before, strict=True):
            states[:, :, : self.length] = kept[:, :, : self.length]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many keys a query sees, and where they begin."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Return how many keys are valid."""
        return self.length

    def get_max_length(self) -> int:
        """Return -1: it grows."""
        return -1


class PrefixDecoder:
    """Decode one text after the other, reading again only what differs from the last.

    The cache of the last text is kept: a second question on the same clip, or the next turn of
    a conversation, begins where the two texts part.

    Args:
        model: FaVChat or any causal language model of ``transformers`` with a plain cache. Its
            weights must stay as they are while the decoder is in use (`LeanNetwork`).
        stop_token_ids: Tokens that end an answer; they are not part of it.
        drafter: Guesses that are checked several at a time; the answer is the same without.
        num_drafts: Tokens guessed at once, at most.

    Attributes:
        num_passes: Calls of the network for the last answer.
        num_reused: Tokens of the last prompt that had been read before.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        stop_token_ids: Collection[int],
        drafter: Drafter | None = None,
        num_drafts: int = NUM_DRAFTS,
    ) -> None:
        self.model = model
        self.max_tokens = find_context_length(model)
        self._stops = frozenset(stop_token_ids)
        is_favchat = isinstance(model, FaVChatForConditionalGeneration)
        self._language_model = model.language_model if is_favchat else model
        self._lean = find_lean(self._language_model)
        self._drafter = drafter
        self._num_drafts = num_drafts
        self.num_passes = self.num_reused = 0
        self.forget()

    def forget(self) -> None:
        """Drop the cache: the next text is read from its start."""
        self._cache = make_cache()
        self._token_ids: list[int] = []  # what the cache holds
        self._media: MediaTokens | None = None

    def stream(
        self,
        token_ids: Sequence[int],
        *,
        media: MediaTokens | None = None,
        max_new_tokens: int = 128,
        sampling: Sampling = GREEDY,
    ) -> Iterator[int]:
        """Yield the answer's tokens as soon as they are sure.

        Args:
            token_ids: The prompt, with placeholders where visual tokens go.
            media: The clip's tokens; the very same object as before lets its cache be kept.
            max_new_tokens: At most so many.
            sampling: How to choose.

        Raises:
            BadInput: The prompt leaves no room for an answer.
        """
        prompt = [int(token) for token in token_ids]
        room = self.max_tokens - len(prompt)
        if room < 1 or not prompt:
            raise BadInput(
                f"the prompt has {len(prompt)} tokens; 1 to {self.max_tokens - 1} fit the model",
                hint="ask a shorter question, or start a new conversation",
            )
        return self._stream(prompt, media, min(max_new_tokens, room), make_chooser(sampling))

    def decode(self, token_ids: Sequence[int], **kwargs: Any) -> list[int]:
        """Return the whole answer; see `stream`."""
        return list(self.stream(token_ids, **kwargs))

    def _stream(
        self,
        prompt: list[int],
        media: MediaTokens | None,
        num_left: int,
        choose: Callable[[Tensor], int],
    ) -> Iterator[int]:
        self._rewind(prompt, media)
        pending = prompt[len(self._token_ids) :]
        if self._drafter:
            self._drafter.start(prompt)
        while num_left > 0:
            drafts = self._drafter.draft(self._count_drafts(num_left)) if self._drafter else []
            logits = self._read([*pending, *drafts], num_logits=len(drafts) + 1)
            said = choose_tokens(logits, drafts, choose, self._stops)
            # The cache keeps the drafts that proved right; the last token is yet to be read.
            self._truncate(len(self._token_ids) - len(drafts) + len(said) - 1)
            is_end = said[-1] in self._stops
            yield from said[: len(said) - is_end]
            if is_end:
                return
            num_left -= len(said)
            pending = said[-1:]
            if self._drafter:
                self._drafter.add(said)

    def _count_drafts(self, num_left: int) -> int:
        """Guess no more than may be said: the answer ends at ``num_left``."""
        return min(self._num_drafts, num_left - 1)

    def _rewind(self, prompt: list[int], media: MediaTokens | None) -> None:
        """Go back to where this prompt parts from the text in the cache."""
        if media is not self._media:
            self.forget()
            self._media = media
        num_same = 0
        for ours, theirs in zip(self._token_ids, prompt[:-1], strict=False):
            if ours != theirs:
                break
            num_same += 1
        self._truncate(num_same)
        self.num_passes, self.num_reused = 0, num_same

    def _truncate(self, length: int) -> None:
        for layer in self._cache.layers:
            layer.length = length  # type: ignore[union-attr]
        del self._token_ids[length:]

    @torch.inference_mode()
    def _read(self, token_ids: list[int], num_logits: int) -> Float[Tensor, "tokens vocab"]:
        """Read on, and return the scores after each of the last tokens."""
        start = len(self._token_ids)
        has_clip = self._has_placeholder(token_ids) or (self._media is not None and start == 0)
        self.num_passes += 1
        self._token_ids += token_ids
        input_ids = torch.tensor(token_ids, device=self.model.device)
        if self._lean and not has_clip:
            return self._lean(input_ids, self._cache, num_logits)
        network: Any = self.model if has_clip else self._language_model
        output = network(
            input_ids=input_ids.unsqueeze(0),
            position_ids=torch.arange(start, len(self._token_ids), device=self.model.device)[None],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=num_logits,
            **(visual_inputs(self._media) if has_clip else {}),
        )
        return output.logits[0, -num_logits:]

    def _has_placeholder(self, token_ids: list[int]) -> bool:
        is_favchat = self._language_model is not self.model
        return is_favchat and self.model.config.frame_token_id in token_ids


def decode_batch(
    model: PreTrainedModel,
    input_ids: Int[Tensor, "batch tokens"],
    attention_mask: Int[Tensor, "batch tokens"],
    *,
    stop_token_ids: Collection[int],
    media: MediaTokens | None = None,
    max_new_tokens: int = 128,
) -> list[list[int]]:
    """Answer several prompts at once, greedily and each as if it stood alone.

    Args:
        model: As for `PrefixDecoder`.
        input_ids: Padded on the left.
        attention_mask: 0 for padding.
        stop_token_ids: Tokens that end an answer; they are not part of it.
        media: The clips' tokens.
        max_new_tokens: Of each answer, at most.

    Raises:
        BadInput: The prompts leave no room for an answer.
    """
    num_tokens = input_ids.shape[1]
    room = min(max_new_tokens, find_context_length(model) - num_tokens)
    if room < 1:
        raise BadInput(f"prompts of {num_tokens} tokens leave no room for an answer")
    stops = frozenset(stop_token_ids)
    answers: list[list[int]] = [[] for _ in range(len(input_ids))]
    is_open = [True] * len(answers)
    for chosen in _iterate_batch(model, input_ids, attention_mask, media, room):
        for row, token in enumerate(chosen):
            is_open[row] = is_open[row] and token not in stops
            if is_open[row]:
                answers[row].append(token)
        if not any(is_open):
            break
    return answers


def _iterate_batch(
    model: Any, input_ids: Tensor, attention_mask: Tensor, media: MediaTokens | None, room: int
) -> Iterator[list[int]]:
    batch, num_tokens = input_ids.shape
    cache = make_cache(num_tokens + room)
    mask = torch.ones(batch, num_tokens + room, dtype=torch.long, device=input_ids.device)
    mask[:, :num_tokens] = attention_mask
    positions = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
    network, inputs = model, {}
    if isinstance(model, FaVChatForConditionalGeneration):
        inputs = visual_inputs(media)
    for step in range(room):
        with torch.inference_mode():
            output = network(
                input_ids=input_ids,
                attention_mask=mask[:, : num_tokens + step],
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
                **inputs,
            )
            input_ids = output.logits[:, -1].argmax(dim=-1, keepdim=True)
            positions = positions[:, -1:] + 1
        yield input_ids[:, 0].tolist()
        if isinstance(model, FaVChatForConditionalGeneration):
            network, inputs = model.language_model, {}


def choose_tokens(
    logits: Float[Tensor, "tokens vocab"],
    drafts: Sequence[int],
    choose: Callable[[Tensor], int],
    stops: Collection[int],
) -> list[int]:
    """Return what is said next: the drafts as far as they are right, and one token more.

    Scores after a wrong draft are of no use, since the text before them is not the answer's.
    """
    said: list[int] = []
    for place in range(len(drafts) + 1):
        token = choose(logits[place])
        said.append(token)
        if token in stops or place == len(drafts) or token != drafts[place]:
            break
    return said


def make_chooser(sampling: Sampling) -> Callable[[Float[Tensor, " vocab"]], int]:
    """Return what chooses a token by its scores; it draws once for each token said."""
    if sampling.temperature == 0:
        return lambda logits: int(logits.argmax())
    rng = torch.Generator().manual_seed(sampling.seed)

    def choose(logits: Float[Tensor, " vocab"]) -> int:
        probs = (logits.float().cpu() / sampling.temperature).softmax(dim=-1)
        ranked, token_ids = probs.sort(descending=True)
        # The token that crosses top_p still counts.
        ranked[ranked.cumsum(dim=-1) - ranked >= sampling.top_p] = 0.0
        return int(token_ids[torch.multinomial(ranked, 1, generator=rng)])

    return choose


def make_cache(capacity: int = CAPACITY_STEP) -> Cache:
    """Return an empty cache of one `PreallocatedLayer` for each layer that comes to use it."""
    make_layer: Any = partial(PreallocatedLayer, capacity)
    return Cache(layer_class_to_replicate=make_layer)


def visual_inputs(media: MediaTokens | None) -> dict[str, Tensor | None]:
    """Return a clip's tokens by the names under which FaVChat takes them."""
    if media is None:
        return {}
    return {"visual_tokens": media.visual_tokens, "visual_mask": media.visual_mask}


def find_context_length(model: PreTrainedModel) -> int:
    """Return how many tokens a model can read, prompt and answer together."""
    config: Any = model.config.get_text_config()
    for name in ("max_position_embeddings", "n_positions"):
        length = getattr(config, name, None)
        if length:
            return int(length)
    return 1 << 30
