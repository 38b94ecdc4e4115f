"""Why a file is not taken."""

from collections.abc import Iterable
from typing import Any


class Refusal(Exception):
    """The file cannot be used; the sentence says what to change."""


# A flag of a member of a zip archive.
ENCRYPTED = 1
# Enough to tell one name from another.
LONGEST = 80


def check_readable(members: Iterable[Any]) -> None:
    """Refuse a zip archive that needs a password."""
    if any(member.flag_bits & ENCRYPTED for member in members):
        raise Refusal("The archive is encrypted: save it without a password, and upload it again.")


def quoted(name: object) -> str:
    """A name from a file, short and without surprises.

    What is no text is told by its kind: a file may nest things so that writing them out would never end.
    """
    if isinstance(name, float) or (isinstance(name, int) and name.bit_length() <= 64):
        name = str(name)
    text = repr(name[: 2 * LONGEST]) if isinstance(name, str) else f"something of type {type(name).__name__}"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "…'"
