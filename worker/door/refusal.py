"""Why a file is not taken."""


class Refusal(Exception):
    """The file cannot be used; the sentence says what to change."""


# Enough to tell one name from another.
LONGEST = 80


def quoted(name: object) -> str:
    """A name from a file, short and without surprises.

    What is no text is told by its kind: a file may nest things so that writing them out would never end.
    """
    text = repr(name[: 2 * LONGEST]) if isinstance(name, str) else f"something of type {type(name).__name__}"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "…'"
