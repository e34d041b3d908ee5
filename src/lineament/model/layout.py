"""Where text and codes stand in a sequence, and who may look at whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lineament.errors import BadInput
from lineament.model.unif2ace_config import UniF2aceConfig

IGNORED_LABEL = -100


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences of one length, and what is to be predicted in them.

    Attributes:
        input_ids: Ids; hidden codes are MASK.
        labels: Text at the position it stands at (the model shifts it), codes where they are
            hidden; -100 elsewhere.
    """

    input_ids: Int[Tensor, "batch tokens"]
    labels: Int[Tensor, "batch tokens"]


def block_ids(
    input_ids: Int[Tensor, "batch tokens"], config: UniF2aceConfig
) -> Int[Tensor, "batch tokens"]:
    """Number the blocks of each row; a token sees its own block and all before.

    Text tokens are blocks of their own, which is causal attention. An image from soi to eoi
    is one block, and so is what stands before it in an understanding prompt, up to eoi.
    """
    soi, eoi, mmu = (config.special_id(name) for name in ("soi", "eoi", "mmu"))
    is_code = input_ids >= config.first_code_id
    before = torch.roll(input_ids, 1, dims=1)
    before[:, :1] = -1
    goes_on = is_code & (before != -1)
    goes_on |= (input_ids == eoi) & ((before >= config.first_code_id) | (before == soi))
    goes_on |= (input_ids == soi) & (before == mmu)
    return (~goes_on).long().cumsum(dim=1)


def attend_mask(
    input_ids: Int[Tensor, "batch tokens"],
    valid_mask: Bool[Tensor, "batch all_tokens"],
    config: UniF2aceConfig,
) -> Bool[Tensor, "batch 1 tokens all_tokens"]:
    """Say for every token of this call which tokens it sees, earlier calls' included.

    Args:
        input_ids: Of this call; an image is never split between calls.
        valid_mask: False for padding, of all tokens so far.
        config: Which id is what.
    """
    blocks = block_ids(input_ids, config)
    num_past = valid_mask.shape[1] - input_ids.shape[1]
    inside = blocks.unsqueeze(2) >= blocks.unsqueeze(1)
    past = inside.new_ones((*input_ids.shape, num_past))
    seen = torch.cat([past, inside], dim=2) & valid_mask.unsqueeze(1)
    # Padding sees itself: a row that sees nothing would be NaN.
    itself = torch.eye(input_ids.shape[1], dtype=torch.bool, device=input_ids.device)
    seen[:, :, num_past:] |= itself
    return seen.unsqueeze(1)


def trim_text(text_ids: Sequence[int], config: UniF2aceConfig) -> list[int]:
    """Return [t2i sot text eot] in at most ``text_block`` positions; eot always stays."""
    sot, eot = text_ends(config)
    room = config.text_block - 3
    kept = [token for token in text_ids if token not in (sot, eot)][:room]
    return [config.special_id("t2i"), sot, *kept, eot]


def drawing_ids(
    texts: Sequence[Sequence[int]],
    codes: Int[Tensor, "batch codes"],
    config: UniF2aceConfig,
    *,
    length: int | None = None,
) -> Int[Tensor, "batch tokens"]:
    """Lay out [pad... t2i sot text eot][soi codes eoi].

    Args:
        texts: Ids of the text tokenizer, without specials.
        codes: Codes from 0, or ``num_code_ids`` for a hidden one.
        config: Which id is what.
        length: Of the part before the image; the longest text's when None.

    Raises:
        BadInput: A code is out of range.
    """
    prompts = [trim_text(text, config) for text in texts]
    prefix = pad_left(prompts, config, length=length)
    return torch.cat([prefix.to(codes.device), image_ids(codes, config)], dim=1)


def image_ids(
    codes: Int[Tensor, "batch codes"], config: UniF2aceConfig
) -> Int[Tensor, "batch span"]:
    """Return [soi codes eoi].

    Raises:
        BadInput: A code is out of range.
    """
    if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) <= config.num_code_ids:
        raise BadInput(f"codes: expected 0 to {config.num_code_ids}")
    ends = [codes.new_full((len(codes), 1), config.special_id(name)) for name in ("soi", "eoi")]
    return torch.cat([ends[0], codes + config.first_code_id, ends[1]], dim=1)


def pad_left(
    rows: Sequence[Sequence[int]], config: UniF2aceConfig, *, length: int | None = None
) -> Int[Tensor, "batch tokens"]:
    """Put rows under each other, padding in front."""
    length = length or max(len(row) for row in rows)
    pad = config.special_id("pad")
    return torch.tensor([[pad] * (length - len(row)) + list(row) for row in rows])


def understanding_ids(
    codes: Int[Tensor, " codes"], text_ids: Sequence[int], config: UniF2aceConfig
) -> list[int]:
    """Lay out [mmu soi codes eoi sot text] of one picture and question."""
    sot, _ = text_ends(config)
    image = image_ids(codes.unsqueeze(0), config)[0].tolist()
    return [config.special_id("mmu"), *image, sot, *text_ids]


def drawing_batch(
    texts: Sequence[Sequence[int]],
    codes: Int[Tensor, "batch codes"],
    masked: Bool[Tensor, "batch codes"],
    config: UniF2aceConfig,
    *,
    generator: torch.Generator | None = None,
    length: int | None = None,
) -> Batch:
    """Prepare captions and pictures for learning to draw.

    A prompt is dropped as often as ``condition_dropout`` says, which is what guidance needs.
    """
    dropped = torch.rand(len(texts), generator=generator) < config.condition_dropout
    texts = [[] if drop else text for text, drop in zip(texts, dropped.tolist(), strict=True)]
    hidden = codes.masked_fill(masked, config.num_code_ids)
    input_ids = drawing_ids(texts, hidden, config, length=length)
    labels = torch.full_like(input_ids, IGNORED_LABEL)
    span = slice(-config.num_codes - 1, -1)
    labels[:, span] = (codes + config.first_code_id).masked_fill(~masked, IGNORED_LABEL)
    return Batch(input_ids, labels)


def understanding_batch(
    codes: Int[Tensor, "batch codes"],
    questions: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    config: UniF2aceConfig,
    *,
    length: int | None = None,
) -> Batch:
    """Prepare pictures, questions and answers; only the answer and its end are learnt.

    Args:
        codes: Of the pictures.
        questions: Ids, as the prompt has them.
        answers: Ids.
        config: Which id is what.
        length: Of the whole row; the longest one's when None. What goes beyond is cut off.
    """
    _, eot = text_ends(config)
    rows, labels = [], []
    for image, question, answer in zip(codes, questions, answers, strict=True):
        prompt = understanding_ids(image, question, config)
        rows.append([*prompt, *answer, eot])
        labels.append([IGNORED_LABEL] * len(prompt) + [*answer, eot])
    length = length or max(len(row) for row in rows)
    pad = config.special_id("pad")
    return Batch(
        torch.tensor([_fit(row, length, pad) for row in rows]),
        torch.tensor([_fit(row, length, IGNORED_LABEL) for row in labels]),
    )


def join_batches(batches: Sequence[Batch], config: UniF2aceConfig) -> Batch:
    """Put batches of different tasks and lengths under each other, padding behind."""
    length = max(batch.input_ids.shape[1] for batch in batches)
    pad = config.special_id("pad")
    return Batch(
        torch.cat([_widen(batch.input_ids, length, pad) for batch in batches]),
        torch.cat([_widen(batch.labels, length, IGNORED_LABEL) for batch in batches]),
    )


def text_ends(config: UniF2aceConfig) -> tuple[int, int]:
    """Return the ids that begin and end a text.

    Raises:
        BadInput: The configuration has none.
    """
    sot, eot = config.bos_token_id, config.eos_token_id
    eot = eot[0] if isinstance(eot, list) else eot
    if sot is None or eot is None:
        raise BadInput("bos_token_id and eos_token_id: expected ids of the text tokenizer")
    return sot, eot


def _fit(row: list[int], length: int, filler: int) -> list[int]:
    return row[:length] + [filler] * (length - len(row))


def _widen(rows: Tensor, length: int, filler: int) -> Tensor:
    return torch.nn.functional.pad(rows, (0, length - rows.shape[1]), value=filler)
