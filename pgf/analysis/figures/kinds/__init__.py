"""One module per figure, found by its name."""
