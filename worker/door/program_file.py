"""Programs out of files that torch.export.save wrote: JSON and raw bytes, nothing unpickled or evaluated."""

import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from kinscape.worker.door.canonical import Tensor, count
from kinscape.worker.door.program_graph import Json, graph_of, mapping
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.strided import strided
from kinscape.worker.door.zips import ZIP_ERRORS

EXPORT = (
    "export it again: torch.export.save(torch.export.export(model.eval(), (torch.randn(2, …),), "
    "dynamic_shapes=({0: torch.export.Dim.AUTO},)), path)"
)
# Numbers of torch's ScalarType in the files' schema, as safetensors calls them.
DTYPES = {
    1: "U8",
    2: "I8",
    3: "I16",
    4: "I32",
    5: "I64",
    6: "F16",
    7: "F32",
    8: "F64",
    12: "BOOL",
    13: "BF16",
}
STRIDED = 7
# The major version that torch 2.13 writes; a change of it changes what fields mean.
SCHEMA = 8
# A graph of a thousand layers takes some ten megabytes.
LARGEST_GRAPH = 256 << 20
LARGEST_CONFIG = 64 << 20
MEMBER = re.compile(r"(weight|tensor)_\d{1,9}")


def looks_like(names: list[str]) -> bool:
    """Whether the members of a zip archive are those of torch.export."""
    return any(n.endswith(("/models/model.json", "serialized_exported_program.json")) for n in names)


def read(path: str) -> tuple[dict[str, Tensor], Json]:
    """Tensors by their names in the network, and the graph that computes with them."""
    try:
        with zipfile.ZipFile(path) as archive:
            root = _checked(archive)
            program = _json(archive, f"{root}/models/model.json", LARGEST_GRAPH)
            version = mapping(program.get("schema_version")).get("major")
            if version != SCHEMA:
                raise Refusal(f"The program has schema version {quoted(version)}, {SCHEMA} is read; {EXPORT}.")
            tensors = _tensors(archive, root, "weights") | _tensors(archive, root, "constants")
            return tensors, graph_of(program, set(tensors))
    except ZIP_ERRORS as error:
        raise Refusal(f"The program is damaged or cut off; {EXPORT}.") from error


def _checked(archive: zipfile.ZipFile) -> str:
    infos = archive.infolist()
    names = [i.filename for i in infos]
    if any(n.endswith("serialized_exported_program.json") for n in names):
        raise Refusal(f"The program was written by an older torch, in a form that holds pickles; {EXPORT}.")
    roots = {n.split("/", 1)[0] for n in names}
    if len(names) != len(set(names)) or len(roots) != 1:
        raise Refusal(f"This archive names a part twice, so it was not written by torch.export.save; {EXPORT}.")
    if any(i.compress_type != zipfile.ZIP_STORED or i.compress_size != i.file_size for i in infos):
        raise Refusal(f"This program is compressed, which torch.export.save never does; {EXPORT}.")
    if min(i.header_offset for i in infos) != 0:
        raise Refusal(f"Something stands before the zip archive in this file; {EXPORT}.")
    if any("/data/aotinductor/" in n for n in names):
        raise Refusal(f"The file holds machine code (AOTInductor), which is never run here; {EXPORT}.")
    models = [n for n in names if "/models/" in n and n.endswith(".json")]
    if len(models) != 1:
        raise Refusal(f"The file holds {len(models)} programs; save one.")
    return roots.pop()


def _json(archive: zipfile.ZipFile, name: str, most: int) -> Json:
    data = _member(archive, name, most)
    try:
        return mapping(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise Refusal(f"The part {quoted(name)} is not JSON; {EXPORT}.") from error


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise Refusal(f"The file lacks its part {quoted(name)}; {EXPORT}.") from error
    if info.file_size > most:
        raise Refusal(f"The part {quoted(name)} of the file is far too large; {EXPORT}.")
    return archive.read(info)


def _tensors(archive: zipfile.ZipFile, root: str, kind: str) -> dict[str, Tensor]:
    """The stored weights or constants by name."""
    listed = f"{root}/data/{kind}/model_{kind}_config.json"
    if listed not in archive.namelist():
        return {}
    entries = mapping(_json(archive, listed, LARGEST_CONFIG).get("config"))
    parts: dict[str, memoryview] = {}
    out: dict[str, Tensor] = {}
    for name, entry in entries.items():
        place = mapping(entry).get("path_name")
        if mapping(entry).get("use_pickle") is not False or not isinstance(place, str):
            raise Refusal(f"{quoted(name)} is stored as a pickle, which is never opened; {EXPORT}.")
        if not MEMBER.fullmatch(place):
            raise Refusal(f"{quoted(name)} is stored in {quoted(place)}, where no tensor belongs; {EXPORT}.")
        if place not in parts:
            parts[place] = memoryview(_member(archive, f"{root}/data/{kind}/{place}", 1 << 40))
        out[name] = _tensor(name, mapping(mapping(entry).get("tensor_meta")), parts[place])
    return out


def _tensor(name: str, meta: Mapping[str, Any], data: memoryview) -> Tensor:
    dtype = DTYPES.get(meta.get("dtype", -1))
    if dtype is None or meta.get("layout") != STRIDED:
        raise Refusal(f"Tensor {quoted(name)} has a type or layout that is not read; export a dense float32 model.")
    shape, stride = _sides(name, meta.get("sizes")), _sides(name, meta.get("strides"))
    (offset,) = _sides(name, [meta.get("storage_offset")])
    if count(shape) == 0:
        return Tensor(dtype, shape, memoryview(b""))
    return strided(name, dtype, data, offset=offset, shape=shape, stride=stride)


def _sides(name: str, values: Any) -> tuple[int, ...]:
    numbers = [mapping(v).get("as_int") for v in values] if isinstance(values, list) else [None]
    if not all(type(n) is int and 0 <= n < 2**40 for n in numbers) or len(numbers) > 16:
        raise Refusal(f"The shape of tensor {quoted(name)} makes no sense; {EXPORT}.")
    return tuple(n for n in numbers if n is not None)
