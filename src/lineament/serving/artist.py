"""The artist: faces drawn for a server, one request after the other, as marked PNG files."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lineament.describe.draw import draw_faces, load_model
from lineament.errors import BadInput
from lineament.model.drawing import DrawingModel
from lineament.model.unmasking import Unmasking


@dataclass(frozen=True, slots=True)
class DrawingWish:
    """What is to be drawn.

    Attributes:
        prompt: In English.
        count: How many pictures.
        seed: Of the first; the next ones have the next seeds.
        num_steps: Passes of the network for each.
        guidance: How strictly to follow the words.
    """

    prompt: str
    count: int = 1
    seed: int = 0
    num_steps: int = 16
    guidance: float = 1.75


@dataclass(frozen=True, slots=True)
class Drawing:
    """Pictures, and what of the prompt they could not follow.

    Attributes:
        pictures: PNG files that say they were drawn.
        told: What the model was told.
        notes: What is not drawn as asked.
    """

    pictures: tuple[bytes, ...]
    told: str
    notes: tuple[str, ...]


class Artist:
    """Draw with one model.

    Args:
        model: A loaded one, or its name or folder.

    Raises:
        BadModel: There is none, or it is damaged.
    """

    def __init__(self, model: DrawingModel | str) -> None:
        self._model = load_model(model)
        self.name = self._model.name
        self.size_px = self._model.size_px

    def draw(self, wish: DrawingWish, *, check: Callable[[], None] = lambda: None) -> Drawing:
        """Draw what is wished, as ``lineament generate`` does.

        Args:
            wish: What to draw.
            check: Called between pictures; stops the work by raising.

        Raises:
            BadInput: The prompt or a number cannot be used.
        """
        if not wish.prompt.strip():
            raise BadInput("prompt: is empty", hint="say what to draw")
        with tempfile.TemporaryDirectory(prefix="lineament-draw-") as folder:
            drawn = draw_faces(
                wish.prompt,
                Path(folder) / "face.png",
                count=wish.count,
                seed=wish.seed,
                model=self._model,
                settings=Unmasking(num_steps=wish.num_steps, guidance=wish.guidance),
                report_done=lambda _: check(),
            )
            pictures = tuple(path.read_bytes() for path in drawn.files)
        return Drawing(pictures, drawn.told, tuple(drawn.notes()))
