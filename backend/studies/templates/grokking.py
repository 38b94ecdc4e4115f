"""When networks generalise after they have learned, and what changes meanwhile."""

from kinscape.backend.studies.headlines.delays import delayed
from kinscape.backend.studies.template import Role, Template
from kinscape.backend.studies.trajectories import Trajectories

TEMPLATE = Template(
    name="grokking",
    title="Grokking",
    question="How long after learning the train samples do networks generalise, and what changes in between?",
    method="Every measure against the step, run by run. The delay is from the first step with a train accuracy of 0.99 "
    "to the first with a held-out accuracy of 0.95. A run that never gets there is censored: its delay is longer than "
    "what was watched. Groups of runs are compared by an exact Gehan test, which takes no more from a censored run.",
    source="Power et al. 2022; the paper on learning with SVD-decomposed layers and grokking, ours",
    roles=(
        Role(
            "run",
            "Checkpoints of runs",
            "with a run and a step; groups are compared",
            2,
            lambda one, _: bool(one.run) and one.step is not None,
        ),
    ),
    measures=(
        "accuracy",
        "generalisation-gap",
        "train-loss",
        "effective-rank",
        "stable-rank",
        "l2-norm",
        "spectral-entropy",
    ),
    needs_train=True,
    analyses=(Trajectories("run"),),
    headline=delayed,
    pitfalls=(
        "Steps are known only as finely as checkpoints were kept: a delay is right to within their distance.",
        "A decomposed layer trains at another effective rate: compare with a control whose rate was matched.",
        "Each seed's own split of the data needs its own probe sets, and so a study of its own.",
    ),
)
