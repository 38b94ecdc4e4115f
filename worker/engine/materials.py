"""Networks, samples, outputs and features: loaded once, in an LRU cache."""

import contextlib
import os
import secrets
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import cachetools
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kinscape.backend.contracts.checkpoints import Level
from kinscape.backend.contracts.comparisons import OUTPUT, PENULTIMATE
from kinscape.backend.store.artifacts import features_key, findings_key, outputs_key
from kinscape.backend.store.files import Files
from kinscape.backend.store.tables import CheckpointRow, ProbeRow
from kinscape.worker.engine.forward import check_runs, forward, last_linear
from kinscape.worker.engine.networks import built, network_of, stored
from kinscape.worker.engine.positions import Rows
from kinscape.worker.engine.recordings import recorded_features, recorded_outputs
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.inputs.effective import effective
from kinscape.worker.inputs.functional import with_own_samples
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs, are_probabilities
from kinscape.worker.inputs.passes import samples_per_pass
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import NeedsMore, Undefined
from kinscape.worker.inputs.untrained import untrained
from kinscape.worker.loading.graph import Graph
from kinscape.worker.loading.module_facts import INPUT_OF_LAST
from kinscape.worker.loading.room import room_bytes
from kinscape.worker.numerics.memo import Memo

# Entries of small tensors and numbers; bounded, so that no worker grows for ever.
MOST_SHARED = 512
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


class LruCache:
    """Values by key in bounded size; the least recently used ones leave first."""

    def __init__(self, size: int) -> None:
        self._values: cachetools.LRUCache[Hashable, tuple[Any, int]] = cachetools.LRUCache(size, getsizeof=_size)

    def get(self, key: Hashable, make: Callable[[], tuple[Any, int]]) -> Any:
        """The value of a key, made with its size when it is not here; what is larger than the cache is not kept."""
        if key in self._values:
            return self._values[key][0]
        sized = make()
        if sized[1] <= self._values.maxsize:
            self._values[key] = sized
        return sized[0]


def _size(sized: tuple[Any, int]) -> int:
    return sized[1]


def bytes_of(*tensors: Tensor) -> int:
    """Memory of tensors."""
    return sum(t.numel() * t.element_size() for t in tensors)


def memo_of(cache: LruCache, *key: Hashable) -> Memo:
    """What several measures need of one network; a cache holds that of so many networks."""
    memo: Memo = cache.get(key, lambda: (Memo(), 1))
    return memo


class Materials:
    """What measures are given, for checkpoints and probe sets of the store.

    Attributes:
        shared: what measures of pairs of networks found of each.
    """

    def __init__(self, files: Files, *, device: torch.device, cache_bytes: int) -> None:
        self._files = files
        self.device = device
        self._cache = LruCache(cache_bytes)
        self.shared = LruCache(MOST_SHARED)

    def network(self, checkpoint: CheckpointRow, *, precision: str) -> nn.Module:
        """The checkpoint's network in eval mode.

        Raises:
            Undefined: it cannot be run here.
        """

        def make() -> tuple[nn.Module, int]:
            module = network_of(checkpoint, self._files).to(self.device, PRECISIONS[precision])
            return module, bytes_of(*module.state_dict().values())

        found: nn.Module = self._cache.get(("network", checkpoint.id, checkpoint.file_hash, precision), make)
        return found

    def samples(self, checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str) -> tuple[Tensor, Tensor]:
        """Samples as this checkpoint wants them, and labels in its own order of classes."""
        rule = (str(checkpoint.normalisation), str(checkpoint.class_order), self._are_indices(checkpoint))

        def make() -> tuple[tuple[Tensor, Tensor], int]:
            both = self._read_samples(checkpoint, probe, precision=precision)
            return both, bytes_of(*both)

        found: tuple[Tensor, Tensor] = self._cache.get(("samples", probe.id, precision, *rule), make)
        return found

    def _read_samples(self, checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str) -> tuple[Tensor, Tensor]:
        tensors = load_file(stored(self._files, probe.file_hash))
        x = tensors["x"].to(PRECISIONS[precision])
        y = tensors.get("y", torch.empty(0, dtype=torch.int64))
        scale = _scale(checkpoint, probe, x)
        if scale is not None:
            x = (x - scale[0]) / scale[1]
        if self._are_indices(checkpoint):
            x = x.long()
        if checkpoint.class_order is not None and y.numel():
            place = torch.full((max(checkpoint.class_order) + 1,), -1)
            place[checkpoint.class_order] = torch.arange(len(checkpoint.class_order))
            y = place[y]
        return x.to(self.device), y.to(self.device)

    @staticmethod
    def _are_indices(checkpoint: CheckpointRow) -> bool:
        """Whether a network of an owner's class looks tokens up; programs do so by themselves."""
        return checkpoint.level is Level.NETWORK and checkpoint.facts.accepts.is_whole

    def subject(
        self,
        checkpoint: CheckpointRow,
        probe: ProbeRow,
        *,
        precision: str,
        seed: int,
        memo: Memo,
        references: tuple[Subject, ...] = (),
    ) -> Subject:
        """The network on the samples of a probe set, for measures of the minimum.

        Args:
            memo: what several measures of this network share.
            references: networks that a measure needs beside those that it compares.
        """
        x, y = self.samples(checkpoint, probe, precision=precision)
        network = self.network(checkpoint, precision=precision)
        is_kept = self._cache.get(("runs", checkpoint.id, probe.id, precision), lambda: (check_runs(network, x), 1))
        if not is_kept:
            network = with_own_samples(network)

        def fresh(draw: int) -> nn.Module:
            if checkpoint.level is Level.PROGRAM:
                return untrained(network, draw)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(draw)
                made = built(checkpoint)
            return made.to(self.device, PRECISIONS[precision]).eval()

        chunk = samples_per_pass(network, x, room_bytes=room_bytes(self.device))

        def keep(name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
            path = self._files.cached(findings_key(checkpoint, probe, precision=precision, seed=seed, name=name))
            found = _read(path)
            if found is None:
                _save(path, make())
            return load_file(path) if found is None else found

        scale, groups = _scale(checkpoint, probe, x), row_groups(len(x))
        return Subject(
            network,
            x,
            y,
            groups=groups,
            chunk=chunk,
            seed=seed,
            scale=scale,
            fresh=fresh,
            keep=keep,
            memo=memo,
            references=references,
        )

    def weights(self, checkpoint: CheckpointRow) -> dict[str, Tensor]:
        """The checkpoint's trained tensors as it computes with them, in the precision of its file.

        Raises:
            Undefined: it holds none, or stores them in a way that its file does not tell.
        """
        if checkpoint.level is Level.RECORDED:
            raise NeedsMore("A recording holds no weights: upload the state dict too.")
        read = load_file(stored(self._files, checkpoint.file_hash))
        once = {n: t for n, t in read.items() if n not in checkpoint.facts.tied}
        trained = {n: t for n, t in once.items() if self._is_trained(checkpoint, n)}
        return effective(trained, {n: t for n, t in once.items() if n not in trained})

    def _is_trained(self, checkpoint: CheckpointRow, name: str) -> bool:
        """Whether a tensor is a parameter of the checkpoint's network, where that is known."""
        if checkpoint.level is Level.NETWORK:
            return name in self._parameters(checkpoint)
        if checkpoint.level is Level.PROGRAM:
            return name in self._graph(checkpoint).parameters
        return True

    def _parameters(self, checkpoint: CheckpointRow) -> frozenset[str]:
        """Names of the parameters of the checkpoint's architecture."""

        def make() -> tuple[frozenset[str], int]:
            with torch.device("meta"):
                return frozenset(n for n, _ in built(checkpoint).named_parameters()), 1

        named = (checkpoint.architecture, *sorted(checkpoint.arguments.items()))
        found: frozenset[str] = self._cache.get(("parameters", *named), make)
        return found

    def _graph(self, checkpoint: CheckpointRow) -> Graph:
        path = stored(self._files, checkpoint.facts.graph)
        graph: Graph = self._cache.get(("graph", checkpoint.facts.graph), lambda: (Graph.read(path), 1))
        return graph

    def run_forward(
        self, checkpoint: CheckpointRow, probe: ProbeRow, *, layers: list[str], reduction: str, precision: str
    ) -> None:
        """Store the outputs, and the features of the layers, that are not stored yet."""
        own = {"precision": precision}
        answers = self._files.cached(outputs_key(checkpoint, probe, **own))
        places = {
            layer: self._files.cached(features_key(checkpoint, probe, layer=layer, reduction=reduction, **own))
            for layer in layers
        }
        wanted = {layer: path for layer, path in places.items() if not path.is_file()}
        if answers.is_file() and not wanted:
            return
        module = self.network(checkpoint, precision=precision)
        x, _ = self.samples(checkpoint, probe, precision=precision)
        modules = {layer: self._module_name(checkpoint, layer) for layer in wanted}
        rows, features = forward(module, x, layers=modules, reduction=reduction, **self._tokens(checkpoint, probe, x))
        self._save_outputs(answers, checkpoint, rows)
        for layer, path in wanted.items():
            _save(path, {"features": features[layer]})

    def _save_outputs(self, path: Path, checkpoint: CheckpointRow, rows: Rows) -> None:
        logits = rows.logits
        if are_probabilities(logits):
            logits = logits.double().log().clamp_min(-1e30)
        if checkpoint.class_order is not None:
            logits = _in_probe_order(logits, checkpoint.class_order)
        p = logits.double().softmax(1).amax(1)
        kept = {"logits": logits.double(), "predictions": logits.argmax(1), "confidence": p.float()}
        beside = {"labels": rows.labels, "sequences": rows.sequences}
        _save(path, kept | {name: values for name, values in beside.items() if values is not None})

    def outputs(self, checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str) -> Outputs:
        """The checkpoint's outputs for a probe set."""

        def recorded() -> tuple[Outputs, int]:
            logits = recorded_outputs(checkpoint, probe, self._files)
            if checkpoint.class_order is not None:
                logits = _in_probe_order(logits, checkpoint.class_order)
            return Outputs(logits, self._labels(probe)), bytes_of(logits) * 4

        def make() -> tuple[Outputs, int]:
            path = self._files.cached(outputs_key(checkpoint, probe, precision=precision))
            kept = _read(path)
            if kept is None:
                self.run_forward(checkpoint, probe, layers=[], reduction="", precision=precision)
                kept = _read(path)
            if kept is None:
                raise Undefined("The outputs could not be kept: the disk may be full.")
            logits, sequences = kept["logits"], kept.get("sequences")
            # Labels of samples say nothing of their positions.
            labels = self._labels(probe) if sequences is None else kept.get("labels")
            return Outputs(logits, labels, sequences), bytes_of(logits) * 4

        is_recorded = checkpoint.level is Level.RECORDED
        key = ("outputs", checkpoint.id, probe.id, precision)
        found: Outputs = self._cache.get(key, recorded if is_recorded else make)
        return found

    def _tokens(self, checkpoint: CheckpointRow, probe: ProbeRow, x: Tensor) -> dict[str, Any]:
        """Whether a checkpoint reads texts, and where these have tokens; None where nothing tells."""
        with safe_open(stored(self._files, probe.file_hash), "pt") as file:
            mask = file.get_tensor("mask").to(x.device) if "mask" in file.keys() else None  # noqa: SIM118
        return {"are_tokens": checkpoint.facts.accepts.is_whole, "mask": mask}

    def _labels(self, probe: ProbeRow) -> Tensor | None:
        with safe_open(stored(self._files, probe.file_hash), "pt") as file:
            return file.get_tensor("y") if "y" in file.keys() else None  # noqa: SIM118  (a file, not a dict)

    def features(
        self, checkpoint: CheckpointRow, probe: ProbeRow, *, layer: str, reduction: str, precision: str
    ) -> Tensor:
        """The features of one layer of the checkpoint for a probe set, ``(samples, width)``."""

        def recorded() -> tuple[Tensor, int]:
            where = {"layer": layer, "reduction": reduction}
            values = recorded_features(checkpoint, probe, self._files, **where).to(self.device)
            return values, bytes_of(values)

        def make() -> tuple[Tensor, int]:
            key = features_key(checkpoint, probe, layer=layer, reduction=reduction, precision=precision)
            kept = _read(self._files.cached(key))
            if kept is None:
                self.run_forward(checkpoint, probe, layers=[layer], reduction=reduction, precision=precision)
                kept = load_file(self._files.cached(key))
            values = kept["features"].to(self.device)
            return values, bytes_of(values)

        is_recorded = checkpoint.level is Level.RECORDED
        key = ("features", checkpoint.id, probe.id, layer, reduction, precision)
        found: Tensor = self._cache.get(key, recorded if is_recorded else make)
        return found

    def layer(self, checkpoint: CheckpointRow, probe: ProbeRow, *, layer: str, reduction: str, precision: str) -> Layer:
        """One layer's features with labels, raw samples, outputs, and the last linear layer."""
        features = self.features(checkpoint, probe, layer=layer, reduction=reduction, precision=precision)
        logits, labels = None, self._labels(probe)
        with contextlib.suppress(Undefined):
            outputs = self.outputs(checkpoint, probe, precision=precision)
            # Answers at every position are no answers to the samples whose features these are.
            logits = outputs.logits if outputs.sequences is None else None
        x, _ = self.samples(checkpoint, probe, precision=precision)
        head = None
        if checkpoint.level.runs and self._module_name(checkpoint, layer) == checkpoint.facts.penultimate:
            head = self._head(checkpoint, x, precision=precision, width=features.shape[1])
        return Layer(features, labels, x.flatten(1), logits, head)

    def _head(self, checkpoint: CheckpointRow, x: Tensor, *, precision: str, width: int) -> Tensor | None:
        """The weights of the last linear layer, where features of this width enter it."""
        network = self.network(checkpoint, precision=precision)
        if checkpoint.facts.penultimate == INPUT_OF_LAST:
            last: nn.Linear | None = last_linear(network, x)
        else:
            last = next((m for m in reversed(list(network.modules())) if isinstance(m, nn.Linear)), None)
        return None if last is None or last.in_features != width else last.weight.detach()

    def _module_name(self, checkpoint: CheckpointRow, layer: str) -> str:
        if layer == OUTPUT:
            return ""
        return checkpoint.facts.penultimate if layer == PENULTIMATE else layer


def _scale(checkpoint: CheckpointRow, probe: ProbeRow, x: Tensor) -> tuple[Tensor, Tensor] | None:
    """Mean and standard deviation by which a checkpoint's samples are normalised, by channel."""
    rule = checkpoint.normalisation or probe.normalisation
    if rule is None:
        return None
    view = (1, -1, *[1] * (x.ndim - 2))
    mean, std = (torch.tensor(rule[k], dtype=x.dtype, device=x.device).view(view) for k in ("mean", "std"))
    return mean, std


def _in_probe_order(logits: Tensor, class_order: list[int]) -> Tensor:
    out = torch.full((len(logits), max(class_order) + 1), -1e30, dtype=logits.dtype, device=logits.device)
    out[:, class_order] = logits
    return out


def _save(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a file whole or not at all; two workers may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not torch's generator: worker processes inherit its state and would draw the same name.
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, part)
    # A name must not come to disk before its bytes: after a power cut the file would be empty for ever.
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


def _read(path: Path) -> dict[str, Tensor] | None:
    """What a file of the cache holds; None where there is none, or one that was cut off, which is removed."""
    try:
        return load_file(path) if path.is_file() else None
    except SafetensorError:
        path.unlink(missing_ok=True)
        return None
