"""Associations: numbers of models, and matrices of pairs."""

from pydantic import BaseModel, Field

from kinscape.backend.contracts.matrices import Numbers


class Correlation(BaseModel):
    """A coefficient with its 95 % interval for other models (seeds)."""

    value: float
    low: float | None = None
    high: float | None = None


class Association(BaseModel):
    """One measure of models against one outcome."""

    measure: str
    outcome: str
    n: int = Field(description="Networks that have both numbers.")
    families: int = Field(default=0, description="Families of these networks: how many are independent.")
    spearman: Correlation | None = None
    kendall: Correlation | None = None
    spearman_partial: Correlation | None = Field(default=None, description="At equal train loss.")
    kendall_partial: Correlation | None = None
    granulated: float | None = Field(
        default=None, description="Kendall's coefficient where only one tag differs, averaged over tags."
    )
    p: float | None = Field(default=None, description="Test of Spearman's coefficient, two-sided; see the method.")
    q: float | None = Field(default=None, description="p after everything in this table (Benjamini-Yekutieli).")
    p_partial: float | None = None
    q_partial: float | None = None
    sentence: str = Field(default="", description="Why there is no number.")


class GroupRow(BaseModel):
    """Means of one group's networks, in the order of the columns; null where there is none."""

    group: str
    models: int
    means: list[float | None]


class Associations(BaseModel):
    """Every measure of models against every outcome of a comparison."""

    measures: list[str]
    outcomes: list[str]
    control: str | None = Field(description="What partial correlations hold still.")
    counted: list[str] = Field(description="The networks: of copies the ancestor, of a run the last step.")
    families: int = Field(default=0, description="Families of these networks: how many are independent.")
    table: list[Association]
    columns: list[str]
    groups: list[GroupRow]
    values: Numbers = Field(description="(models, columns), the numbers behind the table.")
    method: str
    sentence: str = ""


class Agreements(BaseModel):
    """How far the measures of pairs tell the same."""

    measures: list[str]
    layers: list[str | None]
    correlation: Numbers
    p: Numbers
    q: Numbers
    counted: list[str]
    left_out: dict[str, str] = Field(description="Measures without a place here, and why.")
    method: str
    sentence: str = ""
