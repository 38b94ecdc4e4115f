"""What makes a good prune: how training changes what can be taken away."""

from kinscape.backend.studies.conditions import Conditions
from kinscape.backend.studies.goes_with import GoesWith
from kinscape.backend.studies.headlines.recipes import HowMuch
from kinscape.backend.studies.recipes import is_base, is_condition
from kinscape.backend.studies.template import Role, Template

TEMPLATE = Template(
    name="good-prune",
    title="A good prune",
    question="How much can be pruned without loss of similarity, and which training allows more?",
    method="The optimum of the curve of pruning in closed form, its safe share, accuracy there, the kurtosis of the "
    "weights and its own kurtosis over tensors, condition by condition against the baseline: exact one-sided Wilcoxon "
    "signed-rank tests paired by seed, adjusted over all of them (Westfall & Young); and whether heavier tails go with "
    "a larger optimum.",
    source="The paper on what makes a good prune, ours",
    roles=(
        Role("base", "Baseline", "plain training, or the networks before training", 2, is_base),
        Role("condition", "Conditions", "other recipes; each group is one", 2, is_condition),
    ),
    measures=(
        "prune-optimum",
        "prune-safe",
        "kurtosis",
        "kurtosis-of-kurtoses",
        "sparsity",
        "accuracy",
        "prune-accuracy",
    ),
    analyses=(
        # What allows more to be pruned has a larger optimum and heavier tails.
        Conditions("base", "condition", rising=("prune-optimum", "prune-safe", "kurtosis", "sparsity")),
        GoesWith(
            predictors=("kurtosis", "kurtosis-of-kurtoses"),
            outcomes=("prune-optimum", "prune-safe"),
            by_definition=(("kurtosis-of-kurtoses", "prune-safe"),),
        ),
    ),
    headline=HowMuch("prune-optimum", "prune-safe", "prune-accuracy", "accuracy"),
    pitfalls=(
        "The safe share is a rule: the optimum over the logarithm of the kurtosis of kurtoses. Nothing is measured "
        "there.",
        "The optimum balances similarity of weights against what is taken away; accuracy after pruning is that of a "
        "copy pruned there, before any training that might win back what it lost.",
        "The optimum is that of the whole network, all matrices pruned together by size.",
        "Kurtosis and the optimum are two readings of one distribution of weights: that they go together is no "
        "surprise.",
    ),
)
