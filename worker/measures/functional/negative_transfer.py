"""Whether a student took over its teacher's mistakes."""

from torch import Tensor

from kinscape.backend.contracts.cards import Change, Direction, Uncertainty
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.functional.family import output_card


def asymmetry(student: Outputs, teacher: Outputs) -> Tensor:
    """Agreement where the teacher is wrong minus agreement where it is right."""
    agree = (student.predictions == teacher.predictions).to(teacher.logits.dtype)
    right = teacher.right
    wrongs, rights = (1 - right).sum(), right.sum()
    if not float(wrongs) or not float(rights):
        which = "right" if not float(wrongs) else "wrong"
        raise Undefined(f"The second model is always {which} on these samples, so there is nothing to compare.")
    return (agree * (1 - right)).sum() / wrongs - (agree * right).sum() / rights


@measure(
    output_card(
        slug="negative-transfer",
        title="Negative transfer",
        formula=r"\Delta(s, t) - \tfrac1{|K|}\sum_{k \in K} \Delta(k, t),\quad "
        r"\Delta(s, t) = \mathrm{agree}(s, t \mid t \text{ wrong}) - \mathrm{agree}(s, t \mid t \text{ right})",
        low=-2.0,
        high=2.0,
        direction=Direction.NEITHER,
        symmetric=False,
        ignores={Change.SHIFT_LOGITS, Change.SCALE_LOGITS},
        needs_labels=True,
        uncertainty=Uncertainty.JACKKNIFE,
        reliable_from="50 samples that the teacher gets wrong, and three controls",
        pitfalls="First the student, then the teacher. Without controls the difference ranks a random guesser "
        "highest: it agrees as often where the teacher is wrong as where it is correct. Controls are models "
        "that never saw the teacher.",
        source="After the papers on distillation as transfer of functions, ours: agreement on mistakes against "
        "controls",
        has_chance_level=False,
        references=(1, 100),
        references_help="the controls, models that did not learn from the teacher.",
    ),
    undefined="The teacher is always right, or always wrong, on these samples.",
)
def negative_transfer(student: Outputs, teacher: Outputs) -> Tensor:
    """How much more than unrelated models a student repeats its teacher's mistakes."""
    if not student.references:
        raise Undefined("This measure needs controls: models that did not learn from the teacher.")
    own = asymmetry(student, teacher)
    for control in student.references:
        own = own - asymmetry(control, teacher) / len(student.references)
    return own
