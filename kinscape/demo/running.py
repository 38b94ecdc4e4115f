"""Train the zoo and put it on a server, through the same API as every client."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from kinscape.client import Client, Project
from kinscape.demo.training import accuracy
from kinscape.demo.zoo import zoo
from kinscape.local.children import wrapped

PROJECT = "demo"
ZOO_SIZE = 24
PROBES = {"digits-held-out": "held-out", "digits-train": "train"}
LAYERS = ["features.3", "classifier.3"]
MEASURES = [
    "activation-distance",
    "linear-cka",
    "disagreement",
    "js-divergence",
    "total-variation",
    "prediction-kappa",
    "error-consistency",
    "class-order-kendall",
    "prediction-cosine",
    "linear-cka-biased",
    "rbf-cka",
    "procrustes",
    "rsa",
    "distance-correlation",
    "mutual-knn",
    "knn-jaccard",
    "unit-matching",
    "weight-cosine",
    "weight-l2",
    "mask-iou",
    "weight-cosine-matched",
    "loss-barrier",
    "loss-barrier-matched",
    "chord-curvature",
    "spectrum-distance",
    "accuracy",
    "nll",
    "brier",
    "ece",
    "ece-debiased",
    "ece-smooth",
    "temperature",
    "generalisation-gap",
    "corruption-accuracy",
    "noise-accuracy",
    "pgd-accuracy",
    "rankme",
    "nc1-classic",
    "label-alignment",
    "train-loss",
    "gradient-norm",
    "hessian-top-eigenvalue",
    "hessian-trace",
    "hessian-density",
    "layer-traces",
    "sam-sharpness",
    "sam-sharpness-random-mean",
    "adaptive-sharpness",
    "fisher-rao-norm",
    "fisher-rao-norm-empirical",
    "relative-flatness",
    "relative-flatness-layers",
    "information-geometric-sharpness",
    "pac-bayes-sigma",
    "loss-slice-1d",
    "loss-surface-2d",
    "layer-reset-random",
    "l2-norm",
    "stable-rank",
    "alpha",
    "kurtosis",
    "sparsity",
    "prune-curve",
    "prune-optimum",
]


def in_background(token: str) -> Callable[[str], None]:
    """A function that starts the demo against a running server, as a program of its own."""

    def start(url: str) -> None:
        command = wrapped([sys.executable, "-m", "kinscape.demo.running", url], dies_by="SIGTERM")
        subprocess.Popen(command, env={**os.environ, "KINSCAPE_TOKEN": token, "OMP_NUM_THREADS": "1"})

    return start


def run(url: str, token: str | None) -> int:
    """Fill the project `demo`; what is there already is kept."""
    with Client(url, token) as client:
        names = [p.name for p in client.projects()]
        project = client.project(PROJECT) if PROJECT in names else client.create_project(PROJECT)
        there = {p.name for p in project.probes()}
        for name, role in PROBES.items():
            if name not in there:
                project.add_digits(name=name, role=role)
        ids = _upload(project)
        comparison = project.compare(
            checkpoints=ids,
            probe="digits-held-out",
            train_probe="digits-train",
            measures=MEASURES,
            layers=LAYERS,
            name="The whole zoo",
        )
        print(f"demo: the first comparison is at {comparison.url}", flush=True)
    return 0


def _upload(project: Project) -> list[int]:
    there = {c.name: c.id for c in project.checkpoints()}
    if len(there) >= ZOO_SIZE:
        return sorted(there.values())
    numbers: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        for animal in zoo():
            if animal.name in there:
                numbers.append(there[animal.name])
                continue
            path = Path(folder) / "model.safetensors"
            state = {n: t.contiguous() for n, t in animal.model.state_dict().items()}
            save_file(state, path, metadata={"architecture": "lenet", "classes": "10"})
            made = project.upload_checkpoint(
                path,
                name=animal.name,
                architecture="lenet",
                arguments={"classes": 10},
                group=animal.group,
                tags=animal.tags,
                metrics={"accuracy": round(accuracy(animal.model), 4)},
                wait=False,
                **animal.lineage,
            )
            numbers.append(made.id)
            print(f"demo: {len(numbers)}/{ZOO_SIZE} {animal.name}", flush=True)
    for number in numbers:
        project.wait_for(number)
    return numbers


if __name__ == "__main__":
    # Batches this small gain nothing from a second thread, which the workers can use.
    torch.set_num_threads(1)
    sys.exit(run(sys.argv[1], None))
