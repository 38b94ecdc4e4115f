"""What a comparison would compute, before it is asked for."""

from pydantic import BaseModel, Field

from kinscape.backend.contracts.comparisons import Counts


class Plan(BaseModel):
    """What a comparison would compute, before it is asked for."""

    counts: Counts
    jobs: int
    seconds: float = Field(description="Rough estimate on one worker.")
    warnings: list[str] = Field(default_factory=list, description="What its numbers would not tell.")
