"""A module for each part of the bench, found by its name."""
