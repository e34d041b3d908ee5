"""Pictures and clips of one, two, three or four people, so that a model learns to count them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lineament.annotation import CLIP, Annotation, Fact
from lineament.records.write.lists import count_people
from lineament.records.write.view import View
from lineament.training.augment import STRONG
from lineament.training.dialogues import dialogue_from_draft, write_alone
from lineament.training.examples import Dialogue, Example, Shown
from lineament.training.gallery import Gallery
from lineament.training.gallery_examples import (
    CHECK_EVERY,
    Reading,
    change_visual,
    mirror_visual,
    visual_from_look,
)

# Of ten pictures, how many show one person, two, three, four. "There is" is more often right than
# "there are": a model that is not sure says what is usual.
NUM_PEOPLE = (1, 1, 1, 1, 1, 1, 2, 2, 3, 4)
ROWS_OF = {1: (1,), 2: (2,), 3: (3,), 4: (2, 2)}


@final
class CrowdExamples:
    """As many as asked for: pictures of a gallery side by side, asked about their number.

    The first person's face and landmarks come along, as of the one who is followed in a clip.

    Args:
        count: How many.
        galleries: Pictures that show one person each.
        reading: How pictures are changed.
    """

    def __init__(self, count: int, galleries: list[Path], reading: Reading) -> None:
        self.count, self.reading = count, reading
        self.galleries = [Gallery(folder) for folder in galleries]
        self.alone = [
            [
                index
                for index, item in enumerate(gallery.items)
                if item["num_people"] == 1 and index % CHECK_EVERY != CHECK_EVERY - 1
            ]
            for gallery in self.galleries
        ]

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, epoch: int) -> Example:
        """Put some pictures beside each other, and ask how many people there are."""
        rng = np.random.default_rng([index, epoch, 17])
        count = NUM_PEOPLE[int(rng.integers(len(NUM_PEOPLE)))]
        numbers = rng.integers(len(self.galleries), size=count)
        chosen = [(number, int(rng.choice(self.alone[number]))) for number in numbers]
        number, item = chosen[0]
        look = self.galleries[number].look(item)
        annotation = self.galleries[number].annotation(item)
        shown = visual_from_look(look, (0.0, max(annotation.duration_seconds, 1e-6)))
        others = [self.galleries[number].look(item).frames for number, item in chosen[1:]]
        frames = [
            join_pictures([frame, *(o[place % len(o)] for o in others)], ROWS_OF[count])
            for place, frame in enumerate(shown.frames)
        ]
        shown = replace(shown, frames=np.stack(frames))
        if rng.random() < self.reading.mirror_share:
            shown = mirror_visual(shown)
        shown = change_visual(shown, self.reading, STRONG, rng)
        dialogues = ask_number(annotation, count, Random(f"{index}:{epoch}"))
        return Example(f"crowd:{index}", dialogues, shown)

    def list_media(self) -> Iterator[Shown]:
        """Yield every picture that may be among others."""
        for gallery, alone in zip(self.galleries, self.alone, strict=True):
            yield from map(gallery.shown, alone)


def join_pictures(
    pictures: list[UInt8[np.ndarray, "size size 3"]], rows: tuple[int, ...]
) -> UInt8[np.ndarray, "size size 3"]:
    """Lay pictures in rows of so many; each keeps its proportions and loses its sides."""
    size = pictures[0].shape[0]
    joined = Image.new("RGB", (size, size))
    place = 0
    for row, count in enumerate(rows):
        height, width = size // len(rows), size // count
        for column in range(count):
            image = Image.fromarray(np.asarray(pictures[place]))
            scale = max(width, height) / size
            side = max(1, round(size * scale))
            image = image.resize((side, side), Image.Resampling.BICUBIC)
            left, top = (side - width) // 2, (side - height) // 2
            part = image.crop((left, top, left + width, top + height))
            joined.paste(part, (column * width, row * height))
            place += 1
    return np.asarray(joined)


def ask_number(annotation: Annotation, count: int, rng: Random) -> tuple[Dialogue, ...]:
    """Ask how many people there are, and whether there is more than one."""
    told = Annotation(
        media=annotation.media,
        duration_seconds=annotation.duration_seconds,
        num_frames=annotation.num_frames,
        fps=annotation.fps,
        facts=(Fact("num_people", count, subject=CLIP),),
    )
    view = View(told, CLIP, is_steady=True)
    drafts = [count_people(view, rng), count_people(view, rng), write_alone(count, rng)]
    return tuple(dialogue_from_draft(draft) for draft in drafts if draft is not None)
