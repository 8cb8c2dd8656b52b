"""The base class of recipes: pure functions of training progress, without tensors."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pgf.errors import UserError
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, GradientRule, Phase, member


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """A training recipe: three phases, dense, sparse and fine-tune, as shares of training.

    A subclass says what happens in between by overriding `sparse`; the base class keeps the
    frame. The last step is always at the strict target (D = 0), whatever `fine_tune` is, so that
    every recipe ends where it is evaluated.

    >>> from pgf import NMPattern, find_recipe
    >>> recipe = find_recipe("mdgf_linear")(dense=0.1, fine_tune=0.3)
    >>> phases = [recipe.phase(step, 100, pattern=NMPattern(1, 4)) for step in (0, 40, 99)]
    >>> [(phase.name, phase.mask_decay) for phase in phases]
    [('dense', 0.0), ('sparse', 0.5), ('fine_tune', 0.0)]
    """

    label: ClassVar[str] = ""
    """Name in tables, as the paper writes it."""
    is_dense: ClassVar[bool] = False
    """True if a run has no target: the same dense training stands beside every one."""
    prunes: ClassVar[bool] = True
    """False if no layer gets a mask."""
    narrows: ClassVar[bool] = False
    """True if the model is narrowed until it has as many weights as the pruned one keeps."""
    removes: ClassVar[bool] = False
    """True if the target's layers are at zero from the start: a floor, and no way of pruning."""
    published: ClassVar[dict[str, float]] = {"dense": 0.0, "fine_tune": 0.0}
    """Settings of the authors' files and curves: no dense and no fine-tune phase."""
    advised: ClassVar[dict[str, float]] = {"dense": 0.1, "fine_tune": 0.3}
    """Settings of the paper's text: a dense start, sparsified at 70% of training, fine-tuned."""
    middle: ClassVar[dict[str, float]] = {"dense": 0.25, "fine_tune": 0.25}
    """Sparsified between a quarter and three quarters of training, near the best of 80 schedules of
    magnitude pruning (Jin et al., "The Journey Matters", ICLR 2025)."""

    rules: ClassVar[tuple[GradientRule, ...]] = tuple(GradientRule)
    """Gradient rules that may be asked for; where the recipe itself decides there is one."""
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of settings of which one alone may be given."""

    dense: float = 0.0
    """Share of training before the first mask."""
    fine_tune: float = 0.0
    """Share of training at the strict target in the end."""
    gradient: GradientRule = GradientRule.STRAIGHT_THROUGH

    def __post_init__(self) -> None:
        # JSON and a caller's own code bring the rule as text.
        object.__setattr__(self, "gradient", member(GradientRule, self.gradient, what="gradient"))
        if self.gradient not in self.rules:
            raise UserError(f"gradient: this recipe has one rule, {self.rules[0]}")
        for name in ("dense", "fine_tune"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UserError(f"{name} is a share of training, in [0, 1]: {getattr(self, name)}")
        if self.dense + self.fine_tune > 1.0:
            raise UserError(
                f"dense {self.dense} and fine_tune {self.fine_tune} are more than all of training"
            )

    @classmethod
    def preset(cls, name: str, pattern: NMPattern | None) -> dict[str, float]:
        """Return the settings of the preset `published`, `advised` or `25-75` for a pattern."""
        del pattern
        return {"published": cls.published, "advised": cls.advised, "25-75": cls.middle}[name]

    @classmethod
    def refinements(cls, options: Mapping[str, Any]) -> list[dict[str, float]]:
        """Return the two settings that tuning tries beside a config's own at the best rate.

        They are lambda a tenth and ten times as large where a recipe has one. An empty list means
        none: tuning tries two more rates.

        Raises:
            UserError: lambda is 0, of which there are no multiples.
        """
        field = cls.__dataclass_fields__.get("lambda_w")
        if field is None:
            return []
        own = float(options.get("lambda_w", field.default))
        if own == 0:
            raise UserError("lambda_w 0 cannot be tuned: give the recipe ste")
        return [{"lambda_w": own * 0.1}, {"lambda_w": own * 10.0}]

    @classmethod
    def with_preset(
        cls, preset: str | None, pattern: NMPattern | None, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return a preset's settings with `options` over them.

        An option also takes the place of the preset's settings that exclude it (`exclusive`).
        """
        settings = cls.preset(preset, pattern) if preset else {}
        replaced = {name for group in cls.exclusive if set(group) & set(options) for name in group}
        return {**{k: v for k, v in settings.items() if k not in replaced}, **options}

    def phase(
        self, step: int, total_steps: int, *, pattern: NMPattern, width: int | None = None
    ) -> Phase:
        """Return what holds at `step` (counted from 0) of `total_steps`.

        Args:
            step: optimiser step, 0 <= step < total_steps.
            total_steps: length of the whole training.
            pattern: the target pattern of the layers asked about.
            width: their input dimension, which bounds the groups they can hold; None for no bound.
        """
        clock = self.clock(step, total_steps)
        if step < clock.start:
            return Phase(name="dense", pattern=None)
        if step >= clock.end:
            return self.at_target(pattern)
        return self.sparse(clock, pattern=pattern, width=width)

    def clock(self, step: int, total_steps: int) -> Clock:
        """Return the phase boundaries in steps, rounded to the nearest."""
        end = total_steps - max(1, round(self.fine_tune * total_steps))
        start = min(end, round(self.dense * total_steps))
        return Clock(step=step, total=total_steps, start=start, end=end)

    def at_target(self, pattern: NMPattern) -> Phase:
        """Return the last phase: the strict target, D = 0."""
        return Phase(name="fine_tune", pattern=pattern, gradient_rule=self.gradient)

    @abstractmethod
    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        """Return what holds between the dense and the fine-tune phase."""

    def has_one_stage(self, *, pattern: NMPattern, width: int) -> bool:
        """Return whether a recipe of stages has the last one alone at layers of this width."""
        del pattern, width
        return False

    def note(self, *, pattern: NMPattern, width: int) -> str | None:
        """Return what the record should say about layers of this width, if anything."""
        del pattern, width
        return None
