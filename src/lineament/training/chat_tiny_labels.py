"""The names that chat-tiny's encoders learn before text."""

from lineament.render import DRAWN_NAMES
from lineament.training.dialogues import known_names
from lineament.training.labels import LabelSet

LABELS = LabelSet.of(known_names() | set(DRAWN_NAMES))
