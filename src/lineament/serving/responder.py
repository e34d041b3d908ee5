"""The responder: what a server has its work done by, one engine or replicas of it."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from lineament.annotation import Annotation
from lineament.serving.answering import Wish
from lineament.serving.artist import DrawingWish
from lineament.serving.engine import EngineFigures
from lineament.serving.settings import ServeSettings
from lineament.serving.spool import Stored
from lineament.serving.ticket import Ticket


@runtime_checkable
class Draws(Protocol):
    """What is known of a model that draws."""

    @property
    def name(self) -> str:
        """Of the model."""
        ...

    @property
    def size_px(self) -> int:
        """Side of its pictures."""
        ...


@runtime_checkable
class Responder(Protocol):
    """Answer, look, check and draw for many clients; each method as in `Engine`."""

    @property
    def settings(self) -> ServeSettings:
        """Limits."""
        ...

    @property
    def name(self) -> str:
        """Of the model that answers."""
        ...

    @property
    def artist(self) -> Draws | None:
        """The model that draws, where there is one."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether requests are taken."""
        ...

    def require_place(self, client: str) -> None:
        """Refuse a request before it is read, when there is no place for it."""
        ...

    def ask(
        self,
        wishes: Sequence[Wish],
        media: Stored | None,
        *,
        client: str = "",
        on_text: Callable[[int, str], None] | None = None,
    ) -> list[Ticket]:
        """Ask for answers about a clip or picture."""
        ...

    def look(self, media: Stored, *, client: str = "") -> Ticket:
        """Find the faces and facts of a clip or picture."""
        ...

    def check(self, text: str, against: Stored | Annotation, *, client: str = "") -> Ticket:
        """Check a text."""
        ...

    def draw(self, wish: DrawingWish, *, client: str = "") -> Ticket:
        """Draw faces."""
        ...

    def measure(self) -> EngineFigures:
        """Return what is being done and has been done."""
        ...

    def close(self) -> None:
        """End everything; waiting requests are told so."""
        ...
