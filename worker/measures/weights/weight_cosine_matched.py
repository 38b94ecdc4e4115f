"""Cosine similarity of two networks' weights after the units of one are matched to the other's."""

from dataclasses import replace

from kinscape.backend.contracts.cards import Card, Change, Direction, Family, Input, Pace, Role, Topic, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.effective import without_parametrizations
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.memo import Memo
from kinscape.worker.permutations.matching import with_matched_units
from kinscape.worker.spectra.flat_weights import check_alike, flat


@measure(
    Card(
        slug="weight-cosine-matched",
        version=2,
        title="Weight cosine, units matched",
        family=Family.WEIGHTS,
        topic=Topic.WEIGHT_SIMILARITY,
        formula=r"\frac{\langle \theta_a, \pi(\theta_b)\rangle}{\lVert\theta_a\rVert\,\lVert\theta_b\rVert},\quad "
        r"\pi = \arg\max_\pi \langle \theta_a, \pi(\theta_b)\rangle",
        input=Input.NETWORK,
        low=-1.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        symmetric=False,
        ignores={Change.PERMUTE_UNITS},
        role=Role.HELD_OUT,
        uncertainty=Uncertainty.EXACT,
        reliable_from="any two networks of one architecture",
        pitfalls="The second network's units are matched to the first's, one layer after the other; this finds a "
        "local best, so the other direction can differ slightly. Layers that share units through shortcuts move "
        "together, heads of attention with what is in them; what is cut or joined unit by unit (padded shortcuts, "
        "dense blocks, gates of recurrent layers) keeps its order. The best of many orders is above 0 for independent "
        "networks. Samples are read only to see that the reordered network gives the same outputs.",
        source="Ainsworth et al. 2023, algorithm 1 (weight matching)",
        pace=Pace.PATH,
    ),
)
def weight_cosine_matched(a: Subject, b: Subject) -> Measurement:
    """Cosine of the angle between two networks' parameters after the best reordering of units."""
    a, b = (replace(s, module=without_parametrizations(s.module), memo=Memo()) for s in (a, b))
    first, second = (flat(s.weights, tensors="all") for s in (a, b))
    check_alike(first, second)
    twin, notes = with_matched_units(a, b)
    there = flat(twin.weights, tensors="all")
    lengths = first.values.norm() * second.values.norm()
    if not float(lengths) > 0:
        raise Undefined("All weights are zero, so the angle is 0/0.")
    cosine = float((first.values @ there.values / lengths).clamp(-1, 1))
    before = float((first.values @ second.values / lengths).clamp(-1, 1))
    return Measurement(cosine, notes={"before_matching": before, **notes})
