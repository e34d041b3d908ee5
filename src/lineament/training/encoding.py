"""Examples to token ids: dialogues written out, labels on answers alone, branches on one clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lineament.errors import BadInput
from lineament.model.processor import IGNORED_LABEL, FaVChatProcessor
from lineament.training.examples import Example

SHARED = 0  # the branch that all others see


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of tokens that attends to nothing outside itself.

    Attributes:
        token_ids: The tokens.
        labels: What is to be said at each place; ignored where nothing is learned.
        weights: How much each label counts.
        branch_ids: 0 is seen by all that follows; other branches do not see each other.
        position_ids: Start again behind the shared part in every branch.
        group_ids: Which dialogue of the example each token belongs to.
    """

    token_ids: Int[Tensor, "tokens"]
    labels: Int[Tensor, "tokens"]
    weights: Float[Tensor, "tokens"]
    branch_ids: Int[Tensor, "tokens"]
    position_ids: Int[Tensor, "tokens"]
    group_ids: Int[Tensor, "tokens"]

    def __len__(self) -> int:
        return len(self.token_ids)


@dataclass(frozen=True, slots=True)
class Encoded:
    """An example as tensors.

    Attributes:
        id: The example's.
        pieces: One for all dialogues, or one for each.
        groups: Kind and level of each dialogue.
        visual: The clip as the processor gives it, one row of a batch; None without a clip.
        left_out: Dialogues that do not fit, each with the reason.
    """

    id: str
    pieces: tuple[Piece, ...]
    groups: tuple[tuple[str, int], ...]
    visual: dict[str, Tensor] | None
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerEncoder:
    """Writes examples as a chat model reads them.

    Attributes:
        processor: The model's.
        max_tokens: Longest piece; of an example with several dialogues the last ones are left
            out until it fits.
        share_prefix: Whether dialogues about one clip share its tokens.
    """

    processor: FaVChatProcessor
    max_tokens: int
    share_prefix: bool = True

    def __call__(self, example: Example) -> Encoded:
        """Encode one example.

        Raises:
            BadInput: It has nothing to learn, or its first dialogue is too long.
        """
        if not example.dialogues:
            raise BadInput(f"{example.id}: no dialogue")
        rows = [self._write(example, number) for number in range(len(example.dialogues))]
        num_shared = _count_shared(rows, self.processor.frame_token_id) if self.share_prefix else 0
        pieces = _join(rows, num_shared) if num_shared else rows
        pieces = [_cut(piece, self.max_tokens, example.id) for piece in pieces]
        if not any((piece.labels != IGNORED_LABEL).any() for piece in pieces):
            raise BadInput(f"{example.id}: no answer to learn")
        visual = None
        if example.visual is not None:
            batch = self.processor.encode_visuals([example.visual])
            visual = {name: values[0] for name, values in batch.items()}
        groups = tuple((dialogue.kind, dialogue.level) for dialogue in example.dialogues)
        left_out = self._list_left_out(example, pieces)
        return Encoded(example.id, tuple(pieces), groups, visual, left_out)

    def _list_left_out(
        self, example: Example, pieces: Sequence[Piece]
    ) -> tuple[tuple[str, str], ...]:
        kept = {int(number) for piece in pieces for number in piece.group_ids.unique()}
        reason = f"does not fit the {self.max_tokens:,} tokens of a row with those before it"
        return tuple(
            (f"{example.id}, dialogue {number + 1}", reason)
            for number in range(len(example.dialogues))
            if number not in kept
        )

    def _write(self, example: Example, number: int) -> Piece:
        dialogue = example.dialogues[number]
        messages = self.processor.place_frames(dialogue.messages, example.visual)
        batch = self.processor.encode_text(
            [messages], add_generation_prompt=False, with_labels=True, padding_side="right"
        )
        token_ids, labels = batch["input_ids"][0], batch["labels"][0].clone()
        labels[0] = IGNORED_LABEL  # nothing stands in front of it that could predict it
        weights = torch.full((len(token_ids),), example.weight * dialogue.weight)
        is_label = labels != IGNORED_LABEL
        is_first = is_label.clone()
        is_first[1:] &= ~is_label[:-1]
        weights[is_first] *= dialogue.start_weight
        return Piece(
            token_ids=token_ids,
            labels=labels,
            weights=weights,
            branch_ids=torch.ones_like(token_ids),
            position_ids=torch.arange(len(token_ids)),
            group_ids=torch.full_like(token_ids, number),
        )


def _count_shared(rows: Sequence[Piece], frame_token_id: int) -> int:
    """Count the tokens up to the last of the clip, where all dialogues begin alike."""
    if len(rows) < 2:
        return 0
    first = rows[0].token_ids
    places = (first == frame_token_id).nonzero()
    if not len(places):
        return 0
    num_shared = int(places[-1]) + 1
    prefix = first[:num_shared]
    is_same = all(torch.equal(row.token_ids[:num_shared], prefix) for row in rows)
    has_labels = any((row.labels[:num_shared] != IGNORED_LABEL).any() for row in rows)
    return num_shared if is_same and not has_labels else 0


def _join(rows: Sequence[Piece], num_shared: int) -> list[Piece]:
    """Write the shared tokens once and every dialogue's own behind them."""
    parts: dict[str, list[Tensor]] = {name: [] for name in Piece.__slots__}
    for branch, row in enumerate(rows, start=1):
        start = 0 if branch == 1 else num_shared
        for name in parts:
            parts[name].append(getattr(row, name)[start:])
        parts["branch_ids"][-1] = torch.full((len(row) - start,), branch)
    joined = {name: torch.cat(values) for name, values in parts.items()}
    joined["branch_ids"][:num_shared] = SHARED
    return [Piece(**joined)]


def _cut(piece: Piece, max_tokens: int, id: str) -> Piece:
    """Leave out whole branches that reach beyond the limit.

    Raises:
        BadInput: Not even the first fits.
    """
    if len(piece) <= max_tokens:
        return piece
    fits = int(piece.branch_ids[max_tokens])  # the first branch that does not
    keep = int((piece.branch_ids < fits).sum())
    if fits <= 1 or keep == 0:
        raise BadInput(
            f"{id}: {len(piece):,} tokens, longer than {max_tokens:,}",
            hint="sample fewer frames, or allow longer rows",
        )
    return Piece(**{name: getattr(piece, name)[:keep] for name in Piece.__slots__})
