"""Summaries in FaVChat's order and detailed captions in UniF2ace's manner."""

from collections.abc import Callable, Iterator, Mapping
from random import Random

from lineament.records.record import SEVERAL_FACTS, TIMED
from lineament.records.write.clauses import PLURAL_PARTS, names_said, read_word_table
from lineament.records.write.denials import COVERED, FACIAL_HAIR, add_denials
from lineament.records.write.draft import Draft, pick
from lineament.records.write.grammar import (
    capital,
    gerund,
    is_plural,
    join_words,
    span_text,
    third_person,
    with_article,
)
from lineament.records.write.paragraph import Paragraph, read_sections
from lineament.records.write.view import View

# Tokens are about 1.3 words; FaVChat's summaries have 100, UniF2ace's captions 120.
SUMMARY_WORDS, CAPTION_WORDS = 78, 94
MAX_ACTS = 4
HAIR_ORDER = (
    ("long_hair", "short_hair"), ("straight_hair", "wavy_hair", "curly_hair"),
    ("black_hair", "brown_hair", "blonde_hair", "red_hair", "gray_hair"),
)  # fmt: skip
SKIN = ("freckle", "rosy_cheeks", "mole", "scar", "dimple", "wrinkles")
SKIN_TONES = ("pale_skin", "tan_skin", "dark_skin")
FACE = ("oval_face", "round_face", "square_face", "high_cheekbones", "double_chin")
HEAD_HAIR = ("bangs", "receding_hairline")
WORN = (
    "eyeglasses", "sunglasses", "wearing_hat", "wearing_headscarf", "wearing_mask",
    "wearing_headphones", "wearing_earrings", "wearing_necklace", "wearing_necktie",
    "wearing_bow_tie",
)  # fmt: skip
MAKEUP = ("wearing_lipstick", "eye_makeup", "heavy_makeup")
EYES = ("big_eyes", "narrow_eyes", "bags_under_eyes")
BROWS = ("arched_eyebrows", "bushy_eyebrows", "thin_eyebrows")
NOSE_MOUTH = ("big_nose", "pointy_nose", "big_lips", "thin_lips")
EMOTIONS = ("happy", "neutral", "anger", "contempt", "disgust", "fear", "sadness", "surprise")
BANDS = ("young", "middle_aged", "elderly")
GARMENTS: Mapping[str, str] = {"t_shirt": "T-shirt"}
LIGHT_SIDES = {
    "frontal": "comes from the front", "left": "comes from the left",
    "right": "comes from the right", "back": "comes from behind",
}  # fmt: skip
PLACES = {
    "indoors": "indoors", "outdoors": "outdoors", "studio": "in a studio",
    "office": "in an office", "car": "in a car", "street": "on a street",
}  # fmt: skip
POSES = {
    "frontal": "facing the camera", "left": "turned to the left", "right": "turned to the right",
    "up": "raised", "down": "lowered",
}  # fmt: skip
GAZES = {
    "camera": "into the camera", "left": "to the left", "right": "to the right", "up": "up",
    "down": "down",
}  # fmt: skip


Section = Callable[[Paragraph], None]


def _opener(paragraph: Paragraph, section: str = "opener") -> None:
    view = paragraph.view
    noun = {True: "man", False: "woman", None: "person"}[view.male]
    bands = paragraph.true_of(BANDS)
    years = view.values.get("age_years")
    word = read_word_table()[bands[0]].phrases[0] if bands else ""
    described = with_article(f"{word} {noun}" if word else noun)
    if isinstance(years, int | float) and not isinstance(years, bool):
        described = f"{described} who looks about {round(years)} years old"
    paragraph.add(section, d=described)


def _opener_caption(paragraph: Paragraph) -> None:
    _opener(paragraph, "opener_caption")


def _skin(paragraph: Paragraph) -> None:
    tones = paragraph.true_of(SKIN_TONES)
    if tones and paragraph.rng.random() < 0.6:
        x = read_word_table()[tones[0]].phrases[0]
        paragraph.add("quality", part="skin", x=x, np=f"{x} skin", **{"is": "is"})
        tones = []
    _have(paragraph, (*tones, *paragraph.true_of(SKIN)))


def _face(paragraph: Paragraph) -> None:
    # Of a face one does not say that it has a round face.
    _have(paragraph, paragraph.true_of(FACE), "have_shape")


def _have(paragraph: Paragraph, names: list[str] | tuple[str, ...], section: str = "have") -> None:
    if names:
        nouns = [paragraph.noun(name) for name in names]
        verb = "are" if is_plural(nouns[0]) else "is"
        be = "are" if len(nouns) > 1 else verb
        paragraph.add(section, l=join_words(nouns), be=be, **{"is": verb})


def _hair(paragraph: Paragraph) -> None:
    values, table = paragraph.view.values, read_word_table()
    words = [
        table[name].phrases[0] for group in HAIR_ORDER for name in group if values.get(name) is True
    ]
    if words:
        *lead, last = words
        phrase = f"{', '.join(lead)} {last} hair" if lead else f"{last} hair"
        paragraph.add("hair", np=phrase, x=join_words(words))
    elif values.get("bald") is True:
        paragraph.add("quality_be", x="bald")
    if values.get("tied_hair") is True:
        paragraph.add("quality", part="hair", x="tied back", np="hair tied back", **{"is": "is"})
    _have(paragraph, paragraph.true_of(HEAD_HAIR))


def _clothes(paragraph: Paragraph) -> None:
    color = paragraph.view.values.get("clothes_color")
    garment = paragraph.view.values.get("clothes_type")
    if garment:
        word = GARMENTS.get(str(garment), str(garment))
        paragraph.add("clothes", l=with_article(f"{color} {word}" if color else word))
    elif color:
        paragraph.add("clothes", l=f"{color} clothes")


def _worn(paragraph: Paragraph) -> None:
    names = paragraph.true_of(WORN)
    if names:
        paragraph.add("worn", l=join_words([paragraph.noun(name) for name in names]))
    makeup = paragraph.true_of(MAKEUP)
    if makeup:
        paragraph.add("makeup", l=join_words([paragraph.noun(name) for name in makeup]))


def _facial_hair(paragraph: Paragraph) -> None:
    names = paragraph.true_of(FACIAL_HAIR)
    if "goatee" in names:
        names.remove("beard")  # a goatee is a beard; "a beard and a goatee" would be two
    _have(paragraph, names)


def _actions(paragraph: Paragraph) -> None:
    view, table, voice = paragraph.view, read_word_table(), paragraph.voice
    names = [name for name in view.true_names() if name in names_said("do")]
    timed = sorted((span, name) for name in names for span in view.spans.get(name, ()))
    still = [name for name in names if name not in view.spans][:3]
    if still:
        bases = [voice.fill(pick(paragraph.rng, table[name].phrases)) for name in still]
        verbs = join_words([third_person(base) for base in bases])
        paragraph.add("do", g=join_words([gerund(base) for base in bases]), v=verbs)
    if len(timed) > MAX_ACTS:
        blinks = [item for item in timed if item[1] == "blink"][1:]
        timed = [item for item in timed if item not in blinks][:MAX_ACTS]
    stop = 0.0
    for number, (span, name) in enumerate(timed):
        base = voice.fill(pick(paragraph.rng, table[name].phrases))
        section = "act_first" if not number else "act_next" if span[0] >= stop else "act_beside"
        time = span_text(span, paragraph.rng.random())
        paragraph.add(section, v=third_person(base), g=gerund(base), t=time, T=capital(time))
        stop = max(stop, span[1])
        paragraph.is_timed = True


def _look(paragraph: Paragraph) -> None:
    view = paragraph.view
    for name in paragraph.true_of(EMOTIONS):
        word = read_word_table()[name].phrases[0]
        spans = view.spans.get(name)
        if not spans:
            paragraph.add("look", x=word)
            return
        for span in spans[:2]:
            time = span_text(span, paragraph.rng.random())
            verbs = {"v": f"looks {word}", "g": f"looking {word}"}
            paragraph.add("act_beside", t=time, T=capital(time), **verbs)
            paragraph.is_timed = True


def _eyes(paragraph: Paragraph) -> None:
    color = paragraph.view.values.get("eye_color")
    if color:
        x = str(color)
        paragraph.add("quality", part="eyes", x=x, np=f"{x} eyes", **{"is": "are"})
    _have(paragraph, paragraph.true_of(EYES))


def _brows(paragraph: Paragraph) -> None:
    names = paragraph.true_of(BROWS)
    if names:
        words = [read_word_table()[name].phrases[0] for name in names]
        nouns = f"{', '.join(words)} eyebrows"
        paragraph.add("quality", part="eyebrows", x=join_words(words), np=nouns, **{"is": "are"})


def _nose_mouth(paragraph: Paragraph) -> None:
    _have(paragraph, paragraph.true_of(NOSE_MOUTH))


def _covered(paragraph: Paragraph) -> None:
    for name in paragraph.true_of(COVERED):
        part = read_word_table()[name].part
        verb = "are" if part in PLURAL_PARTS else "is"
        paragraph.add("covered", part=part, **{"is": verb})


def _pose(paragraph: Paragraph) -> None:
    pose = paragraph.view.values.get("head_pose")
    gaze = paragraph.view.values.get("gaze_direction")
    if pose:
        paragraph.add("pose", x=POSES[str(pose)])
    if gaze:
        paragraph.add("gaze", x=GAZES[str(gaze)])


def _scene(paragraph: Paragraph) -> None:
    values = paragraph.view.values
    light = [str(values[n]) for n in ("light_level", "light_temperature") if values.get(n)]
    light = [word for word in light if word not in ("normal", "neutral")]
    side = values.get("light_direction")
    if light or side:
        words = join_words(light)
        if side:
            come = LIGHT_SIDES[str(side)]
            text = f"The light is {words} and {come}." if words else f"The light {come}."
            paragraph.add_text("light_side", text)
        else:
            paragraph.add("light", x=words)
    if values.get("place"):
        paragraph.add("place", x=PLACES[str(values["place"])])
    if values.get("background_color"):
        x = str(values["background_color"])
        paragraph.add("background", x=x, an_x=with_article(x))
    for name in paragraph.true_of(("blurry", "black_and_white")):
        paragraph.add("picture", x=read_word_table()[name].phrases[0])


SUMMARY: tuple[Section, ...] = (
    _opener, _skin, _face, _hair, _facial_hair, _clothes, _worn, _actions, _look, _eyes, _brows,
    _nose_mouth, _covered, _pose, _scene,
)  # fmt: skip
CAPTION: tuple[Section, ...] = (
    _opener_caption, _hair, _face, _skin, _eyes, _brows, _nose_mouth, _facial_hair, _look, _actions,
    _worn, _clothes, _covered, _pose, _scene,
)  # fmt: skip


def write_summary(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Write one paragraph of about 100 tokens: who, skin, hair, clothes, actions, eyes."""
    for _ in range(count):
        yield _write(view, rng, "summary", SUMMARY, SUMMARY_WORDS)


def write_caption(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Write one detailed caption of about 120 tokens, part by part of the face."""
    for _ in range(count):
        yield _write(view, rng, "caption", CAPTION, CAPTION_WORDS)


def _write(view: View, rng: Random, kind: str, sections: tuple[Section, ...], limit: int) -> Draft:
    paragraph = write_paragraph(view, rng, sections, limit)
    question = pick(rng, read_sections()[f"ask_{kind}"]).replace("{m}", view.media)
    level = TIMED if paragraph.is_timed else SEVERAL_FACTS
    return Draft(kind, level, ((question, " ".join(paragraph.sentences)),))


def write_paragraph(
    view: View, rng: Random, sections: tuple[Section, ...], limit: int
) -> Paragraph:
    """Write the sections in their order, and denials up to a number of words."""
    paragraph = Paragraph(view, rng)
    for section in sections:
        section(paragraph)
    add_denials(paragraph, limit)
    return paragraph


__all__ = ["CAPTION", "SUMMARY", "Paragraph", "write_caption", "write_paragraph", "write_summary"]
