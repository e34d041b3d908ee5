"""Style: whether a prompt wants a photo, a drawing or a cartoon, and how a model is told."""

import re

# How each style is asked for in training and when drawing; a prompt that says none wants a photo.
STYLE_WORDS = {
    "photo": ("a photo of ", "a photograph of ", "a picture of "),
    "drawing": ("a drawing of ",),
    "cartoon": ("a cartoon of ",),
}
_DRAWN = {
    "cartoon": re.compile(r"\b(?:cartoons?|comics?|flat[- ]style)\b", re.IGNORECASE),
    "drawing": re.compile(
        r"\b(?:drawings?|paintings?|illustrations?|sketch(?:es)?|renderings?|drawn|painted"
        r"|rendered)\b",
        re.IGNORECASE,
    ),
}


def find_style(prompt: str) -> str:
    """Return the style that a prompt asks for; ``draw me ...`` alone asks for none."""
    for style, words in _DRAWN.items():
        if words.search(prompt):
            return style
    return "photo"


def put_style(text: str, style: str, words: str = "") -> str:
    """Put a style in front of what is to be seen; a photo's prompt stays as it is.

    Args:
        text: What is to be seen.
        style: A key of `STYLE_WORDS`.
        words: Which of its words; the first ones when left out, and none for photos.
    """
    words = words or ("" if style == "photo" else STYLE_WORDS[style][0])
    if not words or not text:
        return text
    if text[:2].lower() == "a " or text[:3].lower() == "an ":
        return words + text[0].lower() + text[1:]
    return f"{words.removesuffix(' of ')}: {text}"
