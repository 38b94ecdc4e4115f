"""The operators that a program may use: a dictionary, not a namespace; what is not in it does not run."""

import math
import operator
from collections.abc import Callable
from typing import Any

import torch

from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.loading import grouped_product

# Whole numbers of a program are sizes; a graph could multiply them without end.
LARGEST_WHOLE = 2**62

LAYERS = (
    "conv1d.default conv2d.default conv3d.default conv1d.padding conv2d.padding conv3d.padding convolution.default "
    "conv_transpose1d.default conv_transpose2d.input conv_transpose3d.input linear.default matmul.default mm.default "
    "bmm.default mv.default addmm.default baddbmm.default einsum.default bilinear.default "
    "batch_norm.default _native_batch_norm_legit_no_training.default native_batch_norm.default layer_norm.default "
    "native_layer_norm.default group_norm.default native_group_norm.default instance_norm.default rms_norm.default "
    "embedding.default embedding_bag.padding_idx scaled_dot_product_attention.default "
    "lstm.input gru.input rnn_tanh.input rnn_relu.input _weight_norm.default "
    "dropout.default dropout_.default feature_dropout.default feature_alpha_dropout.default alpha_dropout.default "
    "dot.default inner.default vdot.default addmv.default addbmm.default tensordot.default kron.default "
    "cross.default linalg_cross.default cdist.default pairwise_distance.default conv_tbc.default "
    "_grouped_mm.default"
)
ACTIVATIONS = (
    "relu.default relu_.default relu6.default relu6_.default leaky_relu.default leaky_relu_.default elu.default "
    "elu_.default selu.default selu_.default celu.default gelu.default silu.default silu_.default mish.default "
    "mish_.default hardswish.default hardswish_.default hardsigmoid.default hardsigmoid_.default hardtanh.default "
    "hardtanh_.default sigmoid.default sigmoid_.default tanh.default tanh_.default softplus.default "
    "hardshrink.default softshrink.default threshold.default threshold_.default "
    "log_sigmoid.default prelu.default glu.default rrelu.default softmax.int log_softmax.int _softmax.default "
    "_log_softmax.default"
)
POOLING = (
    "max_pool1d.default max_pool2d.default max_pool3d.default avg_pool1d.default avg_pool2d.default avg_pool3d.default "
    "adaptive_avg_pool1d.default adaptive_avg_pool2d.default adaptive_avg_pool3d.default adaptive_max_pool1d.default "
    "adaptive_max_pool2d.default max_pool2d_with_indices.default "
    "upsample_nearest1d.vec upsample_nearest2d.vec upsample_nearest2d.default upsample_bilinear2d.vec "
    "upsample_bilinear2d.default upsample_bicubic2d.vec upsample_bicubic2d.default upsample_linear1d.vec "
    "_upsample_bilinear2d_aa.vec _upsample_bicubic2d_aa.vec grid_sampler.default affine_grid_generator.default "
    "im2col.default col2im.default pixel_shuffle.default pixel_unshuffle.default channel_shuffle.default "
    "adaptive_max_pool3d.default upsample_trilinear3d.vec upsample_nearest3d.vec "
    "_upsample_nearest_exact1d.vec _upsample_nearest_exact2d.vec"
)
ARITHMETIC = (
    "add.Tensor add_.Tensor add.Scalar add_.Scalar sub.Tensor sub_.Tensor sub.Scalar rsub.Scalar rsub.Tensor "
    "mul.Tensor mul_.Tensor mul.Scalar mul_.Scalar div.Tensor div_.Tensor div.Scalar div_.Scalar div.Tensor_mode "
    "div.Scalar_mode neg.default abs.default exp.default exp2.default expm1.default log.default log2.default "
    "log1p.default sqrt.default rsqrt.default pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar reciprocal.default "
    "sin.default cos.default tan.default atan2.default erf.default erfc.default square.default sign.default "
    "clamp.default clamp_.default clamp.Tensor clamp_min.default clamp_min_.default clamp_max.default "
    "maximum.default minimum.default where.self where.ScalarOther where.ScalarSelf where.Scalar floor.default "
    "ceil.default round.default trunc.default frac.default floor_divide.default fmod.Scalar remainder.Scalar "
    "remainder.Tensor lerp.Scalar lerp.Tensor addcmul.default addcdiv.default outer.default logsumexp.default "
    "logaddexp.default nan_to_num.default "
    "sinh.default cosh.default asin.default acos.default atan.default asinh.default acosh.default atanh.default "
    "log10.default logit.default sinc.default erfinv.default lgamma.default digamma.default floor_divide.Scalar "
    "fmod.Tensor hypot.default copysign.Tensor heaviside.default"
)
REDUCTIONS = (
    "mean.default mean.dim sum.default sum.dim_IntList prod.default prod.dim_int amax.default amin.default max.default "
    "max.dim max.other min.default min.dim min.other var.correction var.dim var.default var_mean.correction "
    "std.correction std.dim std.default argmax.default argmin.default cumsum.default cumprod.default norm.Scalar "
    "norm.ScalarOpt_dim linalg_vector_norm.default all.default all.dim any.default any.dim topk.default sort.default "
    "argsort.default median.default count_nonzero.default cosine_similarity.default "
    "std_mean.correction aminmax.default kthvalue.default cummax.default cummin.default logcumsumexp.default "
    "nansum.default nanmean.default histc.default linalg_norm.default dist.default trace.default"
)
SHAPES = (
    "view.default view.dtype reshape.default _unsafe_view.default flatten.using_ints unflatten.int transpose.int "
    "transpose_.default permute.default t.default mT.default numpy_T.default expand.default expand_as.default "
    "squeeze.dim squeeze.default squeeze.dims squeeze_.dim unsqueeze.default unsqueeze_.default unbind.int select.int "
    "slice.Tensor narrow.default chunk.default split.Tensor split_with_sizes.default tensor_split.sections "
    "cat.default concat.default stack.default hstack.default vstack.default repeat.default repeat_interleave.self_int "
    "tile.default roll.default flip.default contiguous.default clone.default alias.default detach.default "
    "detach_.default view_as.default reshape_as.default index.Tensor index_select.default gather.default "
    "scatter.src scatter.value masked_fill.Scalar masked_fill.Tensor masked_fill_.Scalar masked_fill_.Tensor "
    "pad.default constant_pad_nd.default reflection_pad1d.default reflection_pad2d.default replication_pad1d.default "
    "replication_pad2d.default tril.default triu.default diagonal.default diag_embed.default movedim.int "
    "movedim.intlist swapaxes.default swapdims.default index_put.default index_put_.default index_add.default "
    "index_copy.default copy.default copy_.default fill.Scalar fill_.Scalar fill.Tensor fill_.Tensor "
    "as_strided.default unfold.default "
    "one_hot.default meshgrid.default meshgrid.indexing diff.default take_along_dim.default "
    "slice_scatter.default select_scatter.default broadcast_tensors.default atleast_2d.default "
    "scatter_add.default scatter_add_.default scatter_.src scatter_.value scatter_reduce.two index_add_.default "
    "index_fill.int_Scalar split.sizes unsafe_split.Tensor unsafe_split_with_sizes.default unsafe_chunk.default "
    "tensor_split.indices dsplit.int hsplit.int vsplit.int rot90.default column_stack.default dstack.default "
    "block_diag.default tril_indices.default triu_indices.default diag.default squeeze_.default squeeze_.dims"
)
TYPES = (
    "to.dtype to.dtype_layout to.device to.other to.prim_Device _to_copy.default type_as.default arange.default "
    "arange.start arange.start_step linspace.default zeros.default ones.default full.default eye.default eye.m "
    "zeros_like.default ones_like.default full_like.default new_zeros.default new_ones.default "
    "new_full.default scalar_tensor.default lift_fresh_copy.default lift_fresh.default "
    "sym_size.int sym_numel.default item.default isnan.default isinf.default isfinite.default"
)
# Other names of the same, as `torch.multiply` and the like are exported.
SYNONYMS = (
    "multiply.Tensor multiply.Scalar subtract.Tensor subtract.Scalar divide.Tensor divide.Scalar true_divide.Tensor "
    "absolute.default negative.default clip.default concatenate.default moveaxis.int moveaxis.intlist "
    "greater.Tensor greater.Scalar greater_equal.Tensor greater_equal.Scalar less.Tensor less.Scalar "
    "less_equal.Tensor less_equal.Scalar not_equal.Tensor not_equal.Scalar matrix_exp.default det.default "
    "inverse.default"
)
FREQUENCIES = (
    "fft_fft.default fft_ifft.default fft_rfft.default fft_irfft.default fft_fft2.default fft_ifft2.default "
    "fft_rfft2.default fft_irfft2.default fft_fftn.default fft_ifftn.default fft_rfftn.default fft_irfftn.default "
    "fft_fftshift.default fft_ifftshift.default fft_fftfreq.default fft_rfftfreq.default "
    "view_as_real.default view_as_complex.default real.default imag.default complex.default polar.default "
    "conj.default _conj.default conj_physical.default resolve_conj.default resolve_neg.default angle.default"
)
LOGIC = (
    "bitwise_not.default bitwise_and.Tensor bitwise_and.Scalar bitwise_or.Tensor bitwise_xor.Tensor "
    "logical_not.default logical_and.default logical_or.default logical_xor.default eq.Scalar eq.Tensor ne.Scalar "
    "ne.Tensor lt.Scalar lt.Tensor le.Scalar le.Tensor gt.Scalar gt.Tensor ge.Scalar ge.Tensor __and__.Tensor "
    "__or__.Tensor __rshift__.Scalar bucketize.Tensor searchsorted.Tensor isin.Tensor_Tensor "
    "bitwise_left_shift.Tensor bitwise_right_shift.Tensor bitwise_or.Scalar bitwise_xor.Scalar __lshift__.Scalar"
)
GROUPS = (LAYERS, ACTIVATIONS, POOLING, ARITHMETIC, REDUCTIONS, SHAPES, TYPES, LOGIC, SYNONYMS, FREQUENCIES)
# They check what export assumed of its samples; nothing is computed.
CHECKS = frozenset(
    f"torch.ops.aten.{name}.default"
    for name in (
        "_assert_tensor_metadata",
        "_assert_scalar",
        "_assert_async",
        "sym_constrain_range",
        "sym_constrain_range_for_size",
    )
) | {"torch.ops.aten._assert_async.msg"}
WHOLE: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "truediv": operator.truediv,
    "mod": operator.mod,
    "neg": operator.neg,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "and_": operator.and_,
    "or_": operator.or_,
    "not_": operator.not_,
}
ROUNDED: dict[str, Callable[[Any], Any]] = {
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "math.sqrt": math.sqrt,
    "torch.sym_float": float,
    "torch.sym_int": int,
}
# Operators that leave memory as it was, and those that are run instead.
UNSET: dict[str, Callable[..., Any]] = {
    "empty.memory_format": torch.ops.aten.zeros.default,
    "empty_like.default": torch.ops.aten.zeros_like.default,
    "new_empty.default": torch.ops.aten.new_zeros.default,
}
# Values of torch's enumerations in the files' schema.
DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
}
MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}


def _bounded(step: Callable[..., Any]) -> Callable[..., Any]:
    def run(*values: Any) -> Any:
        made = step(*values)
        if isinstance(made, int) and abs(made) > LARGEST_WHOLE:
            raise Unprocessable("A size in the program grows beyond what a tensor can have.")
        return made

    return run


def _zeroed(make: Callable[..., Any]) -> Callable[..., Any]:
    """Memory that a program sets afterwards, from the start with values that are the same each time."""

    def run(*sizes: Any, memory_format: Any = None, **how: Any) -> Any:
        return make(*sizes, **how)

    return run


def _aten(name: str) -> Callable[..., Any] | None:
    """The operator of this version of torch; None where it has none of this name."""
    plain, _, overload = name.partition(".")
    packet = getattr(torch.ops.aten, plain, None)
    return None if packet is None or overload not in packet.overloads() else getattr(packet, overload)


def _operators() -> dict[str, Callable[..., Any]]:
    found = {f"torch.ops.aten.{name}": _aten(name) for group in GROUPS for name in group.split()}
    known = {name: run for name, run in found.items() if run is not None}
    # A view wherever one can be made. Kernels of other devices lay their results out otherwise, and a view of them
    # would fail where it did not when the program was exported.
    known["torch.ops.aten.view.default"] = torch.ops.aten.reshape.default
    known |= {f"torch.ops.aten.{name}": _zeroed(made) for name, made in UNSET.items()}
    known[grouped_product.NAME] = grouped_product.grouped_product
    return known | {f"_operator.{name}": _bounded(run) for name, run in WHOLE.items()} | ROUNDED


OPERATORS = _operators()
