"""Sample logs of the language model evaluation harness (``--log_samples``): one JSON object per line and sample."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinscape.importing.answers import Answers, CannotImport, number, of_choices, of_scores

# What a score is called where a task has no choices, most telling first.
SCORES = ("exact_match", "acc", "pass@1", "f1", "contains", "bleu_acc", "rougeL_acc")
FILE = re.compile(r"samples_(?P<task>.+?)(_\d{4}-\d{2}-\d{2}T[\d.:-]+)?$")
FEWEST_CHOICES = 2
LETTERS = "ABCDEFGHIJ"


def read(path: Path) -> Answers:
    """One model's log of one task: log-likelihoods of the choices, or whether each answer was right.

    Raises:
        CannotImport: it is no such log.
    """
    lines = _lines(path)
    # A task with several filters logs each sample once for each of them.
    first = lines[0].get("filter")
    lines = [line for line in lines if line.get("filter") == first]
    ids = tuple(f"{line.get('doc_id')} {line.get('doc_hash', '')}".strip() for line in lines)
    if len(set(ids)) < len(ids):
        raise CannotImport(f"{path.name} holds a sample twice: give one log of one run.")
    found = FILE.fullmatch(path.stem)
    # A model's logs lie in its folder.
    name = path.resolve().parent.name if found else path.stem
    task = found["task"] if found else ""
    choices = [_likelihoods(line) for line in lines]
    if all(len(c) >= FEWEST_CHOICES for c in choices):
        targets = [_target(line, len(c)) for line, c in zip(lines, choices, strict=True)]
        labels = None if None in targets else tuple(int(t or 0) for t in targets)
        told = ["Outputs are the log-likelihoods of the choices, not divided by their lengths."]
        if labels is None:
            told.append("Which choice is right could not be read, so there are no labels.")
        if len({len(c) for c in choices}) > 1:
            told.append(
                "Samples offer different numbers of choices; those that are not offered lie far below the others, so "
                "representational measures of the outputs say little."
            )
        return Answers(name, task, ids, of_choices(choices), labels, are_probabilities=False, told=tuple(told))
    key, scores = _scores(lines, path)
    told = [f"The task has no choices: whether an answer was right ({key}) is what is compared."]
    labels = (1,) * len(scores)
    return Answers(name, task, ids, of_scores(scores), labels, are_probabilities=True, told=tuple(told))


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if line.strip()]
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CannotImport(f"{path.name} is not a line of JSON per sample: {str(error)[:100]}.") from error
    if not lines or not all(isinstance(line, dict) and "doc_id" in line for line in lines):
        raise CannotImport(f"{path.name} is no sample log of the harness: run it with --log_samples.")
    return lines


def _likelihoods(line: dict[str, Any]) -> list[float]:
    """Log-likelihoods of a sample's choices; empty where it has none."""
    given = line.get("filtered_resps", line.get("resps"))
    out = []
    for one in given if isinstance(given, list) else []:
        # A response stands in a list of its repeats, where no filter took it out.
        while isinstance(one, list) and one and isinstance(one[0], list):
            one = one[0]
        value = number(one[0]) if isinstance(one, list) and len(one) == 2 else None
        if value is None:
            return []
        out.append(value)
    return out


def _target(line: dict[str, Any], choices: int) -> int | None:
    """The number of the right choice: told by number, by letter, or by its text; None where these disagree.

    Where a choice is itself a number, whether the log calls the answer right tells which is meant.
    """
    target = line.get("target")
    text = str(target).strip()
    meant = set()
    if text.isdecimal() and int(text) < choices:
        meant.add(int(text))
    if len(text) == 1 and text in LETTERS[:choices]:
        meant.add(LETTERS.index(text))
    texts = [t.strip() for t in _continuations(line.get("arguments"))]
    if not isinstance(target, int) and texts.count(text) == 1:
        meant.add(texts.index(text))
    right = number(line.get("acc"))
    if len(meant) > 1 and right is not None:
        rated = _likelihoods(line)
        best = rated.index(max(rated))
        meant = {best} & meant if right == 1 else meant - {best}
    return meant.pop() if len(meant) == 1 else None


def _continuations(arguments: Any) -> list[str]:
    """What the model was asked to rate: a list of pairs, or a dictionary of dictionaries in newer logs."""
    values: Sequence[Any] = list(arguments.values()) if isinstance(arguments, dict) else arguments or []
    out = []
    for one in values:
        parts = list(one.values()) if isinstance(one, dict) else one
        out.append(str(parts[1]) if isinstance(parts, list | tuple) and len(parts) > 1 else "")
    return out


def _scores(lines: list[dict[str, Any]], path: Path) -> tuple[str, list[float]]:
    listed = lines[0].get("metrics")
    others = [m for m in listed if isinstance(m, str)] if isinstance(listed, list) else []
    for key in (*SCORES, *others):
        scores = [number(line.get(key)) for line in lines]
        if all(s is not None and 0 <= s <= 1 for s in scores):
            return key, [float(s or 0) for s in scores]
    raise CannotImport(f"{path.name} holds neither choices nor a score from 0 to 1 for each sample.")
