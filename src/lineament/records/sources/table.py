"""The table of sources by name."""

from collections.abc import Mapping

from lineament.errors import BadInput
from lineament.records.sources.celebvhq import CelebvHq
from lineament.records.sources.fairface import FairFace
from lineament.records.sources.ffhq import FfhqAdult, FfhqFeatures
from lineament.records.sources.folder import Folder
from lineament.records.sources.lfw import LfwExpressions
from lineament.records.sources.london import London
from lineament.records.sources.rendered import Rendered
from lineament.records.sources.source import Source
from lineament.vocabulary import nearest_hint

SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        FfhqFeatures(), FfhqAdult(), FairFace(), LfwExpressions(), London(), CelebvHq(),
        Rendered(), Folder(),
    )
}  # fmt: skip


def require_source(name: str) -> Source:
    """Return a source by its name.

    Raises:
        BadInput: There is none; the nearest known name is the hint.
    """
    if name not in SOURCES:
        raise BadInput(f"unknown source {name!r}", hint=nearest_hint(name, SOURCES))
    return SOURCES[name]
