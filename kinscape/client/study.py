"""A study: preregistered, run, read."""

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinscape.backend.contracts import studies as contract
from kinscape.client.comparison import Comparison
from kinscape.client.http import ClientError, Http

# What a spreadsheet takes for a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
# Columns of ``results``, in the order of a paper's table.
COLUMNS = (
    "suite",
    "measure",
    "title",
    "contrast",
    "kind",
    "effect",
    "low",
    "high",
    "low_both",
    "high_both",
    "statistic",
    "p",
    "p_adjusted",
    "p_opposite",
    "p_opposite_adjusted",
    "n",
    "unit",
    "test",
    "sentence",
    "equivalent_within",
    "adjustment",
)


class Study:
    """A study on the server."""

    def __init__(self, http: Http, data: dict[str, Any]) -> None:
        self._http = http
        self._data = contract.Study.model_validate(data)
        self._found: contract.StudyResults | None = None

    @property
    def id(self) -> int:
        """Its number."""
        return self._data.id

    @property
    def name(self) -> str:
        """Its name."""
        return self._data.name

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self._http.url}/study/{self.id}"

    @property
    def details(self) -> contract.Study:
        """Everything about it, as last seen."""
        return self._data

    @property
    def state(self) -> contract.StudyState:
        """``draft``, ``registered``, ``running``, ``done``, ``failed`` or ``cancelled``, asked now."""
        self.refresh()
        return self._data.state

    @property
    def comparison(self) -> Comparison:
        """The comparison that holds its numbers.

        Raises:
            ClientError: it was not run yet.
        """
        if self._data.comparison is None:
            raise ClientError("This study has not been run yet.", status=409)
        return Comparison(self._http, self._http.get(f"/comparisons/{self._data.comparison}"))

    def refresh(self) -> None:
        """Ask the server how far it is."""
        self._set(self._http.get(f"/studies/{self.id}"))

    def change(self, *, name: str | None = None, notes: str | None = None, **asked: Any) -> None:
        """Give it another name, other notes, ``roles`` or ``level``; after preregistration the latter are listed."""
        wanted = {"name": name, "notes": notes, **asked}
        self._set(self._http.patch(f"/studies/{self.id}", json={k: v for k, v in wanted.items() if v is not None}))

    def preregister(self, *, level: float | None = None) -> contract.Registration:
        """Freeze question, roles, measures and level, with a hash and the time, before anything is computed.

        Raises:
            ClientError: it is frozen already, or has run.
        """
        self._set(self._http.post(f"/studies/{self.id}/preregister", json={"level": level}))
        if self._data.registration is None:
            raise ClientError("The server did not register this study.")
        return self._data.registration

    def run(self) -> "Study":
        """Compute what it needs; run again, what failed or was cancelled is computed again."""
        self._set(self._http.post(f"/studies/{self.id}/run"))
        return self

    def wait(self, *, timeout_s: float | None = None, show: bool | None = None) -> "Study":
        """Wait until its numbers are there.

        Raises:
            ClientError: it was not run yet.
            TimeoutError: they were not there in time.
        """
        self.comparison.wait(timeout_s=timeout_s, show=sys.stderr.isatty() if show is None else show)
        self.refresh()
        return self

    @property
    def found(self) -> contract.StudyResults:
        """What it found, as far as its numbers are there.

        Raises:
            ClientError: it was not run yet.
        """
        if self._found is None or self._data.state is contract.StudyState.RUNNING:
            self._found = contract.StudyResults.model_validate(self._http.get(f"/studies/{self.id}/results"))
        return self._found

    @property
    def results(self) -> Any:
        """One row for each effect, as a pandas DataFrame (pandas must be installed)."""
        import pandas  # an optional dependency: only this needs it

        rows = [effect.model_dump() for effect in self.found.effects]
        return pandas.DataFrame(rows, columns=list(COLUMNS))

    @property
    def verdict(self) -> list[str]:
        """The sentences of its page."""
        return self.found.verdict

    def csv(self) -> str:
        """All effects as CSV; text that a spreadsheet would run stays text."""
        return effects_csv(self.found)

    def bundle(self, path: str | Path, *, files: bool = True) -> Path:
        """Everything that its numbers depend on, the numbers and their hashes, as one zip archive.

        ``kinscape verify`` says whether one was changed, ``kinscape reproduce`` computes it again elsewhere.

        Args:
            files: whether checkpoints and probe sets are in it; else it refers to them by hash.

        Raises:
            ClientError: it was not run yet.
        """
        path = Path(path)
        self._http.download(f"/studies/{self.id}/bundle?files={str(files).lower()}", path)
        return path

    def delete(self) -> None:
        """Delete it, unless it is preregistered; its comparison stays."""
        self._http.delete(f"/studies/{self.id}")

    def _set(self, data: dict[str, Any]) -> None:
        self._data = contract.Study.model_validate(data)
        self._found = None


def asked(template: str, roles: dict[str, Any] | None, options: dict[str, Any]) -> dict[str, Any]:
    """The body of a request for a study; checkpoints by value, number or name."""
    named = {role: _selector(chosen) for role, chosen in (roles or {}).items()}
    for key in ("probe", "train_probe"):
        if options.get(key) is not None and not isinstance(options[key], (int, str)):
            options[key] = options[key].id
    if options.get("also_on") is not None:
        options["also_on"] = [one if isinstance(one, (int, str)) else one.id for one in options["also_on"]]
    return {"template": template, "roles": named, **{k: v for k, v in options.items() if v is not None}}


def _selector(chosen: Any) -> Any:
    if isinstance(chosen, str):
        return chosen
    some: Sequence[Any] = chosen if isinstance(chosen, (list, tuple)) else [chosen]
    return [one if isinstance(one, (int, str)) else one.id for one in some]


def effects_csv(found: contract.StudyResults) -> str:
    """All effects of a study as CSV; text that a spreadsheet would run stays text."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for effect in found.effects:
        values = effect.model_dump()
        table.writerow([_field(values[name]) for name in COLUMNS])
    return out.getvalue()


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = repr(value) if isinstance(value, float) else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in FORMULAS else text
