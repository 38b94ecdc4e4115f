"""Answers that exist already: evaluation logs and tables of outputs, sent as recordings."""

from kinscape.importing.answers import Answers, CannotImport
from kinscape.importing.reading import read
from kinscape.importing.sending import send

__all__ = ["Answers", "CannotImport", "read", "send"]
