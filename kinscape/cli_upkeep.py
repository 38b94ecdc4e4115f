"""Verbs for who looks after an installation on its machine: `kinscape backup`, `restore`, `doctor`, `token`."""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from kinscape.client import ClientError

VERBS = ("backup", "restore", "doctor", "token")


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", usual: Path) -> None:
    """The grammar of these verbs."""
    backup = verbs.add_parser("backup", help="write database and files to one file, while Kinscape runs or not")
    backup.add_argument("file", type=Path)
    restore = verbs.add_parser("restore", help="fill an empty installation from a backup")
    restore.add_argument("file", type=Path)
    doctor = verbs.add_parser("doctor", help="say what is wrong with an installation")
    doctor.add_argument("--every-byte", action="store_true", help="compare each stored file with its hash")
    token = verbs.add_parser("token", help="print the owner's token that the data folder keeps")
    token.add_argument("--new", action="store_true", help="make a new one: who was signed in has to sign in again")
    for verb in (backup, restore, doctor, token):
        verb.add_argument(
            "--data",
            type=Path,
            help=f"data folder of `kinscape up` (default {usual}, or the settings in the environment)",
        )


def act(given: argparse.Namespace, usual: Path) -> int:
    """Carry out one of these verbs."""
    # SQLAlchemy and Alembic belong to the server; loading them would slow every other verb.
    from kinscape.local.programs import CannotStart
    from kinscape.upkeep.places import CannotDo

    data = given.data or (None if os.environ.get("KINSCAPE_DATABASE_URL") else usual)
    data = None if data is None else data.expanduser().resolve()
    verbs = {"backup": _back_up, "restore": _restore, "doctor": _examine, "token": _token}
    try:
        return verbs[given.verb](given, data)
    except (CannotDo, CannotStart) as sentence:
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


def _token(given: argparse.Namespace, data: Path | None) -> int:
    from kinscape.local.tokens import is_given_otherwise, read_token, renew_token, running_address, token_file

    if data is None:
        raise ClientError("Name the data folder of `kinscape up` with --data; other servers are given their token.")
    file = token_file(data)
    if not file.is_file():
        raise ClientError(
            f"No token is kept in {data}: on loopback none is needed, and one given by KINSCAPE_TOKEN or --token is "
            "changed where it is given."
        )
    if is_given_otherwise(data):
        raise ClientError(
            "The Kinscape that runs on this folder was given its token by KINSCAPE_TOKEN or --token: it is changed "
            "where it is given, with a restart."
        )
    if not given.new and not read_token(file):
        raise ClientError(f"{file} is empty: make a token with --new.")
    print(renew_token(data) if given.new else read_token(file))
    with contextlib.suppress(OSError, ValueError, KeyError):
        print(f"Open {running_address(data)}", file=sys.stderr)
    return 0
