"""What a doctor says of one thing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    ok: bool | None
    """None: could not be found out."""
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = {True: "ok  ", False: "FAIL", None: "?   "}[self.ok]
        return f"{mark} {self.name}: {self.text}" + (
            f"\n     -> {self.remedy}" if self.remedy else ""
        )
