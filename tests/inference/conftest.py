"""Small layers are packed, as large ones are outside of tests."""

import pytest

from pgf.inference import packing


@pytest.fixture(autouse=True)
def every_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack layers of every size, but in tests that ask for the size that pays."""
    if "sizes_that_pay" not in request.fixturenames:
        monkeypatch.setattr(packing, "SMALLEST", 0)


@pytest.fixture
def sizes_that_pay() -> int:
    """Return the number of weights from which on a layer is packed."""
    return packing.SMALLEST
