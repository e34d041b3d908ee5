"""Unified objective: UniF2ace's two tasks in one step, drawing from words and answering.

Both tasks have a forward pass of their own, since their rows differ in length, and one sum of
losses and one optimiser step. Questions about a picture share its codes and are blind to each
other, which teaches what single questions would at a fraction of the tokens.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from torch.nn import functional

from lineament.model.diffusion import Cosine, LogLinear, sample_masks
from lineament.model.drawing import format_question
from lineament.model.layout import (
    IGNORED_LABEL,
    attend_mask,
    image_ids,
    pad_left,
    text_ends,
    trim_text,
)
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.training.recipe import Stage
from lineament.training.stream import Drawn
from lineament.training.unified_examples import AskingExample, DrawingExample
from lineament.training.unified_rows import Branch, EncodedAsking, EncodedDrawing, join_branches

GROUPS = (("masked", 0), ("score", 0), ("answers", 0), ("first_words", 0), ("balance", 0))
LONG_EVERY = 8  # of the batches one in so many has long captions
LONG_TEXT = 120


class UnifiedLearner(nn.Module):
    """Both tasks' losses as the configuration weighs them; keys as `AnswerLearner`'s."""

    def __init__(self, model: UniF2aceForFaces) -> None:
        super().__init__()
        self.model = model

    def forward(self, **batch: Any) -> dict[str, Tensor | None]:
        """Read one batch of `UnifiedObjective`."""
        total = torch.zeros((), device=self.model.device)
        shown: list[Tensor] = []
        group_ids: list[int] = []
        if "codes" in batch:
            output = self._draw(batch["prefix_ids"], batch["codes"])
            total = total + output.loss
            shown += [output.masked_loss, output.score_loss]
            group_ids += [0, 1]
            if output.balance_loss is not None:
                shown.append(output.balance_loss)
                group_ids.append(4)
        if "input_ids" in batch:
            loss, answers, first_words = self._answer(batch)
            total = total + loss
            shown += [answers, first_words]
            group_ids += [2, 3]
        return {
            "loss_sum": total * batch["num_rows"].sum(),
            "extra": total.new_zeros(()),
            "losses": torch.stack([part.detach().float() for part in shown]),
            "group_ids": torch.tensor(group_ids, device=total.device),
            "expert_ids": None,
        }

    def _draw(
        self, prefix_ids: Int[Tensor, "rows prefix"], codes: Int[Tensor, "rows codes"]
    ) -> Any:
        """Drop some prompts, hide some codes, and learn to tell the hidden ones."""
        config = self.model.config
        if self.training:
            prefix_ids = drop_conditions(prefix_ids, config, config.condition_dropout)
        schedule = Cosine() if config.schedule == "cosine" else LogLinear()
        masks = sample_masks(len(codes), config.num_codes, schedule, device=codes.device)
        images = image_ids(masks.hide(codes, config.num_code_ids), config)
        input_ids = torch.cat([prefix_ids, images], dim=1)
        labels = torch.full_like(input_ids, IGNORED_LABEL)
        truth = (codes + config.first_code_id).masked_fill(~masks.masked, IGNORED_LABEL)
        labels[:, -config.num_codes - 1 : -1] = truth
        return self.model(input_ids, labels=labels)

    def _answer(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Learn what answers say; their first words count more."""
        config = self.model.config
        ids, branches = batch["input_ids"], batch["branch_ids"]
        valid = ids != config.special_id("pad")
        encoded = self.model.encode(
            ids,
            attention_mask=branch_mask(ids, valid, branches, config),
            position_ids=batch["position_ids"],
            clip_features=batch.get("clip_features"),
            face_features=batch.get("face_features"),
        )
        wanted = batch["labels"][:, 1:]
        is_learned = wanted != IGNORED_LABEL
        logits = self.model.head(encoded.hidden[:, :-1][is_learned]).float()
        losses = functional.cross_entropy(logits, wanted[is_learned], reduction="none")
        weights = batch["label_weights"][:, 1:][is_learned]
        answers = (losses * weights).sum() / weights.sum().clamp(min=1e-6)
        loss = config.understanding_weight * answers
        if encoded.uses:
            balance = torch.stack([use.balance_loss() for use in encoded.uses]).mean()
            router = torch.stack([use.router_z_loss() for use in encoded.uses]).mean()
            loss = loss + config.balance_weight * balance + config.router_z_weight * router
        is_first = weights > 1
        first = losses[is_first].sum() / max(1, int(is_first.sum()))
        return loss, losses.mean(), first


def drop_conditions(
    prefix_ids: Int[Tensor, "rows prefix"], config: Any, rate: float
) -> Int[Tensor, "rows prefix"]:
    """Replace the prompts of some rows by the empty one, which guidance needs."""
    sot, eot = text_ends(config)
    bare = torch.full_like(prefix_ids[:1], config.special_id("pad"))
    bare[0, -3:] = torch.tensor([config.special_id("t2i"), sot, eot])
    is_dropped = torch.rand(len(prefix_ids)).to(prefix_ids.device) < rate
    return torch.where(is_dropped.unsqueeze(1), bare, prefix_ids)


def branch_mask(
    input_ids: Int[Tensor, "rows tokens"],
    valid_mask: Bool[Tensor, "rows tokens"],
    branch_ids: Int[Tensor, "rows tokens"],
    config: Any,
) -> Bool[Tensor, "rows 1 tokens tokens"]:
    """Let every token see what it may in its own branch, and the picture."""
    seen = attend_mask(input_ids, valid_mask, config)
    mine = branch_ids.unsqueeze(2) == branch_ids.unsqueeze(1)
    shared = (branch_ids == 0).unsqueeze(1)
    return seen & (mine | shared).unsqueeze(1)


class UnifiedObjective:
    """Drawing from words and answering about pictures, together.

    ``row_tokens`` of the stage is the budget of a row with questions.
    """

    def __init__(self, model: UniF2aceForFaces, processor: Any, stage: Stage) -> None:
        self.model, self.config = model, model.config
        self.text_tokenizer = processor.text_tokenizer
        self.row_tokens = stage.row_tokens or model.config.max_position_embeddings

    def encode(self, example: DrawingExample | AskingExample) -> EncodedDrawing | EncodedAsking:
        """Turn one example of either task into ids.

        Raises:
            BadInput: No question about it fits a row.
        """
        if isinstance(example, DrawingExample):
            return EncodedDrawing(
                example.id,
                torch.from_numpy(example.codes.astype(np.int64)),
                self._read(example.prompt),
                lambda: self._read(example.caption)[:LONG_TEXT],
            )
        branches = [
            self._branch(d.messages[0]["content"], d.messages[1]["content"], d.start_weight)
            for d in example.dialogues
        ]
        return join_branches(example, branches, self.config, self.row_tokens)

    def collate(self, drawn: Sequence[Drawn]) -> dict[str, Any]:
        """Make both tasks' parts of a batch."""
        samples = [sample.encoded for sample in drawn]
        batch: dict[str, Any] = self._collate_drawings(
            [sample for sample in samples if isinstance(sample, EncodedDrawing)]
        )
        batch |= self._collate_asking([s for s in samples if isinstance(s, EncodedAsking)])
        return batch | {
            "groups": list(GROUPS),
            "skipped": [note for sample in drawn for note in sample.skipped],
            "num_samples": len(samples),
            "num_items": torch.tensor(float(len(samples))),
            "num_rows": torch.tensor([float(len(samples))]),
        }

    def learner(self) -> UnifiedLearner:
        """Return the network around the model."""
        return UnifiedLearner(self.model)

    def _collate_drawings(self, rows: list[EncodedDrawing]) -> dict[str, Any]:
        if not rows:
            return {}
        # Long captions in batches of their own: one of them would lengthen every row.
        is_long = sum(int(row.codes.sum()) for row in rows) % LONG_EVERY == 0
        texts = [row.read_caption() if is_long else row.prompt for row in rows]
        return {
            "prefix_ids": pad_left([trim_text(text, self.config) for text in texts], self.config),
            "codes": torch.stack([row.codes for row in rows]),
        }

    def _collate_asking(self, rows: list[EncodedAsking]) -> dict[str, Any]:
        if not rows:
            return {}
        fillers = {
            "input_ids": self.config.special_id("pad"), "labels": IGNORED_LABEL, "weights": 0.0,
            "branch_ids": -1, "position_ids": 0,
        }  # fmt: skip
        batch: dict[str, Any] = {
            {"weights": "label_weights"}.get(name, name): nn.utils.rnn.pad_sequence(
                [getattr(row, name) for row in rows], batch_first=True, padding_value=filler
            )
            for name, filler in fillers.items()
        }
        if all(row.whole is not None and row.face is not None for row in rows):
            batch["clip_features"] = torch.stack([row.whole for row in rows])  # type: ignore[misc]
            batch["face_features"] = torch.stack([row.face for row in rows])  # type: ignore[misc]
        return batch

    def _read(self, text: str) -> list[int]:
        return list(self.text_tokenizer(text, add_special_tokens=False)["input_ids"])

    def _branch(self, question: str, answer: str, start_weight: float) -> Branch:
        sot, eot = text_ends(self.config)
        asked = [sot, *self._read(format_question(question))]
        return Branch([*asked, *self._read(f" {answer}"), eot], len(asked), start_weight)
