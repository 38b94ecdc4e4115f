"""Logs of Inspect: a JSON file, or an archive of one JSON file per sample (``.eval``)."""

import json
import zipfile
from pathlib import Path
from typing import Any

from kinscape.importing.answers import Answers, CannotImport, number, of_scores

# How scorers write whether an answer is right.
VALUES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
CONVERT = "write it as JSON with: inspect log convert LOG --to json --output-dir DIR"


def read(path: Path) -> Answers:
    """One model's log of one task: how often each sample was answered right, over its epochs.

    Raises:
        CannotImport: it is no such log, holds no samples, or is packed in a way that is not read here.
    """
    header, samples = _archive(path) if zipfile.is_zipfile(path) else _document(path)
    about = header.get("eval")
    if not isinstance(about, dict) or not samples:
        raise CannotImport(f"{path.name} is no log of Inspect with samples.")
    right: dict[str, list[float]] = {}
    scorer = ""
    for sample in samples:
        scores = sample.get("scores")
        if not isinstance(scores, dict) or not scores:
            raise CannotImport(f"{path.name}: the sample {sample.get('id')!r} was not scored.")
        scorer = scorer or next(iter(scores))
        score = scores.get(scorer)
        value = score.get("value") if isinstance(score, dict) else None
        found = VALUES.get(value) if isinstance(value, str) and value in VALUES else number(value)
        if found is None or not 0 <= found <= 1:
            raise CannotImport(f"{path.name}: the score {scorer} of {sample.get('id')!r} is no part from 0 to 1.")
        right.setdefault(str(sample.get("id")), []).append(found)
    means = [sum(values) / len(values) for values in right.values()]
    told = [f"How often an answer was right ({scorer}) is what is compared."]
    if max(map(len, right.values())) > 1:
        told.append("Of several epochs the mean is taken; accuracy counts a sample that was right in more than half.")
    name, task = str(about.get("model", path.stem)), str(about.get("task", ""))
    labels = (1,) * len(means)
    return Answers(name, task, tuple(right), of_scores(means), labels, are_probabilities=True, told=tuple(told))


def _document(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CannotImport(f"{path.name} is not JSON: {str(error)[:100]}.") from error
    if not isinstance(value, dict):
        raise CannotImport(f"{path.name} is no log of Inspect.")
    samples = value.get("samples")
    return value, [s for s in samples if isinstance(s, dict)] if isinstance(samples, list) else []


def _archive(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "header.json" not in names:
                raise CannotImport(f"{path.name} has no header: the run was not finished, or it is another archive.")
            header = json.loads(archive.read("header.json"))
            samples = [json.loads(archive.read(n)) for n in sorted(names) if n.startswith("samples/")]
    except (NotImplementedError, RuntimeError) as error:
        raise CannotImport(f"{path.name} is packed in a way that is not read here: {CONVERT}.") from error
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        if isinstance(error, CannotImport):
            raise
        raise CannotImport(f"{path.name} is damaged or cut off.") from error
    return header if isinstance(header, dict) else {}, [s for s in samples if isinstance(s, dict)]
