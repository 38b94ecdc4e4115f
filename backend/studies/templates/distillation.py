"""Whether a student takes over its teacher's function, beyond what start and order of data give."""

from collections.abc import Sequence

from kinscape.backend.studies.cast import Candidate
from kinscape.backend.studies.conditions import Conditions
from kinscape.backend.studies.headlines.nearness import Nearest, Students
from kinscape.backend.studies.matched import MatchedPairs
from kinscape.backend.studies.mistakes import EnoughMistakes
from kinscape.backend.studies.template import Role, Template


def _is_teacher(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    return any(other.teacher_id == one.id for other in everyone)


def _starts_like(one: Candidate, everyone: Sequence[Candidate], teacher_id: int | None) -> bool:
    teacher = next((c for c in everyone if c.id == teacher_id), None)
    if teacher is None or one.init_of_id is None:
        return False
    return one.init_of_id in (teacher.id, teacher.init_of_id)


def _is_mixed(one: Candidate, _: Sequence[Candidate]) -> bool:
    return one.teacher_id is not None and one.is_called("released", "mixed", "labels")


def _is_student(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    return one.teacher_id is not None and not _is_mixed(one, everyone) and _starts_like(one, everyone, one.teacher_id)


def _is_other_student(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    is_student = one.teacher_id is not None and not _is_mixed(one, everyone)
    return is_student and not _starts_like(one, everyone, one.teacher_id)


def _is_sibling(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    teachers = [c for c in everyone if _is_teacher(c, everyone)]
    is_trained = not one.is_called("untrained", "noise")
    return one.teacher_id is None and is_trained and any(_starts_like(one, everyone, t.id) for t in teachers)


def _is_independent(one: Candidate, everyone: Sequence[Candidate]) -> bool:
    groups = {c.group for c in everyone if _is_teacher(c, everyone)}
    return bool(one.group) and one.group in groups and not _is_teacher(one, everyone)


TEMPLATE = Template(
    name="distillation",
    title="Knowledge distillation",
    question="Do students take over the function of their own teacher, beyond what a shared start or order of data "
    "gives?",
    method="Each student is compared with its own teacher and with the others, by an exact permutation of students "
    "over teachers; and with controls that share the start or the order of data of the same teacher, by an exact "
    "sign-flip test. One-sided; each kind of test is adjusted over its contrasts (Westfall & Young); p of a "
    "direction that was not expected is doubled.",
    source="Stanton et al. 2021, does knowledge distillation really work; controls as in the papers on distillation as "
    "transfer of functions, ours",
    roles=(
        Role("teacher", "Teachers", "the networks that students learned from", 1, _is_teacher),
        Role("student", "Students", "learned from a teacher, from its start", 1, _is_student),
        Role(
            "other-start-student",
            "Students from another start",
            "learned from a teacher, from another start",
            0,
            _is_other_student,
        ),
        Role(
            "mixed-student",
            "Students of labels too",
            "learned from a teacher and from labels, from its start",
            0,
            _is_mixed,
        ),
        Role(
            "same-init-other-order",
            "Same start, other order",
            "trained on labels from the start of a teacher, with the data in another order",
            0,
            _is_sibling,
        ),
        Role(
            "other-init-same-order",
            "Other start, same order",
            "trained on labels from another start, with the data in a teacher's order",
            0,
            lambda one, _: one.is_called("same-order") and not one.is_called("same-init"),
        ),
        Role(
            "noise-student",
            "Students of noise",
            "learned from a teacher of random outputs",
            0,
            lambda one, _: one.is_called("noise"),
        ),
        Role(
            "independent",
            "Independent networks",
            "share nothing with a teacher; without them, the other teachers",
            0,
            _is_independent,
        ),
    ),
    measures=("activation-distance", "js-divergence", "disagreement", "negative-transfer", "accuracy"),
    references={"negative-transfer": ("independent", "other-init-same-order", "same-init-other-order")},
    analyses=(
        MatchedPairs(
            reference="teacher",
            unit="teachers",
            roles=(
                "student",
                "other-start-student",
                "mixed-student",
                "same-init-other-order",
                "other-init-same-order",
                "noise-student",
            ),
            unrelated="independent",
            own=("student", "other-start-student", "mixed-student", "noise-student"),
            contrasts=(
                ("student", "same-init-other-order"),
                ("student", "other-init-same-order"),
                ("student", "mixed-student"),
                ("mixed-student", "same-init-other-order"),
                ("student", "independent"),
                ("other-start-student", "independent"),
            ),
            rising=("negative-transfer",),
        ),
        EnoughMistakes("teacher", ("negative-transfer",)),
        Conditions(
            "teacher",
            "noise-student",
            described=(
                "student",
                "other-start-student",
                "mixed-student",
                "same-init-other-order",
                "other-init-same-order",
                "independent",
            ),
        ),
    ),
    headline=Students(
        Nearest("teacher", "independent"),
        "student",
        "mixed-student",
        "noise-student",
        (
            ("same-init-other-order", "the teacher's start"),
            ("other-init-same-order", "the teacher's order of data"),
        ),
    ),
    pitfalls=(
        "A student closer than an independent network may have that from the start it shares: read the contrast with "
        "the same start in another order.",
        "A student that was trained on labels too, or whose temperature was left out of the loss, is a control in "
        "disguise: compare it with plain training by the same optimiser.",
        "A teacher of noise knows nothing: what accuracy its students gain comes from softer targets.",
        "Negative transfer needs a teacher with at least 50 mistakes on the probe set, and controls that never saw it.",
        "With four teachers no sign-flip test of controls has a p below 1/16: add teachers, not samples.",
        "Independent networks are shared by all teachers: how far they are is a scale to read against, not a test.",
    ),
)
