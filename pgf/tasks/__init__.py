"""Models, data, losses and metrics; nothing here knows of sparsity.

To add a task: a file in this room with a class under `@register("name")`, imported below.
"""

from pgf.tasks import digits, glue, images, language, paper_vision, phonemes, translation
from pgf.tasks.base import TASKS, Task, find_task, make_task, register
from pgf.tasks.data.streams import Batch, Splits, TensorData, TrainingData, moved
from pgf.tasks.data.texts import LikeLengths
from pgf.tasks.images import Images
from pgf.tasks.vision import ImageClassification

__all__ = [
    "TASKS",
    "Batch",
    "ImageClassification",
    "Images",
    "LikeLengths",
    "Splits",
    "Task",
    "TensorData",
    "TrainingData",
    "digits",
    "find_task",
    "glue",
    "images",
    "language",
    "make_task",
    "moved",
    "paper_vision",
    "phonemes",
    "register",
    "translation",
]
