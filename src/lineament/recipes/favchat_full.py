"""FaVChat at full size from parts, with the papers' stages; start it where there are GPUs.

Nothing here has been trained at this size: tests build every recipe without weights and run two
steps of it with all shapes shrunk.
"""

from typing import Any

from lineament.training.recipe import Lora, Mix, Model, Recipe, Stage

PICTURES = "data/pictures"  # general picture-text pairs, as a built data set
FACES = "data/favchat-170k"  # `lineament build favchat-170k`, all of its parts together
OPTIONS: dict[str, Any] = {"media": "data/media", "tracks": "data/tracks", "num_frames": 16}
EMOTION_KINDS = ("emotion", "cues")
ADAPTER = "media.adapter.*"
LEVEL_MERGE = ("media.face_encoder.norms.*", "media.face_encoder.merge.*")
LANDMARKS = "media.landmark_*"
# Of the face tower what lies behind the last tapped block, its final norm, is never used.
TOWERS = (
    "media.general_encoder.*",
    "media.face_encoder.tower.*embeddings.*",
    "media.face_encoder.tower.*pre_layrnorm.*",
    "media.face_encoder.tower.*layers.*",
)
LORA = Lora(targets=("language_model.*_proj",), rank=64, alpha=128.0, dropout=0.05)

FROM_PARTS = Model(
    size="full",
    tokenizer="Qwen/Qwen3-8B",
    fit_landmarks=2000,
    parts={
        "general_encoder": "google/siglip2-so400m-patch14-384",
        "face_encoder": "weights/FaRL-Base-Patch16-LAIONFace20M-ep64.pth",
        "language_model": "Qwen/Qwen3-8B",
    },
)


def favchat_full() -> Recipe:
    """Return design A: alignment, summaries, questions of rising level, emotion.

    The language model never saw the encoders, so the adapter first learns on general pictures.
    """
    last_face_blocks = tuple(f"media.face_encoder.tower.*layers.{n}.*" for n in (8, 9, 10, 11))
    bridge = (ADAPTER, *LEVEL_MERGE, LANDMARKS)
    rates = {"*": 1e-4, "*.lora_*": 2e-5, "media.face_encoder.tower.*": 2e-6}
    questions = tuple(
        _stage(
            f"questions-{name}",
            (_faces(levels=levels, quality_share=0.5),),
            trainable=(*bridge, *last_face_blocks),
            learning_rates=rates,
            lora=LORA,
            num_samples=num_samples,
        )
        for name, levels, num_samples in (
            ("facts", (1,), 40_000),
            ("several", (2,), 30_000),
            ("timed", (3,), 20_000),
            ("reasoning", (4,), 10_000),
        )
    )
    return Recipe(
        name="favchat-full",
        model=FROM_PARTS,
        precision="bf16",
        num_workers=8,
        stages=(
            _stage(
                "alignment",
                (Mix(source=PICTURES, options={"media": PICTURES}),),
                trainable=(ADAPTER,),
                learning_rates={"*": 1e-3},
                num_samples=558_000,
                batch_size=256,
                accumulate=8,
            ),
            _stage(
                "summaries",
                (_faces(kinds=("summary", "caption")),),
                trainable=bridge,
                num_samples=60_000,
            ),
            *questions,
            _stage(
                "emotion",
                (_faces(kinds=EMOTION_KINDS, weight=3.0), _faces(levels=(1, 2))),
                trainable=(*bridge, *last_face_blocks),
                learning_rates=rates,
                lora=LORA,
                num_samples=110_000,
            ),
        ),
    )


def favchat_by_figure() -> Recipe:
    """Return the three published stages, the second one as the figure draws it.

    Design B's Q-Formers turn patches into tokens and its adapters weigh the streams. Here the
    level merge and the face look-up stand for the former, the mixture for the latter.
    """
    mixture = "media.adapter.mixture.*"
    formers = (*LEVEL_MERGE, "media.adapter.look_up_face.*", "media.adapter.norm_*")
    language = "language_model.*"
    return _three_stages(
        "favchat-by-figure", (*TOWERS, mixture), (*TOWERS, *formers, language), (*formers, mixture)
    )


def favchat_by_readme() -> Recipe:
    """Return the same stages, the second one as the repository's page tells it: Q-Formers alone."""
    mixture = "media.adapter.mixture.*"
    formers = (*LEVEL_MERGE, "media.adapter.look_up_face.*", "media.adapter.norm_*")
    return _three_stages("favchat-by-readme", (*TOWERS, mixture), formers, (*formers, mixture))


def favchat_control() -> Recipe:
    """Return the control of `favchat_full`: same base, data and stages, no face stream."""
    return without_face(favchat_full()).replace(name="favchat-control")


def without_face(full: Recipe) -> Recipe:
    """Return a recipe without face and landmark streams, all else equal."""
    parts = {k: v for k, v in full.model.parts.items() if k != "face_encoder"}
    off = {"fusion": "general_only", "use_face": False, "use_landmarks": False}
    changes = {**full.model.changes, **off}
    model = full.model.replace(parts=parts, changes=changes, fit_landmarks=0)
    stages = tuple(
        stage.replace(
            trainable=(ADAPTER,),
            learning_rates={
                glob: rate for glob, rate in stage.learning_rates.items() if "face" not in glob
            },
        )
        for stage in full.stages
    )
    return full.replace(model=model, stages=stages)


def _three_stages(
    name: str, first: tuple[str, ...], second: tuple[str, ...], third: tuple[str, ...]
) -> Recipe:
    rates = {"*": 1e-4, "media.*_encoder.*": 2e-6, "language_model.*": 1e-5}

    def shared(globs: tuple[str, ...]) -> dict[str, float]:
        kept = {"*"} | {glob for glob in rates if any(_overlaps(glob, g) for g in globs)}
        return {glob: rate for glob, rate in rates.items() if glob in kept}

    third = (*third, "language_model.*")
    summaries = _faces(kinds=("summary", "caption"))
    stages = (
        _stage("summaries", (summaries,), trainable=first, learning_rates=shared(first),
               num_samples=60_000),
        _stage("questions", (_faces(),), trainable=second, learning_rates=shared(second),
               num_samples=170_000),
        _stage("emotion", (_faces(kinds=EMOTION_KINDS),), trainable=third,
               learning_rates=shared(third), num_samples=110_000),
    )  # fmt: skip
    # The published stages know no landmarks, and none of them would train that stream.
    changes = {**FROM_PARTS.changes, "use_landmarks": False}
    model = FROM_PARTS.replace(changes=changes, fit_landmarks=0)
    return Recipe(name=name, model=model, precision="bf16", num_workers=8, stages=stages)


def _overlaps(one: str, other: str) -> bool:
    beginnings = (one.split("*")[0], other.split("*")[0])
    return beginnings[0].startswith(beginnings[1]) or beginnings[1].startswith(beginnings[0])


def _faces(**changes: Any) -> Mix:
    return Mix(source=FACES, options=OPTIONS, **changes)


def _stage(name: str, data: tuple[Mix, ...], **changes: Any) -> Stage:
    settings: dict[str, Any] = {
        "learning_rates": {"*": 1e-4},
        "batch_size": 64,
        "accumulate": 8,
        "row_tokens": 4096,
        "save_every": 200,
        "use_checkpointing": True,
        "max_grad_norm": 1.0,
        # The same for all stages: every kind of record, of people whom none of them trains on.
        "validation": (_faces(split="val"),),
        "validation_samples": 512,
        "validate_every": 200,
    }
    return Stage(name=name, data=data, **(settings | changes))
