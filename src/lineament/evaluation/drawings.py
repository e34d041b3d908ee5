"""Drawings: a folder of pictures made from captions, asked about whatever the captions fix."""

import functools
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, final

import numpy as np

from lineament.evaluation.drawing_files import (
    Drawing,
    find_folder_of,
    read_drawings,
    read_settings,
)
from lineament.evaluation.drawing_scores import (
    measure_captions,
    measure_folder,
    measure_likelihoods,
)
from lineament.evaluation.flags import (
    find_yes_bias,
    join_measures,
    list_wrong,
    measure_flags,
    read_verdicts,
)
from lineament.evaluation.foreign_open import read_weighed
from lineament.evaluation.item import Item, ItemSet, Visual, hash_text
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.reading import read_flag
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.metrics.intervals import mean_of, mean_stats
from lineament.video import read_picture
from lineament.vocabulary import read_vocabulary

CAPTION = "caption"
_YES_NO = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
NOTES = (
    "What is judged is the drawings; the model named is the one that looks at them.",
    "balanced_accuracy: per attribute the mean recall over drawings that were to show it and "
    "drawings that were not, then the mean over attributes; always saying the same has 0.5.",
    "vlm_score: percent of the attributes fixed by the captions that are confirmed; its prior is "
    "the better of always yes and always no.",
    "caption_told_apart: yes to a drawing's own caption and no to another one's that contradicts "
    "it; always saying the same has 0.",
    "fid and kid compare only within one feature space; floor is half of the real pictures "
    "against the other half. Both grow as pictures get fewer.",
)
_SOURCE = "the paper's generation table; on its own captions, with another judge; not rerun here"


@final
class Drawings:
    """Pictures drawn from captions, in a folder of the user's."""

    name = "drawings"
    about = "a folder of pictures drawn from captions: attributes read back, captions, FID and KID"
    headline = "balanced_accuracy"
    needs_folder = True
    splits = ("all", "attributes", "captions")
    published: tuple[Published, ...] = (
        Published("UniF2ace 1.8B", "vlm_score", 88.049, _SOURCE, "yes to captions alone"),
        Published("UniF2ace 1.8B", "vqa_score", 0.894, _SOURCE, "CLIP-FlanT5 judged"),
        Published("UniF2ace 1.8B", "fid", 66.005, _SOURCE, "Inception features, other pictures"),
    )

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read ``captions.jsonl`` and ask about each picture."""
        split = require_options(self, options)
        folder = folder.resolve()
        drawings = read_drawings(folder)
        settings = read_settings(folder)
        asked = [name for name in read_prompts("rendered") if name != "version"]
        flags = spread_flags(drawings)
        dropped: Counter[str] = Counter()
        items: list[Item] = []
        by_hash = sorted((drawing.id for drawing in drawings), key=hash_text)
        chosen = set(by_hash[: options.limit])
        for drawing in (d for d in drawings if d.id in chosen):
            own = flags[drawing.id]
            dropped.update(f"no question about {n}" for n in own if n not in asked)
            if split != "captions":
                items += [_ask_flag(folder, drawing, n, own[n]) for n in asked if n in own]
            if split != "attributes":
                items += _ask_captions(folder, drawing, find_contrary(drawing, drawings, flags))
        notes = [*NOTES, f"prompts: {prompts_id('rendered')}, {_prompts_id()}"]
        if sum(drawing.is_read for drawing in drawings):
            notes.append("Attributes that the file does not give were read from the captions.")
        if settings.real is None:
            notes.append("fid, kid: not measured, no drawings.toml names real pictures.")
        return ItemSet(tuple(items), _open, {}, dropped, tuple(notes)).require_items(folder)

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score what was seen against what was asked for, and measure the set as a whole."""
        said = {id: read_weighed(answer) for id, answer in answers.items()}
        words = {id: text for id, (text, _) in said.items()}
        flags = [item for item in items if item.name]
        verdicts = dict(read_verdicts(flags, words, _read))
        by_name = measure_flags(flags, verdicts)
        measures: dict[str, Measure] = {}
        if by_name:
            measures["balanced_accuracy"] = join_measures(list(by_name.values()))
            measures["vlm_score"] = _confirmed(flags, verdicts)
        captions = [item for item in items if not item.name]
        if captions:
            read = {item.id: _read_yes_no(words.get(item.id, "")) for item in captions}
            verdicts |= read
            measures |= measure_captions(_side(captions, read, True), _side(captions, read, False))
            weights = {id: p for id, (_, p) in said.items() if p is not None}
            measures |= measure_likelihoods(
                _side(captions, weights, True), _side(captions, weights, False)
            )
        measures |= by_name
        figures = {name: measure.figure() for name, measure in measures.items()}
        if flags:
            figures["yes_bias"] = Figure(find_yes_bias(flags, verdicts), num_items=len(flags))
        return Scores(
            figures | _distances(items), measures, wrong_ids=list_wrong(items, verdicts),
            unread_ids=tuple(id for id, verdict in verdicts.items() if verdict is None),
        )  # fmt: skip


def spread_flags(drawings: Sequence[Drawing]) -> dict[str, dict[str, bool]]:
    """Return each drawing's flags, with what they exclude among the names asked of any.

    Who was to have black hair was not to have blond hair; of what a caption leaves open nothing
    is asked.
    """
    names = {name for drawing in drawings for name in drawing.attributes}
    vocabulary = read_vocabulary()
    spread = {}
    for drawing in drawings:
        excluded = {
            other
            for name, value in drawing.attributes.items()
            if value
            for other in vocabulary.excluded_by(name) & names
        }
        spread[drawing.id] = dict.fromkeys(sorted(excluded), False) | dict(drawing.attributes)
    return spread


def find_contrary(
    drawing: Drawing, drawings: Sequence[Drawing], flags: Mapping[str, Mapping[str, bool]]
) -> Drawing | None:
    """Return a fixed other drawing whose caption contradicts this one; None where none does."""
    own = flags[drawing.id]
    order = sorted(drawings, key=lambda other: hash_text(f"{drawing.id} {other.id}"))
    for other in order:
        theirs = flags[other.id]
        if any(name in theirs and theirs[name] is not value for name, value in own.items()):
            return other
    return None


def _ask_flag(folder: Path, drawing: Drawing, name: str, truth: bool) -> Item:
    return Item(
        id=f"drawings/{drawing.id}/{name}", media=str(folder / drawing.file),
        question=read_prompts("rendered")[name]["is"], kind="yes_no", truth=truth, group=name,
        name=name, subject=drawing.id, level=1,
    )  # fmt: skip


def _ask_captions(folder: Path, drawing: Drawing, other: Drawing | None) -> Iterator[Item]:
    for side, truth, said in (("own", True, drawing), ("other", False, other)):
        if said is not None:
            yield Item(
                id=f"drawings/{drawing.id}/{CAPTION}/{side}", media=str(folder / drawing.file),
                question=_prompts()["caption"].format(caption=said.caption.rstrip(". ")),
                kind="yes_no", truth=truth, group=CAPTION, subject=drawing.id, level=2,
            )  # fmt: skip


def _side(items: Sequence[Item], found: Mapping[str, Any], is_own: bool) -> dict[str, Any]:
    return {i.subject: found[i.id] for i in items if i.truth is is_own and i.id in found}


def _confirmed(flags: Sequence[Item], verdicts: Mapping[str, bool | None]) -> Measure:
    right = [verdicts[item.id] is item.truth for item in flags]
    share = float(np.mean([item.truth for item in flags]))
    return Measure(
        ids=[item.id for item in flags], subjects=[item.subject for item in flags],
        stats=mean_stats(np.array(right, np.float64)), statistic=mean_of, scale=100.0,
        prior=max(share, 1 - share),
    )  # fmt: skip


def _distances(items: Sequence[Item]) -> dict[str, Figure]:
    paths = tuple(dict.fromkeys(item.media for item in items))
    folder = find_folder_of(paths[0]) if paths else None
    return {} if folder is None else measure_folder(paths, read_settings(folder))


def _read(item: Item, answer: str) -> bool | None:
    return read_flag(item.question, answer, item.name)


def _read_yes_no(answer: str) -> bool | None:
    found = _YES_NO.match(answer)
    return None if found is None else found.group(1).lower() == "yes"


def _open(media: str) -> Visual:
    path = Path(media)
    return Visual(read_picture(path)[None], path=path)


@functools.cache
def _prompts() -> Mapping[str, Any]:
    return tomllib.loads(_text())


def _prompts_id() -> str:
    return f"drawings {_prompts()['version']} {hash_text(_text())[:12]}"


def _text() -> str:
    return (resources.files("lineament.evaluation") / "drawings.toml").read_text("utf-8")
