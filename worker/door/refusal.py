"""Why a file is not taken."""


class Refusal(Exception):
    """The file cannot be used; the sentence says what to change."""


def quoted(name: object) -> str:
    """A name from a file, short and without surprises."""
    text = repr(str(name))
    return text if len(text) <= 80 else text[:77] + "…'"
