"""Text to claims, and claims against annotations."""

from lineament.claims.check import (
    Checked,
    CheckedClaim,
    Checker,
    Verdict,
    check_claims,
    check_text,
)
from lineament.claims.claim import Claim, ClaimValue, Range, Statement, statement_of
from lineament.claims.question import Question, read_answer, read_question
from lineament.claims.read import forget_readings, read_claims, read_statements

__all__ = [
    "Checked",
    "CheckedClaim",
    "Checker",
    "Claim",
    "ClaimValue",
    "Question",
    "Range",
    "Statement",
    "Verdict",
    "check_claims",
    "check_text",
    "forget_readings",
    "read_answer",
    "read_claims",
    "read_question",
    "read_statements",
    "statement_of",
]
