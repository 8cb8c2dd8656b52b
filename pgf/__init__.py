"""Reproducibility benchmark suite for N:M structured-sparsity training recipes.

Implements the recipes of "Progressive Gradient Flow for Robust N:M Sparsity Training in
Transformers" (arXiv 2402.04744) and compares them under one training loop. See README.md.
"""

__version__ = "0.1.0"
