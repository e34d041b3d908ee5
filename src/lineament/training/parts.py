"""Pretrained parts put into a new model: encoders and language model, each from its own place."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lineament.config import require_known
from lineament.errors import BadInput, BadModel
from lineament.model.foreign import first_line, install_tower, load_face_encoder
from lineament.model.loading import refuse_misfits


def install_parts(model: Any, parts: Mapping[str, str]) -> None:
    """Copy pretrained weights into the parts of a new model.

    Args:
        model: A new model whose configuration fits the parts.
        parts: ``general_encoder``, ``face_encoder`` or ``language_model`` to a folder, a name on
            the Hub, or for the face encoder an OpenAI CLIP or FaRL file.

    Raises:
        BadInput: A part is unknown, or the model has no such part.
        BadModel: A part cannot be loaded, or does not fit.
    """
    for part, place in parts.items():
        require_known(part, INSTALLERS, "part")
        INSTALLERS[part](model, place)


def _install_general(model: Any, place: str) -> None:
    encoder = _require(model.media.general_encoder, "general_encoder")
    source = _load_vision(place)
    if hasattr(source, "head") and not hasattr(encoder.tower, "head"):
        del source.head  # SigLIP's, which sums a picture up for its text half
    install_tower(encoder.tower, source)


def _install_face(model: Any, place: str) -> None:
    encoder = _require(model.media.face_encoder, "face_encoder")
    is_file = Path(place).suffix in (".pt", ".pth", ".safetensors")
    install_tower(encoder.tower, load_face_encoder(place) if is_file else _load_vision(place))


def _install_language(model: Any, place: str) -> None:
    from transformers import AutoModelForCausalLM

    source, report = _load(AutoModelForCausalLM, place)
    _refuse_gaps(report, place)
    wanted = model.language_model.get_input_embeddings().weight.shape[0]
    if source.get_input_embeddings().weight.shape[0] < wanted:
        source.resize_token_embeddings(wanted)
    install_tower(model.language_model, source)


def _load_vision(place: str) -> Any:
    from transformers import AutoModel

    source, report = _load(AutoModel, place)
    has_half = hasattr(source, "vision_model")
    _refuse_gaps(report, place, "vision_model." if has_half else "")
    return source.vision_model if has_half else source


def _load(kind: Any, place: str) -> tuple[Any, Mapping[str, Any]]:
    """Return a model, and what was found of its weights."""
    try:
        loaded = kind.from_pretrained(
            place, dtype="float32", ignore_mismatched_sizes=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BadModel(f"{place}: cannot be loaded ({first_line(error)})") from None
    return loaded


def _refuse_gaps(report: Mapping[str, Any], place: str, prefix: str = "") -> None:
    """Refuse a part of which weights are missing or of another shape: they would be left to chance.

    Raises:
        BadModel: Naming the first.
    """
    names = {
        problem: [key for key in report[problem] if _name(key).startswith(prefix)]
        for problem in ("missing_keys", "mismatched_keys")
    }
    refuse_misfits({**names, "unexpected_keys": ()}, Path(place), hint="download it again")


def _name(key: Any) -> str:
    """Return a weight's name, which comes with its shapes where those do not fit."""
    return str(key[0] if isinstance(key, tuple) else key)


def _require(encoder: Any, name: str) -> Any:
    if encoder is None:
        raise BadInput(f"model.parts.{name}: the model has no such part")
    return encoder


INSTALLERS: Mapping[str, Callable[[Any, str], None]] = {
    "general_encoder": _install_general,
    "face_encoder": _install_face,
    "language_model": _install_language,
}
