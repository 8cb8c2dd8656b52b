"""A run that moves says where it has been, and what it cannot change it keeps."""

import pytest
import torch

from pgf.errors import UserError
from pgf.places import here, joined, told

A100 = {"node": "n1", "gpu": "A100", "torch": "2.15.0", "precision": "bfloat16", "data": "d1"}
V100 = {**A100, "node": "n2", "gpu": "V100"}


def test_a_record_lists_every_place_once() -> None:
    places = joined([], A100)
    for place in (A100, V100, A100, {**A100, "node": "n3"}):
        places = joined(places, place)
    assert told(places) == {"node": "n1 + n2 + n3", "gpu": "A100 + V100", "torch": "2.15.0"}
    assert told([A100]) == {name: A100[name] for name in ("node", "gpu", "torch")}


@pytest.mark.parametrize(("name", "value"), [("precision", "float32"), ("data", "d2")])
def test_precision_and_data_stay_what_they_were(name: str, value: str) -> None:
    with pytest.raises(UserError, match=rf"{name} \S+ on n1 \(A100\), and here, on n2 \(V100\)"):
        joined([A100], {**V100, name: value})


def test_a_cpu_is_no_gpu() -> None:
    place = here(torch.device("cpu"), torch.float32, "d1")
    assert place["gpu"] is None and place["precision"] == "float32"
    assert set(place) == set(A100)
