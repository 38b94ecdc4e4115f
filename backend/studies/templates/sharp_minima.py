"""Whether flatter minima come with better calibration and robustness."""

from kinscape.backend.studies.conditions import Conditions
from kinscape.backend.studies.goes_with import GoesWith
from kinscape.backend.studies.headlines.recipes import sharp_and_safe
from kinscape.backend.studies.recipes import is_base, is_condition
from kinscape.backend.studies.template import Role, Template

TEMPLATE = Template(
    name="sharp-minima",
    title="Sharp minima",
    question="Do conditions that change sharpness change calibration and robustness, and does one go with the other?",
    method="Each condition is compared with the baseline measure by measure: exact one-sided Wilcoxon signed-rank "
    "tests paired by seed, with rank-biserial effects, adjusted within each suite (Westfall & Young; Mann–Whitney and "
    "Benjamini–Yekutieli where nothing pairs); p of a direction that was not expected is doubled. Sharpness "
    "and safety are then associated over networks, raw and controlling for train loss.",
    source="Jiang et al. 2020; Andriushchenko et al. 2023; the papers on sharp minima, calibration and robustness, "
    "ours",
    roles=(
        Role("base", "Baseline", "plain training, several seeds", 2, is_base),
        Role("condition", "Conditions", "other recipes; each group is one", 2, is_condition),
    ),
    measures=(
        "accuracy",
        "nll",
        "ece-debiased",
        "corruption-accuracy",
        "noise-accuracy",
        "hessian-trace",
        "hessian-top-eigenvalue",
        "sam-sharpness",
        "fisher-rao-norm",
        "relative-flatness",
        "train-loss",
    ),
    needs_train=True,
    analyses=(
        Conditions("base", "condition"),
        GoesWith(predictors=("sharpness",), outcomes=("safety",)),
    ),
    headline=sharp_and_safe,
    pitfalls=(
        "Sharpness is measured on clean train samples, one set for all: an augmented run is otherwise compared on data "
        "that it never saw.",
        "How far training went decides both sharpness and calibration. Read the association controlling for train loss "
        "beside the raw one.",
        "Associations are over the networks of these conditions, which were chosen: inside one they may differ.",
        "Sharpness of weights changes under rescaling that leaves the function alone: trust what relative and adaptive "
        "measures say as well.",
        "Seeds of different conditions are paired by a tag; where they also share their start, say so (init_of).",
    ),
)
