"""Which reader a file of answers needs: its content and its ending decide."""

import zipfile
from pathlib import Path

from kinscape.importing import inspect_logs, lm_eval, tables
from kinscape.importing.answers import Answers, CannotImport


def read(path: str | Path) -> Answers:
    """One model's answers: a sample log of the harness, a log of Inspect, or a table of outputs.

    Raises:
        CannotImport: the file is none of these, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise CannotImport(f"There is no file {path}.")
    ending = path.suffix.lower()
    if zipfile.is_zipfile(path) or ending in (".json", ".eval"):
        return inspect_logs.read(path)
    if ending == ".jsonl":
        return lm_eval.read(path)
    if ending in (".csv", ".tsv"):
        return tables.read(path)
    raise CannotImport(
        f"{path.name} is no file of answers: .jsonl of the harness (--log_samples), .json or .eval of Inspect, or .csv."
    )
