"""One block of a weight that carries one pattern: its master, its mask, its effective weight."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.recipes import Clock, GradientRule, MaskSource, NMPattern, Phase, Recipe
from pgf.seeds import seed_for
from pgf.sparsity.fixed_masks import FixedMasks
from pgf.sparsity.kernels import Kernel, MaskedLayers, kernel_for
from pgf.sparsity.layers import PrunableWeight
from pgf.sparsity.masks import nm_mask
from pgf.sparsity.shaping import is_differentiated, shaped, through
from pgf.sparsity.shards import local
from pgf.sparsity.two_weights import split


@dataclass
class SparseLayer:
    """One block of a weight that carries one pattern."""

    block: PrunableWeight
    pattern: NMPattern
    master: nn.Parameter
    parameter: nn.Parameter
    """The effective weight that the block is a part of."""
    recipe: Recipe
    total_steps: int
    seed: int
    """Of the layer's own generators."""
    phase: Phase | None = None
    step: int = 0
    memory: dict[str, Tensor] = field(default_factory=dict)
    """Tensors that the recipe's hooks keep."""
    score_parameter: nn.Parameter | None = None
    """Scores of a recipe that learns some; the optimiser owns them."""
    backward: Tensor | None = None
    """Weight of the gradient of the input, in the block's view, where a recipe has one."""
    owned: nn.Parameter = field(init=False)
    """The parameter that the optimiser owns: the master, or the model's own (`attach`)."""
    is_taught: bool = False
    """True where the training loop has the dense model as a teacher."""
    packed_mask: Tensor | None = None
    """The mask in force, in the kernel's form; None while dense."""
    kernel: Kernel = field(init=False)
    fixed: FixedMasks = field(init=False)
    """Masks that do not follow the weights: the run's state beside the masters."""

    def __post_init__(self) -> None:
        self.owned = self.master
        self.kernel = kernel_for(self.weight, self.effective)
        self.fixed = FixedMasks(self.kernel, self.weight)
        self._form = self._form_now()

    def _form_now(self) -> tuple[object, ...]:
        master, parameter = self.master, self.parameter
        return (
            *(master.dtype, master.device, master.stride()),
            *(parameter.dtype, parameter.device, parameter.stride()),
        )

    def refit(self) -> None:
        """Follow the model to another dtype, device or memory layout, before tensors are written.

        Raises:
            UserError: the model is on another device than the master that the optimiser owns.
        """
        if self._form == self._form_now():
            return
        if self.owned is self.parameter:
            self.master.grad = None
            self.master.data = self.master.data.to(self.parameter.device, self.parameter.dtype)
        elif self.master.device != self.parameter.device:
            raise UserError(
                f"{self.weight_name} is on {self.parameter.device} now, but its dense master, "
                f"which the optimiser owns, on {self.master.device}: move the model before the "
                f"Sparsifier and the optimiser are made"
            )
        if self.backward is not None:
            self.backward = self.block.view(split(self.block.module))
        self.memory = {key: kept.to(self.master.device) for key, kept in self.memory.items()}
        in_force = self.mask
        self.kernel = kernel_for(self.weight, self.effective)
        self.__dict__.pop("mask_buffer", None)
        self.fixed.refit(self.kernel, self.weight)
        if in_force is not None:
            self.packed_mask = self.kernel.pack(in_force.to(self.master.device))
        self._form = self._form_now()

    @cached_property
    def mask_buffer(self) -> Tensor:
        """Room for masks that follow the weights, in the kernel's form."""
        return self.kernel.empty_mask(self.weight)

    @property
    def name(self) -> str:
        return self.block.name

    @property
    def weight_name(self) -> str:
        """Name of the model's parameter that the block is a part of."""
        return self.block.weight_name

    @property
    def note(self) -> str | None:
        """The recipe's remark on the layer; None for none."""
        return self.recipe.note(pattern=self.pattern, width=self.block.width)

    @property
    def has_one_stage(self) -> bool:
        """True where a recipe of stages has the last one alone."""
        return self.recipe.has_one_stage(pattern=self.pattern, width=self.block.width)

    @property
    def decay(self) -> float:
        """D of the phase in force; 1 while dense."""
        if self.phase is None or self.phase.pattern is None:
            return 1.0
        return self.phase.mask_decay

    @property
    def weight(self) -> Tensor:
        """The master's values in the block's view, groups along the last axis."""
        return self.block.view(self.master.detach())

    @property
    def launch(self) -> object:
        """Key that layers of one kernel launch share."""
        return id(self.kernel), self.master.dtype, self.master.device

    @property
    def effective(self) -> Tensor:
        """The effective weight in the block's view; writing to it writes into the model."""
        return self.block.view(local(self.parameter.detach()))

    @property
    def gradient(self) -> Tensor:
        """The master's gradient in the block's view; there must be one."""
        assert self.master.grad is not None
        return self.block.view(self.master.grad)

    @property
    def mask(self) -> Tensor | None:
        """The mask in force as bools in the block's view; None while dense."""
        return (
            None
            if self.packed_mask is None
            else self.kernel.unpack(self.packed_mask, self.weight.shape)
        )

    @property
    def chosen(self) -> Tensor | None:
        """The last mask of the recipe's own choice; None if it never chose one."""
        return self.fixed.get(str(MaskSource.CHOSEN))

    @property
    def scores(self) -> Tensor:
        """The scores of a recipe that learns some."""
        assert self.score_parameter is not None
        return self.score_parameter

    @property
    def clock(self) -> Clock:
        """Position of `step` in the training."""
        return self.recipe.clock(self.step, self.total_steps)

    def pick(self, score: Tensor, pattern: NMPattern, *, among: Tensor | None = None) -> Tensor:
        """Return the mask of the N largest |score| in each group of M; see `nm_mask`."""
        return nm_mask(score, pattern, among=among)

    def generator(self) -> torch.Generator:
        """Return a generator on the CPU that is the same for one run, layer and step."""
        return torch.Generator().manual_seed(seed_for(self.seed, "mask", self.step))

    @property
    def gradient_decay(self) -> float:
        """Factor on the gradient of pruned weights, by the phase's rule."""
        assert self.phase is not None
        if is_differentiated(self.recipe):
            return 1.0  # the way through `effective` has it already
        chain = self.phase.gradient_rule is GradientRule.CHAIN_RULE
        return self.phase.mask_decay if chain else 1.0

    @torch.no_grad()
    def restrict(self, gradient: Tensor) -> None:
        """Make a gradient at the effective weight the master's, in place, as the phase says."""
        self.chain(gradient)
        if self.phase is not None and self.packed_mask is not None:
            layer = MaskedLayers([self.weight], [self.packed_mask], [self.gradient_decay])
            self.kernel.restrict(layer, [gradient], lambdas=[0.0])

    def chain(self, gradient: Tensor, *, learn: bool = False) -> None:
        """Take a gradient at the effective weight back to the master, in place.

        Only for recipes whose effective weight is differentiated; without SR-STE's term.

        Args:
            gradient: at the effective weight.
            learn: whether the scores get theirs as well.
        """
        if is_differentiated(self.recipe):
            at_master, at_scores = through(
                self.recipe,
                self,
                gradient,
                mask=self.mask,
                decay=self.decay,
                scores=self.score_parameter if learn else None,
            )
            gradient.copy_(at_master)
            if learn and self.score_parameter is not None:
                self.score_parameter.grad = at_scores

    @torch.no_grad()
    def write_pruned(self, mask: Tensor) -> None:
        """Write the effective weight under a mask with D = 0, whatever is in force."""
        own = MaskedLayers([self.weight], [self.kernel.pack(mask)], [0.0])
        self.kernel.write(own, [self.effective])
        self.shape(mask=mask, decay=0.0)

    @torch.no_grad()
    def shape(self, *, mask: Tensor | None, decay: float) -> None:
        """Write the effective weight anew, if the recipe has one of its own."""
        own = shaped(self.recipe, self, mask=mask, decay=decay)
        if own is not None:
            self.effective.copy_(own)
