"""Classes of modules in which names and sizes say another role than the layers have."""

import re

GATE = "gate"

GATES = re.compile(
    r"SEModule|SqueezeExcite|EffectiveSEModule|EseModule|GatherExcite|GlobalContext|CbamModule|"
    r"LightCbamModule|CoordAttn|SimpleCoordAttn|EfficientLocalAttn|StripAttn|SelectiveKernelAttn|"
    r"SpatialAttention|BatNonLocalAttn|NonLocalAttn|SpatialGatingUnit|"
    r"\w*(SqueezeExcit\w*|SELayer|Indexer|Compressor)"
)
"""Classes that weigh channels, places or tokens; they stay dense."""

HEADS = "its rows alternate between Q, K and V, head by head"
UNEQUAL = "its rows are not equal blocks of Q, K and V"
UNKNOWN = "it is not known how its rows are divided between Q, K and V"
_SAME = "K and V are the same vectors in it"
_WITH_MLP = "rows or columns of the MLP and of the attention are together in it"
_QKV, _PARALLEL = ("Q", "K", "V"), "vision_transformer.ParallelScalingBlock"
_DIFF_PARALLEL = "vision_transformer.DiffParallelScalingBlock"
MISLEADING: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("tiny_vit.Attention", "qkv", _QKV, HEADS),
    ("levit.Attention", "qkv", _QKV, HEADS),
    ("levit.AttentionDownsample", "kv", ("K", "V"), HEADS),
    ("efficientformer.Attention", "qkv", _QKV, HEADS),
    ("efficientvit_mit.LiteMLA", "qkv", _QKV, HEADS),
    ("lowformer.ConvAttention", "pwise", _QKV, HEADS),
    ("cpubone.ConvAttention", "pwise", _QKV, HEADS),
    (
        "cpubone.ConvAttention",
        r"upsampling\.\d+",
        ("O",),
        "the projection is a part of an upsampling",
    ),
    ("lambda_layer.LambdaLayer", "qkv", _QKV, UNEQUAL),
    ("halo_attn.HaloAttn", "kv", ("K", "V"), HEADS),
    ("efficientvit_msra.CascadedGroupAttention", r"qkvs\.\d+", _QKV, UNEQUAL),
    ("mobilevit.LinearSelfAttention", "qkv_proj", _QKV, UNEQUAL),
    ("iformer.SHMA", "v_gate", ("V",), "half of its rows are a gate on V"),
    (
        "swiftformer.EfficientAdditiveAttention",
        "proj|final",
        ("O",),
        "two projections in a row follow the attention",
    ),
    (_PARALLEL, "in_proj", ("FF", *_QKV), _WITH_MLP),
    (_DIFF_PARALLEL, "in_proj", ("FF", *_QKV), _WITH_MLP),
    (_DIFF_PARALLEL, "out_proj", ("FF", "O"), _WITH_MLP),
    ("split_attn.SplitAttn", r"fc\d", (), GATE),
    ("modeling_bloom.BloomAttention", "query_key_value", _QKV, HEADS),
    ("modeling_falcon.FalconAttention", "query_key_value", _QKV, HEADS),
    ("modeling_gpt_neox.GPTNeoXAttention", "query_key_value", _QKV, HEADS),
    ("modeling_gpt_neox_japanese.GPTNeoXJapaneseAttention", "query_key_value", _QKV, HEADS),
    ("modeling_persimmon.PersimmonAttention", "query_key_value", _QKV, HEADS),
    ("modeling_minimax.MiniMaxLightningAttention", "qkv_proj", _QKV, HEADS),
    ("modeling_deepseek_v4.DeepseekV4Attention", "kv_proj", ("K", "V"), _SAME),
    ("modeling_deberta.DisentangledSelfAttention", "in_proj", _QKV, HEADS),
)
"""Layers that name and size mislead about: class of the owner, name in it, roles, why untold."""


BY_CONFIG = ("Phi3Attention", "Phi4MultimodalAttention", "GPTBigCodeAttention")
"""Attentions whose fused rows are Q, K and V in this order, of sizes that their config gives."""
