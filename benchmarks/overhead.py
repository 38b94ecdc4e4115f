"""What API, queue, store and workers add: ``python -m benchmarks.overhead``.

Runs a comparison through a real local Kinscape (warm, one worker) and the same measures on the
same tensors in this process, in turn, with the same number of threads, and prints the ratio.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from kinscape import Client, build
from kinscape.backend.contracts.cards import Arity, Input, Role
from kinscape.demo.running import MEASURES
from kinscape.local.launcher import Launcher, LaunchOptions
from kinscape.worker.engine.forward import forward
from kinscape.worker.evaluation.batch import Batch
from kinscape.worker.evaluation.cells import evaluate_pairs
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.evaluation.measure import Measure
from kinscape.worker.evaluation.models import evaluate_both, evaluate_model
from kinscape.worker.evaluation.networks import evaluate_network
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.loading.builtin import digits
from kinscape.worker.measures.catalogue import catalogue

LAYERS = ("features.3", "classifier.3")


def networks(count: int, *, round: int) -> list[nn.Module]:
    """Small networks that no earlier round has seen, so that no cell is known."""
    out = []
    x, y = (torch.from_numpy(a) for a in digits("train"))
    for seed in range(count):
        torch.manual_seed(1000 * round + seed)
        model = build("lenet", classes=10)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for rows in torch.randperm(len(x))[:960].split(32):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
        out.append(model.eval())
    return out


@dataclass(frozen=True)
class Bare:
    """What measures are given of some networks, made without any server."""

    models: list[nn.Module]
    x: torch.Tensor
    y: torch.Tensor
    train_x: torch.Tensor
    train_y: torch.Tensor
    outputs: list[Outputs]
    train_outputs: list[Outputs]
    features: dict[str, list[torch.Tensor]]

    @classmethod
    def of(cls, models: list[nn.Module]) -> "Bare":
        """One pass of each network over both sets."""
        x, y = (torch.from_numpy(a) for a in digits("held-out"))
        train_x, train_y = (torch.from_numpy(a) for a in digits("train"))
        features: dict[str, list[torch.Tensor]] = {layer: [] for layer in LAYERS}
        outputs = []
        for model in models:
            rows, seen = forward(model, x, layers={layer: layer for layer in LAYERS}, reduction="mean")
            outputs.append(Outputs(rows.logits.double(), y))
            for layer, values in seen.items():
                features[layer].append(values)
        with torch.no_grad():
            train_outputs = [Outputs(model(train_x).double(), train_y) for model in models]
        return cls(models, x, y, train_x, train_y, outputs, train_outputs, features)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every pair once."""
        return list(combinations(range(len(self.models)), 2))

    def of_networks(self, measure: Measure, settings: dict[str, Any]) -> None:
        """A measure of networks on train samples."""
        groups = row_groups(len(self.train_x))
        subjects = [Subject(m, self.train_x, self.train_y, groups=groups) for m in self.models]
        is_pair = measure.card.arity is Arity.PAIR
        for some in [[subjects[i], subjects[j]] for i, j in self.pairs] if is_pair else [[s] for s in subjects]:
            evaluate_network(measure, some, settings)

    def of_models(self, measure: Measure, settings: dict[str, Any]) -> None:
        """A measure of one model's outputs, layers or weights."""
        groups = row_groups(len(self.x))
        given: list[Any] = list(self.outputs)
        if measure.card.input is Input.WEIGHTS:
            given = self.weights
        elif measure.card.input is Input.FEATURES:
            rows = self.x.flatten(1)
            layers = [zip(self.features[layer], self.outputs, strict=True) for layer in LAYERS]
            given = [Layer(f, self.y, rows, out.logits, None) for layer in layers for f, out in layer]
        for one in given:
            evaluate_model(measure, one, settings, groups=groups)

    def of_pairs(self, measure: Measure, settings: dict[str, Any]) -> None:
        """A measure of pairs of outputs, features or weights."""
        groups = row_groups(len(self.x))
        given: list[list[Any]] = [list(self.outputs)]
        if measure.card.input is Input.FEATURES:
            given = [list(self.features[layer]) for layer in LAYERS]
        elif measure.card.input is Input.WEIGHTS:
            given = [list(self.weights)]
        for some in given:
            evaluate_pairs(measure, Batch(dict(enumerate(some)), None, self.pairs, groups), settings)

    @property
    def weights(self) -> list[dict[str, torch.Tensor]]:
        """Parameters of each."""
        return [{n: p.detach() for n, p in m.named_parameters()} for m in self.models]


def bare(models: list[nn.Module]) -> float:
    """Seconds for the same measures, intervals included, without any server."""
    began = time.perf_counter()
    given = Bare.of(models)
    for slug in MEASURES:
        measure = catalogue()[slug]
        settings = measure.card.settings({})
        if measure.card.input is Input.NETWORK:
            given.of_networks(measure, settings)
        elif measure.card.role is Role.BOTH:
            for train, held_out in zip(given.train_outputs, given.outputs, strict=True):
                evaluate_both(measure, train, held_out, settings)
        elif measure.card.arity is Arity.MODEL:
            given.of_models(measure, settings)
        else:
            given.of_pairs(measure, settings)
    return time.perf_counter() - began


def served(client: Client, models: list[nn.Module], *, round: int, folder: Path) -> float:
    """Seconds from asking to the end, through API, queue, worker and store."""
    project = client.create_project(f"round {round} {time.time_ns()}")
    ids = []
    for number, model in enumerate(models):
        path = folder / "model.safetensors"
        save_file(model.state_dict(), path)
        ids.append(project.upload_checkpoint(path, name=str(number), architecture="lenet", arguments={"classes": 10}))
    probe = project.add_digits(name="held-out")
    train = project.add_digits(name="train", role="train")
    began = time.perf_counter()
    comparison = project.compare(checkpoints=ids, probe=probe, train_probe=train, measures=MEASURES, layers=LAYERS)
    comparison.wait(show=False)
    assert comparison.status == "done", comparison.log
    return time.perf_counter() - began


def main() -> None:
    """Print one line per round and the median ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8099)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        launcher = Launcher(LaunchOptions(folder / "data", "127.0.0.1", given.port, "", 1, ""))
        launcher.lock()
        try:
            launcher.start()
            client = Client(launcher.url, "")
            served(client, networks(3, round=999), round=999, folder=folder)
            bare(networks(3, round=998))
            ratios = []
            for round in range(given.rounds):
                models = networks(given.models, round=round)
                through = served(client, models, round=round, folder=folder)
                alone = bare(models)
                ratios.append(through / alone)
                print(f"round {round}: served {through:.1f} s, bare {alone:.1f} s, ratio {ratios[-1]:.2f}", flush=True)
            print(f"median ratio {median(ratios):.2f} ({given.models} models, {torch.get_num_threads()} threads)")
        finally:
            launcher.stop()


if __name__ == "__main__":
    main()
