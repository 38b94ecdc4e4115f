"""What a comparison says in words: sentences made from its numbers, each with its interval or test."""

from pydantic import BaseModel, Field


class Sentence(BaseModel):
    """One sentence, and the view that shows what it says."""

    topic: str
    text: str
    view: dict[str, str | int] = Field(description="What differs from the view that is open, by name in the address.")


class Answer(BaseModel):
    """What is asked first of a comparison.

    ``measure`` is the matrix that answers who is alike; ``columns``, ``x`` and ``y`` name measures of single models
    as ``measure`` or ``measure@layer``.
    """

    measure: str
    layer: str | None
    columns: list[str]
    x: str
    y: str
    sentences: list[Sentence]
    untold: list[str] = Field(description="What is not answered, and what would answer it.")
    version: int
