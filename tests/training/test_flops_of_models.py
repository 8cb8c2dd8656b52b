"""Operations of whole models: every task's, odd ones, and torch's own count."""

from dataclasses import dataclass

import pytest
import torch
from test_flops import TwoLayerTask
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pgf.experiments.settings import TaskSettings
from pgf.tasks import TASKS, make_task
from pgf.tasks.data.streams import Batch
from pgf.training.flops import count_flops

ODD_MODELS = {
    "resnext50_32x4d": 224,  # grouped convolutions
    "convnext_atto": 224,  # depthwise ones
    "resnest14d": 224,  # batch norm on a single value
    "levit_128s": 224,
    "cait_xxs24_224": 224,  # a parameter as a module's input
}


@pytest.mark.parametrize("name", [*sorted(set(TASKS) - {"images"}), *ODD_MODELS])
def test_every_task_has_an_example_its_model_takes(name: str) -> None:
    if name in ODD_MODELS:
        options = {"model_name": name, "image_size": ODD_MODELS[name], "classes": 10}
        task = make_task(TaskSettings(name="odd", kind="images", options=options))
    else:
        # From scratch: a checkpoint would have to be there.
        task = TASKS[name](**({"checkpoint": None} if name == "glue_t5_base" else {}))
    with torch.device("meta"):
        model = task.model()
    flops = count_flops(task, model)
    assert 2 * flops.forward < flops.training <= 3 * flops.forward


class Grouped(nn.Module):
    """A convolution that reads the image, then a depthwise and a grouped one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.grouped = nn.Conv2d(8, 16, 1, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.grouped(self.depthwise(self.conv1(x))).mean(dim=(2, 3))


@dataclass(frozen=True, kw_only=True)
class GroupedTask(TwoLayerTask):
    def example(self) -> Batch:
        return torch.zeros(1, 2, 5, 5), torch.zeros(1, dtype=torch.long)


def test_grouped_convolutions_by_hand() -> None:
    flops = count_flops(GroupedTask(), Grouped())
    first, depthwise, grouped = 25 * 2 * 2 * 8 * 9, 25 * 2 * 8 * 9, 25 * 2 * 16 * 4
    assert flops.forward == first + depthwise + grouped
    assert flops.training == 2 * first + 3 * depthwise + 3 * grouped


@pytest.mark.parametrize("name", ["digits_vit", "cifar10_vit_tiny", "imagenet_swinv2_base"])
def test_without_groups_the_count_is_torchs_own(name: str) -> None:
    task = TASKS[name]()
    with torch.device("meta"):
        model = task.model()
    inputs, labels = task.example()
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        task.loss(model, (inputs.to("meta"), labels.to("meta"))).backward()
    assert count_flops(task, model).training == counter.get_total_flops()
