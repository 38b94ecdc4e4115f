"""What probe sets are said to be, and what they are used as."""

from sqlalchemy.orm import Session

from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.probes import ProbeRole
from kinscape.backend.store import probes


def warnings(session: Session, held_out: int, train: int | None) -> list[str]:
    """Sentences about probe sets that are used as something else than they are said to be."""
    told = []
    tested = probes.get(session, held_out)
    if train == held_out:
        told.append(
            f"{short(tested.name)} is both the held-out and the train set: gaps between them are 0, and sharpness is "
            "that of held-out samples."
        )
    elif tested.role is ProbeRole.TRAIN:
        told.append(
            f"{short(tested.name)} is said to be train samples, which networks fit: accuracy, calibration and "
            "disagreement on it are not those of new samples."
        )
    if train is not None and train != held_out:
        learnt = probes.get(session, train)
        if learnt.role is not ProbeRole.TRAIN:
            told.append(f"The probe set {short(learnt.name)} is not said to be train samples.")
    return told
