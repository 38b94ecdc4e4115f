"""Layer reset to another checkpoint of the network."""

from kinscape.backend.contracts.cards import Direction, Pace, Role
from kinscape.worker.curvature.layer_reset import BETWEEN, reset_reading, reset_table
from kinscape.worker.curvature.linear_paths import same_architecture
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.catalogue import catalogue
from kinscape.worker.measures.landscape.family import two_minima_card


@measure(
    two_minima_card(
        slug="layer-reset-init",
        title="Layer reset to another checkpoint",
        formula=r"\tfrac1L\sum_l d\big(f_{\theta_a}, f_{\theta_a[l \leftarrow \theta_{b,l}]}\big)",
        low=None,
        high=None,
        direction=Direction.NEITHER,
        symmetric=False,
        role=Role.HELD_OUT,
        reliable_from="200 samples",
        pitfalls="The second checkpoint is the one that layers are reset to: the initial one, or any along training. "
        "Running statistics stay those of the first. A mean over layers: read the bars.",
        source="Zhang et al. 2022, are all layers created equal, section 3, as a distance between outputs",
        parameters=(BETWEEN,),
        pace=Pace.PATH,
        tolerance=1e-6,
    ),
)
def layer_reset_init(trained: Subject, initial: Subject, *, between: str) -> Measurement:
    """Change of a network's outputs when one layer is reset to another checkpoint, mean over layers."""
    same_architecture([trained, initial])
    return reset_reading(*reset_table(trained, [initial.weights], catalogue()[between]))
