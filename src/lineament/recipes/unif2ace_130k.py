"""The build ``unif2ace-130k``: three sets of face pictures to 130,000 captions, 1M questions."""

from collections.abc import Mapping

from lineament.records.sources.celebahq import CelebaHq
from lineament.records.sources.celebvhq import CelebvHq
from lineament.records.sources.composition import Composition, Part
from lineament.records.sources.ffhq import FfhqFeatures

# Of 70,000 FFHQ rows 56,890 show an adult, so 122,590 of 135,700 pictures are written about, and
# 7,410 of them twice.
NUM_PICTURES = 35_700 + 56_890 + 30_000
SHARES: Mapping[str, float] = {
    "yes_no": 0.30, "which": 0.12, "color": 0.10, "choose": 0.12, "list": 0.12, "emotion": 0.08,
    "action": 0.06, "cues": 0.03, "sex": 0.03, "age": 0.04,
}  # fmt: skip

UNIF2ACE_130K = Composition(
    name="unif2ace-130k",
    parts=(
        Part(CelebvHq(), "celebvhq", as_pictures=True),
        Part(FfhqFeatures(), "ffhq"),
        Part(CelebaHq(), "mm-celeba-hq"),
    ),
    descriptions="caption",
    num_descriptions=130_000,
    num_questions=1_000_000,
    num_annotations=NUM_PICTURES,
    shares=SHARES,
)
