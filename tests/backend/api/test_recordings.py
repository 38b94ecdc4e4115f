"""Outputs and features that were recorded where the model lives, compared with everything else."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kinscape import build, record
from kinscape.backend.contracts.checkpoints import Level
from kinscape.client import ClientError, Project
from kinscape.recording import RecordingError


def lenet(file: Path) -> nn.Module:
    module = build("lenet", classes=10)
    module.load_state_dict(load_file(file))
    return module


def samples(probe_file: Path) -> tuple[Tensor, Tensor]:
    with np.load(probe_file) as data:
        x = torch.from_numpy(data["x"]).float()
        return (x[:, None] if x.ndim == 3 else x), torch.from_numpy(data["y"])


def test_a_recording_says_what_the_network_says(project: Project, networks: list[Path], probe_file: Path) -> None:
    probe = project.upload_probe(probe_file, name="held-out")
    module, (x, y) = lenet(networks[0]).train(), samples(probe_file)
    made = record(module, x, y=y, layers=["features.3", "classifier.3"], project=project, name="recorded", batch=37)
    assert module.training
    assert made.checkpoint is not None
    assert (made.checkpoint.level, made.checkpoint.layers) == (Level.RECORDED, ["features.3", "classifier.3"])
    assert "not verified" not in made.checkpoint.reason
    kind = {"architecture": "lenet", "arguments": {"classes": 10}}
    project.upload_checkpoint(networks[0], name="network", **kind)
    project.upload_checkpoint(networks[1], name="other", **kind)
    asked = project.compare(
        checkpoints=["recorded", "network", "other"],
        probe=probe,
        measures=["logit-mse", "linear-cka", "accuracy", "ece", "rankme", "weight-l2", "hessian-trace"],
        layers=["features.3", "classifier.3"],
    ).wait(timeout_s=90)
    assert asked.status == "done", asked.log
    outputs = asked.matrix("logit-mse")
    assert outputs.values[0, 1] == pytest.approx(0, abs=1e-9)
    assert outputs.values[0, 2] == pytest.approx(outputs.values[1, 2], rel=1e-5)
    for layer in ("features.3", "classifier.3"):
        features = asked.matrix("linear-cka", layer=layer)
        assert features.values[0, 1] == pytest.approx(1, abs=1e-6)
        assert features.values[0, 2] == pytest.approx(features.values[1, 2], abs=1e-5)
    table = asked.table(["accuracy", "ece", "hessian-trace"])
    assert table.values[0, :2] == pytest.approx(table.values[1, :2], abs=1e-6)
    assert "recorded outputs alone are known" in table.reasons[0, 2]
    assert "holds no weights" in asked.matrix("weight-l2").reasons[0, 1]


def test_any_callable_of_any_library_is_recorded(project: Project, probe_file: Path, tmp_path: Path) -> None:
    project.upload_probe(probe_file, name="held-out")
    (x, y), rng = samples(probe_file), np.random.default_rng(0)
    first, second = rng.normal(size=(64, 12)), rng.normal(size=(12, 10))

    def model(rows: np.ndarray) -> dict[str, np.ndarray]:
        hidden = np.tanh(rows.reshape(len(rows), -1) @ first)
        logits = hidden @ second
        odds = np.exp(logits - logits.max(1, keepdims=True))
        return {"outputs": odds / odds.sum(1, keepdims=True), "hidden": hidden}

    made = record(
        model, x.numpy(), y=y.numpy(), layers=["hidden"], outputs="probabilities", path=tmp_path / "a.safetensors"
    )
    assert (made.samples, made.classes, made.layers) == (len(x), 10, {"hidden": 12})
    checkpoint = project.upload_checkpoint(made.path, name="jax", group="jax")
    assert checkpoint.level is Level.RECORDED
    asked = project.compare(checkpoints=[checkpoint], probe="held-out", measures=["accuracy", "nll"]).wait(timeout_s=60)
    odds = model(x.numpy())["outputs"]
    right = odds[np.arange(len(y)), y.numpy()]
    assert asked.table(["nll"]).values[0, 0] == pytest.approx(-np.log(right).mean(), rel=1e-5)


def test_another_order_another_count_and_unknown_samples_are_refused(
    project: Project, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    project.upload_probe(probe_file, name="held-out")
    module, (x, y) = lenet(networks[0]), samples(probe_file)
    order = torch.arange(len(x))
    order[[3, 8]] = order[[8, 3]]
    shuffled = record(module, x[order], path=tmp_path / "shuffled.safetensors").path
    with pytest.raises(ClientError, match=r"another order, from sample 3 on"):
        project.upload_checkpoint(shuffled, probe="held-out")
    with pytest.raises(ClientError, match=r"No probe set of this project holds"):
        project.upload_checkpoint(shuffled)
    fewer = record(module, x[:50], path=tmp_path / "fewer.safetensors").path
    with pytest.raises(ClientError, match=r"recording has 50 samples, 'held-out' has"):
        project.upload_checkpoint(fewer, probe="held-out")
    with pytest.raises(ClientError, match=r"no probe set called 'other'"):
        project.upload_checkpoint(fewer, probe="other")
    labels = y.clone()
    labels[5] = (labels[5] + 1) % 10
    relabelled = record(module, x * 2, y=labels, path=tmp_path / "relabelled.safetensors").path
    with pytest.raises(ClientError, match=r"Sample 5 has the label"):
        project.upload_checkpoint(relabelled, probe="held-out")
    # Samples that were changed before are taken at their word, which is said.
    scaled = record(module, x * 2, y=y, path=tmp_path / "scaled.safetensors").path
    assert "was not verified" in project.upload_checkpoint(scaled, probe="held-out").reason


def test_a_recording_by_hand_is_checked(project: Project, probe_file: Path, tmp_path: Path) -> None:
    project.upload_probe(probe_file, name="held-out")
    x, _ = samples(probe_file)
    whole = {"outputs": torch.randn(len(x), 10), "features/layer4": torch.randn(len(x), 8, 2, 2)}
    about = {"kinscape.recording": "1", "kinscape.about": '{"outputs": "logits"}'}
    save_file(whole, tmp_path / "hand.safetensors", metadata=about)
    made = project.upload_checkpoint(tmp_path / "hand.safetensors", probe="held-out")
    assert made.layers == ["layer4"]
    lies = {
        r"needs a tensor 'outputs'": {"features/a": whole["features/layer4"]},
        r"'weights'": {**whole, "weights": torch.randn(len(x), 2)},
        r"has the shape \(3, 2\)": {**whole, "features/b": torch.randn(3, 2)},
    }
    for k, (sentence, tensors) in enumerate(lies.items()):
        save_file(tensors, tmp_path / f"lie{k}.safetensors", metadata=about)
        with pytest.raises(ClientError, match=sentence):
            project.upload_checkpoint(tmp_path / f"lie{k}.safetensors", probe="held-out")


def test_what_cannot_be_recorded_is_said_and_nothing_is_written(networks: list[Path], tmp_path: Path) -> None:
    module, x, path = lenet(networks[0]), torch.randn(6, 1, 8, 8), tmp_path / "r.safetensors"
    with pytest.raises(RecordingError, match=r"no layer 'layer4'; it has"):
        record(module, x, layers=["layer4"], path=path)
    with pytest.raises(RecordingError, match="Say where"):
        record(module, x)
    with pytest.raises(RecordingError, match="5 labels for 6 samples"):
        record(module, x, y=torch.zeros(5), path=path)
    with pytest.raises(RecordingError, match="NaN or infinite"):
        record(lambda rows: np.full((len(rows), 3), np.nan), x.numpy(), path=path)
    with pytest.raises(RecordingError, match=r"must be \(6 samples, classes\)"):
        record(lambda rows: rows, x.numpy(), path=path)
    with pytest.raises(RecordingError, match="no samples"):
        record(module, [], path=path)
    assert not path.exists()


def test_a_data_loader_is_recorded_like_its_samples(networks: list[Path], tmp_path: Path) -> None:
    module, x, y = lenet(networks[0]), torch.randn(25, 1, 8, 8), torch.arange(25) % 10
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=7)
    one = record(module, loader, layers=["features.3"], path=tmp_path / "a.safetensors").path
    two = record(module, x, y=y, layers=["features.3"], path=tmp_path / "b.safetensors", batch=7).path
    first, second = load_file(one), load_file(two)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[n], second[n]) for n in first)


def test_recording_needs_no_torch(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["torch"] = None
import numpy as np
from kinscape import record
made = record(lambda x: x @ np.ones((4, 3)), np.ones((9, 4)), path=sys.argv[1])
assert made.samples == 9 and "scipy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "r.safetensors")], check=True)
