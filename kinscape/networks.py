"""From a module as somebody trained it to a network that measures can run, differentiate and take apart."""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from kinscape.backend.contracts.problems import Problem, Unprocessable
from kinscape.worker.evaluation.cells import finite
from kinscape.worker.inputs.binary import is_one_logit, two_logits, with_two_logits
from kinscape.worker.inputs.effective import without_parametrizations
from kinscape.worker.inputs.functional import copied, with_answers_like, with_hooks_of, with_own_samples
from kinscape.worker.inputs.passes import samples_per_pass, smallest_batch
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.untrained import untrained
from kinscape.worker.loading.room import room_bytes

# Floats of fewer bytes have fewer digits than derivatives need.
FEWEST_BYTES = 4
# What torch.compile calls the network in it.
COMPILED = "_orig_mod"
# The function of torch through which every module is called.
CALL, MODULE_FILE = "_call_impl", nn.modules.module.__file__


def unwrapped(module: nn.Module) -> nn.Module:
    """The network itself, without what spreads it over devices or compiles it.

    Raises:
        Unprocessable: its layers cannot be reached, or have no values.
    """
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = with_hooks_of(module.module, module)
        elif COMPILED in module._modules:
            module = with_hooks_of(module.get_submodule(COMPILED), module)
        else:
            break
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise Unprocessable(
            "The layers of a TorchScript module cannot be reached: pass the module that it was made from."
        )
    tensors = [*module.parameters(), *module.buffers()]
    if any(isinstance(t, UninitializedParameter | UninitializedBuffer) for t in tensors):
        raise Unprocessable("Lazy layers of the network have no weights yet: run it once on a sample.")
    if any(t.is_meta for t in tensors):
        raise Unprocessable("The network is on the meta device, where weights have no values: load its weights first.")
    return module


def subject_of(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    groups: tuple[Tensor, ...],
    seed: int,
    references: Sequence[nn.Module] = (),
) -> Subject:
    """A module on its samples, after some of them went through it.

    Its minimum is looked at in the weights that it computes with: masks and norms of weights are put together, in a
    copy.
    """
    try:
        finite(x)
    except Undefined as sentence:
        raise Unprocessable(str(sentence)) from sentence
    module = without_parametrizations(unwrapped(module))
    if any(p.is_complex() for p in module.parameters()):
        raise Unprocessable("The network has complex parameters, which measures of minima do not know.")
    module, x, logits = _readable(module, x)
    if bool((y < 0).any()) or bool((y >= logits.shape[1]).any()):
        raise Unprocessable(f"Labels must lie between 0 and {logits.shape[1] - 1}.")
    y = y.to(x.device)
    others = tuple(subject_of(m, x, y, groups=groups, seed=seed) for m in references)
    chunk = samples_per_pass(module, x, room_bytes=room_bytes(x.device))
    fresh = partial(untrained, module)
    return Subject(module, x, y, groups=groups, chunk=chunk, seed=seed, fresh=fresh, references=others)


def _readable(module: nn.Module, x: Tensor) -> tuple[nn.Module, Tensor, Tensor]:
    """The network and the samples in types that fit, and logits of the first samples."""
    types = {p.dtype for p in module.parameters() if p.is_floating_point()}
    if any(kind.itemsize < FEWEST_BYTES for kind in types):
        # The same network with room for derivatives, as the server computes it.
        short = sorted(str(kind).removeprefix("torch.") for kind in types if kind.itemsize < FEWEST_BYTES)
        module, types = copied(module).float(), {torch.float32}
        cause = f"in float32, as its {short[0]} weights have too few digits for derivatives; a cast in it may not fit"
    else:
        cause = ""
    wanted = _types_for(x, module, types)
    for kind in wanted:
        samples = x if kind is None else x.to(kind)
        rows = smallest_batch(samples)
        given = rows.detach().clone()
        try:
            with torch.no_grad():
                logits = module(given)
            break
        except Exception as error:  # whatever the caller's own forward raises
            if kind is wanted[-1]:
                raise Unprocessable(_cannot_read(error, cause)) from error
    # Its version counts changes, those of later samples as well; what goes around torch is seen by its values.
    if given._version or not torch.equal(given, rows):
        module = with_own_samples(module)
    if is_one_logit(logits, len(rows)):
        module, logits = with_two_logits(module), two_logits(logits)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(rows):
        raise Unprocessable("The network must return logits (samples, classes).")
    if types and logits.dtype not in types:
        module = with_answers_like(module, next(p for p in module.parameters() if p.is_floating_point()))
    return module, samples, logits


def _types_for(x: Tensor, module: nn.Module, types: set[torch.dtype]) -> list[torch.dtype | None]:
    """Types to try for the samples: that of the weights; where there are several, first as they are."""
    if not x.is_floating_point() or not types:
        return [None]
    first = next(p.dtype for p in module.parameters() if p.is_floating_point())
    return [first] if len(types) == 1 else [None, first, *sorted(types - {first}, key=str)]


@contextmanager
def left_as_they_were(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Networks in eval mode; at the end they have their modes and buffers again, and torch its random state.

    Raises:
        Unprocessable: a forward raised something.
    """
    modes = [{part: part.training for part in module.modules()} for module in modules]
    parts = [p for module in modules for p in module.modules() if not isinstance(p, torch.jit.ScriptModule)]
    buffers = [_Buffer.of(part, name) for part in parts for name in part._buffers]
    try:
        for module in modules:
            module.eval()
        with torch.random.fork_rng(devices=[]):
            yield
    except Exception as error:
        if isinstance(error, Problem) or not _is_of_a_forward(error):
            raise
        words = f"The network broke on these samples: {type(error).__name__}: {str(error)[:200]}"
        raise Unprocessable(words) from error
    finally:
        for before in modes:
            for part, training in before.items():
                part.training = training
        for buffer in buffers:
            buffer.put_back()


@dataclass(frozen=True)
class _Buffer:
    """A buffer of a module as it was, for networks that count or average in their forward."""

    part: nn.Module
    name: str
    tensor: Tensor | None
    version: int
    values: Tensor | None

    @classmethod
    def of(cls, part: nn.Module, name: str) -> "_Buffer":
        tensor = part._buffers[name]
        if tensor is None or tensor.is_inference():
            return cls(part, name, tensor, 0, None)
        return cls(part, name, tensor, tensor._version, tensor.detach().clone())

    def put_back(self) -> None:
        if self.tensor is not None and self.values is not None and self.tensor._version != self.version:
            with torch.no_grad():
                self.tensor.copy_(self.values)
        self.part._buffers[self.name] = self.tensor


def _is_of_a_forward(error: Exception) -> bool:
    """Whether an error was raised beneath the call of a module, by the caller's own code."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code.co_name == CALL and frame.f_code.co_filename == MODULE_FILE for frame, _ in frames)


def _cannot_read(error: Exception, cause: str) -> str:
    kind = "" if isinstance(error, RuntimeError | ValueError | TypeError) else f"{type(error).__name__}: "
    words = f"The network cannot read x: {kind}{str(error)[:200]}"
    return f"{words} (it is computed {cause})" if cause else words
