"""The observer that samples the gradient statistics during training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pgf.experiments import StatisticsSettings
from pgf.recipes import NMPattern, Target
from pgf.records import OVERALL
from pgf.sparsity import PrunableWeight, SparseLayer, Sparsifier, magnitude_mask, select_layers
from pgf.training.gradients.definitions import (
    MASK_STATISTICS,
    STATISTICS,
    Statistic,
    Sums,
    total,
    value_or_none,
)
from pgf.training.observers import CurvePoint, StepState


@dataclass
class Reference:
    """A layer as seen through one target's mask."""

    target: str
    block: PrunableWeight
    pattern: NMPattern
    layer: SparseLayer | None
    """The sparsifier's own layer, where the run itself is sparse."""
    previous: Tensor | None = None
    """Mask of the step before."""
    last_sample: Tensor | None = None
    sad: float = 0.0


@dataclass
class GradientStatistics:
    """Observer that takes the statistics every `every` steps; see the settings."""

    settings: StatisticsSettings
    references: list[Reference]
    blocks: dict[str, PrunableWeight]
    rows: list[CurvePoint] = field(default_factory=list)
    previous: dict[str, Tensor] = field(default_factory=dict)
    """Gradients of the step before, by layer."""

    @classmethod
    def make(
        cls,
        settings: StatisticsSettings,
        *,
        sparsifier: Sparsifier,
        references: tuple[str, ...],
        groups: Mapping[str, Sequence[str]] | None = None,
    ) -> "GradientStatistics":
        """Return the observer of a run; a dense run needs `references` to have layers at all."""
        own = {layer.name: layer for layer in sparsifier.layers}
        found = [
            Reference(target, block, pattern, own.get(block.name))
            for target in references
            for block, pattern in select_layers(sparsifier.model, Target.parse(target), groups)
        ]
        return cls(settings, found, {r.block.name: r.block for r in found})

    def before_update(self, state: StepState) -> None:
        """Sample if it is time; keep what the next sample needs if that is the next step."""
        if not self.blocks:
            return
        every = self.settings.every
        if state.step % every == 0:
            self._sample(state)
        if (state.step + 1) % every == 0:
            self.previous = {
                name: gradient.clone() for name, gradient in self._gradients(state).items()
            }
            for reference in self.references:
                reference.previous = self._mask(reference, state)

    def _gradients(self, state: StepState) -> dict[str, Tensor]:
        views = {}
        for name, block in self.blocks.items():
            gradient = state.owned(block).grad
            assert gradient is not None
            views[name] = block.view(gradient)
        return views

    def _mask(self, reference: Reference, state: StepState) -> Tensor:
        if reference.layer is not None:
            return state.sparsifier.target_mask(reference.layer)
        weight = reference.block.view(state.owned(reference.block).detach())
        return magnitude_mask(weight, reference.pattern)

    @torch.no_grad()
    def _sample(self, state: StepState) -> None:
        gradients = self._gradients(state)
        sums = {name: self._sums(name, g, state) for name, g in gradients.items()}
        if state.step % self.settings.noise_every == 0:
            self._add_noise(sums, state)
        for target in dict.fromkeys(r.target for r in self.references):
            members = [r for r in self.references if r.target == target]
            own = {r.block.name: sums[r.block.name] for r in members}
            self._report(state.step, target, STATISTICS, own)
            masked = {
                r.block.name: self._mask_sums(r, gradients[r.block.name], state) for r in members
            }
            self._report(state.step, target, MASK_STATISTICS, masked)

    def _sums(self, name: str, gradient: Tensor, state: StepState) -> Sums:
        block = self.blocks[name]
        g = gradient.double()
        parts = {"g": g.sum(), "gg": g.square().sum()}
        if name in self.previous:
            p = self.previous[name].double()
            parts |= {"gp": (g * p).sum(), "pp": p.square().sum()}
        moment = state.optimizer.state[state.owned(block)].get("exp_avg_sq")
        if moment is not None:
            bias = _second_moment_bias(state.optimizer, state.owned(block))
            v = block.view(moment).double() / bias
            parts |= {"v": v.sum(), "vv": v.square().sum()}
        return {"n": float(g.numel()), **_as_floats(parts)}

    def _mask_sums(self, reference: Reference, gradient: Tensor, state: StepState) -> Sums:
        mask = self._mask(reference, state)
        weight = reference.block.view(state.owned(reference.block).detach()).abs().double()
        squared = gradient.double().square()
        parts = {
            "gg_kept": squared[mask].sum(),
            "gg_pruned": squared[~mask].sum(),
            "mass": weight.sum(),
            "kept_mass": weight[mask].sum(),
        }
        if reference.previous is not None:
            parts["flips"] = (mask ^ reference.previous).sum()
        if reference.last_sample is not None:
            reference.sad += float((mask ^ reference.last_sample).sum())
        reference.last_sample = mask
        return {"n": float(mask.numel()), "sad": reference.sad, **_as_floats(parts)}

    def _add_noise(self, sums: dict[str, Sums], state: StepState) -> None:
        first, second = state.noise_gradients(list(self.blocks.values()))
        for name, a, b in zip(self.blocks, first, second, strict=True):
            a, b = a.double(), b.double()
            parts = {"noise_difference": (a - b).square().sum(), "noise_product": (a * b).sum()}
            sums[name] |= _as_floats(parts)

    def _report(
        self,
        step: int,
        reference: str,
        statistics: Mapping[str, Statistic],
        sums: dict[str, Sums],
    ) -> None:
        for layer, values in [*sums.items(), (OVERALL, total(sums))]:
            for name, function in statistics.items():
                value = value_or_none(function, values)
                if value is not None:
                    self.rows.append(CurvePoint(step, name, layer, reference, value))

    def state_dict(self) -> dict[str, Any]:
        """Return rows and what the next sample needs."""
        return {
            "rows": [tuple(row) for row in self.rows],
            "previous": self.previous,
            "references": [(r.previous, r.last_sample, r.sad) for r in self.references],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        self.rows = [CurvePoint(*row) for row in state["rows"]]
        self.previous = {
            name: g.to(_device(self.blocks[name])) for name, g in state["previous"].items()
        }
        for reference, kept in zip(self.references, state["references"], strict=True):
            device = _device(reference.block)
            previous, last_sample, reference.sad = kept
            reference.previous = None if previous is None else previous.to(device)
            reference.last_sample = None if last_sample is None else last_sample.to(device)


def _second_moment_bias(optimizer: torch.optim.Optimizer, parameter: Tensor) -> float:
    """Return 1 - beta2^t, by which Adam divides v after t updates; 1 for one that does not.

    Left in, it alone makes v grow 16-fold over 300 steps at the default beta2 of 0.999.
    """
    (group,) = (g for g in optimizer.param_groups if any(p is parameter for p in g["params"]))
    if "betas" not in group:
        return 1.0
    return float(1.0 - group["betas"][1] ** float(optimizer.state[parameter]["step"]))


def _device(block: PrunableWeight) -> torch.device:
    return block.weight.device


def _as_floats(parts: dict[str, Tensor]) -> Sums:
    values = torch.stack([part.double() for part in parts.values()]).tolist()
    return dict(zip(parts, values, strict=True))
