"""The recipe ``smoke``: two short stages on rendered faces, to see that training works."""

from lineament.training.recipe import Mix, Model, Recipe, Stage

ENCODER = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "depths": [1, 1, 1],
    "image_size": 64,
    "patch_size": 16,
}


def smoke() -> Recipe:
    """Return about 40 steps over two stages: summaries first, then questions."""
    model = Model(
        vocab_size=800,
        tokenizer_examples=24,
        changes={
            "text_config": {
                "hidden_size": 64,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 1,
                "head_dim": 32,
                "attention_dropout": 0.1,
            },
            "vision_config": ENCODER,
            "face_config": ENCODER,
            "token_grid": [2, 2],
            # The renderer names other points of a face than the finder does in pictures.
            "use_landmarks": False,
            "landmark_tokens": 0,
        },
    )
    options = {"count": 24}
    held_out = Mix(source="rendered", split="dev", options={"count": 8})
    summaries = Stage(
        name="summaries",
        data=(Mix(source="rendered", kinds=("summary", "caption"), options=options),),
        learning_rates={"*": 2e-3},
        num_steps=20,
        batch_size=4,
        validation=(held_out,),
        validation_samples=8,
        drop_streams={"face": 0.2},
        save_every=10,
    )
    questions = Stage(
        name="questions",
        data=(
            Mix(source="rendered", levels=(1, 2), weight=3.0, options=options),
            Mix(source="rendered", levels=(3, 4), weight=1.0, options=options),
        ),
        trainable=("media.adapter.*", "language_model.*"),
        learning_rates={"*": 2e-3, "language_model.*": 1e-3},
        num_steps=20,
        batch_size=4,
        accumulate=2,
        weight_decay=0.01,
        validation=(held_out,),
        validation_samples=8,
        drop_streams={"general": 0.1, "face": 0.2},
        save_every=10,
    )
    return Recipe(name="smoke", model=model, stages=(summaries, questions), log_every=5)
