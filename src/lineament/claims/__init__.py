"""Text to claims, and claims against annotations."""

from lineament.claims.check import (
    Checked,
    CheckedClaim,
    Verdict,
    check_claims,
    check_text,
)
from lineament.claims.claim import Claim, ClaimValue, Range
from lineament.claims.question import Question, read_answer, read_question
from lineament.claims.read import read_claims

__all__ = [
    "Checked",
    "CheckedClaim",
    "Claim",
    "ClaimValue",
    "Question",
    "Range",
    "Verdict",
    "check_claims",
    "check_text",
    "read_answer",
    "read_claims",
    "read_question",
]
