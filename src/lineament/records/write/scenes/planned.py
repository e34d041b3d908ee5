"""Planned writing: of each picture as many descriptions and rounds of talk as are due."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

from lineament.annotation import Annotation
from lineament.records.record import Record
from lineament.records.write.scenes.writer import SceneWriter

PLAN = "plan"  # the key of `Annotation.extra` under which a plan waits


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written about one picture.

    Attributes:
        num_descriptions: Local or global ones, by turns.
        num_rounds: Questions of one conversation.
    """

    num_descriptions: int = 0
    num_rounds: int = 0


@final
@dataclass(frozen=True)
class PlannedWriter:
    """Writes what the plan in ``Annotation.extra`` asks for, and nothing without one."""

    seed: int = 0

    def write(
        self, annotation: Annotation, provenance: Mapping[str, str] | None = None
    ) -> Iterator[Record]:
        """Yield unverified records about one scene."""
        plan = annotation.extra.get(PLAN)
        if not isinstance(plan, Plan):
            return
        counts: dict[str, int] = {}
        if plan.num_descriptions:
            counts[self._choose_kind(annotation.media)] = plan.num_descriptions
        if plan.num_rounds:
            counts["scene_dialogue"] = 1
        yield from SceneWriter(counts, self.seed, plan.num_rounds).write(annotation, provenance)

    def _choose_kind(self, media: str) -> str:
        digest = hashlib.blake2b(f"{self.seed}:kind:{media}".encode(), digest_size=1).digest()
        return "scene_local" if digest[0] % 2 else "scene_global"
