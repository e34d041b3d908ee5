"""Chat with a model that draws: it looks at a portrait of the face, turned upright."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from lineament.describe.annotate import AnnotatedClip
from lineament.describe.answer import Answer, Source
from lineament.describe.bearing import (
    check_answer,
    find_facts,
    find_validation,
    find_weakest,
    read_own_claims,
)
from lineament.describe.chat import Chat, OpenedMedia
from lineament.describe.question import check_question
from lineament.describe.refusals import find_refused_topic, refuse
from lineament.describe.visual import find_person, read_frames
from lineament.errors import BadModel
from lineament.faces.follow import FinderFactory, FollowedClip
from lineament.faces.landmarks import describe_landmarks
from lineament.faces.mesh import MeshFinder
from lineament.faces.portrait import crop_portrait, find_eyes
from lineament.model.drawing import DrawingModel, load_drawing_model
from lineament.model.hub import find_folder
from lineament.model.portrait_eyes import PortraitEyes, find_eyes_folder, load_portrait_eyes

MAX_NEW_TOKENS = 120
MAX_QUESTION_CHARACTERS = 2_000
NO_PORTRAIT = "I cannot see a face closely enough to tell."
NO_WORDS = "I cannot tell."  # where the model says nothing

TellText = Callable[[str], None]


class DrawingChat:
    """Answer questions about pictures with a model that also draws them; one turn each.

    Facts, refusals and what is opened are those of `Chat`. Of a clip it sees one frame, the
    one in the middle of the time the person is seen.

    Args:
        model: The name of an installed drawing model, or its folder.
        make_finder: Makes the face finder.

    Raises:
        BadModel: There is no such model, or it is damaged.
    """

    answerer = "model"

    def __init__(self, model: str | Path, *, make_finder: FinderFactory = MeshFinder) -> None:
        self.name = str(model)
        self._rules = Chat(self.name, answerer="rule", make_finder=make_finder)
        self._model: DrawingModel = load_drawing_model(model)
        folder = find_folder(model)
        self._eyes: PortraitEyes | None = None
        if find_eyes_folder(folder):
            self._eyes = load_portrait_eyes(folder)
            check_eyes(self._eyes, self._model, folder)
        self._validation = find_validation(folder)

    @property
    def num_parameters(self) -> int:
        """How many weights the model has."""
        return self._model.network.num_parameters()

    def open(
        self, media: Path | str, annotated: AnnotatedClip | None = None, **options: Any
    ) -> OpenedMedia:
        """Look at a clip or picture, unless that has been done; see `Chat.open`."""
        return self._rules.open(media, annotated, **options)

    def chat(self, media: Path | str, question: str, **options: Any) -> Answer:
        """Answer a question; see `ask`."""
        return self.ask(media, question, **options)

    def ask(
        self,
        media: Path | str,
        question: str,
        history: Any = None,
        *,
        all_facts: bool = False,
        on_text: TellText | None = None,
    ) -> Answer:
        """Answer one question about a clip or picture; what was said before is not read.

        Raises:
            BadInput: The question is empty, too long or no text.
            BadMedia: The file cannot be used.
        """
        del history, all_facts
        began = time.perf_counter()
        check_question(question, MAX_QUESTION_CHARACTERS)
        opened = self.open(media)
        topic = find_refused_topic(question, opened.annotation)
        source: Source
        if topic is not None:
            text, source = refuse(topic, opened.annotation), "rule"
        else:
            text, source = self._answer(opened, question)
        if on_text is not None:
            on_text(text)
        checked = check_answer(read_own_claims(question, text), opened.annotation, opened.subject)
        answer = Answer(
            text,
            question=question,
            facts=find_facts(question, checked, opened.annotation, opened.subject),
            claims=checked.claims,
            validated=find_weakest([row.name for row in checked.claims], self._validation),
            source=source,
        )
        answer.seconds = time.perf_counter() - began
        return answer

    def _answer(self, opened: OpenedMedia, question: str) -> tuple[str, Source]:
        portrait = find_portrait(opened.annotated.followed, self._model.size_px)
        if portrait is None:
            return NO_PORTRAIT, "rule"
        said = answer_portrait(self._model, self._eyes, portrait, question)
        return (said, "model") if said else (NO_WORDS, "rule")


def check_eyes(eyes: PortraitEyes, model: DrawingModel, folder: Path) -> None:
    """Refuse eyes of other widths than the model's experts were made for.

    Raises:
        BadModel: Naming the folder.
    """
    config = model.network.config
    found, wanted = (eyes.whole_dim, eyes.face_dim), (config.clip_dim, config.face_dim)
    if config.use_sequence_experts and found != wanted:
        raise BadModel(
            f"{folder}: its eyes give {found[0]} and {found[1]} numbers, "
            f"the model takes {wanted[0]} and {wanted[1]}",
            hint="copy or train the model again",
        )


def answer_portrait(
    model: DrawingModel,
    eyes: PortraitEyes | None,
    portrait: UInt8[np.ndarray, "size size 3"],
    question: str,
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> str:
    """Answer about a portrait, with what the experts look at where the model brings eyes."""
    features: dict[str, torch.Tensor] = {}
    if eyes is not None:
        whole, face = eyes.look(portrait[None])
        features = {"clip_features": whole, "face_features": face}
    return model.answer(portrait, question, max_new_tokens=max_new_tokens, **features)


def find_portrait(followed: FollowedClip, size_px: int) -> UInt8[np.ndarray, "size size 3"] | None:
    """Cut the person's portrait out of the middle frame with landmarks; None without any."""
    person = find_person(followed.tracks)
    if person is None or not bool(np.any(person.has_landmarks)):
        return None
    seen = np.flatnonzero(person.has_landmarks)
    place = int(seen[len(seen) // 2])
    clip = followed.clip
    rows = describe_landmarks(person.landmarks_px[place : place + 1], clip.height, clip.width)
    frame_index = np.asarray(person.frame_index)[place : place + 1]
    frame = read_frames(clip, followed.times_seconds, frame_index)[0]
    return crop_portrait(frame, find_eyes(rows[0], *frame.shape[:2]), size_px=size_px)
