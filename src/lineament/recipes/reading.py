"""The stage that comes first where a language model was given its layers: a head learns to read."""

from lineament.training.recipe import Stage


def read_first(look: Stage, num_steps: int) -> Stage:
    """Return a stage over the same data in which only the head and its norm are trained.

    What the laid layers find is put into words, before anything else can change them.
    """
    return look.replace(
        name="read",
        trainable=("language_model.lm_head.*", "language_model.model.norm.*"),
        learning_rates={"*": 1e-2},
        validation=(),
        validate_every=0,
        num_steps=num_steps,
        weight_decay=0.0,
    )
