"""Drafts: guesses at the next tokens, from the text so far and from frequent answers.

A wrong guess costs little and changes nothing, since every drafted token is checked by the
model (`lineament.model.sampling`).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from safetensors.numpy import load_file, save_file

from lineament.errors import BadModel

ORDER = 6  # tokens of context at most; longer ones repeat what shorter ones say
MAX_ENTRIES = 60_000
TABLE_FILE = "drafts.safetensors"
_NO_TOKEN = -1

Context = tuple[int, ...]


@runtime_checkable
class Drafter(Protocol):
    """Guesses what comes next."""

    def start(self, token_ids: Sequence[int]) -> None:
        """Take in a new prompt."""
        ...

    def add(self, token_ids: Sequence[int]) -> None:
        """Take in what was said since."""
        ...

    def draft(self, count: int) -> list[int]:
        """Guess the next tokens, at most so many; none where nothing is known."""
        ...


class DraftTable:
    """The usual next token after each frequent run of tokens.

    Args:
        next_ids: The next token by context, of 1 to `ORDER` tokens.
    """

    def __init__(self, next_ids: Mapping[Context, int] | None = None) -> None:
        self.next_ids = dict(next_ids or {})

    def __len__(self) -> int:
        return len(self.next_ids)

    @classmethod
    def learn(
        cls,
        answers: Iterable[Sequence[int]],
        *,
        min_count: int = 2,
        max_entries: int = MAX_ENTRIES,
    ) -> "DraftTable":
        """Count answers, each with the few tokens that stand before it.

        A longer context is kept only where it says something else than the shorter one in it.
        """
        counts: dict[Context, Counter[int]] = {}
        for answer in answers:
            tokens = [int(token) for token in answer]
            for stop in range(1, len(tokens)):
                for start in range(max(0, stop - ORDER), stop):
                    counts.setdefault(tuple(tokens[start:stop]), Counter())[tokens[stop]] += 1
        # Most frequent first, and shorter before longer, so that what is cut off is rare.
        ranked = sorted(counts.items(), key=lambda item: (len(item[0]), -item[1].total()))
        usual = {context: found.most_common(1)[0] for context, found in ranked}
        useful = [
            (count, context, token)
            for context, (token, count) in usual.items()
            if count >= min_count
            and (len(context) == 1 or usual.get(context[1:], (_NO_TOKEN, 0))[0] != token)
        ]
        useful.sort(key=lambda entry: -entry[0])
        return cls({context: token for _, context, token in useful[:max_entries]})

    def save(self, folder: Path | str) -> Path:
        """Write the table into a model's folder."""
        contexts = np.full((len(self.next_ids), ORDER), _NO_TOKEN, np.int32)
        for row, context in enumerate(self.next_ids):
            contexts[row, ORDER - len(context) :] = context
        path = Path(folder) / TABLE_FILE
        tokens = np.fromiter(self.next_ids.values(), np.int32, len(self.next_ids))
        save_file({"contexts": contexts, "next_ids": tokens}, path)
        return path

    @classmethod
    def find(cls, folder: Path | str) -> "DraftTable":
        """Read the table of a model's folder; an empty one where there is none.

        Raises:
            BadModel: The file is damaged.
        """
        path = Path(folder) / TABLE_FILE
        if not path.is_file():
            return cls()
        try:
            arrays = load_file(path)
            contexts, tokens = arrays["contexts"].tolist(), arrays["next_ids"].tolist()
        except Exception as error:  # safetensors raises its own, KeyError or OSError
            raise BadModel(
                f"{path}: cannot be read ({error})", hint="delete the file; it only saves time"
            ) from error
        return cls(
            {
                tuple(token for token in context if token != _NO_TOKEN): following
                for context, following in zip(contexts, tokens, strict=True)
            }
        )


class NgramDrafter:
    """Draft from the text so far and from a table, whichever knows the longer context.

    Args:
        table: Learned from answers; the text so far alone when left out.
        ignored_ids: Tokens that are never a guess, such as the placeholder of visual tokens.
    """

    def __init__(self, table: DraftTable | None = None, *, ignored_ids: Collection[int] = ()):
        self._table = table.next_ids if table else {}
        self._ignored = frozenset(ignored_ids)
        self._tokens: list[int] = []
        self._seen: dict[Context, int] = {}

    def start(self, token_ids: Sequence[int]) -> None:
        """Take in a new prompt."""
        self._tokens, self._seen = [], {}
        self.add(token_ids)

    def add(self, token_ids: Sequence[int]) -> None:
        """Take in what was said since."""
        tokens = self._tokens
        for token in token_ids:
            if token in self._ignored:
                continue
            length = len(tokens)
            for size in range(1, min(ORDER, length) + 1):
                self._seen[tuple(tokens[length - size :])] = token
            tokens.append(token)

    def draft(self, count: int) -> list[int]:
        """Guess the next tokens, at most so many."""
        context = self._tokens[-ORDER:]
        drafts: list[int] = []
        while len(drafts) < count:
            token = self._find_next(context)
            if token is None:
                break
            drafts.append(token)
            context = [*context[1:], token] if len(context) == ORDER else [*context, token]
        return drafts

    def _find_next(self, context: Sequence[int]) -> int | None:
        # A run of two or more tokens that stood in this very text tells more than the table; a
        # single one tells less.
        for start in range(len(context)):
            key = tuple(context[start:])
            if len(key) > 1 and key in self._seen:
                return self._seen[key]
            if key in self._table:
                return self._table[key]
        return self._seen.get(tuple(context[-1:]))
