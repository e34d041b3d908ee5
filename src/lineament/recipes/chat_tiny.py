"""The recipe ``chat-tiny``: encoders from labels, then a small language model from questions."""

from typing import Any

from lineament.training.recipe import Mix, Model, Recipe, Stage

# Shares are by example; a clip costs eight times a picture, so clips come as pictures, too.
LABEL_SHARES = {"fairface-train": 5.0, "ffhq-train": 2.2, "lfw-train": 1.6, "clips*": 2.0}
QUESTION_SHARES = {"fairface-train": 3.2, "ffhq-train": 2.4, "lfw-train": 0.9, "clips*": 3.6}


def chat_tiny() -> Recipe:
    """Return the whole run; ``--set data=FOLDER`` names the real pictures.

    Stage one teaches encoders and adapter to hold labels in their tokens; stage two freezes the
    encoders and teaches adapter and language model to answer.
    """
    labels = Stage(
        name="labels",
        objective="labels",
        trainable=("media.*",),
        learning_rates={"*": 1e-3, "media.adapter.*": 5e-4, "media.landmark*": 1e-3},
        data=_mixes(LABEL_SHARES, labels=True, clip_options={"picture_share": 0.8}),
        num_steps=1200,
        batch_size=32,
        weight_decay=0.03,
        drop_streams={"face": 0.15, "landmarks": 0.15, "general": 0.1},
        save_every=200,
        ema=0.997,
    )
    questions = Stage(
        name="questions",
        trainable=("media.adapter.*", "media.landmark*", "language_model.*"),
        learning_rates={"*": 1.2e-3, "media.adapter.*": 6e-4},
        data=(
            *_mixes(QUESTION_SHARES, clip_options={"picture_share": 0.25}),
            Mix(
                source="faceless",
                weight=0.35,
                options={"corners": ["fairface-train", "clips0"]},
            ),
        ),
        num_steps=1000,
        batch_size=16,
        row_tokens=1024,
        weight_decay=0.02,
        betas=(0.9, 0.98),
        drop_streams={"face": 0.08, "landmarks": 0.08, "general": 0.04},
        save_every=150,
        ema=0.99,
    )
    return Recipe(
        name="chat-tiny",
        model=Model(fit_landmarks=300),
        stages=(labels, questions),
        precision="bf16",
        num_workers=1,
        num_threads=2,
        log_every=25,
        prepare="lineament.training.preparation:prepare_chat_tiny",
    )


def _mixes(
    shares: dict[str, float], *, clip_options: dict[str, Any], labels: bool = False
) -> tuple[Mix, ...]:
    mixes = []
    for folder, weight in shares.items():
        options: dict[str, Any] = {"folders": [folder]}
        if labels:
            options["labels"] = True
        if folder.startswith("clips"):
            options |= clip_options
        mixes.append(Mix(source="galleries", weight=weight, options=options))
    return tuple(mixes)
