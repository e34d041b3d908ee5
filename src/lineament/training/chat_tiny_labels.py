"""The names that chat-tiny's encoders learn before text, and what each counts."""

from lineament.render import DRAWN_NAMES
from lineament.training.dialogues import known_names
from lineament.training.labels import LabelSet, LabelTable
from lineament.vocabulary import read_vocabulary

LABELS = LabelSet.of(known_names() | set(DRAWN_NAMES))
# Most names are known of drawn faces alone. What is known of most real ones, and asked first,
# would be one voice among 178.
LABEL_WEIGHTS = {
    "male": 50.0, "smile": 10.0, "happy": 8.0, "neutral": 8.0, "eyeglasses": 8.0,
    "sunglasses": 8.0, "beard": 8.0, "black_hair": 6.0, "blonde_hair": 6.0, "brown_hair": 4.0,
    "wearing_lipstick": 8.0, "wearing_hat": 8.0, "surprise": 3.0, "open_mouth": 3.0,
    "talk": 3.0, "gray_hair": 3.0, "bald": 2.0, "mustache": 3.0, "eye_makeup": 3.0,
    "wearing_necktie": 3.0,
}  # fmt: skip
LABEL_TABLE = LabelTable(LABELS, LABEL_WEIGHTS)
# What is told by faint marks, and lost among names that are told by large ones: sex, and ages.
FAINT_TABLE = LabelTable(LABELS, {"male": 50.0}, other_weight=0.0)
# All names, and what the faint marks tell above all.
REFINED_TABLE = LabelTable(LABELS, LABEL_WEIGHTS | {"male": 200.0})
# What the landmark stream alone can tell, and is asked first where it learns by itself.
MOVES = {
    name: 2.0 for name in LABELS.names if "=" not in name and read_vocabulary().names[name].is_timed
}
MOVES_TABLE = LabelTable(LABELS, MOVES)
