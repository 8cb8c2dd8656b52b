"""A small BERT, its samples, and a plain loop that trains it under `attach`."""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import pgf
from pgf.recipes import Recipe

STEPS, BATCH, RATE, TARGET = 8, 4, 0.02, "1:4(FF)"
RECIPES = ("mdgf_linear", "srigl")


def recipe_of(name: str) -> Recipe:
    return pgf.find_recipe(name)(dense=0.1, fine_tune=0.3)


class Samples(Dataset[dict[str, Tensor]]):
    """Random tokens, two classes."""

    def __len__(self) -> int:
        return STEPS // 2 * BATCH  # two epochs: Lightning goes on at the beginning of one

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        tokens = torch.randint(0, 32, (6,), generator=torch.manual_seed(index))
        return {"input_ids": tokens, "labels": tokens[0] % 2}


def bert() -> nn.Module:
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=32, intermediate_size=32, max_position_embeddings=8, **sizes)
    model: nn.Module = BertForSequenceClassification(config).train()
    return model


def quiet(model: nn.Module) -> nn.Module:
    """Return the model without dropout, whose draws depend on what a trainer draws besides."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def plain(recipe: str, model: nn.Module) -> dict[str, Tensor]:
    """Train in a loop of torch's own; return the finished weights."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    sparse = pgf.attach(
        model, optimizer, target=TARGET, recipe=recipe_of(recipe), total_steps=STEPS
    )
    batches = DataLoader(Samples(), batch_size=BATCH)
    for batch in (*batches, *batches):
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert sparse.finish().is_strict
    return dict(model.state_dict())


def zeros(model: nn.Module) -> int:
    return int((model.get_parameter("bert.encoder.layer.0.intermediate.dense.weight") == 0).sum())


STRICT = 384
"""Zeros of 512 weights at 1:4."""
