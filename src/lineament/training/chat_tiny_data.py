"""chat-tiny's data: galleries and faceless pictures, opened by what a recipe's mix says."""

from pathlib import Path
from typing import Any

from lineament.errors import BadInput
from lineament.training.chat_tiny_labels import LABEL_WEIGHTS, LABELS
from lineament.training.crowds import CrowdExamples
from lineament.training.dialogues import KIND_RATES, DialogueWriter
from lineament.training.examples import ExampleSource
from lineament.training.faceless import FacelessExamples
from lineament.training.gallery_examples import GalleryExamples, Reading
from lineament.training.recipe import Mix

# What somebody asks about a real picture first; asked about more often than the rest, and
# what few people wear most of all, for few items can be asked about it both ways.
IMPORTANCE = {
    "male": 1.5, "smile": 2.0, "eyeglasses": 4.0, "sunglasses": 6.0, "beard": 2.5,
    "black_hair": 2.0, "blonde_hair": 3.0, "brown_hair": 1.5, "wearing_lipstick": 2.5,
    "wearing_hat": 5.0, "young": 1.2, "middle_aged": 1.2, "elderly": 1.5, "happy": 1.5,
    "neutral": 1.2, "talk": 3.0, "open_mouth": 1.3, "turn": 2.0, "nod": 1.5, "blink": 1.5,
    "wearing_necktie": 2.0, "wearing_bow_tie": 1.5,
}  # fmt: skip


# What is asked beside yes and no before a model is to talk: one word of the answer is new.
PLAIN_RATES = {"sex": 0.5, "age": 1.2, "emotion": 0.4, "color": 0.6, "which": 0.4}


def open_galleries(mix: Mix) -> ExampleSource:
    """Open the galleries of a mix: ``root``, ``folders`` (globs), and how to read them.

    With ``plain`` yes/no questions are never denied and are answered by a bare word, and with
    ``labels_only`` they are about what is known of most real faces.

    Raises:
        BadInput: No gallery is there.
    """
    options: dict[str, Any] = dict(mix.options)
    root = Path(options.pop("root"))
    folders = [path for pattern in options.pop("folders") for path in sorted(root.glob(pattern))]
    folders = [path for path in folders if (path / "manifest.json").is_file()]
    if not folders:
        raise BadInput(f"{root}: no gallery", hint="lineament train chat-tiny prepares them")
    has_labels = bool(options.pop("labels", False))
    is_plain = bool(options.pop("plain", False))
    labels_only = bool(options.pop("labels_only", False))
    asked = PLAIN_RATES if is_plain else KIND_RATES
    rates = {kind: rate for kind, rate in asked.items() if kind in (mix.kinds or asked)}
    num_yes_no = 0 if mix.kinds and "yes_no" not in mix.kinds else int(options.pop("yes_no", 7))
    denied_share = float(options.pop("denied", 0.0))
    importance = IMPORTANCE | dict(options.pop("importance", {}))
    older_share = float(options.pop("older", 0.6))
    moves_share = float(options.pop("moves", 0.0))
    age_blur = float(options.pop("age_blur", 0.0))
    writer = DialogueWriter(
        denied_share=denied_share,
        num_yes_no=num_yes_no,
        kind_rates=rates,
        importance=importance,
        older_share=older_share if not mix.kinds or "age" in mix.kinds else 0.0,
        moves_share=moves_share,
        age_blur=age_blur,
        names=frozenset(LABEL_WEIGHTS) if labels_only else frozenset(),
        is_plain=is_plain,
    )
    reading = Reading(**options, has_dialogues=not has_labels)
    return GalleryExamples(
        folders, reading, None if has_labels else writer, LABELS if has_labels else None
    )


def open_crowds(mix: Mix) -> ExampleSource:
    """Open pictures and clips of one or several people."""
    options = dict(mix.options)
    root = Path(options.pop("root"))
    folders = [root / name for name in options.pop("folders")]
    return CrowdExamples(int(options.pop("count", 2000)), folders, Reading(**options))


def open_faceless(mix: Mix) -> ExampleSource:
    """Open pictures without anybody."""
    root = Path(mix.options["root"])
    folders = [root / name for name in mix.options.get("corners", ())]
    return FacelessExamples(int(mix.options.get("count", 2000)), folders)
