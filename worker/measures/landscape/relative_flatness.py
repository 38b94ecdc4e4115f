"""Relative flatness of the last linear layer."""

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.last_layer import last_linear
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.landscape.family import minimum_card

UNIT_VARIANCE = "unit-variance"


@measure(
    minimum_card(
        slug="relative-flatness",
        title="Relative flatness",
        formula=r"\sum_{s,s'} \langle w_s, w_{s'}\rangle \operatorname{Tr} H_{s,s'} = "
        r"\tfrac1N\sum_i \lVert\phi_i\rVert^2\big(\textstyle\sum_s p_s G_{ss} - p^\top G p\big),\ G = WW^\top",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        reliable_from="200 samples",
        pitfalls="Uses the last linear layer only (its bias left out). With features as given, a factor of its own "
        "for each unit of the last hidden layer changes it; with unit variance it does not. A mean over "
        "samples: code that sums over batches gives N/batch times as much.",
        source="Petzka et al. 2021, definition 3; closed form for cross-entropy",
        parameters=(
            Parameter(
                name="features",
                default="as-given",
                choices=("as-given", UNIT_VARIANCE),
                help="Whether each feature is first divided by its spread, and its weights multiplied by it.",
            ),
        ),
        tolerance=1e-4,
    ),
)
def relative_flatness(subject: Subject, *, features: str) -> Measurement:
    """Curvature of the loss in the last layer, weighted by the size of its weights."""
    weight, seen, logits = (t.double() for t in last_linear(subject))
    if features == UNIT_VARIANCE:
        spread = seen.std(0)
        # Dead features have no spread and no say: they are zero, or shift the logits like a bias.
        spread[spread == 0] = 1
        seen, weight = seen / spread, weight * spread
    gram = weight @ weight.T
    p = logits.softmax(1)
    spread_of_logits = p @ gram.diagonal() - ((p @ gram) * p).sum(1)
    samples = (seen.square().sum(1) * spread_of_logits.clamp_min(0)).cpu()
    return Measurement(float(samples.mean()), group_means(samples, subject))
