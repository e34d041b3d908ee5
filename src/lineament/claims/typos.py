"""Light misspellings: letters swapped, doubled or dropped in long words the lexicon knows."""

import functools

from lineament.claims.lexicon import compile_lexicon

# Real words that look like a misspelling of one of ours.
_REAL_WORDS = frozenset(
    """taking tanking talkie signing sining thing think things clothe clothed stating starting staring string sting
    hating heating hearing bearing wearing wining winning wing wring wiling smelling killing
    shooting spotting sporting striped stripped scared scarred scarce rating reding raising rising
    rasing caring carring hairy stair stairs chair chairs beat bear bears beads board bored broad
    glass grass classes classed passes masses massed caps cape tape types bland blind blend blond
    branch bunch laugh launch drinking dinking sinking winking wiki smiled smile similar simile
    noodle angle angel angry hangry sand sade faces faced laces places pieces peoples
    baking barking backing blocking locking lacking licking looking booking cooking
    closet closer close clothes loses closely coverd straight strait streets sweat sweet sweater
    sweeter seater setter better letter latter later litter bitter
    necklaces headline headlines hairline airline airlines
    mouths month months moth moths youth tooth teeth
    muscle mostly musty dusty husky
    shorts sort sorts shirts skirt skirts
    lighting lightning fighting sighting sighing signs sigh
    pointing painting printing planting panting
    browse brow browns frowns crowns drowns grown
    thinking thicken thinner thick
    brother bother mother moth another
    curls curly surly early
    reads roads ready read red reed
    friend fiend fried""".split()
)


@functools.lru_cache(maxsize=50_000)
def correct_word(word: str) -> str:
    """Return the known word a misspelling stands for, or nothing."""
    if len(word) < 5 or word in _REAL_WORDS or not word.isalpha():
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
