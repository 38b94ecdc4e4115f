"""Weights out of files that torch.save wrote."""

import zipfile
from typing import Any

from kinscape.worker.door import unpickler
from kinscape.worker.door.canonical import Tensor, count
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.strided import strided
from kinscape.worker.door.unpickler import DeferredCall, GlobalName, Persistent

SAVE = "save it with torch.save(model.state_dict(), path), or with safetensors.torch.save_file"
STORAGES = {
    "FloatStorage": "F32",
    "DoubleStorage": "F64",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
# The pickle holds names and shapes only; tensors lie beside it.
LARGEST_PICKLE = 256 << 20


def read(path: str) -> dict[str, Tensor]:
    """The one set of weights in a torch.save archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            root = _checked(archive)
            order = (
                _member(archive, f"{root}/byteorder", 100) if f"{root}/byteorder" in archive.namelist() else b"little"
            )
            if order.strip() != b"little":
                raise Refusal("The file was saved on a big-endian machine; save it on another one.")
            value = unpickler.load(_member(archive, f"{root}/data.pkl", LARGEST_PICKLE))
            storages: dict[str, memoryview] = {}
            weights = _weights(value)
            return {name: _tensor(archive, root, name, made, storages) for name, made in weights.items()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
        raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.") from error


def _checked(archive: zipfile.ZipFile) -> str:
    infos = archive.infolist()
    names = [i.filename for i in infos]
    roots = {n.split("/", 1)[0] for n in names}
    if len(names) != len(set(names)) or len(roots) != 1 or not infos:
        raise Refusal(f"This zip file was not written by torch.save; {SAVE}.")
    if any(i.compress_type != zipfile.ZIP_STORED or i.compress_size != i.file_size for i in infos):
        raise Refusal(f"This zip file is compressed, which torch.save never does; {SAVE}.")
    if min(i.header_offset for i in infos) != 0:
        raise Refusal(f"Something stands before the zip archive in this file; {SAVE}.")
    root = roots.pop()
    if f"{root}/data.pkl" not in names:
        raise Refusal(f"This zip file was not written by torch.save; {SAVE}.")
    return root


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise Refusal(f"The file lacks its part {quoted(name)}; {SAVE}.") from error
    if info.file_size > most:
        raise Refusal(f"The part {quoted(name)} of the file is far too large; {SAVE}.")
    return archive.read(info)


def _is_tensor(value: Any) -> bool:
    if not isinstance(value, DeferredCall) or not isinstance(value.by, GlobalName):
        return False
    return value.by.module == "torch._utils" and value.by.name in (
        "_rebuild_tensor_v2",
        "_rebuild_parameter",
        "_rebuild_parameter_with_state",
    )


def _is_weights(value: Any) -> bool:
    return (
        isinstance(value, dict) and bool(value) and all(isinstance(k, str) and _is_tensor(v) for k, v in value.items())
    )


def _weights(value: Any) -> dict[str, Any]:
    if _is_weights(value):
        return dict(value)
    if isinstance(value, dict):
        found = [k for k, v in value.items() if isinstance(k, str) and _is_weights(v)]
        if len(found) == 1:
            return dict(value[found[0]])
        if found:
            names = ", ".join(quoted(f) for f in found[:8])
            raise Refusal(f"The file holds several sets of weights ({names}); save only the one you mean.")
        raise Refusal(f"The file holds no set of weights that could be found; {SAVE}.")
    if isinstance(value, DeferredCall):
        raise Refusal(f"The file holds a whole object ({quoted(value.by)}), not weights; {SAVE}.")
    raise Refusal(f"The file holds no weights; {SAVE}.")


def _tensor(
    archive: zipfile.ZipFile, root: str, name: str, made: DeferredCall, storages: dict[str, memoryview]
) -> Tensor:
    inner: Any = made
    while (
        isinstance(inner, DeferredCall) and isinstance(inner.by, GlobalName) and inner.by.name != "_rebuild_tensor_v2"
    ):
        inner = inner.arguments[0] if isinstance(inner.arguments, tuple) and inner.arguments else None
    try:
        storage, offset, shape, stride = inner.arguments[:4]
        kind, stored_as, key = storage.id[0], storage.id[1], storage.id[2]
        dtype = STORAGES[stored_as.name]
    except (AttributeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise Refusal(f"Tensor {quoted(name)} is not an ordinary tensor; {SAVE}.") from error
    numbers = [offset, *shape, *stride] if isinstance(shape, tuple) and isinstance(stride, tuple) else [None]
    if not all(type(n) is int and 0 <= n < 2**40 for n in numbers) or len(shape) != len(stride):
        raise Refusal(f"The shape of tensor {quoted(name)} makes no sense; save the file again.")
    if kind != "storage" or not isinstance(storage, Persistent) or not str(key).isalnum():
        raise Refusal(f"Tensor {quoted(name)} is not an ordinary tensor; {SAVE}.")
    if str(key) not in storages:
        part = _member(archive, f"{root}/data/{key}", 1 << 40)
        storages[str(key)] = memoryview(part)
    if count(shape) == 0:
        return Tensor(dtype, shape, memoryview(b""))
    return strided(name, dtype, storages[str(key)], offset=offset, shape=shape, stride=stride)
