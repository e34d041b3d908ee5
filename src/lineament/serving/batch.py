"""A batch: several answers written in common passes of the network; knows no thread."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.media import MediaTokens
from lineament.model.sampling import NUM_DRAFTS
from lineament.serving.embedding import RowEmbedder
from lineament.serving.network import choose_network
from lineament.serving.prefixes import PrefixCache
from lineament.serving.rows import Row
from lineament.serving.slots import Slots

PROMPT_TOKENS = 256  # of prompts read between two common passes
JOINED_TOKENS = 64  # what is left of a prompt is read beside others up to this length
# Tokens that a pass takes in about the time of one: beyond, drafts cost more than they save.
PASS_TOKENS = {"cpu": 24}
PASS_TOKENS_ELSEWHERE = 256


@dataclass
class BatchFigures:
    """What a batch has done since it was made.

    Attributes:
        num_passes: Common passes.
        num_rows: Texts in them, summed.
        num_said: Tokens said.
        num_prompt: Tokens of prompts.
        num_reused: Those of them that were not read again.
    """

    num_passes: int = 0
    num_rows: int = 0
    num_said: int = 0
    num_prompt: int = 0
    num_reused: int = 0


class Batch:
    """Answers in the making.

    Each round reads some of the prompts that are new, then one token of every answer and as many
    guesses as cost little. An answer joins and leaves between two rounds.

    Args:
        model: FaVChat or any causal language model of ``transformers`` with a plain cache.
        stop_token_ids: Tokens that end an answer; they are not part of it.
        prefixes: What was read before.
    """

    def __init__(self, model: Any, stop_token_ids: Collection[int], prefixes: PrefixCache) -> None:
        is_favchat = isinstance(model, FaVChatForConditionalGeneration)
        language_model: Any = model.language_model if is_favchat else model
        self._embedder = RowEmbedder(
            model.get_input_embeddings(),
            int(model.config.frame_token_id) if is_favchat else None,
        )
        device = torch.device(model.device)
        self._pass_tokens = PASS_TOKENS.get(device.type, PASS_TOKENS_ELSEWHERE)
        self._stops = frozenset(stop_token_ids)
        self._slots = Slots()
        self._network = choose_network(language_model, self._slots)
        self._prefixes = prefixes
        self._rows: list[Row] = []
        self.figures = BatchFigures()

    def __len__(self) -> int:
        return len(self._rows)

    def count_bytes(self) -> int:
        """Return what the open texts take."""
        return self._slots.count_bytes()

    def check_clip(self, prompt: Sequence[int], media: MediaTokens | None) -> None:
        """Refuse a prompt that does not fit its clip.

        Raises:
            BadInput: Placeholders and visual tokens do not match in number.
        """
        self._embedder.check_clip(prompt, media)

    def open(self, row: Row) -> None:
        """Take an answer in."""
        if row.drafter is not None:
            row.drafter.start(row.token_ids)
        self._slots.open_row()
        self._rows.append(row)
        self.figures.num_prompt += row.num_prompt

    def advance(self) -> None:
        """Do one round."""
        for row in [row for row in self._rows if row.is_over()]:
            self._close(row)
        self._read_prompts()
        if any(row.is_ready for row in self._rows):
            self._step()

    def fail(self, error: BaseException) -> None:
        """End all answers with an error."""
        while self._rows:
            self._rows.pop().end(error)
            self._slots.close_row(len(self._rows), 0)

    def _close(self, row: Row) -> None:
        place = self._rows.index(row)
        last = self._rows.pop()
        self._slots.close_row(place, last.num_read)
        if last is not row:
            self._rows[place] = last
        row.end()

    def _read_prompts(self) -> None:
        """Read some of the prompts that are not read yet: long ones alone, short ones together.

        What is left of a prompt whose clip is known is short: the question.
        """
        budget = PROMPT_TOKENS
        short: list[Row] = []
        for row in [row for row in self._rows if not row.is_ready]:
            if not row.num_read:
                place = self._rows.index(row)
                row.num_read = self._prefixes.load(self._slots, place, row.root, row.token_ids)
                row.num_reused = row.num_read
                self.figures.num_reused += row.num_read
            count = min(row.num_prompt - row.num_read, budget)
            budget -= count
            if row.num_read + count == row.num_prompt and count <= JOINED_TOKENS:
                short.append(row)
            else:
                self._finish_all(self._read_together([row], count))
            if budget <= 0:
                break
        places = sorted(((self._rows.index(row), row) for row in short), key=itemgetter(0))
        ended: list[Row] = []
        while places:
            first = places[0][0]
            neighbours = [row for n, (place, row) in enumerate(places) if place == first + n]
            del places[: len(neighbours)]
            ended += self._read_together(neighbours, JOINED_TOKENS)
        self._finish_all(ended)  # only now: who leaves gives its place to the last one

    def _read_together(self, rows: list[Row], most: int) -> list[Row]:
        """Read on in the prompts of neighbouring rows, at most so many tokens of each.

        Returns:
            The rows whose answer ends with its first token.
        """
        texts = [row.token_ids[row.num_read : row.num_prompt][:most] for row in rows]
        num_queries, shortest = max(map(len, texts)), min(map(len, texts))
        num_logits = num_queries - shortest + 1
        logits = self._network.read(
            self._embedder.embed(rows, [_fill_up(text, num_queries) for text in texts]),
            first_row=self._rows.index(rows[0]),
            starts=[row.num_read for row in rows],
            num_logits=num_logits,
        )
        ended = []
        for row, text, scores in zip(rows, texts, logits, strict=True):
            row.num_read += len(text)
            if row.is_ready:
                self._prefixes.store(self._slots, self._rows.index(row), row.root, row.token_ids)
                if self._say(row, scores[len(text) - shortest :][:1], []):
                    ended.append(row)
        return ended

    def _step(self) -> None:
        rows = list(self._rows)
        most = min(NUM_DRAFTS, self._pass_tokens // len(rows) - 1)
        drafts = [row.draft(most) if row.is_ready else [] for row in rows]
        num_queries = 1 + max(len(guesses) for guesses in drafts)
        texts = [
            [*row.token_ids[row.num_read :], *guesses] if row.is_ready else []
            for row, guesses in zip(rows, drafts, strict=True)
        ]
        logits = self._network.read(
            # What fills a row up lies behind its end, where nobody looks.
            self._embedder.embed(rows, [_fill_up(text, num_queries) for text in texts]),
            first_row=0,
            starts=[row.num_read for row in rows],
            num_logits=num_queries,
        )
        self.figures.num_passes += 1
        self.figures.num_rows += len(rows)
        ended = []
        for row, guesses, scores in zip(rows, drafts, logits, strict=True):
            if row.is_ready:
                row.num_read += 1
                if self._say(row, scores[: 1 + len(guesses)], guesses):
                    ended.append(row)
        self._finish_all(ended)  # only now, when all rows know how far they have been read

    def _say(self, row: Row, logits: Float[Tensor, "tokens vocab"], drafts: list[int]) -> bool:
        """Let a row take its next tokens, and say whether it ends with them.

        Guesses that proved right are read already.
        """
        num_before = len(row.token_ids)
        is_end = row.say(logits, drafts, self._stops)
        num_said = len(row.token_ids) - num_before
        row.num_read += num_said - 1
        self.figures.num_said += num_said
        return is_end

    def _finish_all(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._finish(row)

    def _finish(self, row: Row) -> None:
        """Keep what was read of an answer that has ended, and let it go."""
        text = row.token_ids[: row.num_read]
        self._prefixes.store(self._slots, self._rows.index(row), row.root, text)
        self._close(row)


def _fill_up(tokens: list[int], length: int) -> list[int]:
    return tokens + [0] * (length - len(tokens))
