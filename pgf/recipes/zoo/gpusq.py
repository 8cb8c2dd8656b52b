"""One-shot pruning with distillation from the dense model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import OneShot
from pgf.recipes.hooks import Distils
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register("gpusq")
@dataclass(frozen=True, kw_only=True)
class Gpusq(Distils, OneShot):
    """GPUSQ-ViT without its quantisation: dense training, one-shot pruning, distillation.

    After pruning the loss is L + soft KL(softmax z' || softmax z) with the pruned model's logits z
    and the dense model's z', both means over items (Yu et al., arXiv 2305.10727, written for 2:4).
    No code is public. The paper's third term compares the features of blocks and is left out:
    nothing here knows what a model's blocks are. The weight of the second term is a guess.
    """

    label: ClassVar[str] = "GPUSQ (no quantisation)"

    soft: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.soft < 0:
            raise UserError(f"soft must not be negative: {self.soft}")

    def distil(
        self, loss: "Tensor", *, student: "Tensor", teacher: "Tensor", weight: float
    ) -> "Tensor":
        wanted = teacher.float().log_softmax(dim=-1)
        given = student.float().log_softmax(dim=-1)
        return loss + self.soft * (wanted.exp() * (wanted - given)).sum() / weight
