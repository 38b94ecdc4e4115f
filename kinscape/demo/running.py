"""Train the zoo and put it on a server, through the same API as every client."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.demos import project_name
from kinscape.backend.contracts.probes import ProbeRole
from kinscape.backend.contracts.studies import StudyPlan
from kinscape.client import Client, ClientError, Comparison, Project, Study
from kinscape.demo.studies import STUDIES, DemoStudy
from kinscape.demo.training import accuracy
from kinscape.demo.zoo import ZooNetwork, zoo
from kinscape.local.children import wrapped
from kinscape.worker.loading.builtin import digits

PROJECT = "demo"
# Networks with as many classes were trained on digits.
DIGITS = 10
ZOO_SIZE = 24
# Eight rows tell one function from another.
VERIFIED_SAMPLES = 8
PROBES = {"digits-held-out": "held-out", "digits-train": "train"}
ON: dict[str, Any] = {"probe": "digits-held-out", "train_probe": "digits-train"}
# Often enough for somebody who waits, seldom enough for the workers.
POLL_S = 5
NICE = 5
# Studies that the zoo answers by itself, those first whose numbers come first.
ON_THE_ZOO = ("seeds", "compression", "sharp-minima")
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


def run(url: str, token: str | None, study: str = "") -> int:
    """Fill the project `demo`, or that of one study; what is there already is kept."""
    with Client(url, token) as client:
        if study and study not in STUDIES:
            raise ClientError(f"There is no demo of {study!r}; there are {', '.join(STUDIES)}.")
        if study:
            return _run_study(client, STUDIES[study])
        project = _project(client, PROJECT)
        ids = _upload(project, zoo(), ZOO_SIZE, _first_samples(None))
        comparison = project.compare(checkpoints=ids, measures=MEASURES, layers=LAYERS, name="The whole zoo", **ON)
        print(f"demo: the first comparison is at {comparison.url}", flush=True)
        _ask_of_the_zoo(project, comparison)
        print(f"demo: studies of the zoo are at {client.http.url}/projects/{project.id}/studies", flush=True)
    return 0


def _ask_of_the_zoo(project: Project, comparison: Comparison) -> None:
    """Ask each study as soon as the comparison has its numbers: what takes little is there after a minute."""
    asked = {s.details.template.name for s in project.studies()}
    waiting = [template for template in ON_THE_ZOO if template not in asked]
    while waiting:
        is_over = comparison.status != ComparisonState.RUNNING
        for template in [t for t in waiting if is_over or _is_mostly_known(project.plan_study(t, **ON))]:
            project.study(template, **ON).run()
            waiting.remove(template)
        time.sleep(0 if is_over else POLL_S)


def _is_mostly_known(plan: StudyPlan) -> bool:
    return plan.cells_known > plan.cells_new


def _run_study(client: Client, demo: DemoStudy) -> int:
    project = _project(client, project_name(demo.template), demo.arrays)
    _upload(project, demo.networks(), demo.size, _first_samples(demo.arrays))
    known = [s for s in project.studies() if s.details.template.name == demo.template]
    on = ON if demo.arrays is None else {"probe": "held-out", "train_probe": "train"}
    study = known[0] if known else _asked(project, demo, on)
    if study.details.comparison is None:
        study.preregister()
    study.run().wait(show=False)
    for sentence in study.verdict:
        print(f"demo: {sentence}", flush=True)
    print(f"demo: the study is at {study.url}", flush=True)
    return 0


def _asked(project: Project, demo: DemoStudy, on: dict[str, Any]) -> Study:
    return project.study(demo.template, roles=demo.roles, contrasts=demo.contrasts, **on)


def _project(client: Client, name: str, arrays: Callable[[str], dict[str, Any]] | None = None) -> Project:
    """The project of this name with its probe sets, made where it is not there.

    Args:
        arrays: of the probe set of a role; digits where left out.
    """
    names = [p.name for p in client.projects()]
    project = client.project(name) if name in names else client.create_project(name)
    there = {p.name for p in project.probes()}
    for probe, role in PROBES.items():
        if arrays is None and probe not in there:
            project.add_digits(name=probe, role=role)
        elif arrays is not None and role not in there:
            with tempfile.TemporaryDirectory() as folder:
                np.savez(Path(folder) / "probe.npz", **arrays(role))
                project.upload_probe(Path(folder) / "probe.npz", name=role, role=role)
    return project


def _first_samples(arrays: Callable[[str], dict[str, Any]] | None) -> torch.Tensor:
    """Samples of the held-out probe set on which a network is shown to be what its file says."""
    x = digits("held-out")[0] if arrays is None else arrays("held-out")["x"]
    return torch.from_numpy(np.asarray(x[:VERIFIED_SAMPLES], np.float32))


def _upload(project: Project, networks: Iterator[ZooNetwork], size: int, samples: torch.Tensor) -> list[int]:
    there = {c.name: c.id for c in project.checkpoints()}
    if len(there) >= size:
        return sorted(there.values())
    numbers: list[int] = []
    logits: dict[int, torch.Tensor] = {}
    probe = next(p for p in project.probes() if p.role is ProbeRole.HELD_OUT)
    with tempfile.TemporaryDirectory() as folder:
        for network in networks:
            if network.name in there:
                numbers.append(there[network.name])
                continue
            path = Path(folder) / "model.safetensors"
            state = {n: t.contiguous() for n, t in network.model.state_dict().items()}
            save_file(state, path, metadata={"architecture": network.architecture})
            made = project.upload_checkpoint(
                path,
                name=network.name,
                architecture=network.architecture,
                arguments=network.arguments,
                group=network.group,
                tags=network.tags,
                metrics=_metrics(network),
                wait=False,
                **network.lineage,
            )
            numbers.append(made.id)
            with torch.no_grad():
                logits[made.id] = network.model.eval()(samples)
            print(f"demo: {len(numbers)}/{size} {network.name}", flush=True)
    for number in numbers:
        made = project.wait_for(number)
        if number in logits:
            made.verify(logits[number], probe=probe)
    return numbers


def _metrics(network: ZooNetwork) -> dict[str, float]:
    """What is given with a network: its accuracy on digits, if it knows them."""
    knows_digits = network.arguments["classes"] == DIGITS
    return {"accuracy": round(accuracy(network.model), 4)} if knows_digits else {}


def main(url: str, study: str = "") -> int:
    """`python -m kinscape.demo.running URL [STUDY]`, with the owner's token in the environment."""
    # Batches this small gain nothing from a second thread, which the workers can use.
    torch.set_num_threads(1)
    # Somebody waits for the pages.
    os.nice(NICE)
    try:
        return run(url, None, study)
    except ClientError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
