"""What API, queue, store and workers add: ``python -m benchmarks.overhead``.

Runs a comparison through a real local Kinscape (warm, one worker) and the same measures on the
same tensors in this process, in turn, with the same number of threads, and prints the ratio.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from safetensors.torch import save_file
from torch import nn

from kinscape import Client, build
from kinscape.backend.contracts.cards import Arity, Input
from kinscape.demo.running import MEASURES
from kinscape.local.launcher import Launcher, LaunchOptions
from kinscape.worker.evaluation.batch import Batch
from kinscape.worker.evaluation.cells import evaluate_pairs
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.evaluation.models import evaluate_model
from kinscape.worker.evaluation.networks import evaluate_network
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


def bare(models: list[nn.Module]) -> float:
    """Seconds for the same measures, intervals included, without any server."""
    began = time.perf_counter()
    x, y = (torch.from_numpy(a) for a in digits("held-out"))
    train_x, train_y = (torch.from_numpy(a) for a in digits("train"))
    seen: dict[str, list[torch.Tensor]] = {layer: [] for layer in LAYERS}
    outputs = []
    for model in models:
        handles = []
        for layer in LAYERS:

            def keep(_m: nn.Module, _i: object, out: torch.Tensor, layer: str = layer) -> None:
                seen[layer].append(out.mean((2, 3)) if out.ndim == 4 else out)

            handles.append(model.get_submodule(layer).register_forward_hook(keep))
        with torch.no_grad():
            outputs.append(Outputs(model(x).double(), y))
        for handle in handles:
            handle.remove()
    groups, train_groups = row_groups(len(x)), row_groups(len(train_x))
    pairs = [(i, j) for i in range(len(models)) for j in range(i + 1, len(models))]
    weights = [{n: p.detach() for n, p in m.named_parameters()} for m in models]
    for slug in MEASURES:
        measure = catalogue()[slug]
        settings = measure.card.settings({})
        if measure.card.input is Input.NETWORK:
            subjects = [Subject(m, train_x, train_y, groups=train_groups) for m in models]
            is_pair = measure.card.arity is Arity.PAIR
            for some in [[subjects[i], subjects[j]] for i, j in pairs] if is_pair else [[s] for s in subjects]:
                evaluate_network(measure, some, settings)
        elif measure.card.arity is Arity.MODEL:
            for one in weights if measure.card.input is Input.WEIGHTS else outputs:
                evaluate_model(measure, one, settings, groups=groups)
        elif measure.card.input is Input.FEATURES:
            for layer in LAYERS:
                evaluate_pairs(measure, Batch(dict(enumerate(seen[layer])), None, pairs, groups), settings)
        else:
            data = dict(enumerate(outputs if measure.card.input is Input.OUTPUTS else weights))
            evaluate_pairs(measure, Batch(data, None, pairs, groups), settings)
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
