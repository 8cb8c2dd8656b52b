"""Decimal prefixes for operations, weights and bytes."""

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def unit_of(largest: float) -> tuple[float, str]:
    """Return scale and prefix that bring a column's largest number to 1 and above."""
    return next((pair for pair in PREFIXES if largest >= pair[0]), (1.0, ""))
