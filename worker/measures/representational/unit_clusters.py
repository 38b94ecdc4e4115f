"""Whether groups of units of one layer are found in the other."""

from kinscape.backend.contracts.cards import Change, Direction, Parameter, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.measures.representational.family import layer_card
from kinscape.worker.similarity.matching import Units, silence, units_of
from kinscape.worker.similarity.unit_clusters import joint_clusters, overlap


@measure(
    layer_card(
        slug="unit-clusters",
        title="Shared clusters of units",
        formula=r"\operatorname{mean}_{2 \le k \le K} \sum_{c=1}^k "
        r"\min\Big(\frac{|c \cap X|}{|X|}, \frac{|c \cap Y|}{|Y|}\Big),\quad "
        r"c \text{ from spectral } k\text{-clustering of } |\mathrm{corr}| \text{ over } X \cup Y",
        low=0.0,
        high=1.0,
        identical=1.0,
        direction=Direction.HIGHER_IS_ALIKE,
        ignores={
            Change.PERMUTE_FEATURES,
            Change.SCALE_FEATURES,
            Change.SHIFT_FEATURES,
            Change.SCALE_EACH_FEATURE,
        },
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="100 samples, ten units per cluster",
        pitfalls="Many to many, unlike unit matching: a cluster may hold three units of one layer and five of the "
        "other. Where units of one layer hardly correlate, clusters are accidents and strangers share them: see the "
        "chance level. Intervals are about twice too wide. Units that never change are left out.",
        source="Li et al. 2016, section 4 (spectral clustering of the units of two networks); the overlap of shares is "
        "our summary of it",
        parameters=(Parameter(name="clusters", default=6, minimum=2, maximum=64, help="Most clusters; from 2 on."),),
        takes_positions=True,
    ),
    prepare=units_of,
)
def unit_clusters(x: Units, y: Units, *, clusters: int) -> Measurement:
    """Overlap of two layers' shares of units over clusters of both together, mean over numbers of clusters."""
    shared = [overlap(*both) for both in joint_clusters(x, y, clusters)]
    return Measurement(
        sum(shared) / len(shared),
        series={"clusters": [float(k + 2) for k in range(len(shared))], "overlap": [*shared]},
        warning=silence(x, y),
    )
