"""The scene writer: an annotated scene in, local, global and multi-turn records out; offline."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import final

from lineament.annotation import Annotation
from lineament.claims import Claim
from lineament.claims.scenes_check import check_scene_claims
from lineament.claims.scenes_objects import Scene, is_scene
from lineament.claims.scenes_read import read_scene_answer
from lineament.errors import BadInput
from lineament.records.record import (
    ONE_FACT,
    REASONING,
    SEVERAL_FACTS,
    Record,
    Turn,
    claim_row,
)
from lineament.records.write.grammar import sentence
from lineament.records.write.scenes.phrase import SceneView
from lineament.records.write.scenes.questions import (
    ASKS,
    Asked,
    is_declined,
    wording,
    write_dialogue,
)
from lineament.records.write.scenes.sentences import write_global, write_local
from lineament.vocabulary import nearest_hint

VERSION = "scenes-1"
# How many records of each kind one annotation gives, where it has the facts.
SCENE_COUNTS: Mapping[str, int] = {
    "scene_local": 1, "scene_global": 1, "scene_dialogue": 1, "scene_count": 2, "scene_yes_no": 4,
    "scene_position": 2, "scene_color": 1, "scene_relation": 2, "scene_comparison": 1,
    "scene_kind": 1, "scene_reasoning": 1, "scene_box": 4,
    "scene_unanswerable": 1,
}  # fmt: skip


@final
@dataclass(frozen=True)
class SceneWriter:
    """Writes records about aerial scenes; the same annotation and seed give the same text.

    Attributes:
        counts: How many records of each kind to try for.
        seed: Changes all that is written.
        num_rounds: Questions of a conversation; 0 takes what there is to ask.

    Raises:
        BadInput: A kind is unknown.
    """

    counts: Mapping[str, int] = field(default_factory=lambda: dict(SCENE_COUNTS))
    seed: int = 0
    num_rounds: int = 0

    def __post_init__(self) -> None:
        for kind in self.counts:
            if kind not in SCENE_COUNTS:
                raise BadInput(f"unknown kind {kind!r}", hint=nearest_hint(kind, SCENE_COUNTS))

    def write(
        self, annotation: Annotation, provenance: Mapping[str, str] | None = None
    ) -> Iterator[Record]:
        """Yield records about one scene, each supported by its annotation; none without objects."""
        if not is_scene(annotation) or not annotation.subjects:
            return
        view = SceneView(annotation)
        digest = hashlib.blake2b(f"{self.seed}:{annotation.media}".encode(), digest_size=8).digest()
        rng = Random(int.from_bytes(digest, "big"))
        origin = {
            "licence": annotation.licence,
            "split_key": annotation.split_key,
            **(provenance or {}),
            "writer": VERSION,
            "seed": str(self.seed),
        }
        for kind, count in self.counts.items():
            kept = 0
            for rounds, level in _draft(kind, view, rng, self.num_rounds):
                if kept >= count:
                    break
                record = make_record(kind, level, rounds, annotation, origin)
                if find_unsupported(record, annotation, view.scene) is None:
                    kept += 1
                    yield record


def _draft(
    kind: str, view: SceneView, rng: Random, num_rounds: int
) -> Iterator[tuple[list[Asked], int]]:
    if kind == "scene_dialogue":
        if len(rounds := write_dialogue(view, rng, num_rounds)) >= (min(num_rounds, 3) or 3):
            yield rounds, REASONING
    elif kind in ("scene_local", "scene_global"):
        write = write_local if kind == "scene_local" else write_global
        if sentences := write(view, rng):
            question = wording(kind.removeprefix("scene_"), rng)
            yield [Asked(question, " ".join(sentences))], SEVERAL_FACTS
    else:
        level = REASONING if kind == "scene_reasoning" else ONE_FACT
        for asked in ASKS[kind](view, rng):
            yield [asked], level


def make_record(
    kind: str,
    level: int,
    rounds: list[Asked],
    annotation: Annotation,
    origin: Mapping[str, str],
) -> Record:
    """Join rounds to a record with the claims that are read back from its answers."""
    turns: list[Turn] = []
    for asked in rounds:
        turns += (Turn("user", asked.question), Turn("assistant", sentence(asked.answer)))
    polarity = rounds[0].polarity if len(rounds) == 1 else ""
    provenance = {**origin, "polarity": polarity} if polarity else dict(origin)
    record = Record(kind, level, annotation.media, tuple(turns), provenance=provenance)
    rows = tuple(claim_row(claim, place) for place, claim in read_scene_record(record))
    return replace(record, claims=rows)


def read_scene_record(record: Record) -> list[tuple[int, Claim]]:
    """Read what the answers of a record claim, with the number of the turn."""
    said: list[tuple[int, Claim]] = []
    for place in range(1, len(record.turns), 2):
        question, answer = record.turns[place - 1].text, record.turns[place].text
        said += [(place, claim) for claim in read_scene_answer(question, answer)]
    return said


def find_unsupported(
    record: Record, annotation: Annotation, scene: Scene | None = None
) -> str | None:
    """Return why a record does not hold, or None where every claim of it is supported."""
    claims = [claim for _, claim in read_scene_record(record)]
    texts = [turn.text for turn in record.turns]
    is_silent = all(map(is_declined, texts[::2], texts[1::2]))
    if not claims and not is_silent:
        return "nothing read back"
    for checked in check_scene_claims(claims, annotation, scene).claims:
        if checked.verdict != "supported":
            return f"{checked.verdict}: {checked.text} ({checked.evidence})"
    return None
