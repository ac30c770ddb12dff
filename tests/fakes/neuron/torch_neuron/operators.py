"""The operators that the compiler takes, as AWS documents them."""

_NAMES = """
    aten::Int aten::ScalarImplicit aten::__and__ aten::_convolution aten::_convolution_mode
    aten::_pack_padded_sequence aten::_pad_packed_sequence aten::_shape_as_tensor aten::_weight_norm
    aten::abs aten::adaptive_avg_pool1d aten::adaptive_avg_pool2d aten::adaptive_max_pool1d
    aten::adaptive_max_pool2d aten::add aten::add_ aten::addmm aten::all aten::amax aten::amin
    aten::any aten::arange aten::argmax aten::argmin aten::avg_pool2d aten::baddbmm aten::batch_norm
    aten::bmm aten::broadcast_tensors aten::broadcast_to aten::bucketize aten::cat aten::ceil
    aten::chunk aten::clamp aten::clamp_max aten::clamp_min aten::clip aten::clone
    aten::constant_pad_nd aten::contiguous aten::cos aten::detach aten::dimension_value aten::div
    aten::dot aten::dropout aten::einsum aten::embedding_renorm_ aten::empty aten::empty_like
    aten::eq aten::erf aten::exp aten::expand aten::expand_as aten::eye aten::fill_ aten::flatten
    aten::flip aten::floor aten::floor_divide aten::full aten::full_like aten::ge aten::gelu
    aten::group_norm aten::gt aten::hardsigmoid aten::hardswish aten::hardtanh aten::hardtanh_
    aten::index_select aten::instance_norm aten::isnan aten::layer_norm aten::le aten::leaky_relu
    aten::linear aten::log aten::log2 aten::log_softmax aten::logical_and aten::logical_not
    aten::logical_or aten::logical_xor aten::lstm aten::lt aten::masked_fill aten::matmul aten::max
    aten::max_pool2d aten::max_pool2d_with_indices aten::mean aten::meshgrid aten::min aten::mm
    aten::movedim aten::mul aten::mv aten::ne aten::neg aten::new_empty aten::new_ones aten::norm
    aten::numel aten::one_hot aten::ones aten::ones_like aten::permute aten::pixel_shuffle aten::pow
    aten::prelu aten::reciprocal aten::reflection_pad2d aten::relu aten::relu_ aten::remainder
    aten::repeat aten::repeat_interleave aten::reshape aten::roll aten::rsqrt aten::rsub
    aten::scalarImplicit aten::select aten::sigmoid aten::silu aten::sin aten::size aten::slice
    aten::softmax aten::softplus aten::split aten::split_with_sizes aten::sqrt aten::squeeze
    aten::stack aten::sub aten::sum aten::t aten::tanh aten::tensor_split aten::tensordot
    aten::threshold aten::to aten::topk aten::transpose aten::tril aten::triu aten::true_divide
    aten::trunc aten::type_as aten::unbind aten::unsqueeze aten::upsample_bilinear2d
    aten::upsample_nearest2d aten::values aten::view aten::where aten::zero_ aten::zeros
    aten::zeros_like prim::Constant prim::DictConstruct prim::GetAttr prim::ImplicitTensorToNum
    prim::ListConstruct prim::ListUnpack prim::NumToTensor prim::TupleConstruct prim::TupleUnpack
"""
SUPPORTED = frozenset(_NAMES.split())
"""aws-neuron-sdk, release-notes/neuron-cc/neuron-cc-ops/neuron-cc-ops-pytorch.rst: all additions less all removals.

``aten::embedding`` was taken out on purpose: it "does not meet performance criteria".
"""
EMBEDDING = "aten::embedding"


def get_supported_operations() -> list[str]:
    """Return the names of the operators that run on a NeuronCore."""
    return sorted(SUPPORTED)
