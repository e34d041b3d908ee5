"""The template writer: an annotation in, records of every kind out; offline and seeded."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record, Turn
from lineament.records.write.actions import write_action
from lineament.records.write.aspects import write_choose, write_color, write_which
from lineament.records.write.comparison import write_comparison
from lineament.records.write.conversation import write_conversation
from lineament.records.write.draft import Draft, Write
from lineament.records.write.lists import write_count, write_list
from lineament.records.write.moments import write_timed
from lineament.records.write.portrait import write_age, write_cues, write_emotion, write_sex
from lineament.records.write.summary import write_caption, write_summary
from lineament.records.write.together import write_together
from lineament.records.write.unanswerable import write_unanswerable
from lineament.records.write.view import View
from lineament.records.write.yes_no import write_yes_no
from lineament.vocabulary import nearest_hint

VERSION = "template-1"
KINDS: Mapping[str, Write] = {
    "summary": write_summary,
    "caption": write_caption,
    "yes_no": write_yes_no,
    "which": write_which,
    "color": write_color,
    "choose": write_choose,
    "list": write_list,
    "count": write_count,
    "timed": write_timed,
    "sex": write_sex,
    "age": write_age,
    "emotion": write_emotion,
    "cues": write_cues,
    "comparison": write_comparison,
    "conversation": write_conversation,
    "unanswerable": write_unanswerable,
    "action": write_action,
}
# How many records of each kind one annotation gives, where it has the facts.
DEFAULT_COUNTS: Mapping[str, int] = {
    "summary": 1, "caption": 1, "yes_no": 6, "which": 1, "color": 1, "choose": 1, "list": 1,
    "count": 1, "timed": 2, "sex": 1, "age": 1, "emotion": 1, "cues": 1, "comparison": 2,
    "conversation": 1, "unanswerable": 1, "action": 1,
}  # fmt: skip
# What can be written where several people look alike: each is named by the side.
# They make up in number for the kinds that fall away.
CROWD_KINDS: Mapping[str, int] = {"comparison": 8, "unanswerable": 3}


@final
@dataclass(frozen=True)
class TemplateWriter:
    """Writes records from annotations; the same annotation and seed give the same text.

    Attributes:
        counts: How many records of each kind to try for.
        seed: Changes all that is written.

    Raises:
        BadInput: A kind is unknown.
    """

    counts: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_COUNTS))
    seed: int = 0

    def __post_init__(self) -> None:
        for kind in self.counts:
            if kind not in KINDS:
                raise BadInput(f"unknown kind {kind!r}", hint=nearest_hint(kind, KINDS))

    def write(
        self, annotation: Annotation, provenance: Mapping[str, str] | None = None
    ) -> Iterator[Record]:
        """Yield unverified records about one annotation; none without a subject.

        Args:
            annotation: What is known.
            provenance: Goes into every record: source, split, ...
        """
        subject = main_subject(annotation)
        if subject is None:
            return
        view = View(annotation, subject)
        rng = Random(hash_seed(self.seed, annotation.media))
        origin = {
            "licence": annotation.licence,
            "split_key": annotation.split_key,
            **(provenance or {}),
            "writer": VERSION,
            "seed": str(self.seed),
        }
        is_told_apart = view.is_alone or is_only_one(annotation, view)
        for kind, count in self.counts.items():
            if not is_told_apart:
                for draft in self._write_together(annotation, kind, count):
                    yield record_from_draft(draft, annotation.media, origin)
                count *= CROWD_KINDS.get(kind, 0)
            for draft in KINDS[kind](view, rng, count):
                yield record_from_draft(draft, annotation.media, origin)

    def _write_together(self, annotation: Annotation, kind: str, count: int) -> Iterator[Draft]:
        """Write about everybody at once; with chances of its own, so that the rest stays."""
        faces = [subject.id for subject in annotation.subjects if subject.kind == "face"]
        rng = Random(hash_seed(self.seed, f"{annotation.media} {kind}"))
        views = [View(annotation, face) for face in faces]
        yield from write_together(annotation, views, rng, kind, count)


def main_subject(annotation: Annotation) -> str | None:
    """Return the face that is written about: the one seen longest, the first among equals."""
    faces = [subject for subject in annotation.subjects if subject.kind == "face"]
    if not faces:
        return None
    return max(faces, key=lambda face: face.num_frames).id


def is_only_one(annotation: Annotation, view: View) -> bool:
    """Say whether *the man* or *the woman* can only be this one of several people."""
    sexes = [
        View(annotation, subject.id).male
        for subject in annotation.subjects
        if subject.kind == "face"
    ]
    return view.male is not None and None not in sexes and sexes.count(view.male) == 1


def record_from_draft(draft: Draft, media: str, origin: Mapping[str, str]) -> Record:
    """Turn a draft into a record."""
    turns: list[Turn] = []
    for question, answer in draft.pairs:
        turns += (Turn("user", question), Turn("assistant", answer))
    provenance = {**origin, "polarity": draft.polarity} if draft.polarity else origin
    return Record(draft.kind, draft.level, media, tuple(turns), provenance=provenance)


def hash_seed(seed: int, media: str) -> int:
    """Return the seed of all that is drawn about one picture or clip."""
    digest = hashlib.blake2b(f"{seed}:{media}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
