"""Files of other frameworks, and quantised and distributed ones of torch: what is read, and what is refused."""

import pickle
import warnings
import zipfile
from collections import deque, namedtuple
from pathlib import Path

import h5py
import joblib
import numpy as np
import pytest
import torch
from torch import nn

from kinscape import measure
from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.kernel_layout import TOLD, in_order_of_pytorch
from kinscape.worker.door.refusal import Refusal
from tests.worker.door import other_frameworks as others
from tests.worker.door.test_containers import opened, saved

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_quantised_layers_are_the_numbers_they_stand_for(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    small = torch.ao.quantization.quantize_dynamic(module, {nn.Linear}, dtype=torch.qint8)
    tensors, manifest = opened(saved(small.state_dict(), tmp_path / "q.pt"))
    assert set(tensors) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert torch.equal(tensors["0.weight"], small[0].weight().dequantize())
    assert torch.equal(tensors["2.bias"], module[2].bias)
    assert manifest.told == ["Quantised weights are read as the numbers that they stand for."]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_quantised_cells_are_named_as_left_out(tmp_path: Path) -> None:
    module = nn.Sequential(nn.LSTM(4, 3), nn.Linear(3, 2))
    small = torch.ao.quantization.quantize_dynamic(module, {nn.LSTM, nn.Linear}, dtype=torch.qint8)
    tensors, manifest = opened(saved(small.state_dict(), tmp_path / "q.pt"))
    assert set(tensors) == {"1.weight", "1.bias"}
    assert "Quantised LSTM and GRU are among them" in manifest.told[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("axis", [0, 1])
def test_scales_by_channel(axis: int, tmp_path: Path) -> None:
    scales, zeros = torch.linspace(0.1, 0.3, 3), torch.arange(3)
    some = torch.quantize_per_channel(torch.randn(3, 3), scales, zeros, axis, torch.qint8)
    tensors, _ = opened(saved({"w": some}, tmp_path / "c.pt"))
    torch.testing.assert_close(tensors["w"], some.dequantize(), rtol=1e-6, atol=1e-7)
    wide = torch.quantize_per_tensor(torch.randn(3, 4), 0.1, 0, torch.qint32)
    with pytest.raises(Refusal, match="not an ordinary one"):
        opened(saved({"w": wide}, tmp_path / "wide.pt"))


def test_an_estimator_of_scikit_learn(tmp_path: Path) -> None:
    from sklearn.neural_network import MLPClassifier

    generator = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLPClassifier((8,), max_iter=2).fit(generator.random((30, 4)), generator.integers(0, 3, 30).astype(str))
    for ending, save in (("joblib", joblib.dump), ("pkl", lambda m, p: p.write_bytes(pickle.dumps(m)))):
        path = tmp_path / f"m.{ending}"
        save(model, path)
        tensors, manifest = opened(path)
        # The optimiser's moments, and the classes, which are texts.
        assert "_optimizer" in manifest.told[0] or "more" in manifest.told[0]
        assert set(tensors) == {"coefs_.0", "coefs_.1", "intercepts_.0", "intercepts_.1", "best_loss_", "loss_"}
        assert np.array_equal(tensors["coefs_.1"].numpy(), model.coefs_[1])


class Slots:
    """An object without a dictionary."""

    __slots__ = ("w",)

    def __init__(self, w: object) -> None:
        self.w = w


Pair = namedtuple("Pair", "w b")


def nested() -> dict[str, tuple[object, set[str], str]]:
    """Values, the names of the arrays in them, and what is told."""
    objects = np.empty(2, object)
    objects[0], objects[1] = MATRIX, MATRIX + 1
    shared, deep = {"w": MATRIX}, {"w": MATRIX}
    for k in range(20):
        deep = {f"k{k}": deep}  # type: ignore[dict-item]
    ring: dict[str, object] = {"w": MATRIX}
    ring["again"] = ring
    return {
        "namedtuple": ({"head": MATRIX, "body": Pair(MATRIX, MATRIX)}, {"head", "body.0", "body.1"}, ""),
        "deque": ({"h": MATRIX, "l": deque([MATRIX, MATRIX])}, {"h", "l.0", "l.1"}, ""),
        "array of objects": ({"w": MATRIX, "m": objects}, {"w", "m.0", "m.1"}, ""),
        "slots": ({"h": MATRIX, "a": Slots(MATRIX)}, {"h", "a.w"}, ""),
        "shared": ({"enc": shared, "dec": shared}, {"enc.w", "dec.w"}, ""),
        "deep": (deep, {".".join(f"k{k}" for k in reversed(range(20))) + ".w"}, ""),
        "a ring": (ring, {"w"}, ""),
        "texts": ({"w": MATRIX, "l": np.array(["x", "y"])}, {"w"}, "'l'"),
        "a tensor of torch": ({"w": MATRIX, "t": torch.ones(3, 2)}, {"w"}, "'t'"),
        "a generator": ({"w": MATRIX, "rng": np.random.RandomState(0)}, {"w"}, ""),
        "unsigned": ({"w": MATRIX, "u": np.arange(3, dtype=np.uint32)}, {"w", "u"}, ""),
    }


@pytest.mark.parametrize("how", ["joblib", "pickle"])
@pytest.mark.parametrize("kind", nested())
def test_every_array_of_a_pickle_is_read_or_named(kind: str, how: str, tmp_path: Path) -> None:
    value, names, told = nested()[kind]
    path = tmp_path / "m.pkl"
    if how == "joblib":
        joblib.dump(value, path)
    else:
        path.write_bytes(pickle.dumps(value))
    tensors, manifest = opened(path)
    assert set(tensors) == names
    assert all(np.array_equal(t.numpy(), MATRIX) for n, t in tensors.items() if t.shape == (2, 3) and "m.1" not in n)
    assert [told in sentence for sentence in manifest.told] == ([True] if told else [])


@pytest.mark.parametrize("how", ["joblib", "pickle"])
def test_a_pickle_that_is_not_clear_is_refused(how: str, tmp_path: Path) -> None:
    for value, sentence in (
        ({"a.b": MATRIX, "a": {"b": MATRIX}}, "Two arrays of the pickle would be called 'a.b'"),
        ({"w": MATRIX.astype(">f4")}, "holds '>f4' values, which are not read"),
        ({"w": MATRIX.astype(np.complex64)}, "holds 'c8' values, which are not read"),
        ({"l": np.array(["x"])}, "no arrays of numbers were found"),
    ):
        path = tmp_path / "m.pkl"
        if how == "joblib":
            joblib.dump(value, path)
        else:
            path.write_bytes(pickle.dumps(value))
        with pytest.raises(Refusal, match=sentence):
            opened(path)


def test_pieces_of_several_ranks_become_one_tensor(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(4, 3)
    halves = {(0, 0): whole[:2], (2, 0): whole[2:, :2], (2, 2): whole[2:, 2:]}
    tensors, _ = opened(others.pieces(tmp_path / "d.zip", whole, halves))
    assert torch.equal(tensors["w"], whole)
    for name, corners, sentence in (
        ("gap", {(0, 0): whole[:2]}, "do not fill it"),
        ("twice", {(0, 0): whole[:2], (1, 0): whole[2:]}, "does not lie inside it"),
        ("beyond", {(0, 0): whole[:2], (3, 0): whole[2:]}, "does not lie inside it"),
        ("axes", {(0, 0): whole[:2], (2,): whole[2:].flatten()}, "does not lie inside it"),
    ):
        with pytest.raises(Refusal, match=sentence):
            opened(others.pieces(tmp_path / f"{name}.zip", whole, corners))


def test_a_folder_that_lacks_a_file_is_refused(tmp_path: Path) -> None:
    files = others.folder_of(tmp_path / "d.zip", {"a.weight": torch.ones(2, 2)})
    data = next(n for n in files if n.endswith(".distcp"))
    index = {n: b for n, b in files.items() if n == ".metadata"}
    with pytest.raises(Refusal, match=r"without its index; pack \.metadata too"):
        opened(others.zipped(tmp_path / "a.zip", {data: files[data]}))
    with pytest.raises(Refusal, match=f"lacks the file '{data}'"):
        opened(others.zipped(tmp_path / "b.zip", {**index, "__9_9.distcp": files[data]}))
    with pytest.raises(Refusal, match="is cut off"):
        opened(others.zipped(tmp_path / "e.zip", {**index, data: b""}))
    with pytest.raises(Refusal, match="is cut off"):
        opened(others.zipped(tmp_path / "c.zip", {**index, data: files[data][:500]}))
    with pytest.raises(Refusal, match=r"damaged|makes no sense"):
        opened(others.zipped(tmp_path / "d.zip", {**files, ".metadata": b"\x80\x04N."}))


def test_types_of_onnx(tmp_path: Path) -> None:
    values = [
        others.onnx_tensor("floats", MATRIX, field_4=MATRIX.tobytes()),
        others.onnx_tensor("numbers", np.array([1, -2]), field_7=others.number(1) + others.number(2**64 - 2)),
    ]
    constant = others.field(2, b"folded") + others.field(4, b"Constant")
    constant += others.field(5, others.field(1, b"value") + others.field(5, others.onnx_tensor("", MATRIX)))
    tensors, _ = opened(written(tmp_path / "m.onnx", others.onnx_model(values, others.field(1, constant))))
    assert tensors["floats"].tolist() == tensors["folded"].tolist() == MATRIX.tolist()
    assert tensors["numbers"].tolist() == [1, -2]


def test_weights_of_inner_graphs_functions_and_single_values(tmp_path: Path) -> None:
    inner = others.field(5, others.onnx_tensor("w", MATRIX))
    branch = others.field(2, b"y") + others.field(4, b"If")
    branch += others.field(5, others.field(1, b"then_branch") + others.field(6, inner))
    bias = others.field(2, b"bias") + others.field(4, b"Constant")
    bias += others.field(5, others.field(1, b"value") + others.field(5, others.onnx_tensor("", MATRIX[0])))
    axes = others.field(2, b"axes") + others.field(4, b"Constant")
    axes += others.field(5, others.field(1, b"value") + others.field(5, others.onnx_tensor("", np.array([0, 1]))))
    single = b"".join(others.number(4 << 3 | 5) + one.tobytes() for one in MATRIX.ravel())
    loose = others.field(1, 2) + others.field(1, 3) + others.field(2, 1) + others.field(8, b"loose") + single
    nodes = b"".join(others.field(1, node) for node in (branch, bias, axes))
    data = others.onnx_model([loose], nodes) + others.field(25, others.field(7, bias))
    tensors, _ = opened(written(tmp_path / "m.onnx", data))
    assert set(tensors) == {"loose", "y.then_branch0.w", "bias", "function0.bias"}
    assert tensors["loose"].tolist() == tensors["y.then_branch0.w"].tolist() == MATRIX.tolist()
    sparse = others.field(1, 8) + others.field(2, b"pytorch") + others.field(7, others.field(15, b""))
    with pytest.raises(Refusal, match="sparse weights"):
        opened(written(tmp_path / "s.onnx", sparse))


def test_names_that_only_begin_like_an_optimiser_are_weights(tmp_path: Path) -> None:
    names = ["optimal_head.weight", "scheduled.weight", "gradual.w", "fc.weight"]
    states = {n: torch.ones(2, 2) for n in names} | {"optimizer.state.exp_avg": torch.ones(2)}
    tensors, _ = opened(others.zipped(tmp_path / "d.zip", others.folder_of(tmp_path / "d", states, at="")))
    assert set(tensors) == set(names)


def test_models_of_onnx_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    elsewhere = others.onnx_tensor("w", MATRIX) + others.field(14, 1)
    with pytest.raises(Refusal, match="save_as_external_data=False"):
        opened(written(tmp_path / "a.onnx", others.onnx_model([elsewhere])))
    text = others.field(1, 2) + others.field(2, 8) + others.field(8, b"w")
    with pytest.raises(Refusal, match=r"type \(8\) that is not read"):
        opened(written(tmp_path / "b.onnx", others.onnx_model([text])))
    whole = others.onnx_model([others.onnx_tensor("w", MATRIX)])
    for cut in (9, 20, len(whole) - 10):
        with pytest.raises(Refusal, match=r"damaged or cut off|holds no weights"):
            opened(written(tmp_path / "c.onnx", whole[:cut]))
    short = others.onnx_tensor("w", MATRIX)[:-28] + others.field(9, b"1234")
    with pytest.raises(Refusal, match=r"damaged|does not have the bytes"):
        opened(written(tmp_path / "d.onnx", others.onnx_model([short])))


def test_files_of_hdf5_that_lie_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "loop.h5", "w") as file:
        file.create_group("g")
        file["g/again"] = file["g"]
        file["g/more"] = file["g"]
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file["w"] = h5py.ExternalLink("/etc/passwd", "/x")
    with h5py.File(tmp_path / "elsewhere.h5", "w") as file:
        file.create_dataset("w", (4,), "f4", external=[("/etc/hostname", 0, 16)])
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("w", (20_000, 20_000), "f4", chunks=(1000, 1000), compression="gzip", fillvalue=0)
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["about"] = "nothing"
    whole = others.keras(tmp_path / "m.h5", {"a.weight": torch.ones(200, 200)}).read_bytes()
    written(tmp_path / "cut.h5", whole[:3000])
    for name, sentence in (
        ("loop", "damaged"),
        ("outside", "damaged"),
        ("elsewhere", "data kept elsewhere"),
        ("bomb", "times its size"),
        ("none", "holds no weights"),
        ("cut", "damaged"),
    ):
        with pytest.raises(Refusal, match=sentence):
            opened(tmp_path / f"{name}.h5")


def test_names_of_keras_that_would_be_one_stay_apart(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["layers/dense/vars/0"] = MATRIX
        file["dense/0"] = MATRIX + 1
    tensors, _ = opened(tmp_path / "m.h5")
    assert set(tensors) == {"layers.dense.vars.0", "dense.0"}


def test_a_layer_may_be_called_like_what_training_keeps(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["layers/enc/optimizer/kernel"] = MATRIX
        file["layers/enc/about"] = "text"
        file["optimizer/vars/0"] = MATRIX
    tensors, manifest = opened(tmp_path / "m.h5")
    assert set(tensors) == {"optimizer.kernel"} or set(tensors) == {"enc.optimizer.kernel"}
    assert manifest.told == ["Left out, as texts or records: 'layers/enc/about'."]


def test_an_archive_of_keras_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = others.keras_archive(tmp_path / "m.keras", {"a.weight": torch.ones(2, 2)})
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(300 << 20))
    with pytest.raises(Refusal, match="unpacks to far more"):
        opened(tmp_path / "bomb.keras")
    with pytest.raises(Refusal, match="damaged or cut off"):
        opened(written(tmp_path / "cut.keras", path.read_bytes()[:-30]))


KERNEL = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("name", "stored", "read"),
    [
        ("conv2d.kernel", KERNEL, KERNEL.permute(3, 2, 0, 1)),
        # Newer files number the variables of a layer.
        ("conv2d.0", KERNEL, KERNEL.permute(3, 2, 0, 1)),
        ("anything.kernel", KERNEL, KERNEL.permute(3, 2, 0, 1)),
        ("Conv_0.kernel", KERNEL[0], KERNEL[0].permute(2, 1, 0)),
        ("depthwise_conv2d.depthwise_kernel", KERNEL, KERNEL.permute(2, 3, 0, 1).reshape(20, 1, 2, 3)),
        ("conv2d.kernel", KERNEL.half(), KERNEL.half().permute(3, 2, 0, 1)),
        # What is no kernel of a convolution stays: matrices, projections of attention, embeddings of positions.
        ("dense.kernel", KERNEL[0, 0], KERNEL[0, 0]),
        ("attention.query.kernel", KERNEL[0], KERNEL[0]),
        ("block.kernel", KERNEL[0], KERNEL[0]),
        ("pos_embedding", KERNEL, KERNEL),
        ("conv.weight", KERNEL, KERNEL),
    ],
)
def test_kernels_are_read_in_the_order_of_pytorch(name: str, stored: torch.Tensor, read: torch.Tensor) -> None:
    raw = Tensor({4: "F32", 2: "F16"}[stored.element_size()], tuple(stored.shape), memoryview(stored.numpy().tobytes()))
    found, told = in_order_of_pytorch({name: raw})
    assert found[name].shape == tuple(read.shape)
    assert bytes(found[name].data) == read.contiguous().numpy().tobytes()
    assert (told != []) is (read.shape != stored.shape)


def test_a_convolution_of_keras_has_the_rank_of_the_same_one_of_pytorch(tmp_path: Path) -> None:
    weight = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    path = others.keras(tmp_path / "m.h5", {"conv2d.kernel": weight.permute(2, 3, 1, 0).contiguous()})
    tensors, manifest = opened(path)
    assert manifest.told == [TOLD]
    (read,) = tensors.values()
    assert measure("effective-rank")({"w": read}).value == pytest.approx(measure("effective-rank")({"w": weight}).value)
