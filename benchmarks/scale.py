"""Hundreds of checkpoints through the server: ``python -m benchmarks.scale``.

Starts a real local Kinscape, uploads so many small perceptrons, compares all of them by six measures with intervals
and chance levels, and runs the same measures on the same tensors in this process; then adds one more checkpoint.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import httpx
import numpy as np
import torch
from safetensors.torch import save_file
from sqlalchemy import create_engine, text
from torch import nn

from kinscape import Client, build
from kinscape.client import Comparison, Project
from kinscape.local import programs
from kinscape.local.launcher import Launcher, LaunchOptions, usual_workers
from kinscape.worker.evaluation.batch import Batch
from kinscape.worker.evaluation.cells import evaluate_pairs
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.catalogue import catalogue

MEASURES = ["disagreement", "js-divergence", "linear-cka", "procrustes", "knn-jaccard", "weight-cosine"]
SHAPE = {"inputs": 20, "classes": 10, "width": 32, "depth": 2}
SAMPLES = 500
UPLOADS_AT_ONCE = 4
READS = 100


def network(seed: int) -> nn.Module:
    """A perceptron that no other seed gives."""
    torch.manual_seed(seed)
    return build("mlp", **SHAPE).eval()


def samples() -> tuple[torch.Tensor, torch.Tensor]:
    """What all of them are asked about."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, SHAPE["inputs"], generator=generator)
    return x, torch.randint(0, SHAPE["classes"], (SAMPLES,), generator=generator)


@contextmanager
def server(folder: Path, port: int) -> Iterator[Client]:
    """A running Kinscape with the usual number of workers."""
    launcher = Launcher(LaunchOptions(folder / "data", "127.0.0.1", port, "", usual_workers(), ""))
    launcher.lock()
    try:
        launcher.start()
        yield Client(launcher.url, "")
    finally:
        launcher.stop()


def upload(project: Project, folder: Path, seeds: range) -> tuple[list[int], float]:
    """Numbers of the checkpoints, and the seconds until all of them were inspected."""
    paths = []
    for seed in seeds:
        paths.append(folder / f"n{seed:04d}.safetensors")
        save_file(network(seed).state_dict(), paths[-1])
    began = time.perf_counter()
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        made = list(
            pool.map(lambda p: project.upload_checkpoint(p, wait=False, architecture="mlp", arguments=SHAPE), paths)
        )
    for checkpoint in made:
        project.wait_for(checkpoint.id)
    return [c.id for c in made], time.perf_counter() - began


def bare(models: list[nn.Module]) -> float:
    """Seconds for the same measures on the same tensors, intervals and chance levels included, without any server."""
    x, y = samples()
    with torch.no_grad():
        features = [m.get_submodule("features")(x) for m in models]
        outputs = [Outputs(m(x).double(), y) for m in models]
    weights = [{n: p.detach() for n, p in m.named_parameters()} for m in models]
    inputs = {"outputs": outputs, "features": features, "weights": weights}
    pairs = [(i, j) for i in range(len(models)) for j in range(i + 1, len(models))]
    began = time.perf_counter()
    for slug in MEASURES:
        measure = catalogue()[slug]
        data = dict(enumerate(inputs[measure.card.input]))
        groups = () if measure.card.input == "weights" else row_groups(SAMPLES)
        started = time.perf_counter()
        evaluate_pairs(measure, Batch(data, None, pairs, groups), measure.card.settings({}))
        print(f"  bare {slug}: {time.perf_counter() - started:.1f} s", flush=True)
    return time.perf_counter() - began


def asked(project: Project, ids: list[int], probe: int) -> tuple[Comparison, float]:
    """A comparison, and the seconds until it was done."""
    began = time.perf_counter()
    comparison = project.compare(checkpoints=ids, probe=probe, measures=MEASURES)
    comparison.wait(show=False)
    assert comparison.status == "done", comparison.log
    return comparison, time.perf_counter() - began


def reading(comparison: Comparison) -> list[float]:
    """Seconds of each of some requests for a matrix as arrays."""
    times = []
    with httpx.Client(base_url=comparison.url.rsplit("/comparison/", 1)[0], timeout=60) as http:
        for k in range(READS):
            began = time.perf_counter()
            path = f"/api/v1/comparisons/{comparison.id}/matrix"
            http.get(path, params={"measure": MEASURES[k % len(MEASURES)], "format": "npz"}).raise_for_status()
            times.append(time.perf_counter() - began)
    return times


def stored_bytes(data: Path) -> int:
    """Bytes of the matrices in the database, indexes and details included."""
    engine = create_engine(programs.database_url(programs.run_folder(data)))
    with engine.connect() as connection:
        tables = ("matrix_rows", "cell_details")
        found = [connection.scalar(text(f"select pg_total_relation_size('{t}')")) for t in tables]
    engine.dispose()
    return sum(int(n or 0) for n in found)


def main() -> None:
    """Print a line for each promise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--port", type=int, default=8098)
    given = parser.parse_args()
    count = given.models
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with server(folder, given.port) as client:
            project = client.create_project("scale")
            x, y = samples()
            np.savez(folder / "samples.npz", x=x.numpy(), y=y.numpy())
            probe = project.upload_probe(folder / "samples.npz")
            ids, seconds = upload(project, folder, range(count))
            print(f"upload and inspect {count} files: {seconds:.1f} s", flush=True)
            comparison, whole = asked(project, ids, probe.id)
            print(f"{len(MEASURES)} measures, {count} checkpoints, through the server: {whole:.1f} s", flush=True)
            alone = bare([network(seed) for seed in range(count)])
            print(f"bare {alone:.1f} s, ratio {whole / alone:.2f}", flush=True)
            reads = reading(comparison)
            first, later = reads[: len(MEASURES)], reads[len(MEASURES) :]
            p95 = quantiles(later, n=20)[-1]
            print(f"matrix as arrays: p95 {1000 * p95:.0f} ms, the first time at most {1000 * max(first):.0f} ms")
            size = stored_bytes(folder / "data") / len(MEASURES) / 1e6
            print(f"database: {size:.1f} MB per measure")
            more, _ = upload(project, folder, range(count, count + 1))
            larger, seconds = asked(project, [*ids, *more], probe.id)
            new = larger.counts["new"] / len(MEASURES)
            share = seconds / whole
            print(f"one more checkpoint: {new:.0f} new cells per measure, {seconds:.1f} s, {share:.1%} of the whole")


if __name__ == "__main__":
    main()
