"""Tasks and their registry: add a module here and it is found."""

from pgf.tasks import digits, glue, images, paper_vision, translation
from pgf.tasks.base import TASKS, Task, find_task, make_task

__all__ = [
    "TASKS",
    "Task",
    "digits",
    "find_task",
    "glue",
    "images",
    "make_task",
    "paper_vision",
    "translation",
]
