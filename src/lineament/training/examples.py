"""Examples and where they come from: dialogues about one clip, read one at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, final, runtime_checkable

from lineament.model.processor import Message, VisualInput
from lineament.training.labels import Labels
from lineament.training.recipe import Mix


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation, of one or several turns.

    Attributes:
        messages: ``{"role", "content"}``; what the assistant says is learned.
        kind: Kind of record, for the report of losses.
        level: Level of record, likewise.
        weight: How much its tokens count.
        start_weight: How much more the first token of every answer counts than others.
    """

    messages: Sequence[Message]
    kind: str = ""
    level: int = 0
    weight: float = 1.0
    start_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Example:
    """One clip or picture, or none, and what is said about it.

    Attributes:
        id: Names the example in messages.
        dialogues: Each sees the clip; none sees another.
        visual: The clip.
        weight: How much all its tokens count.
        labels: What its frames show, for objectives that learn without text.
    """

    id: str
    dialogues: tuple[Dialogue, ...]
    visual: VisualInput | None = None
    weight: float = 1.0
    labels: Labels | None = None

    @classmethod
    def from_conversation(
        cls,
        id: str,
        conversation: Sequence[Message],
        visual: VisualInput | None = None,
        weight: float = 1.0,
        *,
        kind: str = "",
        level: int = 0,
    ) -> "Example":
        """Make an example of one dialogue."""
        return cls(id, (Dialogue(conversation, kind, level),), visual, weight)


@runtime_checkable
class ExampleSource(Protocol):
    """Examples by number; reading one twice gives the same one."""

    def __len__(self) -> int:
        """Count the examples."""
        ...

    def read(self, index: int, epoch: int) -> Example:
        """Read one example; what is written anew each time depends on ``epoch`` alone.

        Raises:
            LineamentError: This one cannot be used; it is skipped, counted and named.
        """
        ...


class Shown(NamedTuple):
    """One picture or clip of a source, as data sets name it; empty where nobody knows.

    Attributes:
        source: The data set.
        media: Its reference there.
        split_key: Whom or what it shows.
    """

    source: str = ""
    media: str = ""
    split_key: str = ""


@runtime_checkable
class ListsMedia(Protocol):
    """A source that can say what it shows, without opening any of it."""

    def list_media(self) -> Iterator[Shown]:
        """Yield what examples show; the same one may come again."""
        ...


OpenSource = Callable[[Mix], ExampleSource]
Sources = Mapping[str, OpenSource]


@final
class ExampleList:
    """Examples that are in memory already."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def read(self, index: int, epoch: int) -> Example:
        """Return one of them."""
        del epoch
        return self.examples[index]
