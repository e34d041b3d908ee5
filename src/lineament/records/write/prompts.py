"""Prompts of the three steps, as versioned templates, and the annotation in plain words."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from lineament.annotation import CLIP, Annotation, Fact
from lineament.claims.scenes_objects import is_scene
from lineament.endpoint import Request
from lineament.records.write.clauses import find_clauses, read_word_table
from lineament.records.write.grammar import capital, read_words
from lineament.records.write.scenes.labels import word_scene
from lineament.records.write.template import main_subject
from lineament.vocabulary import read_vocabulary

STEPS = ("caption", "enrich", "ask")
KINDS = (
    "which", "color", "list", "action", "timed", "emotion", "cues", "count", "yes_no",
    "description",
)  # fmt: skip
# Single questions about scenes, as the template writer names them.
SCENE_KINDS = (
    "scene_count", "scene_yes_no", "scene_position", "scene_color", "scene_relation",
    "scene_comparison", "scene_kind", "scene_reasoning", "scene_box",
)  # fmt: skip
SUMMARY_WORDS = 85
MAX_DENIED = 24
MAX_TOKENS: Mapping[str, int] = {"caption": 300, "enrich": 350, "ask": 900}
SCENE_MAX_TOKENS: Mapping[str, int] = {"caption": 300, "enrich": 700, "ask": 1500}
_TEXT = {"type": "string"}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _rows(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _object(**properties)}


def _questions(kinds: Sequence[str]) -> dict[str, Any]:
    return _rows(kind={"type": "string", "enum": list(kinds)}, question=_TEXT, answer=_TEXT)


SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "caption": _object(caption=_TEXT),
    "enrich": _object(summary=_TEXT),
    "ask": _object(questions=_questions(KINDS)),
}
SCENE_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "caption": _object(caption=_TEXT),
    "enrich": _object(**{"local": _TEXT, "global": _TEXT}),
    "ask": _object(dialogue=_rows(question=_TEXT, answer=_TEXT), questions=_questions(SCENE_KINDS)),
}


@functools.cache
def read_prompts() -> Mapping[str, Any]:
    """Read prompts.toml."""
    return read_words("prompts.toml")


def prompt_version() -> str:
    """Return the version of the prompts; what is paid for is keyed by it."""
    return read_prompts()["version"]


def word_facts(annotation: Annotation) -> str:
    """Write an annotation as a list in plain words: what holds, when, and what does not."""
    if is_scene(annotation):
        return word_scene(annotation)
    subject = main_subject(annotation) or "face 0"
    lines = [
        f"- {_word_fact(fact)}"
        for fact in annotation.facts
        if fact.subject in (subject, CLIP) and fact.value is not False
    ]
    lines += [
        f"- {_word_fact(fact)}"
        for fact in annotation.facts
        if fact.subject == subject and fact.value is False
    ]
    told = {fact.name for fact in annotation.facts}
    denied = [n for n in read_word_table() if n not in told and annotation.is_closed(n)]
    clauses = [find_clauses(name, "the person", "clip")[0].neg for name in denied[:MAX_DENIED]]
    return "\n".join((*lines, *(f"- {capital(clause)}." for clause in clauses)))


def _word_fact(fact: Fact) -> str:
    when = ""
    if fact.span_seconds is not None:
        when = f" from {fact.span_seconds[0]:.1f} to {fact.span_seconds[1]:.1f} seconds"
    name = "female" if fact.name == "male" and fact.value is False else fact.name
    clauses = find_clauses(name, "the person", "clip") if isinstance(fact.value, bool) else ()
    if clauses:
        clause = clauses[0].neg if fact.value is False and name != "female" else clauses[0].pos
        return f"{capital(clause)}{when}."
    entry = read_vocabulary().names.get(fact.name)
    said = fact.value
    if isinstance(fact.value, float):
        said = f"{fact.value:g}{f' {entry.unit}' if entry and entry.unit else ''}"
    return f"{capital(fact.name.replace('_', ' '))}: {said}{when}."


def make_request(
    step: str,
    annotation: Annotation,
    frames: Sequence[str] = (),
    *,
    text: str = "",
    num_questions: int = 6,
    temperature: float = 0.7,
    seed: int | None = None,
    key: str = "",
) -> Request:
    """Return the request of one step.

    Args:
        step: One of `STEPS`.
        annotation: What is known; its words go into the prompt of the last two steps.
        frames: Data URLs of key frames.
        text: The text of the step before; a data set's own caption for the first.
        num_questions: How many to ask for.
        temperature: Of the sampling.
        seed: Of the sampling, where the server has it.
        key: Goes along.
    """
    is_of_scene = is_scene(annotation)
    prompts = read_prompts()["scene"] if is_of_scene else read_prompts()
    kinds = SCENE_KINDS if is_of_scene else KINDS
    media = "clip" if annotation.duration_seconds > 0 else "picture"
    given = prompts["caption"]["given"].format(m=media, text=text) if text else ""
    prompt = prompts[step]["text"].format(
        m=media, k=len(frames), caption=text, given=given,
        n=num_questions if step == "ask" else SUMMARY_WORDS,
        facts="" if step == "caption" else word_facts(annotation), kinds=", ".join(kinds),
    )  # fmt: skip
    content: list[dict[str, Any]] = [{"type": "text", "text": prompt.strip()}]
    content += [{"type": "image_url", "image_url": {"url": url}} for url in frames]
    return Request(
        messages=(
            {"role": "system", "content": prompts["system"]["text"].strip()},
            {"role": "user", "content": content},
        ),
        max_tokens=(SCENE_MAX_TOKENS if is_of_scene else MAX_TOKENS)[step],
        temperature=temperature,
        seed=seed,
        schema=(SCENE_SCHEMAS if is_of_scene else SCHEMAS)[step],
        key=key,
    )
