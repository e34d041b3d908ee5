"""What can be asked at all."""

from lineament.errors import BadInput, refuse_half_characters


def check_question(question: str, max_characters: int, *, example: str = "Is he smiling?") -> str:
    """Return a question without spaces around it.

    Raises:
        BadInput: It is empty, too long or no text.
    """
    question = question.strip()
    if not question:
        raise BadInput("the question is empty", hint=f'ask something, such as "{example}"')
    if len(question) > max_characters:
        raise BadInput(
            f"the question has {len(question):,} characters, at most "
            f"{max_characters:,} can be read",
            hint="ask a shorter question",
        )
    refuse_half_characters(question, "the question")
    return question
