"""A model of aerial scenes: a FaVChat that sees whole pictures alone; it answers and annotates."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lineament.annotation import Annotation, Fact, Subject, Validated
from lineament.claims.scenes_read import read_scene_answer
from lineament.claims.scenes_say import say_designator
from lineament.describe.annotate import AnnotatedClip
from lineament.describe.bearing import find_validation
from lineament.describe.scene_picture import read_picture
from lineament.errors import BadInput, BadModel
from lineament.faces.follow import FollowedClip
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.hub import LoadedModel, find_folder, load
from lineament.model.media import MediaTokens, Streams
from lineament.model.processor import VisualInput
from lineament.model.sampling import GREEDY, PrefixDecoder
from lineament.records.sources.scenes.boxes import is_box, read_boxes
from lineament.records.sources.scenes.geotiff import read_scale
from lineament.records.sources.scenes.rasters import open_shown
from lineament.render.scenes.kinds import KINDS

MAX_NEW_TOKENS = 320
MAX_TURNS = 16
MAX_COUNTED = 200  # what a model says beyond is no number of objects
SCENE_QUESTION = "What kind of scene does the picture show?"


def is_scene_model(name_or_path: str | Path) -> bool:
    """Say whether a model sees whole pictures alone, without faces; read from its settings."""
    try:
        path = find_folder(name_or_path) / "config.json"
        settings = json.loads(path.read_text(encoding="utf-8"))
        return settings["model_type"] == FaVChatConfig.model_type and sees_scenes(settings)
    except (BadModel, OSError, ValueError, KeyError, TypeError):
        return False  # whoever loads it says what is wrong


def sees_scenes(settings: Mapping[str, Any]) -> bool:
    """Say whether a FaVChat of these settings has neither a face stream nor landmarks."""
    sees_faces = settings.get("use_face", True) and settings.get("fusion") != "general_only"
    return not sees_faces and not settings.get("use_landmarks", True)


class SceneModel:
    """Answers about pictures; what it sees of one is encoded once.

    Args:
        model: The name of an installed model, its folder, or one that is loaded.
        is_blind: It is shown nothing, to measure what it guesses.
    """

    def __init__(self, model: str | Path | LoadedModel, *, is_blind: bool = False) -> None:
        loaded = model if isinstance(model, LoadedModel) else load(model)
        self.name, self._loaded, self.is_blind = loaded.name, loaded, is_blind
        self.decoder = PrefixDecoder(loaded.model, stop_token_ids=[loaded.processor.end_token_id])
        try:
            self.validation = find_validation(find_folder(loaded.name))
        except BadModel:  # made in this process, and never saved
            self.validation = {}
        self._seen: tuple[Any, VisualInput, MediaTokens] | None = None

    @property
    def num_parameters(self) -> int:
        """How many weights the model has."""
        return self._loaded.model.num_parameters()

    def answer(
        self,
        pixels: np.ndarray,
        question: str,
        history: Sequence[tuple[str, str]] = (),
        on_text: Callable[[str], None] | None = None,
    ) -> str:
        """Answer a question about one picture."""
        visual, media = self._look(pixels)
        turns = list(history)[-MAX_TURNS:]
        prompt = self._write_prompt(visual, turns, question)
        while turns and len(prompt) + MAX_NEW_TOKENS > self.decoder.max_tokens:
            turns = turns[1:]
            prompt = self._write_prompt(visual, turns, question)
        parts = []
        for piece in until_repeat(self._stream(prompt, media)):
            parts.append(piece)
            if on_text is not None:
                on_text(piece)
        return "".join(parts).rstrip()

    def _look(self, pixels: np.ndarray) -> tuple[VisualInput, MediaTokens]:
        if self._seen is not None and self._seen[0] is pixels:
            return self._seen[1], self._seen[2]
        visual = VisualInput(frames=pixels[None], times_seconds=(0.0,))
        sees = not self.is_blind
        with torch.inference_mode():
            media = self._loaded.model.encode_media(
                **self._loaded.processor.encode_visuals([visual]),
                streams=Streams(sees, sees, sees),
            )
        self._seen = (pixels, visual, media)
        return visual, media

    def _write_prompt(
        self, visual: VisualInput, turns: Sequence[tuple[str, str]], question: str
    ) -> list[int]:
        processor: Any = self._loaded.processor
        messages: list[dict[str, str]] = []
        for asked, answered in turns:
            messages.append({"role": "user", "content": asked})
            messages.append({"role": "assistant", "content": answered})
        messages.append({"role": "user", "content": question})
        return processor.tokenizer.apply_chat_template(
            processor.place_frames(messages, visual),
            chat_template=processor.chat_template,
            tokens_per_frame=processor.tokens_per_frame,
            add_generation_prompt=True,
            return_dict=False,
        )

    def _stream(self, prompt: list[int], media: MediaTokens) -> Iterator[str]:
        tokenizer: Any = self._loaded.processor.tokenizer
        token_ids: list[int] = []
        done = ""
        for token in self.decoder.stream(
            prompt, media=media, max_new_tokens=MAX_NEW_TOKENS, sampling=GREEDY
        ):
            token_ids.append(token)
            text = tokenizer.decode(token_ids, skip_special_tokens=True).lstrip()
            if len(text) > len(done) and not text.endswith("\ufffd"):
                yield text[len(done) :]
                done = text


def until_repeat(pieces: Iterable[str]) -> Iterator[str]:
    """Pass on a text as it comes, up to a sentence that was said before: there a loop begins."""
    said: set[str] = set()
    held, num_passed = "", 0  # the sentence that is being said, and how much of it is passed on
    for piece in pieces:
        held += piece
        while (end := held.find(". ")) >= 0:
            sentence = held[: end + 1]
            if sentence in said:
                return
            said.add(sentence)
            yield held[num_passed : end + 2]
            held, num_passed = held[end + 2 :], 0
        if len(held) > num_passed and not any(sentence.startswith(held) for sentence in said):
            yield held[num_passed:]
            num_passed = len(held)
    if held not in said and len(held) > num_passed:
        yield held[num_passed:]


def annotate_by_model(model: SceneModel, media: Path | str) -> Annotation:
    """Ask a model for the kind of scene, for numbers and for boxes, and note what it says.

    Nothing is listed as complete, since nothing says that the model misses none. On what media
    its facts are validated is read from the model's folder; without a word there, on none.

    Raises:
        BadMedia: The picture cannot be used.
    """
    pixels = read_picture(media)
    subjects: list[Subject] = []
    facts: list[Fact] = []

    def note(name: str, value: Any, subject: str, region: Any = None) -> None:
        validated: Validated = model.validation.get(name, "none")
        facts.append(Fact(name, value, subject=subject, region=region, source=model.name,
                          validated=validated))  # fmt: skip

    for claim in read_scene_answer(SCENE_QUESTION, model.answer(pixels, SCENE_QUESTION)):
        if claim.name == "scene_class":
            note("scene_class", claim.value, "clip")
    for name in KINDS:
        number = _ask_number(model, pixels, name)
        for place in range(number):
            subject = f"object {len(subjects)}"
            subjects.append(Subject(subject, "object"))
            region = _ask_box(model, pixels, name, number) if place == 0 else None
            note("object_class", name, subject, region)
    note("width_px", float(pixels.shape[1]), "clip")
    note("height_px", float(pixels.shape[0]), "clip")
    scale = read_scale(media)  # the file's own word, not the model's
    if scale is not None:
        facts.append(Fact("meters_per_pixel", scale, subject="clip", source="file"))
    return Annotation(str(media), tuple(subjects), tuple(facts))


def look_by_model(model: str | Path, media: Path | str) -> AnnotatedClip:
    """Return what a model says of a picture, as if it had been looked at for faces.

    Raises:
        BadInput: The model is none of scenes, or the media are a clip.
        BadMedia: The picture cannot be used.
        BadModel: There is no such model, or it is damaged.
    """
    find_folder(model)
    if not is_scene_model(model):
        raise BadInput(
            f"{model}: no model of aerial scenes", hint="one that sees whole pictures, not faces"
        )
    clip = open_shown(media)
    if not clip.is_picture:
        raise BadInput(
            f"{media}: is a clip; a model of aerial scenes looks at pictures",
            hint="cut a frame out of it, or leave out --model to look for faces",
        )
    annotation = annotate_by_model(SceneModel(model), media)
    return AnnotatedClip(annotation, FollowedClip(clip, (), np.zeros(1)))


def _ask_number(model: SceneModel, pixels: np.ndarray, name: str) -> int:
    question = f"How many {say_designator(name, 2)} are there?"
    for claim in read_scene_answer(question, model.answer(pixels, question)):
        if claim.name == "object_count" and isinstance(claim.value, tuple):
            low = claim.value[0]
            return int(low) if low is not None and low <= MAX_COUNTED else 0
    return 0


def _ask_box(
    model: SceneModel, pixels: np.ndarray, name: str, number: int
) -> tuple[float, ...] | None:
    which = "" if number == 1 else "largest "
    said = model.answer(pixels, f"Give the box of: the {which}{say_designator(name)}.")
    boxes = read_boxes(said, "1", (1.0, 1.0))
    if not boxes:
        return None
    x0, y0, x1, y1 = (min(max(side, 0.0), 1.0) for side in boxes[0])
    return (x0, y0, x1, y1) if is_box((x0, y0, x1, y1)) else None
