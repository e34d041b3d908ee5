"""The recipe ``chat-tiny``: encoders from labels, then a small language model from questions."""

from typing import Any

from lineament.recipes.reading import read_first
from lineament.training.recipe import Mix, Model, Recipe, Stage

# Shares are by example; a clip costs eight times a picture, so clips come as pictures, too. What
# moves is seen in clips alone.
FAINT_SHARES = {"fairface-train": 5.0, "ffhq-train": 0.8, "lfw-train": 0.5}
LABEL_SHARES = {"ffhq-train": 1.4, "lfw-train": 1.2, "clips*": 1.5, "stills*": 2.2}
GENTLE_SHARES, CHANGED_SHARES = {"fairface-train": 2.0}, {"fairface-train": 1.6}
REFINED_SHARES = {"ffhq-train": 0.8, "lfw-train": 0.7, "clips*": 0.9, "stills*": 1.2}
MOVING_SHARES = {"clips*": 0.35}
QUESTION_SHARES = {
    "fairface-train": 2.4, "ffhq-train": 2.0, "lfw-train": 0.9, "clips*": 4.2, "stills*": 1.2,
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
    "media.landmark*": 5e-4,
}
# What the encoders see, which is what galleries keep: at 64 px a mole, a dimple or the colour of
# the eyes was not even learned of the faces that were trained on.
SIZES = {"frame_px": 128, "face_px": 128}
ENCODERS: dict[str, Any] = {
    "vision_config": {"image_size": 128},
    "face_config": {
        "image_size": 128,
        "patch_size": 64,
        "hidden_size": 256,
        "num_hidden_layers": 5,
        "depths": [1, 1, 2, 2, 2],
    },
}
LABELED = {"labels": True, **SIZES}
GENTLY = {"is_gentle": True}


def chat_tiny() -> Recipe:
    """Return the whole run; ``--set data=FOLDER`` names the real pictures.

    ``faint`` teaches encoders and adapter to hold apparent sex and age in their tokens, which
    faint marks tell and louder labels drown, ``labels`` all others, and ``moves`` teaches the
    landmark stream what only clips show.

    The language model compares them with what is asked from its first weights on
    (``training/name_start.py``): ``read`` teaches its head alone to say what it finds, in all the
    words of ``questions``, where the rest is trained, too. ``refine`` brings back what the encoders
    lost of sex among all other names, and ``settle`` asks more at a lower rate, about ages,
    movements of the head and drawn names above all. From a quarter to a third of the questions
    about flags are denied ones.

    Every twentieth item is left out of all stages and only ever checked.
    """
    return Recipe(
        name="chat-tiny",
        model=Model(fit_landmarks=300, changes={"text_config": TEXT, **ENCODERS}),
        stages=(
            _faint(),
            _labels(),
            _moves(),
            read_first(_questions(), 120),
            _questions(),
            _refine(),
            _settle(),
        ),
        precision="bf16",
        num_workers=1,
        num_threads=2,
        log_every=25,
        prepare="lineament.training.preparation:prepare_chat_tiny",
    )


def _faint() -> Stage:
    shares = {"fairface-train": 1.0}
    return _labels().replace(
        name="faint",
        labels="lineament.training.chat_tiny_labels:FAINT_TABLE",
        learning_rates={"*": 4e-3, "media.adapter.*": 1.5e-3, "media.landmark*": 1e-3},
        data=_mixes(FAINT_SHARES, LABELED | GENTLY, {}, part="train"),
        validation=_mixes(shares, LABELED, {}, part="check"),
        validation_samples=600,
        num_steps=4000,
    )


def _labels() -> Stage:
    still, moving = {"picture_share": 1.0}, {"picture_share": 0.0}
    shares = LABEL_SHARES | {"fairface-train": 3.6}
    return Stage(
        name="labels",
        objective="labels",
        trainable=("media.*",),
        learning_rates={"*": 2.5e-3, "media.adapter.*": 1e-3, "media.landmark*": 1e-3},
        data=(
            *_mixes(GENTLE_SHARES, LABELED | GENTLY, {}, part="train"),
            *_mixes(CHANGED_SHARES, LABELED, {}, part="train"),
            *_mixes(LABEL_SHARES, LABELED, still, part="train"),
            *_mixes(MOVING_SHARES, LABELED, moving, part="train"),
        ),
        validation=(
            *_mixes(shares, LABELED, still, part="check"),
            *_mixes(MOVING_SHARES, LABELED, moving, part="check"),
        ),
        validation_samples=900,
        validate_every=800,
        num_steps=5600,
        batch_size=64,
        weight_decay=0.05,
        betas=(0.9, 0.98),
        drop_streams={"face": 0.12, "landmarks": 0.12, "general": 0.08},
        save_every=800,
        ema=0.998,
        num_threads=1,
    )


def _moves() -> Stage:
    moving = {"picture_share": 0.0}
    return _labels().replace(
        name="moves",
        labels="lineament.training.chat_tiny_labels:MOVES_TABLE",
        trainable=("media.landmark*",),
        learning_rates={"*": 2e-3},
        data=_mixes({"clips*": 1.0}, LABELED, moving, part="train"),
        validation=_mixes({"clips*": 1.0}, LABELED, moving, part="check"),
        validation_samples=45,
        validate_every=200,
        num_steps=800,
        batch_size=16,
        drop_streams={"face": 0.1, "general": 0.1},
        save_every=200,
    )


def _questions() -> Stage:
    clips = {"picture_share": 0.3}
    corners = ["fairface-train", "clips0"]
    faceless = Mix(source="faceless", weight=0.35, options={"corners": corners})
    joined = {"folders": ["fairface-train", "ffhq-train", "clips0", "clips1"], **SIZES}
    crowds = Mix(source="crowds", weight=0.6, options=joined)
    stage = Stage(
        name="questions",
        trainable=("media.adapter.*", "media.landmark*", "language_model.*"),
        learning_rates={"*": 1e-3, **LAID_RATES},
        data=(*_mixes(QUESTION_SHARES, SIZES, clips, part="train"), faceless, crowds),
        validation=_mixes(QUESTION_SHARES, SIZES, clips, part="check"),
        validation_samples=150,
        validate_every=300,
        num_steps=900,
        batch_size=16,
        row_tokens=512,
        weight_decay=0.02,
        betas=(0.9, 0.98),
        drop_streams={"face": 0.08, "landmarks": 0.08, "general": 0.04},
        save_every=200,
        ema=0.995,
    )
    return _ask_more(stage, {"yes_no": 12, "denied": 0.25, "moves": 0.3}, {"yes_no": 20})


def _refine() -> Stage:
    # After `questions`, since these had been trained when it was found to help; `settle` follows.
    still = {"picture_share": 1.0}
    return _labels().replace(
        name="refine",
        labels="lineament.training.chat_tiny_labels:REFINED_TABLE",
        trainable=("media.adapter.*", "media.general*", "media.face*"),
        learning_rates={"*": 8e-4, "media.adapter.*": 4e-4},
        data=(
            *_mixes({"fairface-train": 5.0}, LABELED | GENTLY, {}, part="train"),
            *_mixes(REFINED_SHARES, LABELED, still, part="train"),
        ),
        validation=_mixes({"fairface-train": 1.0}, LABELED, {}, part="check"),
        validation_samples=600,
        validate_every=400,
        num_steps=800,
        save_every=400,
        ema=0.995,
    )


def _settle() -> Stage:
    options = {"denied": 0.35, "older": 1.5, "moves": 0.6, "importance": DENIED_IMPORTANCE}
    # A picture's age is one decade of six, and who is not sure had better say the middle one.
    settled = _ask_more(_questions(), options, {"yes_no": 24}, {"age_blur": 0.4})
    return settled.replace(
        name="settle",
        learning_rates={"*": 6e-4, **LAID_RATES},
        num_steps=350,
        validate_every=175,
    )


def _ask_more(
    stage: Stage,
    options: dict[str, Any],
    drawn: dict[str, Any],
    fairface: dict[str, Any] | None = None,
) -> Stage:
    """Return a stage whose galleries are asked otherwise, some of them again otherwise."""

    def ask(mix: Mix) -> Mix:
        if mix.source != "galleries":
            return mix
        folder = mix.options["folders"][0]
        more = drawn if folder.startswith(("clips", "stills")) else {}
        more = options | ((fairface or {}) if folder.startswith("fairface") else more)
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
