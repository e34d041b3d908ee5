"""FaVChat on a pretrained video language model: Qwen2.5-VL-7B or Qwen3-VL-8B, and controls.

The base's own vision encoder is the general one, and faces and landmarks come in through gains
that start at zero: the first step begins with the base's own answers. Any other Qwen2.5-VL or
Qwen3-VL goes by ``--set model.start=FOLDER``. Nothing here has been trained at this size: tests
start every recipe from a small random Qwen-VL and run two steps of it.
"""

from lineament.recipes.favchat_full import FROM_PARTS, favchat_full, without_face
from lineament.training.recipe import Model, Recipe

QWEN25, QWEN3 = "Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen3-VL-8B-Instruct"


def favchat_qwen25() -> Recipe:
    """Return `favchat_full`'s stages on Qwen2.5-VL; 224 px a frame are 8x8 tokens."""
    return _on("favchat-qwen2.5-vl", Model(start=QWEN25, size="qwen2.5-vl"))


def favchat_qwen3() -> Recipe:
    """Return the same stages on Qwen3-VL; 256 px a frame are 8x8 tokens."""
    return _on("favchat-qwen3-vl", Model(start=QWEN3, size="qwen3-vl"))


def favchat_qwen25_control() -> Recipe:
    """Return the control: same base, data and stages, no face stream."""
    return without_face(favchat_qwen25()).replace(name="favchat-qwen2.5-vl-control")


def favchat_qwen3_control() -> Recipe:
    """Return the control: same base, data and stages, no face stream."""
    return without_face(favchat_qwen3()).replace(name="favchat-qwen3-vl-control")


def _on(name: str, model: Model) -> Recipe:
    """Put the stages on a base; alignment is left out, since the base knows its encoder."""
    full = favchat_full()
    faces = {"face_encoder": FROM_PARTS.parts["face_encoder"]}
    model = model.replace(fit_landmarks=FROM_PARTS.fit_landmarks, parts=faces)
    return full.replace(name=name, model=model, stages=full.stages[1:])
