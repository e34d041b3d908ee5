"""Rows: the texts that are being written, and how their next tokens are chosen."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from jaxtyping import Float
from torch import Tensor

from lineament.model.drafting import Drafter
from lineament.model.media import MediaTokens
from lineament.model.sampling import choose_tokens


@dataclass(eq=False)
class Row:
    """One text from its prompt to its last token.

    Attributes:
        token_ids: The prompt, and what was said so far.
        num_prompt: How many of them are the prompt.
        num_left: How many more may be said.
        choose: Chooses a token by its scores.
        is_over: Says whether nobody wants the rest.
        media: The clip's tokens.
        root: Names the clip in the cache of prefixes.
        drafter: Guesses that are checked several at a time.
        is_told_each: Whether tokens are handed over as they come, or all at the end.
        num_read: Tokens whose keys and values are in the slots.
        num_reused: Those of them that another text had left.
        told: What was handed over: lists of tokens, then None or an error.
    """

    token_ids: list[int]
    num_prompt: int
    num_left: int
    choose: Callable[[Tensor], int]
    is_over: Callable[[], bool]
    media: MediaTokens | None = None
    root: str = ""
    drafter: Drafter | None = None
    is_told_each: bool = True
    num_read: int = 0
    num_reused: int = 0
    told: SimpleQueue[list[int] | BaseException | None] = field(default_factory=SimpleQueue)
    _held: list[int] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        """Whether its prompt is read, so that it takes part in the common passes."""
        return self.num_read >= self.num_prompt

    def draft(self, count: int) -> list[int]:
        """Guess what comes next, no more than may be said."""
        most = min(count, self.num_left - 1)
        return self.drafter.draft(most) if self.drafter is not None and most > 0 else []

    def say(
        self,
        logits: Float[Tensor, "tokens vocab"],
        drafts: Sequence[int],
        stops: Collection[int],
    ) -> bool:
        """Take the next tokens by their scores, and say whether the text ends with them.

        Args:
            logits: After the last token and after each draft.
            drafts: As far as they prove right they are said, and one token more.
            stops: Tokens that end the text; they are not part of it.
        """
        said = choose_tokens(logits, drafts, self.choose, stops)
        is_end = said[-1] in stops
        told = said[: len(said) - is_end]
        self.token_ids += said
        self.num_left -= len(told)
        if self.drafter is not None:
            self.drafter.add(said)
        self._held += told
        if self.is_told_each and told:
            self.hand_over()
        return is_end or self.num_left < 1

    def hand_over(self) -> None:
        """Tell what was said since the last time."""
        self.told.put(self._held)
        self._held = []

    def end(self, error: BaseException | None = None) -> None:
        """Tell that nothing more comes."""
        if self._held:
            self.hand_over()
        self.told.put(error)
