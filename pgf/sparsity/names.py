"""Names of layers, as timm and transformers write them."""

import re

_EMBEDDINGS = r"(embed\w*|\w*embed(s|dings?)?\d*)(?!\.(\w+\.)*(backbone|layers?|blocks?)\.)"
"""Of an embedding, unless a whole transformer stands in it."""
STAYS_DENSE = re.compile(
    r"(^|\.)(heads?|heads?_dist|aux_head|classif(ier)?|pre_logits|last_linear|lm_head|score|pooler|"
    rf"attn_pool|aligner|\w*merger\w*|\w+_scoring|msfa|fc|fc_norm|{_EMBEDDINGS}|"
    r"\w*pos_embd?|shared|stem\w*|body\.conv1|relative_attention_bias|cpb_mlp|meta_mlp|"
    r"\w*rel_pos\w*|\w+_tokens|talking_head\d*|router\w*|\w*_expert_gate|"
    r"lora_\w+|patch_mixer|bottleneck\.(attention|input))(\.|$)"
)
"""Modules that stay dense unless named by the user; `body.conv1` is TResNet's stem."""
ROUTER = "gate"
"""Name of what chooses experts, beside them."""
EXPERTS = re.compile(r"(\w+_)?experts?")

WRAPPED = re.compile(r"(\.(conv|linear|c|ln))+$")
"""Names of the layer inside timm's convolution or linear layer with a norm."""

FUSED = {
    ("Q", "K", "V"): re.compile(r"(^|\.)(qkv|c_attn|Wqkv|qkv_proj|query_key_value)$"),
    ("Q", "K"): re.compile(r"(^|\.)qk$"),
    ("K", "V"): re.compile(r"(^|\.)(kv|kv_proj|to_kv)$"),
}
LOW_RANK = {
    ("Q",): re.compile(r"(^|\.)q_[ab]_proj$"),
    ("K", "V"): re.compile(r"(^|\.)kv_[ab]_proj(_with_mqa)?$"),
}
"""Projections in two steps with few numbers between them (multi-head latent attention)."""
MAYBE_UNEQUAL = re.compile(r"(^|\.)(qkv_proj|query_key_value)$")
"""Names under which rows of Q, K and V are of several orders and sizes."""

_ATTENTION = r"(\w*(attn|attention|Attention|_att)|att)"
_OUTPUT_NAME = (
    r"(proj|o|out_proj|o_proj|c_proj|out_lin|wo|dense|Wo|linear_out|projection|projection_layer|"
    r"output_proj|to_out)"
)
_FEED_FORWARD = r"(mlps?\d*|ffn\d*|ff\d*|ffw\w*|feed_forward\d*|DenseReluDense|shared_experts?)"
FEED_FORWARD = re.compile(rf"(^|\.){_FEED_FORWARD}\.[^.]+$")
"""Layers that stand in a feed-forward block, whatever they are called there."""
SINGLE = {
    "Q": re.compile(r"(^|\.)(q|q_proj|query|query_proj|q_lin|linear_q|to_q|to_query|wq)(\.proj)?$"),
    "K": re.compile(r"(^|\.)(k|k_proj|key|key_proj|k_lin|linear_k|to_k|to_key|wk)(\.proj)?$"),
    "V": re.compile(r"(^|\.)(v|v_proj|value|value_proj|v_lin|linear_v|to_v|wv)(\.proj)?$"),
    "O": re.compile(
        rf"(^|\.)({_ATTENTION}\.({_OUTPUT_NAME}|output\.dense|output\.proj)|attn_out_proj)$"
    ),
    "FF": re.compile(
        rf"(^|\.)({_FEED_FORWARD}\..+|fc1|fc2|lin1|lin2|ffn|ffn_output|"
        r"mlp_out_proj|intermediate\.dense|output\.dense)$"
    ),
}
POINTWISE = re.compile(r"(^|\.)(pwconv[12]|pointwise_conv[12])$")
"""ConvNeXt's MLP where it is of `Linear`; as convolutions, several models use it to mix tokens."""
TORCH_FEED_FORWARD = re.compile(r"(^|\.)linear[12]$")
"""In torch's own layers and their copies, beside `self_attn`."""
INPUT = re.compile(
    r"(qkvs?|qk|kv|q|k|v|qkv_proj|(q|k|v|query|key|value)_proj|query|key|value|w(q|k|v)|v_gate|pwise|"
    r"Wqkv|query_key_value|linear_(q|k|v)|to_(q|k|v|kv))"
)
OUTPUT = re.compile(rf"{_OUTPUT_NAME}(\.\d+)?")
FEED_FORWARD_CLASS = re.compile(r"FFN|\w*Mlp")
