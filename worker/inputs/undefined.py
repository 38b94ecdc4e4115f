"""The reason why a measure has no number for what it was given."""


class Undefined(ValueError):
    """A number does not exist for this input; the sentence is shown instead of it."""


class NeedsMore(Undefined):
    """A checkpoint holds less than the number needs, such as its weights alone; another upload may hold it."""
