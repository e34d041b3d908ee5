"""Chat about aerial pictures: by rules over an annotation, or by a model of scenes."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineament.annotation import VALIDATED, Annotation, Fact, Validated
from lineament.claims import Checked
from lineament.claims.scenes_boxes import BOX
from lineament.claims.scenes_conclusions import COMPARISONS
from lineament.claims.scenes_objects import RELATIONS
from lineament.claims.scenes_words import split_scene_tokens
from lineament.describe.answer import Answer, Source
from lineament.describe.question import check_question
from lineament.describe.refusals import find_refused_topic, refuse
from lineament.describe.scene_answers import answer_scene_question, check_scene_answer
from lineament.describe.scene_asks import COVER, KIND
from lineament.describe.scene_beside import find_scene_annotation
from lineament.describe.scene_picture import read_picture
from lineament.errors import BadInput, MissingExtra

if TYPE_CHECKING:  # rules need no torch
    import numpy as np

    from lineament.describe.scene_model import SceneModel

RULES = "rule"
SCENE_MODEL = "scene-tiny"  # answers about a bare picture where no model is named
MAX_FACTS = 24
MAX_QUESTION_CHARACTERS = 20_000


def find_scene_chat(media: Path | str, model: str, answerer: str = "model") -> "SceneChat | None":
    """Return who answers about an aerial picture; None where the media are none, or not known so.

    A model of scenes answers where one is named; else rules, from the annotation beside the
    picture. ``answerer="rule"`` takes rules in any case, ``"blind"`` a model that is shown nothing.

    Raises:
        BadAnnotation: The annotation beside the picture cannot be used.
        BadInput: A model that is shown nothing is wanted for a scene, and none of scenes is named.
        BadModel: There is no model of that name.
        MissingExtra: A model is named, and torch or transformers is not installed.
    """
    annotation = find_scene_annotation(media)
    if answerer in ("model", "blind") and _is_scene_model(model):
        from lineament.describe.scene_model import SceneModel

        return SceneChat(annotation, SceneModel(model, is_blind=answerer == "blind"))
    if annotation is not None and answerer == "blind":
        raise BadInput(
            f"{media}: a scene, and {model} is no model of scenes to be asked blind",
            hint=f"name one: --model {SCENE_MODEL} --answerer blind",
        )
    if annotation is not None and answerer in ("model", "rule"):
        return SceneChat(annotation)
    return None


def asks_about_scene(question: str) -> bool:
    """Say whether a question names things that are seen from above, or asks what scene it is."""
    is_of_objects = any(token.kind == "noun" for token in split_scene_tokens(question))
    return is_of_objects or KIND.search(question) is not None or COVER.search(question) is not None


def _is_scene_model(model: str) -> bool:
    """Say whether a model sees whole pictures; rules must not answer for one that is not there."""
    if model == "chat-tiny" and not Path(model).is_dir():  # spares the import of torch
        return False
    try:
        from lineament.describe.scene_model import is_scene_model
        from lineament.model.hub import find_folder
    except ModuleNotFoundError as error:
        if error.name in ("torch", "transformers", "safetensors"):
            raise MissingExtra(error.name, "model") from None
        raise
    find_folder(model)
    return is_scene_model(model)


class SceneChat:
    """Answers about one aerial picture, which must be one that can be read.

    Args:
        annotation: What is known; rules need it, and a model's answers are checked against it.
        model: Answers instead of rules.

    Raises:
        BadInput: There is neither.
    """

    example = "How many ships are there?"

    def __init__(self, annotation: Annotation | None, model: "SceneModel | None" = None) -> None:
        if annotation is None and model is None:
            raise BadInput(
                "nothing is known of this picture",
                hint="put an annotation beside it, or name a model of scenes: --model",
            )
        self.annotation, self.model = annotation, model
        self.name = RULES if model is None else model.name
        self._pixels: tuple[str, np.ndarray] | None = None

    @property
    def num_parameters(self) -> int:
        """How many weights the model has; 0 where rules answer."""
        return 0 if self.model is None else self.model.num_parameters

    def chat(self, media: Path | str, question: str, **options: Any) -> Answer:
        """Answer a question; see `ask`."""
        return self.ask(media, question, **options)

    def ask(
        self,
        media: Path | str,
        question: str,
        history: Sequence[tuple[str, str]] | None = None,
        *,
        all_facts: bool = False,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answer a question about the picture.

        Args:
            media: The picture.
            question: In English.
            history: Questions and answers before.
            all_facts: Taken for the sake of face chats; every sentence about a scene is kept.
            on_text: Called with each piece of the answer.

        Raises:
            BadInput: The question is empty or too long.
            BadMedia: The picture cannot be used.
        """
        del all_facts
        began = time.perf_counter()
        question = check_question(question, MAX_QUESTION_CHARACTERS, example=self.example)
        pixels = self._read(media)  # rules, too, answer for no picture that is damaged
        told = on_text or (lambda _: None)
        known = self.annotation or Annotation(str(media))
        topic = find_refused_topic(question)
        if topic is not None:
            text = refuse(topic, known)
            told(text)
            answer = Answer(text, question=question, source="rule")
        elif self.model is None:
            text = answer_scene_question(question, known)
            told(text)
            answer = self._found(text, question, known, "rule")
        else:
            text = self.model.answer(pixels, question, history or (), told)
            answer = self._found(text, question, known, "blind" if self.model.is_blind else "model")
        answer.seconds = time.perf_counter() - began
        return answer

    def _read(self, media: Path | str) -> "np.ndarray":
        if self._pixels is None or self._pixels[0] != str(media):
            self._pixels = (str(media), read_picture(media))
        return self._pixels[1]

    def _found(self, text: str, question: str, known: Annotation, source: Source) -> Answer:
        """Put what is known beside the words."""
        checked = check_scene_answer(question, text, known)
        facts = find_scene_facts(checked, known)
        validation: Mapping[str, Validated] = (
            validation_of_facts(known) if self.model is None else self.model.validation
        )
        names = [row.name for row in checked.claims]
        found = [VALIDATED.index(validation.get(name, "none")) for name in names]
        return Answer(
            text, question=question, facts=facts, claims=checked.claims, source=source,
            validated=VALIDATED[max(found, default=len(VALIDATED) - 1)],
        )  # fmt: skip


def find_scene_facts(checked: Checked, annotation: Annotation) -> tuple[Fact, ...]:
    """Return the facts that decide, and those of the objects that the claims are about."""
    deciding = [row.fact for row in checked.claims if row.fact is not None]
    names = {row.claim.subject.split()[-1] for row in checked.claims if row.claim.subject}
    of_class = [f for f in annotation.facts_named("object_class") if f.value in names]
    about = {f.subject for f in of_class} & {f.subject for f in deciding}
    looks = [f for f in annotation.facts if f.subject in about and f.name != "object_class"]
    return tuple(dict.fromkeys([*deciding, *of_class, *looks]))[:MAX_FACTS]


def validation_of_facts(annotation: Annotation) -> dict[str, Validated]:
    """Return on what media claims are validated that rest on an annotation's facts.

    What geometry says of objects is as good as their boxes are.
    """
    weakest: dict[str, int] = {}
    for fact in annotation.facts:
        weakest[fact.name] = max(weakest.get(fact.name, 0), VALIDATED.index(fact.validated))
    boxes = weakest.get("object_class", weakest.get("listed_class", len(VALIDATED) - 1))

    placed = ("object_count", "object_position", "object_side", "density", BOX)
    for name in (*placed, *RELATIONS, *COMPARISONS):
        weakest.setdefault(name, boxes)
    picture = max(weakest.values(), default=len(VALIDATED) - 1)
    for name in ("water", "trees", "grass", "bare_land", "fields", "urban", "scene_class"):
        weakest.setdefault(name, picture)
    return {name: VALIDATED[place] for name, place in weakest.items()}
