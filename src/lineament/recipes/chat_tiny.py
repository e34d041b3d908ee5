"""The recipe ``chat-tiny``: encoders from labels, then a small language model from questions."""

from typing import Any

from lineament.recipes.reading import read_first
from lineament.training.recipe import Mix, Model, Recipe, Stage

# Shares are by example; a clip costs eight times a picture, so clips come as pictures, too.
LABEL_SHARES = {
    "fairface-train": 4.0, "ffhq-train": 1.4, "lfw-train": 1.2, "clips*": 1.4, "stills*": 2.0,
}  # fmt: skip
LOOK_SHARES = {
    "fairface-train": 3.0,
    "ffhq-train": 2.4,
    "lfw-train": 1.0,
    "clips*": 1.8,
    "stills*": 1.2,
}
QUESTION_SHARES = {
    "fairface-train": 2.6, "ffhq-train": 2.2, "lfw-train": 0.9, "clips*": 3.2, "stills*": 1.0,
}  # fmt: skip
# What was denied worst on items that are only checked, or moves and was missed.
DENIED_IMPORTANCE = {
    "black_hair": 4.0, "blonde_hair": 4.0, "brown_hair": 3.0, "talk": 5.0, "turn": 4.0,
}  # fmt: skip
# A head for each thing that is compared, see `name_start`; what was laid must outlive what a new
# language model learns of words at first.
TEXT = {
    "tie_word_embeddings": False,
    "attention_bias": True,
    "num_attention_heads": 5,
    "num_key_value_heads": 5,
}
LAID_RATES = {
    "language_model.*embed_tokens*": 1e-4,
    "language_model.*layers.0.*": 1e-4,
    "language_model.*layers.1.mlp.*": 2e-4,
    "media.*": 1e-4,
}
# What the encoders see; shrunk before anything else is done to a picture.
SIZES = {"frame_px": 96, "face_px": 64}


def chat_tiny() -> Recipe:
    """Return the whole run; ``--set data=FOLDER`` names the real pictures.

    ``labels`` teaches encoders and adapter to hold labels in their tokens. The language model
    compares them with what is asked from its first weights on (``training/name_start.py``):
    ``read`` teaches its head alone to say what it finds, ``look`` the rest, by plain questions
    and bare answers, and ``questions`` to answer everything in words; the encoders are frozen by
    then. ``settle`` asks more yes/no questions at a lower rate, and ``deny`` two of five of them
    denied. ``close`` asks more about ages, about movements of the head and about drawn names.
    Every twentieth item is left out of all seven and only ever checked.

    The chat-tiny that ships was trained before ``read`` and what is laid were there.
    """
    return Recipe(
        name="chat-tiny",
        model=Model(fit_landmarks=300, changes={"text_config": TEXT}),
        stages=(
            _labels(),
            read_first(_look(), 120),
            _look(),
            _questions(),
            _settle(),
            _deny(),
            _close(),
        ),
        precision="bf16",
        num_workers=1,
        num_threads=2,
        log_every=25,
        prepare="lineament.training.preparation:prepare_chat_tiny",
    )


def _labels() -> Stage:
    options = {"labels": True, **SIZES}
    clips = {"picture_share": 0.9}
    return Stage(
        name="labels",
        objective="labels",
        trainable=("media.*",),
        learning_rates={"*": 4e-3, "media.adapter.*": 1.5e-3, "media.landmark*": 1e-3},
        data=_mixes(LABEL_SHARES, options, clips, part="train"),
        validation=_mixes(LABEL_SHARES, options, clips, part="check"),
        validation_samples=900,
        validate_every=800,
        num_steps=4800,
        batch_size=64,
        weight_decay=0.05,
        betas=(0.9, 0.98),
        drop_streams={"face": 0.12, "landmarks": 0.12, "general": 0.08},
        save_every=800,
        ema=0.998,
        num_threads=1,
    )


def _look() -> Stage:
    # Real faces: what most of them are labelled with. Clips: everything that is drawn.
    options = {"plain": True, "labels_only": True, "yes_no": 10, **SIZES}
    clips = {"picture_share": 0.5, "labels_only": False, "yes_no": 22}
    return Stage(
        name="look",
        trainable=("media.adapter.*", "media.landmark*", "language_model.*"),
        learning_rates={"*": 1e-3, **LAID_RATES},
        data=_mixes(LOOK_SHARES, options, clips, part="train"),
        validation=_mixes(LOOK_SHARES, options, clips, part="check"),
        validation_samples=200,
        validate_every=140,
        num_steps=280,
        batch_size=24,
        row_tokens=512,
        weight_decay=0.02,
        betas=(0.9, 0.98),
        drop_streams={"face": 0.05, "landmarks": 0.05, "general": 0.03},
        save_every=200,
    )


def _questions() -> Stage:
    clips = {"picture_share": 0.3}
    corners = ["fairface-train", "clips0"]
    faceless = Mix(source="faceless", weight=0.35, options={"corners": corners})
    joined = {"folders": ["fairface-train", "ffhq-train", "clips0", "clips1"], **SIZES}
    crowds = Mix(source="crowds", weight=0.6, options=joined)
    return Stage(
        name="questions",
        trainable=("media.adapter.*", "media.landmark*", "language_model.*"),
        learning_rates={"*": 1e-3, **LAID_RATES},
        data=(*_mixes(QUESTION_SHARES, SIZES, clips, part="train"), faceless, crowds),
        validation=_mixes(QUESTION_SHARES, SIZES, clips, part="check"),
        validation_samples=150,
        validate_every=300,
        num_steps=1300,
        batch_size=16,
        row_tokens=512,
        weight_decay=0.02,
        betas=(0.9, 0.98),
        drop_streams={"face": 0.08, "landmarks": 0.08, "general": 0.04},
        save_every=200,
        ema=0.995,
    )


def _settle() -> Stage:
    return _ask_more(_questions(), {"yes_no": 12}).replace(
        name="settle",
        learning_rates={"*": 6e-4, **LAID_RATES},
        num_steps=300,
        validate_every=150,
    )


def _deny() -> Stage:
    options = {"yes_no": 12, "denied": 0.4, "importance": DENIED_IMPORTANCE}
    return _ask_more(_settle(), options).replace(name="deny", num_steps=600, save_every=100)


def _close() -> Stage:
    options = {"yes_no": 10, "denied": 0.35, "older": 1.5, "moves": 0.6}
    return _ask_more(_deny(), options, {"yes_no": 24}).replace(
        name="close", num_steps=300, validate_every=150
    )


def _ask_more(stage: Stage, options: dict[str, Any], drawn: dict[str, Any] | None = None) -> Stage:
    """Return a stage whose galleries are asked otherwise, and drawn ones again otherwise."""

    def ask(mix: Mix) -> Mix:
        if mix.source != "galleries":
            return mix
        is_drawn = mix.options["folders"][0].startswith(("clips", "stills"))
        more = options | (drawn or {}) if is_drawn else options
        return mix.replace(options={**mix.options, **more})

    return stage.replace(data=tuple(map(ask, stage.data)))


def _mixes(
    shares: dict[str, float],
    options: dict[str, Any],
    clip_options: dict[str, Any],
    *,
    part: str,
    kinds: tuple[str, ...] = (),
) -> tuple[Mix, ...]:
    mixes = []
    for folder, weight in shares.items():
        chosen = {"folders": [folder], "part": part, **options}
        if folder.startswith(("clips", "stills")):
            chosen |= clip_options
        mixes.append(Mix(source="galleries", weight=weight, options=chosen, kinds=kinds))
    return tuple(mixes)
