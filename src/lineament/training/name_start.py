"""First weights with which a small language model compares what is asked with what is seen.

Labels have directions in the space of visual tokens (`label_objective`), and words codes for what
they ask about (`topics`). With both known, one layer answers "is it so?" for all names at once:

- its attention puts three things side by side at every place of the text: what the words so far
  ask about, whether they deny it (a head each, over telling words), and what the picture shows
  (the other heads, over its tokens);
- its feed-forward network multiplies them: one hidden unit a topic, opened by the topic's code,
  lets through how much the picture shows it. What comes out says in one direction, *told*, whether
  it is so. Units of "which colour is ...?" let through the labels that can be the answer.

The second layer turns *told* around where the question denies ("is it true that there is no ...?"):
that is *yes*. A head over the last layer learns to say so in a few steps. All of it is trained
further; learned from chance alone, each name took hundreds of questions.

Embeddings are put together from directions at right angles: what sets text apart from pictures,
how telling a word is, its code, and in the directions of labels, which no text needs, the word
itself.
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from lineament.errors import BadInput
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.records.write.aspects import read_aspects
from lineament.training.chat_tiny_labels import LABELS
from lineament.training.label_objective import NUM_AGES, all_directions
from lineament.training.labels import AGE_EDGES_YEARS
from lineament.training.topics import YEARS, WordCodes, learn_words, list_topics

NUM_LABELS = len(LABELS.names) + NUM_AGES
NUM_MARKS = 7
LENGTH = 4.0  # of embeddings; what layers add by chance is short beside it
TEXT_PART, CODE_PART, DENIAL_PART = 0.5, 0.5, 0.1  # of an embedding's length
REST_PART = 0.2  # at least so much is the word itself
SHARPNESS = 1.5  # of the laid attention
STEADY, RISE = 8.0, 2.0  # of keys: what is the same in all, and how they rise with a word's weight
PICTURE_RISE = 4.0
QUERY = 8.0  # of every query along what compares
FAINT = 0.003  # standard deviation of what is left to chance in laid queries and keys
ASKED_OUT, SEEN_OUT, DENIED_OUT = 0.75, 0.5, 1.5  # of what attention reads
THRESHOLD, GATE = 0.3, 4.0  # a unit opens at this share of a code, this steeply
TOLD_OUT, WHICH_OUT, YES_OUT = 0.75, 0.5, 0.25
HEAD_LENGTH = 0.32  # of the head's rows


class Space(NamedTuple):
    """Directions of length one, at right angles.

    Attributes:
        labels: What pictures show, a direction each; in text, which word it is.
        codes: What words ask.
        text: Set apart from pictures.
        weight: How telling a word is.
        denial: Whether it denies.
        denial_weight: How telling it is about that.
        told: What is asked is so.
        denied: The question denies it.
        yes: What is to be answered.
    """

    labels: Float[Tensor, "labels dim"]
    codes: Float[Tensor, "width dim"]
    text: Float[Tensor, " dim"]
    weight: Float[Tensor, " dim"]
    denial: Float[Tensor, " dim"]
    denial_weight: Float[Tensor, " dim"]
    told: Float[Tensor, " dim"]
    denied: Float[Tensor, " dim"]
    yes: Float[Tensor, " dim"]


def open_space(dim: int) -> Space:
    """Divide a space: labels as the labels objective has them, marks, and codes in what is left."""
    rows = all_directions(dim)
    width = code_width(dim)
    marks = rows[NUM_LABELS + width :]
    return Space(rows[:NUM_LABELS], rows[NUM_LABELS : NUM_LABELS + width], *marks[:NUM_MARKS])


def code_width(dim: int) -> int:
    """Return how wide codes are: what labels and marks leave, and at most 60."""
    return min(dim - NUM_LABELS - NUM_MARKS, 60)


@torch.no_grad()
def start_comparing(
    model: FaVChatForConditionalGeneration,
    tokenizer: Any,
    *,
    words: WordCodes | None = None,
    seed: int = 0,
) -> WordCodes:
    """Lay embeddings, head and the first two layers of a model that is new.

    Args:
        model: Of faces; its language model has a head of its own, biases in attention, norms of
            queries and keys, and five heads.
        tokenizer: The model's.
        words: What words ask; None learns it, which takes a minute or two.
        seed: Decides what is left to chance.

    Returns:
        What words ask.

    Raises:
        BadInput: The language model is of another kind, or too narrow.
    """
    decoder: Any = model.language_model
    config = decoder.config
    _require_fit(config)
    if words is None:
        with torch.enable_grad():
            words = learn_words(tokenizer, code_width(config.hidden_size), seed=seed)
    torch.manual_seed(seed)
    space = open_space(config.hidden_size)
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"][0]
    _lay_words(decoder, words, space, newline)
    first, second = decoder.model.layers[:2]
    _lay_reading(first.self_attn, space)
    _lay_comparing(first.mlp, words, space)
    _forget(second.self_attn.o_proj.weight, (space.told, space.denied, space.yes))
    _lay_answer(second.mlp, space)
    return words


def seeing_heads(config: Any) -> int:
    """Return how many heads see what the picture shows: all but two."""
    return config.num_attention_heads - 2


def _require_fit(config: Any) -> None:
    if config.model_type != "qwen3" or config.tie_word_embeddings or not config.attention_bias:
        raise BadInput(
            "comparing needs a language model with biases in attention and a head of its own",
            hint="Qwen3's shape, attention_bias true, tie_word_embeddings false",
        )
    width = code_width(config.hidden_size)
    has_room = 32 <= width <= config.head_dim
    has_room &= seeing_heads(config) * config.head_dim >= NUM_LABELS
    if not has_room or config.num_key_value_heads != config.num_attention_heads:
        raise BadInput(
            f"the language model has no room to compare {NUM_LABELS} labels",
            hint="hidden_size 256, five heads of 64, as many keys as queries",
        )
    if config.num_hidden_layers < 2:
        raise BadInput("comparing needs two layers", hint="num_hidden_layers")


def _lay_words(decoder: Any, words: WordCodes, space: Space, newline: int) -> None:
    """Put embeddings together; the head begins with the same, about their mean."""
    table: Tensor = decoder.model.embed_tokens.weight
    count = len(table)
    rest = torch.randn(count, len(space.labels)) @ space.labels
    scale = SHARPNESS * math.sqrt(decoder.config.head_dim)
    weights = _as_part(words.weights / scale, table)
    denial_weights = _as_part(words.denial_weights / scale, table)
    codes = torch.zeros(count, words.codes.shape[1])
    codes[: len(words.codes)] = CODE_PART * words.codes[:count]
    denials = torch.zeros(count)
    denials[: len(words.denials)] = DENIAL_PART * words.denials[:count]
    taken = TEXT_PART**2 + weights**2 + denial_weights**2 + denials**2 + codes.square().sum(1)
    own = (1 - taken).clamp(min=REST_PART**2).sqrt()
    parts = own[:, None] * functional.normalize(rest, dim=1) + codes @ space.codes
    parts = parts + TEXT_PART * space.text + torch.outer(weights, space.weight)
    parts = parts + torch.outer(denials, space.denial)
    parts = parts + torch.outer(denial_weights, space.denial_weight)
    # An answer begins behind a line's end: there nothing may stand where the picture's labels go.
    parts[newline] = TEXT_PART * space.text
    blank = -(((1 - TEXT_PART**2) / 2) ** 0.5)
    parts[newline] += blank * (space.weight + space.denial_weight)
    parts = functional.normalize(parts, dim=1)
    table.copy_(LENGTH * parts)
    centred = parts - parts.mean(0)
    decoder.lm_head.weight.copy_(HEAD_LENGTH * centred)


def _as_part(shares: Tensor, table: Tensor) -> Tensor:
    """Return which part of an embedding gives its key such a share of the strongest score.

    Keys are normed, so that beside their steady channel only their angle counts.
    """
    sine = shares[: len(table)].clamp(-0.9, 0.9)
    part = torch.zeros(len(table))
    part[: len(sine)] = sine / (1 - sine**2).sqrt() * STEADY / (math.sqrt(table.shape[1]) * RISE)
    return part


def _lay_reading(attention: Any, space: Space) -> None:
    """Let a head gather what is asked, one whether it is denied, the others what is shown."""
    _clear(attention)
    width, strong, steady = attention.head_dim, *_channels(attention)
    query, key = attention.q_proj, attention.k_proj
    value, out = attention.v_proj, attention.o_proj
    for start in range(0, query.out_features, width):
        query.bias[start + strong] = QUERY
        key.bias[start + steady] = STEADY
    text = math.sqrt(len(space.text)) * TEXT_PART  # how much of it a normed token of text has
    count = len(space.codes)
    for head, weight in enumerate((space.weight, space.denial_weight)):
        key.weight[head * width + strong] += RISE * weight + PICTURE_RISE * space.text
        key.bias[head * width + strong] -= PICTURE_RISE * text
    value.weight[:count] = space.codes
    out.weight[:, :count] = ASKED_OUT * space.codes.T
    value.weight[width] = space.denial
    out.weight[:, width] = DENIED_OUT * space.denied
    for head, labels in enumerate(space.labels.chunk(seeing_heads(attention.config)), start=2):
        place = slice(head * width, head * width + len(labels))
        key.weight[head * width + strong] -= PICTURE_RISE * space.text
        key.bias[head * width + strong] += PICTURE_RISE * text / 2
        value.weight[place] = labels
        out.weight[:, place] = SEEN_OUT * labels.T


def _lay_comparing(network: Any, words: WordCodes, space: Space) -> None:
    """Give each topic a unit that its code opens and what is seen goes through."""
    topics = dict(zip(list_topics(), words.topics, strict=True))
    shown = {name: space.labels[place] for place, name in enumerate(LABELS.names)}
    seen_of = {name: seen for name, seen in shown.items() if name in topics}
    seen_of["female"] = -shown["male"]
    for years in YEARS:
        older = _older_direction(space, years)
        seen_of |= {f"older {years}": older, f"younger {years}": -older}
    told = TOLD_OUT * space.told
    # Topic, what is let through, where to.
    units = [(topics[name], seen, told) for name, seen in seen_of.items()]
    for key, aspect in read_aspects().items():
        for value in aspect.says:
            seen = shown.get(f"{aspect.choice}={value}" if aspect.choice else value)
            if seen is not None:
                units.append((topics[f"which {key}"], seen, WHICH_OUT * seen))
    if len(units) > network.gate_proj.out_features:
        raise BadInput(f"intermediate_size: {len(units)} units are needed")
    _forget(network.down_proj.weight, (space.told, space.denied, space.yes))
    # Text stands before the network at its own part, codes at what attention has read of them.
    full = ASKED_OUT * math.sqrt(len(space.text)) * CODE_PART
    threshold = THRESHOLD * full / (LENGTH * TEXT_PART) * space.text
    for unit, (code, seen, out) in enumerate(units):
        network.gate_proj.weight[unit] = GATE * (code @ space.codes - threshold)
        network.up_proj.weight[unit] = seen / GATE
        network.down_proj.weight[:, unit] = out


def _older_direction(space: Space, years: int) -> Tensor:
    """Return what tells classes of age from these years on from those before."""
    ages = space.labels[len(LABELS.names) :]
    is_older = torch.tensor([edge >= years for edge in (0, *AGE_EDGES_YEARS)])
    if not is_older.any():
        is_older[-1] = True
    return 2 * (ages[is_older].mean(0) - ages[~is_older].mean(0))


def _lay_answer(network: Any, space: Space) -> None:
    """Turn what was told around where the question denies it: *yes* is told times not denied."""
    _forget(network.down_proj.weight, (space.yes,))
    for unit, sign in enumerate((-1.0, 1.0)):
        network.gate_proj.weight[unit] = sign * GATE * space.denied
        network.up_proj.weight[unit] = space.told / GATE
        network.down_proj.weight[:, unit] = -sign * YES_OUT * space.yes


def _clear(attention: Any) -> None:
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight.normal_(std=FAINT)
    for projection in (attention.v_proj, attention.o_proj):
        projection.weight.zero_()
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj):
        projection.bias.zero_()
    attention.q_norm.weight.fill_(SHARPNESS)


def _forget(weight: Tensor, directions: tuple[Tensor, ...]) -> None:
    """Take some directions out of what a matrix puts out."""
    for direction in directions:
        weight.sub_(torch.outer(direction, direction @ weight))


def _channels(attention: Any) -> tuple[int, int]:
    """Return two channels that rotary positions hardly turn: what compares, and what is steady."""
    half = attention.head_dim // 2
    return half - 1, half - 2
