"""Record what a model computes on a probe set, where it lives: ``record(model, x, layers=[…], path=…)``.

The model may be a module of torch or any callable; torch is used where it is there and not needed otherwise.
"""

import json
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from kinscape.backend.contracts.comparisons import Reduction
from kinscape.backend.contracts.recordings import (
    ABOUT_KEY,
    FEATURES,
    FINGERPRINTS,
    LABELS,
    OUTPUTS,
    VERSION,
    VERSION_KEY,
    About,
    OutputKind,
    fingerprints,
)

if TYPE_CHECKING:
    from kinscape.backend.contracts.checkpoints import Checkpoint
    from kinscape.client import Project

Array = npt.NDArray[Any]
# Large enough to use a GPU well, small enough that its features fit beside the model.
BATCH = 256
DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64"}
PIECE = 8 << 20
DESCRIPTION = ("name", "group", "tags", "parent", "run", "step", "probe")


class RecordingError(ValueError):
    """What was passed cannot be recorded; the sentence says what to change."""


class Options(TypedDict, total=False):
    """How to record, and how an upload is described.

    Attributes:
        reduction: how feature maps become vectors: ``mean``, ``flatten``, ``cls``, ``last-token``, or ``positions`` to
            keep every position.
        outputs: ``logits`` or ``probabilities``.
        batch: samples in one call.
        samples: what was done to samples before they came here, in words.
        progress: told the number of samples done after every batch.
        name, group, tags, parent, run, step: of the checkpoint, as in ``Project.upload_checkpoint``.
        probe: name of its probe set, where the samples were changed before they came here.
    """

    reduction: str
    outputs: Literal["logits", "probabilities"]
    batch: int
    samples: str
    progress: Callable[[int], None]
    name: str
    group: str
    tags: dict[str, str]
    parent: str
    run: str
    step: int
    probe: str


@dataclass(frozen=True)
class Recording:
    """A recording file.

    Attributes:
        layers: width of each layer's features by name.
        logits: outputs for the first samples, to verify a checkpoint of the same model with.
        checkpoint: what it became on the server, where a project was named.
    """

    path: Path
    samples: int
    classes: int
    layers: dict[str, int]
    logits: Array
    checkpoint: "Checkpoint | None" = None


def record(
    model: Any,
    x: Any,
    *,
    y: Any = None,
    layers: Sequence[str] = (),
    path: str | Path | None = None,
    project: "Project | None" = None,
    **options: Unpack[Options],
) -> Recording:
    """Record outputs, and features of some layers, of a model on samples.

    A module of torch runs in eval mode on its own device; its layers are tapped by name. Any other callable is given a
    batch and returns outputs, or a dictionary with ``outputs`` and features by layer. Memory stays flat.

    Args:
        x: samples first: an array or tensor, or an iterable of batches, such as a DataLoader, that gives samples or
            samples with labels.
        y: class number of each sample.
        layers: names of modules, or keys of what the callable returns.
        path: where to write a ``.safetensors``; a temporary file where a project is named.
        project: uploads the recording at once; its probe set is found by itself where the samples are those of one.
        options: how to record, and how the upload is described.

    Raises:
        RecordingError: the model or the samples do not fit; nothing is written.
    """
    if path is None and project is None:
        raise RecordingError("Say where to write the recording: path=, or project= to upload it.")
    about = About(outputs=OutputKind(options.get("outputs", "logits")), samples=options.get("samples", ""))
    progress = options.get("progress")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kinscape-")))
        place = folder / "recording.safetensors" if path is None else Path(path)
        columns = _Columns(folder)
        stack.callback(columns.close)
        run = stack.enter_context(_runner(model, list(layers), Reduction(options.get("reduction", Reduction.MEAN))))
        done = 0
        for rows, labels in _batches(x, y, options.get("batch", BATCH)):
            columns.add(_computed(run, rows, layers), labels, rows)
            done += len(rows)
            if progress is not None:
                progress(done)
        if not done:
            raise RecordingError("There are no samples to record.")
        about = about.model_copy(update={"reductions": run.reductions})
        columns.write(place, about)
        widths = {k.removeprefix(FEATURES): c.shape[-1] for k, c in columns.known.items() if k.startswith(FEATURES)}
        made = None
        if project is not None:
            described: dict[str, Any] = {k: v for k, v in options.items() if k in DESCRIPTION}
            made = project.upload_checkpoint(place, **described)
        return Recording(place, done, columns.known[OUTPUTS].shape[-1], widths, columns.first, made)


def _batches(x: Any, y: Any, size: int) -> Iterator[tuple[Any, Any]]:
    """Samples and labels, batch by batch."""
    if hasattr(x, "shape") and hasattr(x, "__getitem__"):
        if y is not None and len(y) != len(x):
            raise RecordingError(f"There are {len(y)} labels for {len(x)} samples.")
        for start in range(0, len(x), size):
            yield x[start : start + size], None if y is None else y[start : start + size]
        return
    if not isinstance(x, Iterable):
        raise RecordingError("x must be an array, a tensor, or an iterable of batches such as a DataLoader.")
    at = 0
    for given in x:
        rows, labels = given if isinstance(given, tuple | list) and len(given) == 2 else (given, None)
        if y is not None:
            labels = y[at : at + len(rows)]
        at += len(rows)
        yield rows, labels


def _computed(run: "_Runner", rows: Any, layers: Sequence[str]) -> dict[str, Array]:
    """What a model gives for some samples, as arrays."""
    made = run.call(rows)
    if not isinstance(made, Mapping):
        made = {OUTPUTS: made}
    missing = [name for name in (OUTPUTS, *layers) if name not in made]
    if missing:
        raise RecordingError(f"The model gave no {missing[0]!r}; it gave {', '.join(map(repr, made))}.")
    found = {OUTPUTS: numpy_of(made[OUTPUTS])}
    if found[OUTPUTS].ndim != 2 or len(found[OUTPUTS]) != len(rows):
        raise RecordingError(f"Outputs must be ({len(rows)} samples, classes), not {found[OUTPUTS].shape}.")
    for name in layers:
        values = numpy_of(made[name])
        if values.ndim < 2 or len(values) != len(rows):
            raise RecordingError(f"Features of {name!r} must be ({len(rows)} samples, …), not {values.shape}.")
        found[FEATURES + name] = run.reduced(name, values)
    return found


def numpy_of(value: Any) -> Array:
    """A tensor or array of any library as a numpy array of floats."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) in ("torch.bfloat16", "torch.float16"):
            value = value.float()
    found: Array = np.asarray(value)
    return found if found.dtype == np.float64 else found.astype(np.float32)


class _Runner:
    """A model that can be called with a batch, and how its features become vectors."""

    def __init__(self, call: Callable[[Any], Any], reduction: Reduction) -> None:
        self.call = call
        self._reduction = reduction
        self.reductions: dict[str, str] = {}

    def reduced(self, name: str, values: Array) -> Array:
        """Features ``(samples, width)``, or ``(samples, positions, width)``."""
        self.reductions[name] = "" if values.ndim == 2 else str(self._reduction)
        if values.ndim == 2:
            return values
        is_map = values.ndim == 4
        match self._reduction:
            case Reduction.MEAN if is_map:
                return np.asarray(values.mean((2, 3), dtype=np.float64), values.dtype)
            case Reduction.MEAN if values.ndim == 3:
                return np.asarray(values.mean(1, dtype=np.float64), values.dtype)
            case Reduction.POSITIONS if values.ndim in (3, 4):
                return values.reshape(*values.shape[:2], -1).swapaxes(1, 2) if is_map else values
            case Reduction.CLS | Reduction.LAST_TOKEN:
                if values.ndim != 3:
                    raise RecordingError(f"The reduction {self._reduction} needs tokens; {name!r} has none.")
                return values[:, 0 if self._reduction is Reduction.CLS else -1]
        return values.reshape(len(values), -1)


@contextmanager
def _runner(model: Any, layers: list[str], reduction: Reduction) -> Iterator[_Runner]:
    """A module of torch with its layers tapped, or the callable itself."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        if not callable(model):
            raise RecordingError("The model must be a module of torch or a callable.")
        yield _Runner(model, reduction)
        return
    known = dict(model.named_modules())
    for name in layers:
        if name not in known:
            near = [n for n in known if n and name.rpartition(".")[2] in n] or [n for n in known if n]
            raise RecordingError(f"The model has no layer {name!r}; it has {', '.join(near[:12])}.")
    kept: dict[str, Any] = {}
    handles = [
        known[name].register_forward_hook(lambda _m, _i, out, name=name: kept.__setitem__(name, _tensor_of(out)))
        for name in layers
    ]
    first = next(model.parameters(), None)
    modes = {part: part.training for part in model.modules()}

    def call(rows: Any) -> dict[str, Any]:
        kept.clear()
        given = rows if isinstance(rows, torch.Tensor) else torch.as_tensor(np.asarray(rows))
        if first is not None:
            given = given.to(first.device, first.dtype if given.is_floating_point() else given.dtype)
        with torch.no_grad():
            out = _tensor_of(model(given))
        return {OUTPUTS: out, **kept}

    try:
        model.eval()
        yield _Runner(call, reduction)
    finally:
        for handle in handles:
            handle.remove()
        for part, training in modes.items():
            part.training = training


def _tensor_of(out: Any) -> Any:
    """The tensor of what a module returned: the one called logits, the first of several, or itself."""
    if hasattr(out, "logits"):
        return out.logits
    if isinstance(out, Mapping):
        return out.get("logits", next(iter(out.values())))
    return out[0] if isinstance(out, tuple | list) else out


@dataclass
class _Column:
    """Rows of one tensor on disk."""

    file: IO[bytes]
    dtype: str
    shape: tuple[int, ...]
    rows: int = 0


class _Columns:
    """Tensors that grow batch by batch, on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.known: dict[str, _Column] = {}
        self.first: Array = np.empty((0, 0))

    def add(self, found: dict[str, Array], labels: Any, rows: Any) -> None:
        """The values of one more batch."""
        if not len(self.first):
            self.first = found[OUTPUTS][:8].copy()
        samples = rows.detach().cpu().numpy() if hasattr(rows, "detach") else np.asarray(rows)
        self._append(FINGERPRINTS, fingerprints(samples))
        if labels is not None:
            self._append(LABELS, np.asarray(labels).astype(np.int64).reshape(-1))
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise RecordingError(f"{name.removeprefix(FEATURES)!r} holds values that are NaN or infinite.")
            self._append(name, values)

    def _append(self, name: str, values: Array) -> None:
        column = self.known.get(name)
        if column is None:
            file = (self._folder / f"column-{len(self.known)}").open("w+b")
            column = self.known[name] = _Column(file, values.dtype.name, values.shape[1:])
        if values.shape[1:] != column.shape:
            raise RecordingError(f"{name!r} has shape {values.shape[1:]} in one batch, {column.shape} in another.")
        column.file.write(np.ascontiguousarray(values.astype(column.dtype)).tobytes())
        column.rows += len(values)

    def write(self, path: Path, about: About) -> None:
        """All of it as one safetensors file."""
        header: dict[str, Any] = {"__metadata__": {VERSION_KEY: VERSION, ABOUT_KEY: about.model_dump_json()}}
        start = 0
        for name, column in self.known.items():
            size = column.file.tell()
            shape = [column.rows, *column.shape]
            header[name] = {"dtype": DTYPES[column.dtype], "shape": shape, "data_offsets": [start, start + size]}
            start += size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with path.open("wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            for column in self.known.values():
                column.file.seek(0)
                while piece := column.file.read(PIECE):
                    out.write(piece)

    def close(self) -> None:
        """Give the files back."""
        for column in self.known.values():
            column.file.close()
