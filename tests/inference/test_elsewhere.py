"""A trained model in other software: ONNX, and torch's own 2:4 format."""

import warnings
from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from torch.sparse import SparseSemiStructuredTensor, to_sparse_semi_structured
from torch.sparse._semi_structured_conversions import (
    sparse_semi_structured_from_dense_cutlass,
    sparse_semi_structured_to_dense_cutlass,
)

import pgf


def finished(target: str) -> nn.Module:
    torch.manual_seed(0)
    model = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, num_classes=10, depth=2
    )
    optimizer = torch.optim.AdamW(model.parameters())
    pgf.attach(model, optimizer, target=target, recipe="sr_ste", total_steps=1).finish()
    return model.eval()


@pytest.mark.parametrize("target", ["2:4(FF)", "1:16(FF+QKV+O)"])
def test_onnx_has_the_same_outputs_and_zeros(target: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model, images = finished(target), torch.randn(3, 3, 32, 32)
    path, free = tmp_path / "model.onnx", {0: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own code
        torch.onnx.export(model, (images[:2],), path, dynamic_shapes=(free,), verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(found), model(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_2_of_4_layer_is_what_torchs_own_format_takes(dtype: torch.dtype) -> None:
    model = finished("2:4(FF+QKV+O)").to(dtype)
    named = model.get_submodule("blocks").named_parameters()
    weights = [weight.detach() for _, weight in named if weight.dim() == 2]
    assert len(weights) == 8
    for weight in weights:
        values, places = sparse_semi_structured_from_dense_cutlass(weight)
        assert values.numel() == weight.numel() // 2
        assert torch.equal(sparse_semi_structured_to_dense_cutlass(values, places), weight)


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:.*prototype")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_model_runs_in_torchs_own_format(dtype: torch.dtype) -> None:
    model = finished("2:4(FF)").to("cuda", dtype)
    images = torch.randn(8, 3, 32, 32).to("cuda", dtype)
    with torch.inference_mode():
        expected = model(images)
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and layer.out_features != 10:
            kept = (layer.weight != 0).float().mean()
            if kept <= 0.5:
                layer.weight = nn.Parameter(to_sparse_semi_structured(layer.weight.detach()))
    assert any(isinstance(p, SparseSemiStructuredTensor) for p in model.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(model(images), expected, rtol=2e-2, atol=2e-2)
