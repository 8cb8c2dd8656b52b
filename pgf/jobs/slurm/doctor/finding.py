"""A finding of the doctor, and the summary of all findings."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    ok: bool | None
    """None: in doubt, or nobody could look."""
    text: str
    remedy: str = ""
    seen: bool = True
    """False if the doctor could not look."""

    def __str__(self) -> str:
        mark = {True: "ok  ", False: "FAIL", None: "?   "}[self.ok]
        return f"{mark} {self.name}: {self.text}" + (
            f"\n     -> {self.remedy}" if self.remedy else ""
        )


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Return whether nothing is known that stands in the way."""
    return all(finding.ok is not False for finding in findings)


def doctor_summary(findings: Sequence[Finding]) -> str:
    """Return all findings in one line, which does not hide what nobody knows."""
    if not is_healthy(findings):
        return "not ready yet"
    open_ones = [finding for finding in findings if finding.ok is None]
    names = {
        "not looked at": [finding.name for finding in open_ones if not finding.seen],
        "in doubt": [finding.name for finding in open_ones if finding.seen],
    }
    remarks = "; ".join(f"{what}: {', '.join(those)}" for what, those in names.items() if those)
    return f"ready, but {remarks}" if remarks else "ready"
