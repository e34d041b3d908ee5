"""The build ``favchat-170k``: four sets of face clips to 61,007 summaries and 170,000 questions."""

from collections.abc import Mapping

from lineament.records.sources.celebvhq import CelebvHq
from lineament.records.sources.composition import Composition, Filters, Part
from lineament.records.sources.ferv39k import Ferv39k
from lineament.records.sources.hmdb51 import Hmdb51
from lineament.records.sources.ytfaces import YouTubeFaces

# The paper tells the sources and the numbers; filters and shares are ours.
FILTERS = Filters(
    min_face_px=128.0,
    min_coverage=0.8,
    min_seconds=2.0,
    max_seconds=20.0,
    excluded=("blurry",),
    min_positive=5,
)
# Single attributes 20 %, lists 10, actions 20, emotion 20, order 5, absence 10, count 5, free 10.
SHARES: Mapping[str, float] = {
    "which": 0.07, "color": 0.05, "choose": 0.08, "list": 0.10, "action": 0.20, "emotion": 0.14,
    "cues": 0.06, "timed": 0.05, "yes_no": 0.10, "count": 0.05, "caption": 0.10,
}  # fmt: skip

FAVCHAT_170K = Composition(
    name="favchat-170k",
    parts=(
        Part(CelebvHq(), "celebvhq", FILTERS),
        Part(Ferv39k(), "ferv39k", FILTERS),
        Part(Hmdb51(), "hmdb51", FILTERS),
        Part(YouTubeFaces(), "youtube-faces", FILTERS),
    ),
    descriptions="summary",
    num_descriptions=61_007,
    num_questions=170_000,
    num_annotations=61_007,
    shares=SHARES,
)
