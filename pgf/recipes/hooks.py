"""Hooks: what a recipe may do with a layer's tensors, beside saying which phase a step is in.

A recipe that needs more than a pattern, D, a gradient rule and lambda inherits one or more of these
classes. The `Sparsifier` calls them with a `Layer`; what they keep from step to step goes into
`layer.memory`, which is in every checkpoint. Nothing here imports torch, and recipes that inherit
none of them pay nothing for it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, Phase

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Layer(Protocol):
    """A pruned layer as a recipe sees it; all tensors are (rows, ..., width), groups last."""

    pattern: NMPattern
    """The target's pattern."""
    phase: Phase | None
    """Phase of the step in progress; None before the first."""
    step: int
    memory: dict[str, "Tensor"]
    """Tensors that the recipe keeps, of any shape."""

    @property
    def clock(self) -> Clock:
        """Position of `step` in the training."""
        ...

    @property
    def name(self) -> str:
        """Name of the module; a block of a fused one has its role behind, as `attn.qkv[Q]`."""
        ...

    @property
    def weight(self) -> "Tensor":
        """The dense master's values; writing to them writes into the master."""
        ...

    @property
    def mask(self) -> "Tensor | None":
        """The mask in force, bool; None while dense. Not yet known when a step's mask is chosen."""
        ...

    @property
    def chosen(self) -> "Tensor | None":
        """The last mask that the recipe's own `choose` returned; None if it never did."""
        ...

    @property
    def scores(self) -> "Tensor":
        """The scores of a recipe that learns some."""
        ...

    def pick(
        self, score: "Tensor", pattern: NMPattern, *, among: "Tensor | None" = None
    ) -> "Tensor":
        """Return the mask of the N largest |score| in each group of M; ties keep the lowest.

        `among` is a bool mask that keeps at least N in each group: other weights are not chosen.
        """
        ...

    def generator(self) -> "Generator":
        """Return a generator on the CPU that is the same for one run, layer and step."""
        ...


class LayerHook(ABC):  # noqa: B024  # subclasses name the method that they need
    """Base of all hooks."""

    def begin(self, layer: Layer) -> None:
        """Prepare a layer before the first step; the master may be written to."""
        del layer


class ChoosesMasks(LayerHook):
    """Masks with memory or scores of their own, in phases with `MaskSource.CHOSEN`."""

    @abstractmethod
    def choose(self, layer: Layer, pattern: NMPattern) -> "Tensor":
        """Return the mask of a step: bool, exactly N of every M.

        Called before every step of such a phase. A recipe that changes its mask now and then
        returns `layer.chosen` in between.
        """

    def settle(self, layer: Layer, pattern: NMPattern) -> "Tensor":
        """Return the mask for an evaluation at the strict target, which may not be reached yet.

        Nothing of the layer may be changed.
        """
        return layer.pick(layer.weight, pattern, among=layer.chosen)


class ShapesWeights(LayerHook):
    """An effective weight other than W (.) [mask + D (1 - mask)]."""

    differentiated: ClassVar[bool] = False
    """True if the master's gradient is that through `effective`; False if g passes straight."""

    @abstractmethod
    def effective(
        self, weight: "Tensor", *, mask: "Tensor | None", decay: float, layer: Layer
    ) -> "Tensor":
        """Return the effective weight, by operations that autograd can differentiate.

        Args:
            weight: the master's values.
            mask: of the step, or of the strict target; None while dense.
            decay: D; what is pruned must be 0 where it is 0.
            layer: for its memory; its own mask and phase are those of the step.
        """


class LearnsScores(ShapesWeights):
    """Scores that the optimiser trains beside the weights, without weight decay.

    Their gradient is that through `effective`, which reads them as `layer.scores`.
    """

    differentiated: ClassVar[bool] = True
    score_rate: ClassVar[float] = 1.0
    """The scores' learning rate, as a multiple of the run's."""

    @abstractmethod
    def first_scores(self, layer: Layer) -> "Tensor":
        """Return the scores that training starts from, of any shape.

        Raises:
            UserError: the layer's pattern has no scores that could be held.
        """


class MasksInputGradients(LayerHook):
    """Another weight than the forward pass's for the gradient of a linear layer's input."""

    @abstractmethod
    def backward_weight(self, layer: Layer) -> "Tensor":
        """Return the weight that the gradient of the input is taken with, once a pruning step."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Sums over a linear layer's inputs x on the calibration batches, in float64."""

    samples: int
    """Sequences or images."""
    tokens: int
    """Rows x that a sum runs over."""
    total: "Tensor"
    """sum x, (width,)."""
    gram: "Tensor"
    """sum x x^T, (width, width)."""


class Calibrates(LayerHook):
    """Pruning after training, by what layers see; in phases with `MaskSource.CALIBRATED`."""

    batches: int = 8
    """Batches that a training loop should calibrate on; this package's takes its first ones."""

    @abstractmethod
    def calibrate(self, layer: Layer, inputs: Inputs) -> "Tensor":
        """Return the mask, bool and exactly N of every M; the weight may be written to.

        Layers come in the model's order; those before this one are pruned already.
        """


class Distils(LayerHook):
    """Distillation from the dense model, as it was at the end of the dense phase."""

    @abstractmethod
    def distil(
        self, loss: "Tensor", *, student: "Tensor", teacher: "Tensor", weight: float
    ) -> "Tensor":
        """Return the loss of a micro-batch after the dense phase.

        Args:
            loss: the task's own, a mean.
            student: the model's logits, (..., classes), also of positions that are padding.
            teacher: those of the dense model on the same inputs, without a gradient.
            weight: what `loss` is the mean over, such as tokens: a sum over positions divided by it
                is the same for any number of micro-batches.
        """


class TurnsGradients(LayerHook):
    """Terms of a loss that are functions of the weights, and scores taken from gradients."""

    @abstractmethod
    def turn(self, gradient: "Tensor", layer: Layer) -> None:
        """Change the master's gradient in place, once a step, before the phase's own rule.

        The gradient is whole (all micro-batches and processes), unscaled and not clipped yet.
        """


@dataclass(frozen=True, kw_only=True)
class AdamStep:
    """One layer in one step of Adam or AdamW; tensors are views, those of before are copies."""

    gradient: "Tensor"
    """Gradient that the optimiser was given, clipped."""
    weight_before: "Tensor"
    second_before: "Tensor"
    """v before the step; zeros before the first."""
    first: "Tensor"
    """m after the step."""
    second: "Tensor"
    """v after the step; writing to it changes the optimiser's state."""
    count: int
    """Steps of the optimiser so far, this one included: the t of its bias corrections."""
    learning_rate: float
    betas: tuple[float, float]
    epsilon: float
    weight_decay: float
    """Decay beside the moments, AdamW's; 0 under Adam, whose own is in the gradient."""


class ActsInSteps(LayerHook):
    """A say in the optimiser's step, from after it."""

    needs_moments: ClassVar[bool] = False
    """True if it is Adam's or AdamW's moments that the recipe works with."""

    def after_step(self, layer: Layer, *, learning_rate: float) -> None:
        """Change the master after the optimiser's step; for recipes that need no moments."""
        del layer, learning_rate

    def after_adam(self, layer: Layer, step: AdamStep) -> None:
        """Change master and moments after the optimiser's step; where moments are needed."""
        del layer, step
