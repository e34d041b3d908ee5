"""Models named by where they come from: ``hf:``, ``vqa:`` and ``reader:`` with a folder or name."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from lineament.errors import BadInput, BadModel
from lineament.evaluation.answerer import Answerer, Blindfold
from lineament.evaluation.likelihood import LikelihoodAnswerer, read_weighed, write_weighed

__all__ = [
    "KINDS", "LikelihoodAnswerer", "is_foreign", "open_endpoint", "open_foreign", "read_weighed",
    "write_weighed",
]  # fmt: skip
KINDS = ("hf", "vqa", "reader")
OWN_TYPES = ("favchat", "favchat_qwen", "unif2ace")


def is_foreign(model: str | None) -> bool:
    """Say whether a model's name begins with one of `KINDS`."""
    return model is not None and model.partition(":")[0] in KINDS and ":" in model


def open_foreign(
    model: str, *, is_blind: bool = False, without: Sequence[str] = ()
) -> tuple[Answerer, Answerer | None]:
    """Open what answers, and its copy that gets grey pictures where one is wanted.

    ``hf:X`` answers in words, ``vqa:X`` by how likely its yes is, be it a model of ours or of
    transformers, ``reader:X`` is an attribute reader.

    Raises:
        BadInput: Streams are to be switched off, which only our models have, or there is no such
            model.
    """
    if without:
        raise BadInput("--without needs a model of ours, asked as a network alone")
    kind, _, name = model.partition(":")
    if not name:
        raise BadInput(f"{model}: names no model", hint=f"{kind}:FOLDER")
    if kind == "vqa" and (folder := find_own(name)) is not None:
        from lineament.evaluation.loaded import draws, open_likelihoods

        if draws(folder):
            raise BadInput(
                f"{model}: a model that draws tells no likelihoods",
                hint=f"ask it in words: --model {name}",
            )
        return open_likelihoods(name, is_blind=is_blind)
    answerer = _OPENERS[kind](name)
    return answerer, Blindfold(answerer) if is_blind else None


def find_own(name: str) -> Path | None:
    """Return the folder of a model of ours by its name or place; None where it is none of ours."""
    from lineament.model.hub import find_folder

    try:
        folder = find_folder(name)
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return folder if settings["model_type"] in OWN_TYPES else None
    except (BadModel, OSError, ValueError, KeyError, TypeError):
        return None  # whoever loads it says what is wrong


def open_endpoint(
    url: str, model: str, *, is_blind: bool = False
) -> tuple[Answerer, Answerer | None]:
    """Reach a server; ``vqa:NAME`` asks it for log-probabilities instead of words.

    The key is read from the environment, as its own clients do.

    Raises:
        BadInput: The URL is none, or the model is one that no server has.
    """
    from lineament.endpoint import Settings

    key = os.environ.get("OPENAI_API_KEY", "")
    kind, _, name = model.partition(":")
    answerer: Answerer
    if kind == "vqa" and name:
        from lineament.evaluation.served_likelihood import EndpointYesNo

        answerer = LikelihoodAnswerer(EndpointYesNo(Settings(url, name, key)))
    elif is_foreign(model):
        raise BadInput(f"{model} is asked by itself", hint="give --model alone")
    else:
        from lineament.evaluation.served import EndpointAnswerer

        answerer = EndpointAnswerer(Settings(url, model, key))
    return answerer, Blindfold(answerer) if is_blind else None


def _open_words(name: str) -> Answerer:
    from lineament.evaluation.foreign import load_foreign

    return load_foreign(name)


def _open_likelihood(name: str) -> Answerer:
    from lineament.evaluation.foreign import load_foreign

    return LikelihoodAnswerer(load_foreign(name))


def _open_reader(name: str) -> Answerer:
    from lineament.evaluation.drawing_reader import load_reader

    return load_reader(name)


_OPENERS = {"hf": _open_words, "vqa": _open_likelihood, "reader": _open_reader}
