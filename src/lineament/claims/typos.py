"""Light misspellings: letters swapped, doubled or dropped in long words the lexicon knows."""

import functools

from lineament.claims.lexicon import compile_lexicon

MAX_LETTERS = 30  # no word of the lexicon has as many; all tries of a long one take long


@functools.lru_cache(maxsize=50_000)
def correct_word(word: str) -> str:
    """Return the known word a misspelling stands for, or nothing."""
    if not 5 <= len(word) <= MAX_LETTERS or not word.isalpha():
        return ""
    if word in compile_lexicon().real_words:
        return ""
    root = compile_lexicon().root
    for index in range(len(word) - 1):
        swapped = word[:index] + word[index + 1] + word[index] + word[index + 2 :]
        if swapped in root and swapped != word:
            return swapped
    if len(word) < 6:
        return ""
    for index in range(1, len(word)):
        dropped = word[:index] + word[index + 1 :]
        if len(dropped) > 5 and dropped in root:
            return dropped
    for index in range(1, len(word) + 1):
        for letter in "eaiortnslcuhgmpdbyfwkv":
            added = word[:index] + letter + word[index:]
            if added in root and not (index == len(word) and letter in "sed"):
                return added
    return ""
