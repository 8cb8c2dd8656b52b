"""Text-to-text tasks against slow definitions: loss, accuracy, generation; over all of the kind."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from support.texts import TEXT_TASKS, small_options, text_spec
from torch import Tensor, nn

from pgf.tasks import make_task
from pgf.tasks.data.texts import IGNORED, PADDING, TextData
from pgf.tasks.encoder_decoders import EncoderDecoder
from pgf.tasks.sequences import SequenceTask
from pgf.training.flops import count_flops
from pgf.training.loop import train
from pgf.training.run_state import Run
from pgf.training.step import training_step

END = 1


@cache
def trained(kind: str, text_data: Path) -> tuple[SequenceTask, nn.Module, TextData]:
    """Return a task, its model after some steps, in float64, and what it is evaluated on."""
    options = {**small_options(kind, text_data), "dropout": 0.0, "label_smoothing": 0.1}
    spec = text_spec(kind, options, recipe="dense", steps=30, learning_rate=1e-2, evaluations=1)
    run = train(Run.make(spec))
    assert isinstance(run.task, SequenceTask) and isinstance(run.splits.test, TextData)
    return run.task, run.model.double().eval(), run.splits.test


def first_token(task: SequenceTask) -> int:
    return END if isinstance(task, EncoderDecoder) else PADDING


def log_probabilities(task: SequenceTask, model: nn.Module, row: list[int], text: list[int]) -> Any:
    """Return those of every token of one target, (length, vocabulary), without any padding."""
    before = torch.tensor([[first_token(task), *text[:-1]]])
    logits = model(input_ids=torch.tensor([row]), decoder_input_ids=before, use_cache=False).logits
    return torch.log(torch.softmax(logits[0].double(), dim=-1))


def unpadded(inputs: Tensor, labels: Tensor) -> list[tuple[list[int], list[int]]]:
    return [
        ([t for t in row if t != PADDING], [t for t in text if t != IGNORED])
        for row, text in zip(inputs.tolist(), labels.tolist(), strict=True)
    ]


@torch.no_grad()
def slow_sums(
    task: SequenceTask, model: nn.Module, data: TextData, smoothing: float
) -> tuple[float, int, int]:
    """Return sums over the tokens of all targets: loss, right ones, tokens."""
    loss, right, count = 0.0, 0, 0
    for batch in data.in_order(len(data)):
        for row, text in unpadded(*batch):
            logs = log_probabilities(task, model, row, text)
            for place, token in enumerate(text):
                own, spread = float(logs[place, token]), float(logs[place].mean())
                loss -= (1 - smoothing) * own + smoothing * spread
                right += int(logs[place].argmax()) == token
                count += 1
    return loss, right, count


@pytest.mark.parametrize("kind", TEXT_TASKS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_over_the_tokens_of_the_targets(
    kind: str, smoothing: float, text_data: Path
) -> None:
    task, model, data = trained(kind, text_data)
    (batch,) = data.in_order(len(data))
    loss, _, count = slow_sums(task, model, data, smoothing)
    own = replace(task, label_smoothing=smoothing)
    assert own.loss(model, batch).item() == pytest.approx(loss / count, rel=1e-6)
    assert own.weight(batch) == count


@pytest.mark.parametrize("kind", TEXT_TASKS)
def test_teacher_forced_measures_are_those_of_every_token(kind: str, text_data: Path) -> None:
    task, model, data = trained(kind, text_data)
    loss, right, count = slow_sums(task, model, data, 0.0)
    measured = task.teacher_forced(model, data)
    assert measured["token_accuracy"] == pytest.approx(100 * right / count)
    assert measured["evaluation_loss"] == pytest.approx(loss / count, rel=1e-6)


@torch.no_grad()
def slow_text(task: SequenceTask, model: nn.Module, row: list[int], limit: int) -> str:
    """Return the likeliest continuation, token by token, without cache and batch."""
    tokens: list[int] = []
    while len(tokens) < limit and tokens[-1:] != [END]:
        logs = log_probabilities(task, model, row, [*tokens, END])
        tokens.append(int(logs[-1].argmax()))
    return task.codec.tokenizer.decode([t for t in tokens if t > 2]).strip()


@pytest.mark.parametrize("kind", TEXT_TASKS)
def test_generation_is_an_argmax_token_by_token_in_the_order_of_the_data(
    kind: str, text_data: Path
) -> None:
    task, model, data = trained(kind, text_data)
    (batch,) = data.in_order(len(data))
    slow = [slow_text(task, model, row, 6) for row, _ in unpadded(*batch)]
    assert replace(task, beams=1).generate(model, data) == slow
    assert "parts" in type(task).__dataclass_fields__ or len(set(slow)) > 2


def test_without_a_limit_as_many_tokens_as_half_again_the_longest_target(text_data: Path) -> None:
    task, model, data = trained("multi30k_encdec", text_data)
    longest = max(len(row) for row in task.codec.encode(data.targets.to_pylist()))
    model.get_output_embeddings().weight.data[END] = 0  # never the end
    texts = replace(task, new_tokens=None).generate(model, data)
    trained.cache_clear()
    lengths = [len(row) - 1 for row in task.codec.encode(texts)]
    assert longest < max(lengths) <= longest * 3 // 2


@pytest.mark.parametrize("kind", TEXT_TASKS)
def test_every_measure_of_several_beams_is_a_percentage(kind: str, text_data: Path) -> None:
    task, model, _ = trained(kind, text_data)
    measured = replace(task, beams=3).evaluate(model, task.load())
    # Insertions count as errors too: their rate may lie above 100.
    free = ("matthews", "error_rate")
    shares = {n: v for n, v in measured.items() if not any(part in n for part in free)}
    assert all(0 <= value <= 100 for value in shares.values())


@torch.no_grad()
def likeliest_two(task: SequenceTask, model: nn.Module, row: list[int]) -> str:
    """Return the text of at most two tokens that is the likeliest by the mean over its tokens."""
    words = [t for t in range(model.config.vocab_size) if t != END]
    first = log_probabilities(task, model, row, [END])[0]
    best = {t: log_probabilities(task, model, row, [t, END])[1] + first[t] for t in words}
    start = max(words, key=lambda t: float(best[t].max()))
    tokens = [start, int(best[start].argmax())]
    if first[END] > best[start].max() / 2:
        return ""
    return task.codec.tokenizer.decode([t for t in tokens if t > 2]).strip()


def test_as_many_beams_as_tokens_find_the_likeliest_text_of_all(text_data: Path) -> None:
    greedy_is_worse = False
    for kind in ("wmt17_encdec", "number_words_encdec", "cola_t5_small"):
        task, model, data = trained(kind, text_data)
        (batch,) = data.in_order(len(data))
        slow = [likeliest_two(task, model, row) for row, _ in unpadded(*batch)]
        wide = replace(task, beams=model.config.vocab_size, new_tokens=2)
        assert wide.generate(model, data) == slow
        greedy_is_worse |= replace(wide, beams=1).generate(model, data) != slow
    assert greedy_is_worse


@pytest.mark.parametrize("kind", TEXT_TASKS)
def test_micro_batches_of_unequal_length_make_the_same_update(kind: str, text_data: Path) -> None:
    options = {**small_options(kind, text_data), "dropout": 0.0, "pool": 1}
    updated = []
    for accumulation in (1, 3):
        spec = text_spec(
            kind,
            options,
            **{"accumulation": accumulation, "optimizer": "sgd", "learning_rate": 0.5},
            **{"clip_norm": None, "warmup": 0.0},
        )
        run = Run.make(spec)
        batch = next(run.splits.train.stream(batch_size=12, seed=1))
        batch[1][:3, 1:] = IGNORED  # the labels of some tasks are all of one length
        assert len({run.task.weight(part) for part in chunks(batch)}) > 1
        before = {name: p.detach().clone() for name, p in run.model.named_parameters()}
        training_step(run, batch)
        updated.append({n: p.detach() - before[n] for n, p in run.model.named_parameters()})
    for name, change in updated[0].items():
        torch.testing.assert_close(updated[1][name], change, rtol=1e-3, atol=1e-6, msg=name)


def chunks(batch: tuple[Tensor, Tensor]) -> list[tuple[Tensor, Tensor]]:
    return list(zip(batch[0].chunk(3), batch[1].chunk(3), strict=True))


@pytest.mark.parametrize("kind", TEXT_TASKS)
def test_operations_are_counted_without_data(kind: str, text_data: Path) -> None:
    options = {**small_options(kind, text_data), "path": "nowhere", "typical_length": (7, 5)}
    if "path" not in make_task(text_spec(kind, {}).task).__dataclass_fields__:
        del options["path"]
    task = make_task(text_spec(kind, options).task)
    with torch.device("meta"):
        model = task.model()
    counted = count_flops(task, model)
    # Products with weights, 2 operations each: the decoder's keys and values of the source too.
    width, forward, vocabulary = 32, 64, model.config.vocab_size
    feed = 2 + bool(getattr(task, "gated", False))
    weights = 7 * (4 * width**2 + feed * width * forward)
    weights += 5 * (6 * width**2 + feed * width * forward + width * vocabulary) + 7 * 2 * width**2
    attention = 2 * width * (7 * 7 + 5 * 5 + 5 * 7)
    assert counted.forward == 2 * (weights + attention)
    assert counted.attention == 2 * attention
