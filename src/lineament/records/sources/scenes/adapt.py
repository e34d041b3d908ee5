"""Adaption: labels to turns and back; wording by hash, duplicates by the published rule."""

import functools
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import resources
from typing import Any

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import ONE_FACT, SEVERAL_FACTS, Record, Turn
from lineament.records.sources.scenes.boxes import Box, read_boxes, write_box
from lineament.records.sources.scenes.label import (
    BLANK,
    LOST_NOUN,
    REPEATED,
    Label,
    Task,
    end_question,
    find_size_px,
    labels_of,
)
from lineament.records.sources.scenes.layout import spell_class

MAX_PACKED = 16
_BLANKS = re.compile(r"\s+")
PACKED_TASKS: frozenset[Task] = frozenset(("vqa", "count", "existence"))
# What records are called; `caption` is what our own writer writes, and is verified as such.
KIND_OF: Mapping[Task, str] = {
    "caption": "image_caption",
    "vqa": "vqa",
    "grounding": "grounding",
    "region": "region_caption",
    "class": "scene_class",
}
# Labels that count as published and are no use for training: records of their own, so that a
# build counts them by name and training, which chooses by kind, leaves them out.
KIND_OF_FLAW: Mapping[str, str] = {
    BLANK: "blank_caption", LOST_NOUN: "lost_noun", REPEATED: "repeated_question",
}  # fmt: skip
# Tasks whose labels keep the data set's own question, and so share its wordings.
_ASKED_AS: Mapping[Task, str] = {"count": "vqa", "existence": "vqa"}


@functools.cache
def read_wordings() -> Mapping[str, Any]:
    """Read wordings.toml."""
    text = (resources.files("lineament.records.sources.scenes") / "wordings.toml").read_text(
        encoding="utf-8"
    )
    return tomllib.loads(text)


def wordings_of(task: Task) -> tuple[str, ...]:
    """Return every way in which a task is asked."""
    return tuple(read_wordings()["question"][_ASKED_AS.get(task, task)])


def adapt_annotation(
    annotation: Annotation,
    provenance: Mapping[str, str] | None = None,
    *,
    seed: int = 0,
    use_tags: bool = False,
    max_packed: int = MAX_PACKED,
) -> Iterator[Record]:
    """Yield the records that a picture's own labels give; nothing is added or left out.

    Questions about one picture become turns of one record, shuffled by hash; captions, boxes and
    classes are records of their own. So are labels with a flaw, which the record's kind names.

    Args:
        annotation: As a source of scenes yields it.
        provenance: Goes into every record: source, split, ...
        seed: Changes wordings and the order of questions.
        use_tags: Write the task's tag before the first question.
        max_packed: Most questions in one record.
    """
    origin = {
        "licence": annotation.licence,
        "split_key": annotation.split_key,
        **(provenance or {}),
        "writer": "adapted-1",
        "seed": str(seed),
    }
    size_px = find_size_px(annotation)
    for task, group in _group_labels(labels_of(annotation), annotation.media, seed, max_packed):
        turns: list[Turn] = []
        details: list[Mapping[str, Any]] = []
        for label in group:
            question, number = word_question(label, annotation.media, size_px, seed)
            if use_tags and not turns:
                question = f"{read_wordings()['tag'][task]} {question}"
            turns += (Turn("user", question), Turn("assistant", word_answer(label, size_px)))
            details.append(_detail(label) | ({} if label.flaw else {"wording": number}))
        level = ONE_FACT if len(group) == 1 else SEVERAL_FACTS
        detail = json.dumps({"size_px": size_px, "labels": details}, ensure_ascii=False)
        kept = {**origin, "detail": detail}
        kind = KIND_OF_FLAW.get(group[0].flaw, KIND_OF[task])
        yield Record(kind, level, annotation.media, tuple(turns), provenance=kept)


def word_question(
    label: Label, media: str, size_px: tuple[float, float] | None, seed: int = 0
) -> tuple[str, int]:
    """Return the question of a label, and the number of its wording; with a flaw, the first."""
    wordings = wordings_of(label.task)
    number = 0
    if not label.flaw:
        number = _hash(seed, media, label.row, label.question, label.answer) % len(wordings)
    box = ""
    if label.task == "region":
        box = _write_label_box(label, size_px)
    asked = _tidy(label.task, label.question)
    text = wordings[number].replace("{b}", box).replace("{p}", asked)
    return text.replace("{q}", asked), number


def _tidy(task: Task, question: str) -> str:
    """Return the question as it is asked: single blanks, its mark, no full stop in a sentence."""
    text = _BLANKS.sub(" ", question).strip()
    if task in PACKED_TASKS:
        return end_question(text)
    return text.rstrip(" .") if task == "grounding" else text


def word_answer(label: Label, size_px: tuple[float, float] | None) -> str:
    """Return the answer of a label as text."""
    if label.task == "grounding":
        return _write_label_box(label, size_px)
    return spell_class(label.answer) if label.task == "class" else label.answer


def labels_from_record(record: Record) -> tuple[Label, ...]:
    """Return the labels that a record was adapted from; the inverse of `adapt_annotation`.

    Questions, answers, boxes and classes are read from the turns. The provenance adds what no
    text says, the row's id and its type, and what a text says less finely: a box between the
    thousandths, the spelling of a class, double blanks. Those must give the very text again.

    Raises:
        BadInput: The record was not adapted from labels, or text and provenance differ.
    """
    try:
        detail = json.loads(record.provenance["detail"])
        rows: list[Mapping[str, Any]] = detail["labels"]
        size_px = tuple(detail["size_px"]) if detail.get("size_px") else None
        pairs = zip(record.turns[::2], record.turns[1::2], rows, strict=True)
        return tuple(_label_from_pair(*pair, size_px) for pair in pairs)
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(f"record {record.id}: not adapted from labels ({error})") from None


def flaws_of(record: Record) -> tuple[str, ...]:
    """Return why a record's labels should not be trained on; empty where nothing is wrong."""
    return tuple(label.flaw for label in labels_from_record(record) if label.flaw)


def _label_from_pair(
    question: Turn, answer: Turn, row: Mapping[str, Any], size_px: tuple[float, float] | None
) -> Label:
    task: Task = row["task"]
    slot = _read_slot(question.text, task, row.get("wording", 0))
    asked, said, box = "", answer.text, None
    if task in ("caption", "class"):
        _require_equal("", slot)
    if task in (*PACKED_TASKS, "grounding"):
        asked = row.get("raw", slot)
        is_bare = task in PACKED_TASKS and "raw" not in row  # of a store from before the marks
        _require_equal(_tidy(task, asked), _tidy(task, slot) if is_bare else slot)
    if task == "class":
        said = row.get("class", said)
        _require_equal(spell_class(said), answer.text)
    if task in ("grounding", "region"):
        box = _read_label_box(slot if task == "region" else said, row["box_px"], size_px)
    return Label(
        task=task,
        question=asked,
        answer="" if task == "grounding" else said,
        type=row["type"],
        box_px=box,
        row=row["row"],
        is_number=row["is_number"],
        flaw=row["flaw"],
        references=tuple(row.get("references", ())),
        source_box_px=_read_corners(row.get("source_box_px")),
    )


def _read_slot(text: str, task: Task, wording: int) -> str:
    """Return what stands in the slot of a wording; empty where it has none."""
    head, tail = _split_wording(wordings_of(task)[wording])
    tag = f"{read_wordings()['tag'][task]} "
    if not text.startswith(head) or not head:
        text = text.removeprefix(tag)
    if not text.startswith(head) or not text.endswith(tail) or len(text) < len(head) + len(tail):
        raise ValueError(f"{text!r} is not asked as {head!r} ... {tail!r}")
    return text[len(head) : len(text) - len(tail)]


def _read_label_box(
    text: str, kept: list[float] | None, size_px: tuple[float, float] | None
) -> Box:
    """Read a box from its text; the corners that were kept must be those that the text rounds."""
    if size_px is None:
        raise ValueError("a box and no size of the picture")
    found = read_boxes(text, "1", size_px)
    if len(found) != 1:
        raise ValueError(f"{len(found)} boxes in {text!r}")
    corners = _read_corners(kept)
    if corners is None:
        return found[0]
    _require_equal(write_box(corners, size_px), text)
    return corners


def _read_corners(kept: list[float] | None) -> Box | None:
    if kept is None:
        return None
    x0, y0, x1, y1 = kept
    return x0, y0, x1, y1


def _require_equal(kept: str, text: str) -> None:
    if kept != text:
        raise ValueError(f"the text says {text!r}, the provenance {kept!r}")


def _split_wording(wording: str) -> tuple[str, str]:
    """Return what a wording says before and after its slot."""
    for slot in ("{q}", "{p}", "{b}"):
        if slot in wording:
            head, _, tail = wording.partition(slot)
            return head, tail
    return wording, ""


def _detail(label: Label) -> dict[str, Any]:
    detail = asdict(label)
    del detail["question"], detail["answer"]
    for name in ("references", "source_box_px"):
        if not detail[name]:
            del detail[name]
    if _tidy(label.task, label.question) != label.question:
        detail["raw"] = label.question
    if label.task == "class":
        detail["class"] = label.answer
    return detail


def _group_labels(
    labels: tuple[Label, ...], media: str, seed: int, max_packed: int
) -> Iterator[tuple[Task, list[Label]]]:
    """Yield single labels, and questions packed so that no record asks one twice.

    Questions with a flaw stay alone.
    """
    packs: list[list[Label]] = []
    packed = [label for label in labels if label.task in PACKED_TASKS and not label.flaw]
    packed.sort(key=lambda label: _hash(seed, media, label.row, label.question))
    for label in packed:
        for pack in packs:
            if len(pack) < max_packed and all(label.question != p.question for p in pack):
                pack.append(label)
                break
        else:
            packs.append([label])
    for label in labels:
        if label.task not in PACKED_TASKS:
            yield label.task, [label]
        elif label.flaw:
            yield "vqa", [label]
    for pack in packs:
        yield "vqa", pack


def _write_label_box(label: Label, size_px: tuple[float, float] | None) -> str:
    if label.box_px is None or size_px is None:
        raise BadInput(f"label {label.row}: a box needs its corners and the picture's size")
    return write_box(label.box_px, size_px)


def _hash(*parts: object) -> int:
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
