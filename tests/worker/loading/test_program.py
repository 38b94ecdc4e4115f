"""Programs of torch.export: the same numbers as the network, and nothing of a file is run but listed operators."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kinscape import build, measure
from kinscape.backend.contracts.uploads import UploadKind
from kinscape.worker.door.refusal import Refusal
from kinscape.worker.inputs.subject import exact_attention
from kinscape.worker.inputs.untrained import untrained
from kinscape.worker.loading import dry_run, sandbox
from kinscape.worker.loading.graph import Graph
from kinscape.worker.loading.program import Program, layers_of, penultimate_of

IMAGES = {"mlp": (1, 8, 8), "cnn": (1, 8, 8), "lenet": (1, 8, 8), "resnet-cifar": (3, 32, 32), "vit-small": (3, 32, 32)}
BATCH = ({0: torch.export.Dim.AUTO},)
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated.*:DeprecationWarning", "ignore::FutureWarning")


def exported(module: nn.Module, x: Tensor, path: Path, *, shapes: Any = BATCH) -> Path:
    torch.export.save(torch.export.export(module, (x,), dynamic_shapes=shapes), path)
    return path


def opened(path: Path) -> Program:
    """What the sandbox and the reader make of a file."""
    out = path.with_suffix(".out")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    upload = sandbox.open_file(path, out, kind=UploadKind.CHECKPOINT)
    assert upload.graph is not None
    graph = Graph.read(upload.graph)
    dry_run.output_shape(dry_run.on_meta(graph, upload.manifest.tensors), graph)
    return Program(graph, load_file(upload.tensors))


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    module = build(name)
    with torch.no_grad():
        # Statistics as training leaves them, so that train mode and eval mode differ.
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
    return module.eval()


def samples(name: str, count: int) -> Tensor:
    x = torch.randn(count, *IMAGES[name], generator=torch.Generator().manual_seed(1))
    return x.flatten(1) if name == "mlp" else x


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", IMAGES)
def test_a_program_is_the_network_bit_for_bit(name: str, mode: str, tmp_path: Path) -> None:
    module = network(name)
    program = opened(exported(module.train(mode == "train"), samples(name, 2), tmp_path / "m.pt2"))
    x = samples(name, 7)
    module.eval()
    with torch.no_grad():
        assert torch.equal(program(x), module(x))
    assert {n for n, _ in program.named_parameters()} == {n for n, _ in module.named_parameters()}
    assert {n for n, _ in program.named_buffers()} == {n for n, _ in module.named_buffers()}


@pytest.mark.parametrize("name", IMAGES)
def test_every_module_shows_what_it_returned_in_the_network(name: str, tmp_path: Path) -> None:
    module, x = network(name), samples(name, 3)
    program = opened(exported(module, samples(name, 2), tmp_path / "m.pt2"))
    kept: dict[str, dict[str, Tensor]] = {"network": {}, "program": {}}
    for which, one in (("network", module), ("program", program)):
        for path, part in one.named_modules():

            def keep(_m: nn.Module, _i: object, out: Tensor, which: str = which, path: str = path) -> None:
                kept[which].setdefault(path, out.detach().clone())

            part.register_forward_hook(keep)
    with torch.no_grad():
        module(x)
        program(x)
    compared = [path for path in layers_of(program) if path in kept["network"]]
    assert len(compared) >= 6
    # A network that uses one activation for all its layers has one path for them, and a program one for each call.
    for path in compared:
        assert torch.equal(kept["program"][path], kept["network"][path]), path


@pytest.mark.parametrize("name", ["resnet-cifar", "vit-small"])
def test_gradients_and_hessian_products_are_those_of_the_network(name: str, tmp_path: Path) -> None:
    module = network(name).double()
    program = opened(exported(module, samples(name, 2).double(), tmp_path / "m.pt2"))
    x, y = samples(name, 4).double(), torch.tensor([0, 3, 5, 1])

    def products(one: nn.Module) -> list[Tensor]:
        parameters = dict(one.named_parameters())
        names = sorted(parameters)
        values = [parameters[n] for n in names]
        with exact_attention():
            loss = nn.functional.cross_entropy(one(x), y)
            first = torch.autograd.grad(loss, values, create_graph=True)
            generator = torch.Generator().manual_seed(0)
            along = [torch.randn(v.shape, generator=generator, dtype=v.dtype) for v in values]
            second = torch.autograd.grad([(a * g).sum() for a, g in zip(along, first, strict=True)], values)
        return [*first, *second]

    for ours, theirs in zip(products(program), products(module), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_measures_of_minima_take_a_program_for_a_network(tmp_path: Path) -> None:
    module, x = network("cnn"), samples("cnn", 40)
    program = opened(exported(module, samples("cnn", 2), tmp_path / "m.pt2"))
    y = torch.arange(40) % 10
    for slug in ("train-loss", "hessian-trace", "sam-sharpness", "relative-flatness", "layer-traces", "gradient-norm"):
        ours, theirs = (measure(slug)(one, x, y).value for one in (program, module))
        assert ours == pytest.approx(theirs, rel=1e-6), slug
    # Its layers can be drawn again.
    fresh = untrained(program, seed=5)
    assert not torch.equal(fresh.get_parameter("classifier.weight"), program.get_parameter("classifier.weight"))


class Named(nn.Module):
    """Modules named as the reader's own attributes might be, one of them called twice."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("graph", "steps", "layers", "output", "parts"):
            self.add_module(name, nn.Linear(6, 6))
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        for name in ("graph", "steps", "layers", "parts"):
            x = self.act(self.get_submodule(name)(x))
        out: Tensor = self.output(x.mean(1))
        return out


def test_no_name_of_a_module_is_taken(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = Named().eval(), torch.randn(5, 3, 6)
    program = opened(exported(module, torch.randn(2, 3, 6), tmp_path / "m.pt2"))
    with torch.no_grad():
        assert torch.equal(program(x), module(x))


def test_what_enters_the_head_can_be_compared_where_no_module_returns_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = Named().eval(), torch.randn(5, 3, 6)
    program = opened(exported(module, torch.randn(2, 3, 6), tmp_path / "m.pt2"))
    kept: list[Tensor] = []
    program.get_submodule(penultimate_of(program)).register_forward_hook(lambda _m, _i, out: kept.append(out))
    entered: list[Tensor] = []
    module.output.register_forward_pre_hook(lambda _m, given: entered.append(given[0]))
    with torch.no_grad():
        program(x)
        module(x)
    assert torch.equal(kept[0], entered[0])


class Tokens(nn.Module):
    """A small sequence classifier whose embedding is its head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.mix = nn.LSTM(8, 8, batch_first=True)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        hidden, _ = self.mix(self.embed(ids))
        return {"hidden": hidden, "logits": nn.functional.linear(hidden[:, -1], self.embed.weight)}


@pytest.mark.filterwarnings("ignore:The tensor attributes self.mix")
def test_tokens_stay_whole_numbers_and_logits_are_chosen_by_name(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, ids = Tokens().eval(), torch.randint(0, 20, (6, 5))
    program = opened(exported(module, ids[:2], tmp_path / "m.pt2"))
    with torch.no_grad():
        right = module(ids)["logits"]
        assert torch.equal(program(ids), right)
        # Probe sets hold samples as floats.
        assert torch.equal(program(ids.float()), right)


def test_a_program_of_a_fixed_batch_takes_any_number_of_samples(tmp_path: Path) -> None:
    module, x = network("cnn"), samples("cnn", 7)
    program = opened(exported(module, samples("cnn", 3), tmp_path / "m.pt2", shapes=None))
    with torch.no_grad():
        torch.testing.assert_close(program(x), module(x))


def test_a_program_runs_in_another_precision(tmp_path: Path) -> None:
    module, x = network("resnet-cifar"), samples("resnet-cifar", 3).double()
    program = opened(exported(module, samples("resnet-cifar", 2), tmp_path / "m.pt2")).double()
    with torch.no_grad():
        torch.testing.assert_close(program(x), module.double()(x), rtol=1e-12, atol=1e-12)


class Unlisted(nn.Module):
    """Uses an operator that no network needs."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), Inverse())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x)
        return out


class Inverse(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.special.bessel_j0(x)


def test_an_operator_that_is_not_listed_is_refused_with_its_module(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"special_bessel_j0.* in inner\.1, which is not read"):
        opened(exported(Unlisted(), torch.randn(2, 4), tmp_path / "m.pt2"))


class Bomb(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.scale).expand(2, 1 << 20, 1 << 20).contiguous()[:, 0, :3]


def test_a_program_that_would_fill_the_memory_is_refused_before_it_runs(tmp_path: Path) -> None:
    x = torch.randn(2, 1, 1)
    with pytest.raises(Refusal, match=r"makes [\d,]+ values in one step"):
        opened(exported(Bomb(), x, tmp_path / "m.pt2", shapes=None))


def rewritten(path: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """The same archive with some members changed."""
    out = path.with_name("changed.pt2")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            made = change(name, old.read(name))
            if made is not None:
                new.writestr(*made)
    return out


def in_json(part: str, edit: Callable[[dict[str, Any]], None]) -> Callable[[str, bytes], tuple[str, bytes]]:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if not name.endswith(part):
            return name, data
        value = json.loads(data)
        edit(value)
        return name, json.dumps(value).encode()

    return change


def nodes(program: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program["graph_module"]["graph"]["nodes"]
    return found


def pickled(config: dict[str, Any]) -> None:
    next(iter(config["config"].values()))["use_pickle"] = True


def elsewhere(config: dict[str, Any]) -> None:
    next(iter(config["config"].values()))["path_name"] = "../../etc/passwd"


def too_large(config: dict[str, Any]) -> None:
    next(iter(config["config"].values()))["tensor_meta"]["sizes"][0] = {"as_int": 1 << 30}


def renamed(program: dict[str, Any]) -> None:
    nodes(program)[0]["target"] = "torch.ops.aten.__import__.os"


def backwards(program: dict[str, Any]) -> None:
    nodes(program).reverse()


def other_schema(program: dict[str, Any]) -> None:
    program["schema_version"]["major"] = 9


def huge_size(program: dict[str, Any]) -> None:
    nodes(program)[0]["inputs"][1]["arg"] = {"as_int": 2**80}


LIES: dict[str, tuple[Callable[[str, bytes], tuple[str, bytes] | None], str]] = {
    "a pickled weight": (in_json("weights_config.json", pickled), "stored as a pickle, which is never opened"),
    "a weight elsewhere": (in_json("weights_config.json", elsewhere), "where no tensor belongs"),
    "a weight too large": (in_json("weights_config.json", too_large), "reaches beyond its stored bytes"),
    "a forged operator": (in_json("model.json", renamed), "__import__.os.* is not read here"),
    "values before they are made": (in_json("model.json", backwards), "before anything makes it"),
    "another schema": (in_json("model.json", other_schema), "schema version '9'"),
    "a size beyond all": (in_json("model.json", huge_size), "does not run on samples of its own shape"),
    "no graph": (in_json("model.json", dict.clear), "schema version|not laid out"),
    "a missing weight": (lambda n, d: None if n.endswith("weight_0") else (n, d), "lacks its part"),
    "pickles of an older torch": (
        lambda n, d: (n.replace("models/model.json", "serialized_exported_program.json"), d),
        "older torch, in a form that holds pickles",
    ),
    "machine code": (lambda n, d: (n.replace("data/constants", "data/aotinductor"), d), "machine code|lacks"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_program_that_lies_is_refused_with_a_sentence(lie: str, tmp_path: Path) -> None:
    path = exported(network("mlp"), samples("mlp", 2), tmp_path / "m.pt2")
    change, sentence = LIES[lie]
    with pytest.raises(Refusal, match=sentence):
        opened(rewritten(path, change))


def test_random_damage_of_a_program_is_refused_or_harmless(tmp_path: Path) -> None:
    path = exported(network("mlp"), samples("mlp", 2), tmp_path / "m.pt2")
    generator = torch.Generator().manual_seed(0)
    for trial in range(40):

        def damage(name: str, data: bytes, trial: int = trial) -> tuple[str, bytes]:
            if not name.endswith("model.json"):
                return name, data
            text = bytearray(data)
            for _ in range(1 + trial % 4):
                at = int(torch.randint(0, len(text), (1,), generator=generator))
                text[at] = int(torch.randint(32, 127, (1,), generator=generator))
            return name, bytes(text)

        try:
            program = opened(rewritten(path, damage))
            with torch.no_grad():
                program(samples("mlp", 2))
        except Refusal:
            continue


class Growing(nn.Module):
    """What it makes grows with the cube of the samples."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        cube = (x * self.scale)[:, None, None].expand(n, 40 * n, 40 * n, 4)
        return (cube + 1).sum((1, 2))


def test_a_program_that_grows_faster_than_its_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"makes [\d,]+ values in one step"):
        opened(exported(Growing(), torch.randn(2, 4), tmp_path / "m.pt2"))


class Noisy(nn.Module):
    """Every kind of layer that is random in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.GRU(6, 6, 2, batch_first=True, dropout=0.5)
        self.act = nn.RReLU()
        self.drops = nn.Sequential(nn.Dropout(0.5), nn.AlphaDropout(0.5), nn.FeatureAlphaDropout(0.5))
        self.norm = nn.BatchNorm1d(6, track_running_stats=False)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.mix(x)[0]
        out: Tensor = self.head(self.norm(self.act(self.drops(hidden)).mean(1)))
        return out


@pytest.mark.filterwarnings("ignore:The tensor attributes self.mix")
def test_whatever_is_random_in_training_is_still_in_a_program(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = Noisy().train(), torch.randn(9, 4, 6)
    program = opened(exported(module, x[:3], tmp_path / "m.pt2"))
    with torch.no_grad():
        torch.testing.assert_close(program(x), module.eval()(x))
        assert torch.equal(program(x), program(x))
