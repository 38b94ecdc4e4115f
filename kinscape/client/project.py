"""A project: checkpoints, probe sets and comparisons."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack

from kinscape.backend.contracts.fingerprints import Repeats
from kinscape.backend.contracts.plans import Plan
from kinscape.backend.contracts.probes import Probe
from kinscape.backend.contracts.projects import Project as ProjectData
from kinscape.backend.contracts.studies import StudyPlan
from kinscape.backend.contracts.uploads import State
from kinscape.client import study, upload
from kinscape.client.checkpoint import Checkpoint
from kinscape.client.comparison import Comparison
from kinscape.client.folders import one_file
from kinscape.client.http import ClientError, Http
from kinscape.client.study import Study
from kinscape.client.upload import plain

# Inspecting a small file takes about as long.
POLL_S = 0.1
# More than twice the longest time that the sandbox may take.
INSPECTION_S = 300


class Asked(TypedDict):
    """What a comparison is asked for with; as in the API, but checkpoints and probe sets by value, number or name."""

    checkpoints: Sequence[Checkpoint | int | str]
    probe: Probe | int | str
    measures: Sequence[str | dict[str, Any]]
    train_probe: NotRequired[Probe | int | str | None]
    also_on: NotRequired[Sequence[Probe | int | str]]
    layers: NotRequired[Sequence[str]]
    layer_pairs: NotRequired[str]
    reduction: NotRequired[str]
    precision: NotRequired[str]
    seed: NotRequired[int]
    name: NotRequired[str]
    detail_of: NotRequired[int]


class Project:
    """A project on the server."""

    def __init__(self, http: Http, data: dict[str, Any]) -> None:
        self._http = http
        self._data = ProjectData.model_validate(data)

    @property
    def id(self) -> int:
        """Its number."""
        return self._data.id

    @property
    def name(self) -> str:
        """Its name."""
        return self._data.name

    @property
    def details(self) -> ProjectData:
        """Everything that the server says of it."""
        return self._data

    def rename(self, name: str) -> None:
        """Give the project another name."""
        self.change(name=name)

    def change(self, *, name: str | None = None, notes: str | None = None) -> None:
        """Give the project another name, or other notes."""
        wanted = {k: v for k, v in (("name", name), ("notes", notes)) if v is not None}
        self._data = ProjectData.model_validate(self._http.request("PATCH", f"/projects/{self.id}", json=wanted).json())

    def delete(self) -> None:
        """Delete the project with all that is in it; for seven days it can be restored."""
        self._http.delete(f"/projects/{self.id}")

    def upload_checkpoint(
        self, path: str | Path, *, name: str | None = None, wait: bool = True, **description: Any
    ) -> Checkpoint:
        """Upload one checkpoint, a file or a folder of shards, and wait until it is inspected.

        Args:
            name: how it is called; the file's name without ending when left out.
            description: architecture, arguments, group, tags, parent, init_of, teacher (names),
                run, step, normalisation, class_order, metrics, weights (which set of weights of the file).

        Raises:
            ClientError: the file or the description was refused; the message says what to change.
        """
        path = Path(path)
        usual = path.resolve().name if path.is_dir() else path.stem
        about = {"name": name or usual, **{k: plain(v, k) for k, v in description.items() if v is not None}}
        with one_file(path) as file:
            number = upload.send(self._http, self.id, file, kind="checkpoint", description=about)
        return self.wait_for(number) if wait else self.checkpoint(number)

    def derive(
        self,
        operation: str,
        of: Sequence[Checkpoint | int | str] | Checkpoint | int | str,
        *,
        name: str,
        group: str = "",
        tags: dict[str, str] | None = None,
        **settings: Any,
    ) -> Checkpoint:
        """Make a checkpoint from others on the server, and wait until it is ready.

        Args:
            operation: ``prune`` (share, per_layer, at_random, seed), ``quantise`` (bits, per_tensor), ``reset``
                (layers; of the checkpoint and the one that they come from), ``randomise`` (layers, seed),
                ``average`` (of two or more), ``interpolate`` (at; from the first, 0, to the second, 1), ``merge``
                (alpha, rank_stabilised, transposed; a base and its LoRA adapter), ``difference`` (a tuned one and its
                base).
            of: what it is made of, by value, number or name.

        Raises:
            ClientError: it cannot be made; the message says why.
        """
        several: Sequence[Checkpoint | int | str] = [of] if isinstance(of, (Checkpoint, int, str)) else of
        body = {
            "name": name,
            "group": group,
            "tags": tags or {},
            "operation": {"kind": operation, **settings},
            "of": [one if isinstance(one, (int, str)) else one.id for one in several],
        }
        return self.wait_for(self._http.post(f"/projects/{self.id}/checkpoints/derive", json=body)["id"])

    def wait_for(self, number: int) -> Checkpoint:
        """Wait until a checkpoint is inspected."""
        return Checkpoint.of(self._http, self._inspected(f"/checkpoints/{number}"))

    def confirm(self, checkpoint: Checkpoint | int, *, architecture: str, arguments: dict[str, Any]) -> Checkpoint:
        """Say which architecture a checkpoint has, and wait until it is checked."""
        number = checkpoint if isinstance(checkpoint, int) else checkpoint.id
        body = {"architecture": architecture, "arguments": arguments}
        self._http.request("PATCH", f"/checkpoints/{number}", json=body)
        return self.wait_for(number)

    def upload_probe(self, path: str | Path, *, name: str | None = None, **description: Any) -> Probe:
        """Upload a probe set (arrays, a table, IDX, packed class folders of images) and wait until it is inspected."""
        path = Path(path)
        about = {"name": name or path.stem, **{k: v for k, v in description.items() if v is not None}}
        number = upload.send(self._http, self.id, path, kind="probe", description=about)
        return Probe.model_validate(self._inspected(f"/probes/{number}"))

    def add_digits(self, *, name: str, role: str = "held-out") -> Probe:
        """Add scikit-learn's digits: 1297 images for the role ``train``, else the 500 held out."""
        made = self._http.post(f"/projects/{self.id}/probes/digits", json={"name": name, "role": role})
        return Probe.model_validate(self._inspected(f"/probes/{made['id']}"))

    def _inspected(self, path: str) -> Any:
        deadline = time.monotonic() + INSPECTION_S
        while True:
            found = self._http.get(path)
            if found["state"] != State.INSPECTING:
                break
            if time.monotonic() > deadline:
                raise ClientError(f"{found['name']} is still being inspected after {INSPECTION_S} s.")
            time.sleep(POLL_S)
        if found["state"] == State.REFUSED:
            raise ClientError(f"{found['name']}: {found['reason']}", status=422, problem=found)
        return found

    def checkpoint(self, number: int) -> Checkpoint:
        """One checkpoint."""
        return Checkpoint.of(self._http, self._http.get(f"/checkpoints/{number}"))

    def checkpoints(self, *, newest: int | None = None) -> list[Checkpoint]:
        """All checkpoints, newest first; or so many of them alone."""
        if newest is not None:
            some = self._http.get(f"/projects/{self.id}/checkpoints", limit=newest)
            return [Checkpoint.of(self._http, c) for c in some]
        return [Checkpoint.of(self._http, c) for c in self._http.every(f"/projects/{self.id}/checkpoints")]

    def deleted_checkpoints(self) -> list[Checkpoint]:
        """Checkpoints that were deleted and can be restored, newest first."""
        return [Checkpoint.of(self._http, c) for c in self._http.every(f"/projects/{self.id}/checkpoints?deleted=true")]

    def tag(self, name: str, values: dict[int, str]) -> None:
        """Give checkpoints one tag, its value by number of the checkpoint; an empty value takes it away."""
        self._http.post(f"/projects/{self.id}/checkpoints/tag", json={"tag": name, "values": values})

    def upload_values(self, values: Mapping[int | str, Mapping[str, float]]) -> list[Checkpoint]:
        """Numbers that were computed elsewhere, such as with the library on a larger machine.

        They stand beside the computed ones in tables, columns and scatters of comparisons, marked as given.

        Args:
            values: by checkpoint (its number or name), numbers by name; others that were given before stay.

        Returns:
            the checkpoints as they are now.

        Raises:
            ClientError: a checkpoint is not there, or a number is not finite.
        """
        numbers = self._numbers(list(values), self.checkpoints, "checkpoint")
        there = {c.id: c for c in self.checkpoints()}
        out = []
        for number, given in zip(numbers, values.values(), strict=True):
            known = there.get(number) or self.checkpoint(number)
            out.append(known.edit(metrics={**known.metrics, **{name: float(v) for name, v in given.items()}}))
        return out

    def repeats(self) -> Repeats:
        """Equal files, shared tensors, and steps of runs that are not what their names say."""
        return Repeats.model_validate(self._http.get(f"/projects/{self.id}/repeats"))

    def probes(self) -> list[Probe]:
        """All probe sets, newest first."""
        return [Probe.model_validate(p) for p in self._http.every(f"/projects/{self.id}/probes")]

    def restore_checkpoint(self, number: int) -> Checkpoint:
        """Bring the deleted checkpoint of this number back."""
        return Checkpoint.of(self._http, self._http.post(f"/checkpoints/{number}/restore"))

    def deleted_probes(self) -> list[Probe]:
        """Probe sets that were deleted and can be restored, newest first."""
        return [Probe.model_validate(p) for p in self._http.every(f"/projects/{self.id}/probes?deleted=true")]

    def edit_probe(self, probe: Probe | int | str, **changes: str) -> Probe:
        """A probe set with another name or role; it is given by value, number or name."""
        number = self._numbers([probe], self.probes, "probe set")[0]
        return Probe.model_validate(self._http.request("PATCH", f"/probes/{number}", json=changes).json())

    def delete_probe(self, probe: Probe | int | str) -> None:
        """Delete a probe set about which nothing asks; for seven days it can be restored."""
        self._http.delete(f"/probes/{self._numbers([probe], self.probes, 'probe set')[0]}")

    def restore_probe(self, probe: Probe | int | str) -> Probe:
        """Bring a deleted probe set back."""
        number = self._numbers([probe], self.deleted_probes, "deleted probe set")[0]
        return Probe.model_validate(self._http.post(f"/probes/{number}/restore"))

    def comparisons(self) -> list[Comparison]:
        """All comparisons, newest first."""
        return [Comparison(self._http, c) for c in self._http.every(f"/projects/{self.id}/comparisons")]

    def deleted_comparisons(self) -> list[Comparison]:
        """Comparisons that were deleted and can be restored, newest first."""
        every = self._http.every(f"/projects/{self.id}/comparisons?deleted=true")
        return [Comparison(self._http, c) for c in every]

    def compare(self, **asked: Unpack[Asked]) -> Comparison:
        """Ask for a comparison; checkpoints and probe sets by value, number or name."""
        return Comparison(self._http, self._http.post(f"/projects/{self.id}/comparisons", json=self._body(asked)))

    def study(self, template: str, *, roles: dict[str, Any] | None = None, **options: Any) -> Study:
        """Make a study; it is a draft until it is preregistered or run.

        Args:
            template: its kind, such as ``distillation``; ``Client.study_templates`` lists them.
            roles: by role a filter as in the library (``group:teacher``), or checkpoints by value, number or name;
                roles left out are filled from lineage, groups and tags.
            options: probe, train_probe, also_on (other probe sets, such as shifted ones), measures, level, match (the
                tag that pairs networks), contrasts (pairs of roles or conditions, beside those of the template), name.

        Raises:
            ClientError: a role has too few, or something named is not there; the message says what to change.
        """
        body = study.asked(template, roles, options)
        return Study(self._http, self._http.post(f"/projects/{self.id}/studies", json=body))

    def plan_study(self, template: str, *, roles: dict[str, Any] | None = None, **options: Any) -> StudyPlan:
        """Who would play which role, what would be computed and what that can show; nothing is written."""
        body = study.asked(template, roles, options)
        return StudyPlan.model_validate(self._http.post(f"/projects/{self.id}/studies/plan", json=body))

    def studies(self) -> list[Study]:
        """All studies, newest first."""
        return [Study(self._http, s) for s in self._http.every(f"/projects/{self.id}/studies")]

    def plan(self, **asked: Unpack[Asked]) -> Plan:
        """What the same comparison would compute, without asking for it."""
        return Plan.model_validate(self._http.post(f"/projects/{self.id}/comparisons/plan", json=self._body(asked)))

    def _body(self, asked: Asked) -> dict[str, Any]:
        train = asked.get("train_probe")
        return {
            **asked,
            "checkpoints": self._numbers(asked["checkpoints"], self.checkpoints, "checkpoint"),
            "probe": self._numbers([asked["probe"]], self.probes, "probe set")[0],
            "train_probe": None if train is None else self._numbers([train], self.probes, "probe set")[0],
            "also_on": self._numbers(asked.get("also_on", ()), self.probes, "probe set"),
            "measures": list(asked["measures"]),
            "layers": list(asked.get("layers", ())),
        }

    def _numbers(self, wanted: Sequence[Any], all_of: Any, what: str) -> list[int]:
        names: dict[str, int] = {}
        if any(isinstance(w, str) for w in wanted):
            names = {x.name: x.id for x in all_of()}
        out = []
        for one in wanted:
            if isinstance(one, str) and one not in names:
                raise ClientError(f"There is no {what} named {one!r} in project {self.name!r}.", status=404)
            out.append(names[one] if isinstance(one, str) else one if isinstance(one, int) else one.id)
        return out
