"""Questions of built data sets and of LLaVA files: people held back, chosen by a hash."""

import heapq
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.errors import BadInput, BadMedia
from lineament.evaluation.item import Item, Visual, hash_text
from lineament.evaluation.prompts import read_prompts
from lineament.evaluation.tasks.clips import open_first
from lineament.evaluation.tasks.told_answers import (
    Form,
    Reference,
    find_form,
    is_sound,
    read_told,
)
from lineament.evaluation.tasks.told_times import AT, TIMED_KIND, find_time_form
from lineament.records.exchange import CLIP_SUFFIXES, read_exchange
from lineament.records.form import DESCRIPTION_KINDS
from lineament.records.read_back import SCENE_KIND
from lineament.records.record import ONE_FACT, SEVERAL_FACTS, TIMED, Record
from lineament.records.sources.pixels import has_media, open_pixels
from lineament.records.sources.rendered import FIRST_SEED, Rendered
from lineament.records.sources.source import Dropped
from lineament.records.store import RecordStore
from lineament.render import draw_clip, sample_face

SIZE_PX = 128  # of faces that are drawn
CONVERSATION = "conversation"
LIST_KINDS = frozenset(("list", "action", "emotion", "cues"))
OTHER_PART, SHARED_PERSON = "of another part", "person also in another part"
SCENE, NO_RULE = "about a scene", "no rule can check its answer"
_DRAWN = re.compile(r"face-(\d+)")
_GOLDEN = 0.618033988749895  # spreads pictures among clips, as the source of drawn faces does


@dataclass(frozen=True, slots=True)
class Asking:
    """One pair of a record.

    Attributes:
        record: Where it stands.
        place: Which of its questions.
        is_description: The answer describes the whole picture or clip.
    """

    record: Record
    place: int
    is_description: bool

    @property
    def key(self) -> str:
        """What the choice among questions goes by."""
        return hash_text(f"{self.record.id} {self.place}")


def read_store(folder: Path, split: str, dropped: Counter[str]) -> Iterator[Record]:
    """Yield the records of one part whose people stand in no other part of the data set."""
    store = RecordStore(folder)
    elsewhere: set[tuple[str, str]] = set()
    for batch in store.batches(["provenance"]):
        for row in batch.to_pylist():
            origin = row["provenance"] or {}
            if origin.get("split") != split and origin.get("split_key"):
                elsewhere.add((origin.get("source") or "", origin["split_key"]))
    for record in store:
        origin = record.provenance
        if origin.get("split") != split:
            dropped[OTHER_PART] += 1
        elif (origin.get("source", ""), origin.get("split_key", "")) in elsewhere:
            dropped[SHARED_PERSON] += 1
        else:
            yield record


def read_file(path: Path, dropped: Counter[str]) -> Iterator[Record]:
    """Yield the conversations of a LLaVA or ShareGPT file."""
    for row in read_exchange(path):
        if isinstance(row, Dropped):
            dropped[row.reason] += 1
        else:
            yield row


def choose_questions(
    records: Iterator[Record], count: int, keep: Callable[[Asking], bool], dropped: Counter[str],
    *, name: str, all_described: bool = False,
) -> list[Item]:  # fmt: skip
    """Choose so many questions by a hash of record and place, and make items of them.

    Of a conversation one turn is asked, with what was said before it. Questions whose reference
    no rule can read are passed over and counted.

    Args:
        records: Where to choose from.
        count: How many questions.
        keep: Says of each whether the task wants it.
        dropped: Takes the counts of what is passed over.
        name: The task's.
        all_described: Every answer is a description, whatever its record says.
    """
    asked = (one for record in records for one in _find_askings(record, all_described, dropped))
    # Twice as many as wanted: some references are beyond the rules.
    first = heapq.nsmallest(2 * count, (one for one in asked if keep(one)), key=lambda one: one.key)
    items: list[Item] = []
    for one in first:
        if len(items) == count:
            break
        item = _ask(one, name)
        if item is None:
            dropped[NO_RULE] += 1
        else:
            items.append(item)
    return items


def _find_askings(record: Record, all_described: bool, dropped: Counter[str]) -> Iterator[Asking]:
    if record.kind.startswith(SCENE_KIND):
        dropped[SCENE] += 1
        return
    num_pairs = len(record.turns) // 2
    if num_pairs:
        place = int(record.id[:8], 16) % num_pairs if record.kind == CONVERSATION else 0
        place = 0 if all_described else place
        yield Asking(record, place, all_described or record.kind in DESCRIPTION_KINDS)


def _ask(one: Asking, name: str) -> Item | None:
    record, place = one.record, one.place
    texts = [turn.text.strip() for turn in record.turns]
    question, answer = texts[2 * place], texts[2 * place + 1]
    form = find_form(
        question, answer, is_description=one.is_description, is_list=record.kind in LIST_KINDS
    )
    if form is None or not is_sound(reference := Reference(question, answer, form)):
        return None
    prompts = read_prompts("told")
    said = [
        prompts["turn"].format(question=texts[n], answer=texts[n + 1])
        for n in range(0, 2 * place, 2)
    ]
    prompt = question
    if said:
        prompt = prompts["history"].format(turns=" ".join(said), question=question)
    kind = "description" if one.is_description and record.kind == CONVERSATION else record.kind
    group = _find_group(kind, question, form)
    return Item(
        id=f"{name}/{record.id}/{place}", media=record.media, question=prompt, kind="text",
        truth=reference, group="unanswerable" if form == "decline" else group,
        subject=record.provenance.get("split_key") or record.media,
        level=_find_level(record, reference), source=record.provenance.get("source", ""),
    )  # fmt: skip


def _find_group(kind: str, question: str, form: Form) -> str:
    """Return what a question is counted under: its kind, and of times what it asks of them."""
    asks_whether = kind == "yes_no"
    if kind == TIMED_KIND:
        asked = find_time_form(question)
        kind, asks_whether = f"{kind}/{asked}", asked == AT
    if (form == "flag") is asks_whether:
        return kind
    return f"{kind}/{'yes_no' if form == 'flag' else 'told'}"


def _find_level(record: Record, reference: Reference) -> int:
    """Return a record's level; that of a conversation is told of the whole, so each turn's own."""
    if record.kind != CONVERSATION:
        return record.level
    claims = read_told(reference.question, reference.answer, reference.form)
    if any(claim.span_seconds is not None for claim in claims):
        return TIMED
    return SEVERAL_FACTS if len(claims) > 1 else ONE_FACT


def find_bases(folder: Path) -> tuple[Path, ...]:
    """Return the folders in which a data set's media may lie: it, ``media`` in it, beside it."""
    return folder, folder / "media", folder.parent, folder.parent / "media"


def open_told(media: str, folder: Path) -> Visual:
    """Open a clip or picture of a built data set; drawn faces are drawn again.

    Raises:
        BadMedia: It lies nowhere near, or is damaged.
    """
    if found := _DRAWN.fullmatch(media):
        return draw_face(int(found.group(1)))
    if ".." in Path(media).parts or Path(media).is_absolute():
        raise BadMedia(f"{media}: not a path below the data folder")
    bases = find_bases(folder)
    if media.lower().endswith(CLIP_SUFFIXES):
        return open_first([base / media for base in bases])
    base = next((base for base in bases if has_media(media, base)), folder)
    return Visual(open_pixels(media, base)[None])


def draw_face(seed: int) -> Visual:
    """Draw the face of a seed as the source of drawn faces has it: a picture or a clip."""
    annotation = sample_face(seed, is_picture=is_drawn_picture(seed))
    frames, times = draw_clip(annotation, size_px=SIZE_PX, seed=seed)
    if annotation.num_frames == 1:
        return Visual(frames[:1])
    return Visual(frames, tuple(round(float(time), 6) for time in times))


def is_drawn_picture(seed: int) -> bool:
    """Say whether the source of drawn faces makes a picture of a seed rather than a clip."""
    first = max(start for start in FIRST_SEED.values() if start <= seed)
    return ((seed - first) * _GOLDEN) % 1.0 < Rendered().picture_share


def require_records(records: Iterator[Record], where: object) -> Iterator[Record]:
    """Refuse an empty part.

    Raises:
        BadInput: There is no record.
    """
    first: Any = next(records, None)
    if first is None:
        raise BadInput(f"{where}: holds no record of that part", hint="build it with --split test")
    return itertools.chain((first,), records)
