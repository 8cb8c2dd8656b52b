"""Data sets as reproducible streams of batches."""
