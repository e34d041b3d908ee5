"""chat-tiny's data: galleries and faceless pictures, opened by what a recipe's mix says."""

from pathlib import Path
from typing import Any

from lineament.errors import BadInput
from lineament.training.chat_tiny_labels import LABEL_WEIGHTS, LABELS
from lineament.training.dialogues import KIND_RATES, DialogueWriter
from lineament.training.examples import ExampleSource
from lineament.training.faceless import FacelessExamples
from lineament.training.gallery_examples import GalleryExamples, Reading
from lineament.training.recipe import Mix

# What somebody asks about a real picture first; asked about more often than the rest.
IMPORTANCE = {
    "male": 1.5, "smile": 2.0, "eyeglasses": 2.0, "sunglasses": 2.0, "beard": 2.0,
    "black_hair": 2.0, "blonde_hair": 2.0, "brown_hair": 1.5, "wearing_lipstick": 2.0,
    "wearing_hat": 2.0, "young": 1.2, "middle_aged": 1.2, "elderly": 1.5, "happy": 1.5,
    "neutral": 1.2, "talk": 1.5, "open_mouth": 1.3,
}  # fmt: skip


def open_galleries(mix: Mix) -> ExampleSource:
    """Open the galleries of a mix: ``root``, ``folders`` (globs), and how to read them.

    With ``plain`` the questions are about what is known of most real faces, never denied, and
    answered by a bare yes or no.

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
    wanted = () if is_plain else [kind for kind in KIND_RATES if kind in (mix.kinds or KIND_RATES)]
    rates = {kind: KIND_RATES[kind] for kind in wanted}
    num_yes_no = 0 if mix.kinds and "yes_no" not in mix.kinds else int(options.pop("yes_no", 7))
    writer = DialogueWriter(
        num_yes_no=num_yes_no,
        kind_rates=rates,
        importance=IMPORTANCE,
        older_share=0.6 if not mix.kinds or "age" in mix.kinds else 0.0,
        names=frozenset(LABEL_WEIGHTS) if is_plain else frozenset(),
        is_plain=is_plain,
    )
    reading = Reading(**options, has_dialogues=not has_labels)
    return GalleryExamples(
        folders, reading, None if has_labels else writer, LABELS if has_labels else None
    )


def open_faceless(mix: Mix) -> ExampleSource:
    """Open pictures without anybody."""
    root = Path(mix.options["root"])
    folders = [root / name for name in mix.options.get("corners", ())]
    return FacelessExamples(int(mix.options.get("count", 2000)), folders)
