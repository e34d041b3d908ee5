"""LFW expressions: grey crops of news photos with one emotion label each."""

from collections.abc import Iterator
from pathlib import Path
from typing import final

import numpy as np

from lineament.annotation import CLIP, Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.records.sources.rows import require_file
from lineament.records.sources.source import NO_LABEL, Dropped, require_split
from lineament.vocabulary import read_label_sets, read_vocabulary

FILE = "lfw_expressions_112.npz"
ARRAYS = ("offsets", "emotion", "emotion_names", "person", "split", "split_names")


@final
class LfwExpressions:
    """One .npz file of JPEG bytes; people are disjoint between train, val and test.

    Only the emotion is a fact: a label of happiness is no label of a smile.
    """

    name = "lfw-expressions"
    licence = "Apache-2.0 (labels); news photos, for research"
    splits = ("all", "train", "val", "test")
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every crop of the split."""
        require_split(self, split)
        path = require_file(folder, FILE)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                offsets, emotions, names, people, splits, split_names = (
                    arrays[key] for key in ARRAYS
                )
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise BadInput(f"{path}: damaged ({error})") from None
        if not len(emotions) == len(people) == len(splits) == len(offsets) - 1:
            raise BadInput(f"{path}: its arrays differ in length")
        spelling = read_label_sets().spelling
        known = frozenset(entry.id for entry in read_vocabulary().of_family("emotion"))
        ours = [spelling.get(name, name) for name in names.tolist()]
        for index in range(len(emotions)):
            if split != "all" and split_names[splits[index]] != split:
                continue
            media = f"{FILE}/{index}"
            label = int(emotions[index])
            if not 0 <= label < len(ours) or ours[label] not in known:
                yield Dropped(media, NO_LABEL, f"emotion {label}")
                continue
            yield Annotation(
                media=media,
                subjects=(Subject("face 0"),),
                facts=(Fact(ours[label], True), Fact("black_and_white", True, subject=CLIP)),
                closed=known | {"black_and_white"},
                licence=self.licence,
                split_key=f"lfw-{int(people[index])}",
            )
