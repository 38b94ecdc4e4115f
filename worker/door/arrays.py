"""Weights out of .npz files: arrays by name, as JAX, numpy and MLX users keep them."""

import zipfile

from kinscape.worker.door.canonical import Tensor
from kinscape.worker.door.probe_arrays import LARGEST, read_array
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.zips import ZIP_ERRORS

DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
SAVE = "save it with numpy.savez(path, **{name: array for name, array in weights.items()})"


def read(path: str) -> dict[str, Tensor]:
    """The arrays of an archive; a name with slashes becomes one with dots."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len({i.filename for i in infos}) != len(infos):
                raise Refusal(f"The file names an array twice; {SAVE}.")
            if sum(i.file_size for i in infos) > LARGEST:
                raise Refusal(f"The arrays are larger than {LARGEST >> 30} GiB; save them as .safetensors.")
            return {_name(i.filename): _tensor(archive, i.filename) for i in infos}
    except ZIP_ERRORS as error:
        raise Refusal(f"The file is damaged or cut off; {SAVE}, and upload it again.") from error


def _name(member: str) -> str:
    return member.removesuffix(".npy").replace("/", ".")


def _tensor(archive: zipfile.ZipFile, member: str) -> Tensor:
    array = read_array(archive, member, save=SAVE)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if little.dtype.name not in DTYPES:
        raise Refusal(f"The array {quoted(member)} holds {array.dtype.name} values, which weights never are; {SAVE}.")
    return Tensor(DTYPES[little.dtype.name], little.shape, memoryview(little.tobytes()))
