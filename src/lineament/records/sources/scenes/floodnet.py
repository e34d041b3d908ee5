"""FloodNet VQA (challenge files): one JSON object of numbered questions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.rows import find_file, read_json_file, writable
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.geotiff import measure_picture
from lineament.records.sources.scenes.label import (
    NO_ANSWER,
    Label,
    label_extra,
    picture_facts,
)
from lineament.records.sources.scenes.layout import find_picture, require_part
from lineament.records.sources.source import UNREADABLE, Dropped, require_split

_FILES: Mapping[str, tuple[str, ...]] = {
    "train": ("training_question.json", "Training Question.json"),
    "val": (
        "valid_question.json",
        "Valid Question.json",
        "valid_question_no_answers.json",
    ),
    "test": ("test_question.json", "Test_Question.json", "test_question_no_answers.json"),
}
_PLACES = (
    "images", "Images", "Image", "", "Images/Train_Image", "Images/Valid_Image",
    "Images/Test_Image", "Questions/images", "Questions/Images", "Questions",
)  # fmt: skip


@final
@dataclass(frozen=True, slots=True)
class FloodNet:
    """Questions on flooded and dry roads and buildings; val and test come without answers."""

    name: str = "floodnet"
    licence: str = "CDLA-Permissive-1.0"
    splits: tuple[str, ...] = ("train", "val", "test")
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield a picture with all its questions."""
        require_split(self, split)
        yield from require_part(self, folder, split, self._read_part(folder, split))

    def _read_part(self, folder: Path, split: str) -> Iterator[Annotation | Dropped]:
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder", hint="give the data set's folder: --data")
        place = next(
            (p for p in (folder, folder / "Questions") if find_file(p, *_FILES[split])), None
        )
        path = find_file(place, *_FILES[split]) if place is not None else None
        if place is None or path is None:
            raise BadInput(f"{folder}: holds no {' or '.join(_FILES[split])}")
        asked: dict[str, list[Label]] = {}
        for key, row in read_json_file(path).items():
            found = read_row(key, row)
            if isinstance(found, Dropped):
                yield found
            else:
                asked.setdefault(found[0], []).append(found[1])
        for image, labels in asked.items():
            media = find_picture(folder, image, inside=_PLACES)
            scale = measure_picture(folder, media).meters_per_pixel
            yield Annotation(
                media=media,
                facts=tuple(picture_facts(None, scale)),
                licence=self.licence,
                split_key=writable(f"floodnet/{image}"),
                extra=label_extra(tuple(labels)),
            )

    def read_turns(self, folder: Path, split: str = "train") -> Iterator[Record | Dropped]:
        """Yield one record a picture."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})


def read_row(key: str, row: Any) -> tuple[str, Label] | Dropped:
    """Read one question; the answer is text or a whole number."""
    if not isinstance(row, Mapping):
        return Dropped(key, UNREADABLE, "no object")
    image, question, kind = (row.get(k) for k in ("Image_ID", "Question", "Question_Type"))
    if not isinstance(image, str) or not isinstance(question, str) or not question.strip():
        return Dropped(key, UNREADABLE, "no Image_ID or Question")
    answer = row.get("Ground_Truth")
    if not isinstance(answer, str | int) or isinstance(answer, bool) or not str(answer).strip():
        return Dropped(key, NO_ANSWER, question)
    is_number = isinstance(answer, int)
    task = "count" if str(kind).endswith("Counting") else "vqa"
    return image, Label(
        task, question, str(answer), type=str(kind or ""), row=key, is_number=is_number
    )


def write_row(image: str, label: Label) -> dict[str, Any]:
    """Write a question as the data set has it."""
    answer = int(label.answer) if label.is_number else label.answer
    return {
        "Image_ID": image,
        "Question": label.question,
        "Ground_Truth": answer,
        "Question_Type": label.type,
    }
