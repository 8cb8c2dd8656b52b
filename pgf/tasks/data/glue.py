"""The GLUE tasks as text to text, phrased and scored as T5 does; no torch.

Prompts, label texts, the rounding of STS-B and the value of an answer that is no label are those of
`google-research/text-to-text-transfer-transformer` (`t5/data/preprocessors.py`: `glue`, `stsb`;
`postprocessors.py`; `glue_utils.py`) and of appendix D of arXiv 1910.10683. WNLI is left out, as
there and in the paper's tables.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from pgf.errors import UserError, nearest
from pgf.tasks.data.glue_scores import NO_ANSWER, measure

HUB = "nyu-mll/glue"
TOP = 5.0
"""STS-B's similarities go from 0 to this."""

Example = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class GlueTask:
    """One data set of GLUE, and how it is asked, answered and scored."""

    name: str
    """The hub's configuration of `nyu-mll/glue`, and the first word of T5's prompt."""
    texts: tuple[str, ...]
    """Columns that hold text, in T5's order, which is the alphabet's."""
    labels: tuple[str, ...] | None
    """T5's text of each label id; None for STS-B, whose label is a number from 0 to 5."""
    measures: tuple[str, ...]
    """Names from `glue_scores.MEASURES`."""
    evaluation: tuple[tuple[str, str], ...] = ()
    """The splits that are evaluated, each with the prefix of its measures; by default the split
    `validation` with the task's name. The hub's test splits hide their labels."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a split must have."""
        return (*self.texts, "label")

    @property
    def splits(self) -> dict[str, str]:
        """Split that is evaluated -> prefix of its measures, a column of the paper's Table 12."""
        return dict(self.evaluation or [("validation", self.name)])

    def source(self, row: Example) -> str:
        """Return T5's prompt, such as `cola sentence: ...`."""
        return " ".join([self.name, *(f"{column}: {row[column]}" for column in self.texts)])

    def target(self, row: Example) -> str:
        """Return the text that answers a row: a label, or a number rounded to the nearest 0.2."""
        if self.labels is not None:
            return self.labels[row["label"]]
        # In single precision and half to even, as T5 has it: a stored 3.7 becomes 3.6 by that.
        return f"{round(float(np.float32(row['label']) * np.float32(5))) / 5:.1f}"

    def reference(self, row: Example) -> float:
        """Return the value that the row's answer should have: the label as stored, not rounded.

        T5 takes the value of `target` instead, which is another one for STS-B alone.
        """
        return float(row["label"])

    def value(self, text: str) -> float:
        """Return the label id of a text, or for STS-B its number, else `NO_ANSWER`.

        A number off STS-B's scale is moved to its near end, so that one stray answer cannot own a
        correlation; T5 leaves it, and counts 'nan' as a number.
        """
        text = text.strip()
        if self.labels is not None:
            return float(self.labels.index(text)) if text in self.labels else NO_ANSWER
        try:
            number = float(text)
        except ValueError:
            return NO_ANSWER
        return min(max(number, 0.0), TOP) if math.isfinite(number) else NO_ANSWER

    def scores(
        self, predictions: Sequence[float], references: Sequence[float], *, split: str = ""
    ) -> dict[str, float]:
        """Return the measures of a split in percent, such as `{"mrpc_f1": ..., ...}`.

        Args:
            predictions: `value` of each answer.
            references: `reference` of each row.
            split: a key of `splits`; anything else, such as a part of the training split that is
                held out, counts as the first of them.
        """
        prefix = self.splits.get(split, next(iter(self.splits.values())))
        return {f"{prefix}_{m}": measure(m, predictions, references) for m in self.measures}


SENTENCE, SENTENCES = ("sentence",), ("sentence1", "sentence2")
ACCURACY = ("accuracy",)

GLUE: dict[str, GlueTask] = {
    task.name: task
    for task in (
        GlueTask(
            name="cola",
            texts=SENTENCE,
            labels=("unacceptable", "acceptable"),
            measures=("matthews",),
        ),
        GlueTask(name="sst2", texts=SENTENCE, labels=("negative", "positive"), measures=ACCURACY),
        GlueTask(
            name="mrpc",
            texts=SENTENCES,
            labels=("not_equivalent", "equivalent"),
            measures=("f1", "accuracy"),
        ),
        GlueTask(name="stsb", texts=SENTENCES, labels=None, measures=("pearson", "spearman")),
        GlueTask(
            name="qqp",
            texts=("question1", "question2"),
            labels=("not_duplicate", "duplicate"),
            measures=("f1", "accuracy"),
        ),
        GlueTask(
            name="mnli",
            texts=("hypothesis", "premise"),
            labels=("entailment", "neutral", "contradiction"),
            measures=ACCURACY,
            evaluation=(("validation_matched", "mnli_m"), ("validation_mismatched", "mnli_mm")),
        ),
        GlueTask(
            name="qnli",
            texts=("question", "sentence"),
            labels=("entailment", "not_entailment"),
            measures=ACCURACY,
        ),
        GlueTask(
            name="rte",
            texts=SENTENCES,
            labels=("entailment", "not_entailment"),
            measures=ACCURACY,
        ),
    )
}
"""The tasks by name. One more is one entry here."""


def find_glue_task(name: str) -> GlueTask:
    """Return a task.

    Raises:
        UserError: none of that name.
    """
    if name not in GLUE:
        raise UserError(f"unknown GLUE task '{name}': {nearest(name, GLUE)}")
    return GLUE[name]


def overall(scores: Mapping[str, float]) -> float:
    """Return GLUE's overall score as the paper's Tables 4 and 12 have it, in percent.

    The plain mean over the columns that are there, nine at most: MNLI-m and MNLI-mm are one each,
    and of two measures of a column (F1 and accuracy, Pearson and Spearman) the mean is taken first.
    The paper does not say so; all its 26 rows agree. Other names among the scores are passed over.

    Raises:
        UserError: no column is there, or one with only one of its two measures.
    """
    means = []
    for task in GLUE.values():
        for prefix in task.splits.values():
            names = [f"{prefix}_{name}" for name in task.measures]
            found = [scores[name] for name in names if name in scores]
            if found and len(found) < len(names):
                raise UserError(f"overall: '{prefix}' needs each of {', '.join(names)}")
            means += [sum(found) / len(found)] if found else []
    if not means:
        raise UserError(f"overall: no GLUE score among {', '.join(scores) or 'none'}")
    return sum(means) / len(means)


def check_split(
    task: GlueTask, data: Mapping[str, Sequence[Any]] | Sequence[Example], where: str
) -> None:
    """Check columns, texts and labels of a split.

    An empty text is allowed: GLUE's own QQP has some.

    Args:
        task: what the split should be of.
        data: its columns by name, or its rows.
        where: data set and split, for messages.

    Raises:
        UserError: a missing column, no row, a text that is none, a label outside the range.
    """
    if not isinstance(data, Mapping):
        data = {name: [row.get(name) for row in data] for name in (data[0] if data else ())}
    if not any(len(values) for values in data.values()):
        raise UserError(f"{where}: a split without a row")
    missing = [column for column in task.columns if column not in data]
    if missing:
        raise UserError(
            f"{where}: no column '{missing[0]}'; {task.name} needs {', '.join(task.columns)}, "
            f"there is {', '.join(map(str, data))}"
        )
    for column in task.texts:
        for row, text in enumerate(data[column]):
            if not isinstance(text, str):
                raise UserError(f"{where}: row {row}: '{column}' must be a text; it is {text!r}")
    for row, label in enumerate(data["label"]):
        if not _is_label(task, label):
            raise UserError(f"{where}: row {row}: label {label!r}; {_right_labels(task)}")


def _is_label(task: GlueTask, label: object) -> bool:
    if isinstance(label, bool):
        return False
    if task.labels is None:
        return isinstance(label, Real) and 0 <= float(label) <= TOP
    return isinstance(label, Integral) and 0 <= int(label) < len(task.labels)


def _right_labels(task: GlueTask) -> str:
    if task.labels is None:
        right = f"a number from 0 to {TOP:g}"
    else:
        right = ", ".join(f"{i} ({text})" for i, text in enumerate(task.labels))
    splits = " or ".join(task.splits)
    return f"{task.name} has {right}; -1 marks the hub's hidden test labels, so evaluate {splits}"
