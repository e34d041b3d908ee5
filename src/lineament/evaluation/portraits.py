"""Drawing models as answerers: they look at a portrait of the face, turned upright."""

from collections.abc import Sequence
from typing import final

import numpy as np
from jaxtyping import UInt8

from lineament.describe.drawing_chat import answer_portrait
from lineament.describe.visual import find_person, keep_finder
from lineament.evaluation.answerer import (
    LONG_TOKENS,
    Asked,
    Failure,
    group_by_visual,
    say_limits,
)
from lineament.evaluation.item import Visual
from lineament.faces.follow import FinderFactory
from lineament.faces.landmarks import describe_landmarks
from lineament.faces.mesh import MeshFinder
from lineament.faces.padding import PaddedFinder
from lineament.faces.portrait import crop_portrait, find_eyes
from lineament.faces.track import follow_faces
from lineament.model.drawing import DrawingModel, fit_square
from lineament.model.portrait_eyes import PortraitEyes

MAX_NEW_TOKENS = 48


@final
class PortraitAnswerer:
    """A model that draws, asked about pictures; of a clip it sees the middle frame with a face.

    Where no face is found it sees the whole frame.

    Attributes:
        model: What answers.
        eyes: What its experts look with, where it brings eyes.
    """

    is_looking = True
    num_media = 1

    def __init__(
        self,
        model: DrawingModel,
        eyes: PortraitEyes | None = None,
        *,
        identity: str = "",
        make_finder: FinderFactory = MeshFinder,
        max_new_tokens: int = MAX_NEW_TOKENS,
        long_tokens: int = LONG_TOKENS,
    ) -> None:
        self.model, self.eyes = model, eyes
        self.name = model.name
        self.identity = f"{identity or model.name}, {say_limits(max_new_tokens, long_tokens)}"
        self.make_finder = keep_finder(make_finder)
        self.max_new_tokens, self.long_tokens = max_new_tokens, long_tokens

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Answer all questions; each face is looked for once."""
        answers: list[str | Failure] = [Failure("not asked")] * len(batch)
        for visual, places in group_by_visual(batch):
            portrait = self._cut(visual)
            for place in places:
                asked = batch[place]
                answers[place] = answer_portrait(
                    self.model, self.eyes, portrait, asked.prompt,
                    max_new_tokens=self.long_tokens if asked.is_long else self.max_new_tokens,
                )  # fmt: skip
        return answers

    def _cut(self, visual: Visual) -> UInt8[np.ndarray, "size size 3"]:
        finder = self.make_finder()
        if len(visual.frames) == 1:  # a tight crop is found with a border round it
            finder = PaddedFinder(finder)
        timed = zip(visual.times_seconds, visual.frames, strict=True)
        person = find_person(follow_faces(timed, finder)[0])
        if person is None or not bool(np.any(person.has_landmarks)):
            middle = visual.frames[len(visual.frames) // 2]
            return fit_square(middle, self.model.size_px)
        seen = np.flatnonzero(person.has_landmarks)
        place = int(seen[len(seen) // 2])
        frame = visual.frames[int(np.asarray(person.frame_index)[place])]
        rows = describe_landmarks(person.landmarks_px[place : place + 1], *frame.shape[:2])
        return crop_portrait(
            frame, find_eyes(rows[0], *frame.shape[:2]), size_px=self.model.size_px
        )
