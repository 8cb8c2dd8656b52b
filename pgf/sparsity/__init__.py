"""Sparsity."""
