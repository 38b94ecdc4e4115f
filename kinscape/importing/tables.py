"""Tables of outputs: a line for each sample, a column for each class, and where known an id and a label."""

import csv
from pathlib import Path

import numpy as np

from kinscape.importing.answers import Answers, CannotImport

IDS = ("id", "sample", "sample_id", "index")
LABELS = ("label", "labels", "y", "target", "class")
# Rounded to two digits, three probabilities miss 1 by so much.
NEAR_ONE = 0.02
FEWEST_CLASSES = 2
TAB = "\t"
# What was predicted follows from the outputs.
PREDICTED = ("pred", "prediction", "predicted", "predicted_class")


def read(path: Path) -> Answers:
    """One model's outputs: probabilities where every line is one distribution, else logits.

    Raises:
        CannotImport: it is no table of numbers.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file, delimiter=TAB if path.suffix.lower() == ".tsv" else ",") if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CannotImport(f"{path.name} is no table of text: save it as CSV in UTF-8.") from error
    if len(rows) < 2 or {len(r) for r in rows} != {len(rows[0])}:
        raise CannotImport(f"{path.name} needs a first line of names, and as many values in every line.")
    head, body = [name.strip() for name in rows[0]], rows[1:]
    id_at = next((k for k, name in enumerate(head) if name.lower() in IDS), None)
    label_at = next((k for k, name in enumerate(head) if name.lower() in LABELS), None)
    classes = [k for k in range(len(head)) if k not in (id_at, label_at) and head[k].lower() not in PREDICTED]
    names = tuple(head[k] for k in classes)
    if len(set(names)) < len(names):
        raise CannotImport(f"{path.name} names a class twice.")
    if len(classes) < FEWEST_CLASSES:
        raise CannotImport(f"{path.name} needs a column for each of at least {FEWEST_CLASSES} classes.")
    try:
        outputs = np.array([[float(row[k]) for k in classes] for row in body])
    except ValueError as error:
        raise CannotImport(f"{path.name} holds text where a number belongs: {str(error)[:80]}.") from error
    if not np.isfinite(outputs).all():
        raise CannotImport(f"{path.name} holds values that are NaN or infinite.")
    ids = () if id_at is None else tuple(row[id_at] for row in body)
    if len(set(ids)) < len(ids):
        raise CannotImport(f"{path.name} holds a sample twice.")
    sums = outputs.sum(1)
    are = bool((outputs >= 0).all()) and bool((abs(sums - 1) <= NEAR_ONE).all())
    labels = None if label_at is None else _labels([row[label_at] for row in body], list(names), path)
    outputs = outputs / sums[:, None] if are else outputs
    told = (f"Outputs were read as {'probabilities' if are else 'logits'} of {len(classes)} classes.",)
    return Answers(path.stem, "", ids, outputs, labels, are_probabilities=are, classes=names, told=told)


def _labels(given: list[str], classes: list[str], path: Path) -> tuple[int, ...]:
    """Class numbers: by the names of the columns, or as they are."""
    numbers = {name: k for k, name in enumerate(classes)}
    if not all(g.strip() in numbers for g in given) and all(g.strip().isdecimal() for g in given):
        found = tuple(int(g) for g in given)
        if max(found) < len(classes):
            return found
    wrong = next((g for g in given if g.strip() not in numbers), None)
    if wrong is not None:
        raise CannotImport(f"{path.name}: the label {wrong!r} is neither a class number nor the name of a column.")
    return tuple(numbers[g.strip()] for g in given)
