"""Questions about times by what they ask: order, first, next, when, how long, at a moment."""

import re
from typing import Literal

TimeForm = Literal["order", "how_long", "at", "after", "first", "when", "doing"]
TIMED_KIND = "timed"  # of records: all questions about times have this one kind
DOING: TimeForm = "doing"  # all that is done, in its order
AT: TimeForm = "at"
# What fits first counts: "which comes first, and what follows" asks for an order, "when does she
# start" for a time.
_FORMS: tuple[tuple[TimeForm, str], ...] = (
    ("order", r"\border\b|\bsort\b|\barrange\b|\bsequence\b|\bfirst, and what follows\b"),
    ("how_long", r"\bhow long\b|\bhow many seconds\b|\bhow much time\b|\btime\b.*\bspends?\b"),
    ("at", r"\bat \d|\bsecond \d"),
    ("after", r"\bafter\b|\bnext\b|\bonce\b|\bfollows\b|\bhaving finished\b"),
    ("when", r"\bwhen\b|\bwhat time\b|\b(?:which|what) (?:seconds?|moment)\b|\btime in which\b"),
    ("first", r"\bfirst\b|\bbegins?\b|\bbeginning\b|\bstarts?\b"),
)
_PATTERNS: tuple[tuple[TimeForm, re.Pattern[str]], ...] = tuple(
    (form, re.compile(pattern, re.IGNORECASE)) for form, pattern in _FORMS
)
TIME_FORMS: tuple[TimeForm, ...] = (*(form for form, _ in _FORMS), DOING)


def find_time_form(question: str) -> TimeForm:
    """Return what a question about times asks; `DOING` where it asks for no time or order."""
    for form, pattern in _PATTERNS:
        if pattern.search(question):
            return form
    return DOING
