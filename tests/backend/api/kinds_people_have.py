"""Files as training scripts and hubs leave them, beyond those that test single readers."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

Make = Callable[[Path], Path]


def small() -> nn.Sequential:
    """Two layers that no registry knows."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.Tanh(), nn.Linear(12, 10))


def saved(document: Any) -> Make:
    """Written by torch.save."""

    def make(path: Path) -> Path:
        torch.save(document, path)
        return path

    return make


def _in_safetensors(path: Path) -> Path:
    state = {name: tensor.bfloat16() for name, tensor in small().state_dict().items()}
    save_file(state, path, metadata={"format": "pt", "trained_on": "digits"})
    return path


def _of_a_gpu(path: Path) -> Path:
    """Storages that say they lay on a GPU, as every file does that is saved there."""
    with mock.patch("torch.serialization.location_tag", return_value="cuda:0"):
        torch.save(small().state_dict(), path)
    return path


def _masked() -> dict[str, Tensor]:
    model = small()
    for layer in (model[1], model[3]):
        prune.l1_unstructured(layer, "weight", amount=0.8)
    return model.state_dict()


def _normed() -> dict[str, Tensor]:
    model = small()
    parametrizations.weight_norm(model[1])
    parametrizations.spectral_norm(model[3])
    return model.state_dict()


def _adapter(path: Path) -> Path:
    """The folder of an adapter of low rank, in a zip."""
    base = "base_model.model.layers.0.q_proj"
    factors = {f"{base}.lora_A.weight": torch.randn(4, 16), f"{base}.lora_B.weight": torch.randn(16, 4)}
    about = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "base_model_name_or_path": "somebody/else"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("adapter/adapter_config.json", json.dumps(about))
        archive.writestr("adapter/adapter_model.safetensors", save(factors))
    return path


def _hub(path: Path) -> Path:
    """The folder of a hub: configuration, tokens, weights."""
    out = io.BytesIO()
    torch.save(small().state_dict(), out)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/config.json", json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
        archive.writestr("model/vocab.txt", "[PAD]\n[UNK]\n")
        archive.writestr("model/pytorch_model.bin", out.getvalue())
    return path


# Which of several sets is meant.
CHOSEN = {"train.py of timm": {"weights": "state_dict_ema"}, "student and teacher (DINO)": {"weights": "teacher"}}


def weights() -> dict[str, Make]:
    """By name."""
    model = small()
    own = model.state_dict()
    other = {name: tensor + 1 for name, tensor in own.items()}
    lightning = {f"model.{k}": v for k, v in own.items()} | {"criterion.weight": torch.ones(10)}
    return {
        "half precision": saved({k: v.half() for k, v in own.items()}),
        "bfloat16 in safetensors, with metadata": _in_safetensors,
        "saved on a GPU": _of_a_gpu,
        "DeepSpeed": saved({"module": own, "dp_world_size": 1, "ds_config": {"fp16": {"enabled": False}}}),
        "train.py of timm": saved(
            {"epoch": 3, "arch": "resnet10t", "state_dict": own, "state_dict_ema": other, "metric": 81.2}
        ),
        "student and teacher (DINO)": saved({"student": own, "teacher": other, "epoch": 3}),
        "Lightning whose loss has weights": saved(
            {"state_dict": lightning, "pytorch-lightning_version": "2.5.0", "epoch": 3, "hyper_parameters": {"lr": 0.1}}
        ),
        "masks of pruning": saved(_masked()),
        "weight and spectral norms": saved(_normed()),
        "folder of a hub in a zip": _hub,
        "adapter of low rank": _adapter,
        "names of the registry, another function": saved(own),
    }


class LeNetOfOld(nn.Module):
    """Tanh and mean pooling, as in 1998."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten())
        self.classifier = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.features(x))
        return out


class TwoHeads(nn.Module):
    """An encoder with a projection that is thrown away, and a head of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.projection = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.encoder(x).mean((2, 3)))
        return out


class Blocks(nn.Module):
    """Depthwise convolutions, layer norm, a gate: parts of ConvNeXt and of squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 2, 2)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm = nn.LayerNorm(8)
        self.wide, self.narrow = nn.Linear(8, 32), nn.Linear(32, 8)
        self.gate = nn.Linear(8, 8)
        self.scale = nn.Parameter(torch.full((8,), 0.1))
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.narrow(nn.functional.gelu(self.wide(self.norm(y)))) * self.scale
        x = x + y.permute(0, 3, 1, 2)
        x = x * self.gate(x.mean((2, 3))).sigmoid()[:, :, None, None]
        out: Tensor = self.head(x.mean((2, 3)))
        return out


def programs() -> list[tuple[str, nn.Module]]:
    """Modules as people write them, with the names that they have."""
    torch.manual_seed(4)
    dense = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    vgg = nn.Sequential(dense, nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 10))
    return [
        ("VGG with BatchNorm and dropout", vgg),
        ("LeNet with tanh and mean pooling", LeNetOfOld()),
        ("contrastive encoder with another head", TwoHeads()),
        ("ConvNeXt block with a gate", Blocks()),
        ("perceptron with tanh", small()),
    ]


def generator() -> nn.Module:
    """Images from noise."""
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Unflatten(1, (16, 1, 1)),
        nn.ConvTranspose2d(16, 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, 2, 1),
        nn.Tanh(),
    )


def regressor() -> nn.Module:
    """Three numbers that are no classes."""
    torch.manual_seed(6)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 3))
