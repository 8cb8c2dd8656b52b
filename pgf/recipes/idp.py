"""Inherited dynamic pruning (IDP): ever sparser models, each trained on from the one before it.

arXiv 2208.06118. This is a reading of its abstract, "a sparsity inheritance mechanism along with
an inherited dynamic pruning (IDP) method to obtain a series of N:M sparse candidate Transformers
rapidly"; no public code was found, and arXiv 2402.04744 (table 7) does not say how it ran IDP.

- Series: M/2 : M, M/4 : M, ..., N:M. That M stays and N is halved is assumed. The dense phase
  stands for the pretrained model that the series starts from.
- Inherited: a candidate starts with the weights of the one before it. N falls within the same
  groups, so that its first mask is a part of the last one: zeros are inherited with the weights.
- Dynamic: the mask is chosen by magnitude at every step. That the backward pass is SR-STE's, of
  which an author is the same, and its lambda_W are assumed.
- One run: all candidates share the steps and the learning rate schedule of a run, in equal
  intervals. If each was trained by a schedule of its own, IDP had more steps than other recipes.
"""

from dataclasses import dataclass
from typing import ClassVar

from pgf.recipes.baselines import SrSte
from pgf.recipes.patterns import NMPattern
from pgf.recipes.registry import register
from pgf.recipes.sdgf import StructureDecay


@register("idp")
@dataclass(frozen=True, kw_only=True)
class Idp(StructureDecay, SrSte):
    """IDP: M/2 : M, M/4 : M, ... and N:M, each under SR-STE; 1:8 is 4:8, 2:8, 1:8.

    From SdGf-Stepwise it differs in SR-STE's term, lambda_W (1 - mask) (.) W, in all pruning
    phases, and in starting at half the weights instead of at (M-1):M.
    """

    label: ClassVar[str] = "IDP"

    def stages(self, pattern: NMPattern, width: int | None) -> list[NMPattern]:
        del width
        n, m = pattern.n, pattern.m
        halvings = [m // 2**i for i in range(1, m.bit_length())]
        return [NMPattern(k, m) for k in halvings if k > n] + [pattern]
