"""Layer reset to new random weights."""

from torch import Tensor

from kinscape.backend.contracts.cards import Direction, Parameter, Role
from kinscape.worker.curvature.layer_reset import BETWEEN, reset_reading, reset_table
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.catalogue import catalogue
from kinscape.worker.measures.landscape.family import minimum_card
from kinscape.worker.numerics.draws import seed_of


@measure(
    minimum_card(
        slug="layer-reset-random",
        version=2,
        title="Layer reset to random weights",
        formula=r"\tfrac1L\sum_l \mathbb{E}_{w}\, d\big(f_\theta, f_{\theta[l \leftarrow w]}\big)",
        low=None,
        high=None,
        direction=Direction.NEITHER,
        role=Role.HELD_OUT,
        reliable_from="200 samples and 5 draws; the Monte-Carlo error over draws is reported separately",
        pitfalls="Draws follow the architecture's own initialiser, and are the same for all checkpoints of an "
        "architecture. Small layers (norms) are reset as a whole. A mean over layers: read the bars.",
        source="Zhang et al. 2022, are all layers created equal, section 3, as a distance between outputs",
        parameters=(
            BETWEEN,
            Parameter(name="draws", default=5, minimum=1, maximum=1000, help="New initial weights to try."),
        ),
        tolerance=1e-6,
    ),
)
def layer_reset_random(subject: Subject, *, between: str, draws: int) -> Measurement:
    """Change of the outputs when one layer is reinitialised, mean over layers and draws."""
    return reset_reading(*reset_table(subject, [_drawn(subject, k) for k in range(draws)], catalogue()[between]))


def _drawn(subject: Subject, number: int) -> dict[str, Tensor]:
    """New initial weights of the whole network."""
    if subject.fresh is None:
        raise Undefined("There is no way to build this network anew, so its layers cannot be drawn again.")
    made = subject.fresh(seed_of("layer-reset-random", subject.seed, number))
    return {n: p.detach() for n, p in made.named_parameters()}
