"""Randomness by role: one seed, independent streams."""

import hashlib

ROLES = ("init", "order", "augmentation", "dropout", "mask", "mixup", "micro_batch", "noise")


def seed_for(seed: int, role: str, *more: int) -> int:
    """Return a 63-bit seed for a role of a run, and for further indices such as epoch and sample.

    Adding a role, or a consumer of one, leaves all other streams as they are.
    """
    if role not in ROLES:
        raise ValueError(f"role '{role}' is not one of {ROLES}")
    text = ":".join(map(str, (seed, role, *more)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
