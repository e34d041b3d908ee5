"""The table of sources by name."""

from collections.abc import Mapping

from lineament.errors import BadInput
from lineament.records.sources.celebahq import CelebaHq
from lineament.records.sources.celebvhq import CelebvHq
from lineament.records.sources.celebvtext import CelebvText
from lineament.records.sources.fairface import FairFace
from lineament.records.sources.ferv39k import Ferv39k
from lineament.records.sources.ffhq import FfhqAdult, FfhqFeatures
from lineament.records.sources.folder import Folder
from lineament.records.sources.hmdb51 import Hmdb51
from lineament.records.sources.lfw import LfwExpressions
from lineament.records.sources.london import London
from lineament.records.sources.rendered import Rendered
from lineament.records.sources.scenes.all_scenes import SCENE_SOURCES
from lineament.records.sources.source import Source
from lineament.records.sources.ytfaces import YouTubeFaces
from lineament.vocabulary import nearest_hint

SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        FfhqFeatures(), FfhqAdult(), FairFace(), LfwExpressions(), London(), CelebvHq(),
        CelebvText(), Ferv39k(), Hmdb51(), YouTubeFaces(), CelebaHq(),
        Rendered(), Folder(), *SCENE_SOURCES,
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
