"""Verbs for who looks after an installation on its machine: `kinscape backup`, `restore`, `doctor`."""

import argparse
import os
import sys
from pathlib import Path

from kinscape.client import ClientError

VERBS = ("backup", "restore", "doctor")


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", usual: Path) -> None:
    """The grammar of these verbs."""
    backup = verbs.add_parser("backup", help="write database and files to one file, while Kinscape runs or not")
    backup.add_argument("file", type=Path)
    restore = verbs.add_parser("restore", help="fill an empty installation from a backup")
    restore.add_argument("file", type=Path)
    doctor = verbs.add_parser("doctor", help="say what is wrong with an installation")
    doctor.add_argument("--every-byte", action="store_true", help="compare each stored file with its hash")
    for verb in (backup, restore, doctor):
        verb.add_argument(
            "--data",
            type=Path,
            help=f"data folder of `kinscape up` (default {usual}, or the settings in the environment)",
        )


def act(given: argparse.Namespace, usual: Path) -> int:
    """Carry out one of these verbs."""
    # SQLAlchemy and Alembic belong to the server; loading them would slow every other verb.
    from kinscape.upkeep.places import CannotDo

    data = given.data or (None if os.environ.get("KINSCAPE_DATABASE_URL") else usual)
    data = None if data is None else data.expanduser().resolve()
    try:
        return {"backup": _back_up, "restore": _restore, "doctor": _examine}[given.verb](given, data)
    except CannotDo as sentence:
        raise ClientError(str(sentence)) from sentence


def _back_up(given: argparse.Namespace, data: Path | None) -> int:
    from kinscape.upkeep import backup
    from kinscape.upkeep.places import opened

    with opened(data) as place:
        manifest = backup.back_up(place, given.file)
    for sentence in backup.sentences(manifest):
        print(sentence)
    return 0


def _restore(given: argparse.Namespace, data: Path | None) -> int:
    from kinscape.upkeep import backup, restoring
    from kinscape.upkeep.places import opened

    if not given.file.is_file():
        raise ClientError(f"There is no file {given.file}.")
    with opened(data, is_new=True) as place:
        manifest = restoring.restore(given.file, place)
    for sentence in backup.sentences(manifest):
        print(sentence)
    return 0


def _examine(given: argparse.Namespace, data: Path | None) -> int:
    from kinscape.upkeep import doctor

    marks = {doctor.Level.FINE: "   ", doctor.Level.NOTE: " ! ", doctor.Level.WRONG: "!! "}
    worst = 0
    for finding in doctor.examine(data, every_byte=given.every_byte):
        print(f"{marks[finding.level]}{finding.sentence}", flush=True)
        worst |= finding.level is doctor.Level.WRONG
    if worst:
        print("Something is wrong: see the lines marked !!", file=sys.stderr)
    return int(worst)
