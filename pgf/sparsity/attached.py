"""A recipe in a training loop that knows nothing of it, by the hooks of its optimiser.

Between steps the model's weights are effective weights. Inside `optimizer.step()` they are the
dense masters, so the optimiser owns the model's own parameters, and its state is that of the
masters.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from pgf.errors import UserError
from pgf.recipes import LayerHook, MasksInputGradients
from pgf.sparsity.claims import LoadHook, check_identity, identity_of, release
from pgf.sparsity.effective import copy, restored
from pgf.sparsity.layers import ModelLayers
from pgf.sparsity.loading import check_parameters
from pgf.sparsity.replicas import Agreement, agree
from pgf.sparsity.report import Report, length_warning, report_of
from pgf.sparsity.sparsifier import Sparsifier
from pgf.sparsity.stepping import is_skipped
from pgf.sparsity.two_weights import unsplit
from pgf.sparsity.weight_watch import WeightWatch

log = logging.getLogger(__name__)
Closure = Callable[[], Any]
Forward = Callable[[], None]


class Attached:
    """The recipe at work in an optimiser's steps, as `attach` returns it.

    >>> import torch, pgf
    >>> model = torch.nn.ModuleDict({"fc1": torch.nn.Linear(16, 32)})
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> sparse = pgf.attach(model, optimizer, target="1:4(FF)", recipe="ste", total_steps=10)
    >>> with sparse.strict():  # as for an evaluation on the way
    ...     int((model["fc1"].weight != 0).sum())
    128
    """

    def __init__(
        self,
        sparsifier: Sparsifier,
        optimizer: torch.optim.Optimizer,
        *,
        layers: ModelLayers,
        calibration: Forward | None = None,
    ) -> None:
        self.sparsifier = sparsifier
        self._layers = layers
        self.optimizer = optimizer
        self.step = 0
        """Optimiser steps done; those that a GradScaler skips are not counted."""
        self._calibration = calibration
        for layer in sparsifier.layers:
            layer.owned = layer.parameter
        self._watch = sparsifier.bind(optimizer, follow=False)
        self._finished = False
        self._agreed = False
        self._weights = WeightWatch(sparsifier)
        self._refresh()
        self._handles = [
            optimizer.register_step_pre_hook(self._before),
            optimizer.register_step_post_hook(self._after),
            sparsifier.model.register_load_state_dict_post_hook(LoadHook(self._model_loaded)),
        ]

    @contextmanager
    def strict(self) -> Iterator[None]:
        """Hold the model at the strict target pattern, D = 0; then restore it.

        Without it, an evaluation during training sees the effective weights of the next step.
        """
        with self._weights.held(self._position, self.sparsifier.strict()):
            yield

    @contextmanager
    def dense(self) -> Iterator[None]:
        """Hold the model at its dense masters, as for an average of them; then restore it."""
        with self._weights.held(self._position, self.sparsifier.dense()):
            yield

    @torch.no_grad()
    def prune(self, other: nn.Module) -> None:
        """Write the strict target pattern into another model of the same layers, as an average.

        Its weights are dense: an average is updated within `with sparse.dense()`.

        Args:
            other: a model with the same parameters.
        """
        own = self.sparsifier
        parameters = {name: other.get_parameter(name) for name in own.masters}
        saved = {name: master.detach().clone() for name, master in own.masters.items()}
        with self._weights.held(self._position, restored(own.effective)):
            copy(parameters, own.masters)
            own.write_strict()
            copy(own.effective, parameters)
            copy(saved, own.masters)

    def finish(self) -> Report:
        """Write the strict target pattern into the model for good, and leave the optimiser alone.

        A step of the optimiser that would fill pruned weights again is refused from here on.
        """
        if not self._finished:
            self._weights.check_not_held("finish()")
            self._weights.look(self._position)
            self.sparsifier.write_strict()
            self._weights.note()
            for handle in self._handles:
                handle.remove()
            if isinstance(self.sparsifier.recipe, MasksInputGradients):
                for layer in self.sparsifier.layers:
                    unsplit(layer.block.module)
            release(self.sparsifier.effective.values(), self.optimizer)
            self._finished = True
            if warning := self._wrong_length():
                log.warning("%s", warning)
        return self.report()

    def report(self) -> Report:
        """Return what has become of each layer, counted on the model's weights."""
        warning = self._wrong_length() if self._finished else ""
        return report_of(self.sparsifier.layers, self._layers, warning=warning)

    def _wrong_length(self) -> str:
        done, planned = self.step, self.sparsifier.total_steps
        phases = self.sparsifier.phases(max(min(done, planned) - 1, 0)).values()
        names = " and ".join(dict.fromkeys(phase.name for phase in phases)) or "none"
        return length_warning(done, planned, phase=names)

    def __repr__(self) -> str:
        own = self.sparsifier
        step = f"step {self.step:,} of {own.total_steps:,}{', finished' * self._finished}"
        return f"Attached({own.recipe}, {len(own.layers)} layers, {step})"

    def state_dict(self) -> dict[str, Any]:
        """Return the masters, fixed masks, the recipe's memory and the step, for checkpoints.

        It stands beside the model's and the optimiser's, which are saved and loaded as ever.
        """
        return {
            "step": self.step,
            "of": identity_of(self.sparsifier),
            **self.sparsifier.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned, best after the model's and the optimiser's own.

        Raises:
            UserError: it is the state of something else.
        """
        if "step" not in state:
            raise UserError("this is no state that attach(...).state_dict() returned: no 'step'")
        self._weights.check_not_held("load_state_dict()")
        check_identity(state.get("of", {}), identity_of(self.sparsifier))
        self.sparsifier.load_state_dict(state)
        self.step = int(state["step"])
        self._refresh()

    @property
    def _position(self) -> int:
        """The step that comes next; after the last one, the last one again."""
        return min(self.step, self.sparsifier.total_steps - 1)

    def _refresh(self) -> None:
        step = self._position
        if self._calibration is not None:
            self.sparsifier.calibrate(step, self._calibration)
        self.sparsifier.refresh(step)
        self._weights.note()

    def _model_loaded(self) -> None:
        check_parameters(self.sparsifier)
        if not isinstance(self.sparsifier.recipe, LayerHook):  # else attach's own state follows
            self._weights.look(self._position, whole=True)

    def _before(
        self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._exchange()
            return None

        seen: list[Any] = []

        def evaluated() -> Any:  # the forward pass is in it: at effective weights
            if seen:
                raise UserError(
                    f"{type(optimizer).__name__} evaluates its closure twice a step: attach works "
                    f"with optimisers that take one gradient a step"
                )
            with torch.enable_grad():
                seen.append(closure())
            self._exchange()
            return seen[0]

        return (optimizer, evaluated), {k: v for k, v in kwargs.items() if k != "closure"}

    @torch.no_grad()
    def _exchange(self) -> None:
        """Make weights and gradients those of the masters."""
        self._weights.check_not_held("optimizer.step()")
        self._weights.look(self._position)
        self._unscale()
        own = self.sparsifier
        for layer in own.layers:
            layer.refit()
        gradients = {name: parameter.grad for name, parameter in own.effective.items()}
        own.take_gradients()
        if not self._agreed:
            outcome = agree(own.layers)
            self._agreed = outcome is not Agreement.UNKNOWN
            if outcome is Agreement.TAKEN_OVER:
                own.refresh(self._position)  # for the masks: the gradient rule takes them
        own.apply_gradient_rule()
        self._watch.before()
        for name, parameter in own.effective.items():
            parameter.grad = gradients[name]  # changed in place
        copy(own.masters, own.effective)

    def _unscale(self) -> None:
        """Unscale gradients that a GradScaler leaves to a fused optimiser."""
        optimizer: Any = self.optimizer
        scale = getattr(optimizer, "grad_scale", None)
        if scale is not None:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.div_(scale)
            optimizer.grad_scale = None

    @torch.no_grad()
    def _after(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        own = self.sparsifier
        copy(own.effective, own.masters)
        self._watch.after()
        for master in own.masters.values():
            master.grad = None
        if not is_skipped(optimizer):
            self.step += 1
        self._refresh()
