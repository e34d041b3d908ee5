"""Faces or scenes: one writer that looks at the annotation and hands it to the writer that fits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

from lineament.annotation import Annotation
from lineament.claims.scenes_objects import is_scene
from lineament.records.record import Record
from lineament.records.write.scenes.writer import SCENE_COUNTS, SceneWriter
from lineament.records.write.template import TemplateWriter


@final
@dataclass(frozen=True)
class EitherWriter:
    """Writes about faces and about scenes."""

    faces: TemplateWriter
    scenes: SceneWriter

    def write(
        self, annotation: Annotation, provenance: Mapping[str, str] | None = None
    ) -> Iterator[Record]:
        """Yield unverified records about one annotation."""
        writer = self.scenes if is_scene(annotation) else self.faces
        yield from writer.write(annotation, provenance)


def choose_scene_writer(kinds: tuple[str, ...], seed: int) -> SceneWriter:
    """Return a scene writer of those kinds that it knows; of all where none are named."""
    counts = {k: n for k, n in SCENE_COUNTS.items() if not kinds or k in kinds}
    return SceneWriter(counts, seed)
