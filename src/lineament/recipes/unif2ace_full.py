"""UniF2ace at full size from Show-o 1.3B at 256 px; start it where there are GPUs.

Nothing here has been trained at this size: a test runs two steps of it with all shapes shrunk.
"""

from collections.abc import Callable
from pathlib import Path

from lineament.training.recipe import Mix, Model, Recipe, Stage

DATA = "data/unif2ace-130k"  # `lineament build unif2ace-130k`, all of its parts together
MEDIA = "data/media"
SHOW_O = "weights/show-o"  # showo.safetensors and config.json
MAGVIT = "weights/magvitv2"
PHI = "weights/phi-1_5"  # its text tokenizer


def unif2ace_full() -> Recipe:
    """Return one stage of both tasks on what `lineament build unif2ace-130k` writes.

    Show-o's dense layers stay whole as shared experts, so the first step begins with its own
    outputs. Five captions come for every four pictures with questions, which hold several each.
    """
    return Recipe(
        name="unif2ace-full",
        model=Model(
            family="unif2ace",
            size="full",
            start=SHOW_O,
            tokenizer=PHI,
            changes={"text_block": 254},
            parts={"magvitv2": MAGVIT},
        ),
        stages=(_unified(),),
        precision="bf16",
        num_workers=8,
        log_every=50,
        use_tensorboard=True,
        prepare="lineament.recipes.unif2ace_full:prepare",
        data=DATA,
    )


def unif2ace_control() -> Recipe:
    """Return the control: Show-o itself on the same data, steps and rates, by its own losses.

    No experts, and pictures are learned by the likelihood of masked codes alone.
    """
    full = unif2ace_full()
    changes = {"alpha": 0.0, "use_token_experts": False, "use_sequence_experts": False}
    model = full.model.replace(changes={**full.model.changes, **changes})
    stage = _unified().replace(learning_rates={"*": 2e-5})
    return full.replace(name="unif2ace-control", model=model, stages=(stage,))


def _unified() -> Stage:
    return Stage(
        name="unified",
        objective="unified",
        # Experts are new, what Show-o knows is not.
        learning_rates={
            "*": 2e-5,
            "trunk.*.routed.*": 1e-4,
            "trunk.*.sequence.*": 1e-4,
            "guides.*": 1e-4,
        },
        data=_both("train"),
        validation=_both("val"),
        validation_samples=1920,
        validate_every=1000,
        num_steps=20_000,
        batch_size=480,
        row_tokens=768,
        weight_decay=0.01,
        betas=(0.9, 0.999),
        warmup=0.05,
        save_every=1000,
    )


def _both(split: str) -> tuple[Mix, ...]:
    options = {"data": DATA}
    return (
        Mix(source="built-drawings", weight=5.0, split=split, options=options),
        Mix(source="built-asking", weight=4.0, split=split, options=options),
    )


def prepare(recipe: Recipe, out: Path, report: Callable[[str, int], None] | None = None) -> Recipe:
    """Encode all pictures once with MAGVIT-v2, whose weights stand beside the network later.

    Raises:
        BadModel: There is no such checkpoint.
    """
    import torch

    from lineament.model.hub import load_magvitv2
    from lineament.training.unified_built import write_built_codes

    root = out / "prepared"
    tokenizer = load_magvitv2(recipe.model.parts["magvitv2"])
    if not (root / "image_tokenizer" / "config.json").is_file():
        tokenizer.save_pretrained(root / "image_tokenizer")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    codes = root / "codes"
    write_built_codes(Path(recipe.data), Path(MEDIA), tokenizer.to(device), codes, report)  # type: ignore[arg-type]

    def with_codes(mixes: tuple[Mix, ...]) -> tuple[Mix, ...]:
        options = {"data": recipe.data, "codes": str(codes)}
        return tuple(mix.replace(options={**mix.options, **options}) for mix in mixes)

    stages = tuple(
        stage.replace(data=with_codes(stage.data), validation=with_codes(stage.validation))
        for stage in recipe.stages
    )
    parts = {"image_tokenizer": str(root / "image_tokenizer")}
    return recipe.replace(stages=stages, model=recipe.model.replace(parts=parts))
