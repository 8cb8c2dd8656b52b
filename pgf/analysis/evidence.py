"""The claims of the paper that an experiment can settle, by its config alone, before any run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgf.analysis.power import smallest_effect
from pgf.analysis.results import PAPER
from pgf.analysis.tables.admission import DENSE_ROLE, RANDOM, REMOVED
from pgf.analysis.tables.paper_claims import Claim, load_claims
from pgf.analysis.tables.phases import THIRDS
from pgf.analysis.tables.verdicts import LEAST_SEEDS, in_scope, scope_gap
from pgf.errors import UserError
from pgf.experiments import Experiment, RunSpec
from pgf.recipes import Target

LEAST_LENGTHS = 3
FURTHER_CONTROLS = ("small_dense", "one_shot")
"""Controls beside those without which no verdict is given."""
CLAIMS = PAPER / "claims.yaml"


@dataclass(frozen=True)
class Prospect:
    """One claim about one pair of roles, put to one task of an experiment."""

    claim: Claim
    task: str
    recipe: str
    control: str
    obstacle: str
    """Reason why the claim cannot be settled; empty where it can."""


def prospects(
    experiment: Experiment, metrics: Mapping[str, str], claims: Sequence[Claim]
) -> list[Prospect]:
    """Return what becomes of every claim; `metrics` has the metric of each task."""
    untuned = experiment.model_copy(update={"tuning": None})  # a tuned rate changes none of it
    runs = {(run.task.name, run.recipe.name): run for run in untuned.runs()}

    def obstacle(task: str, claim: Claim, recipe: str, control: str) -> str:
        found = _obstacle(experiment, task, claim, recipe, control)
        run = runs.get((task, _column(experiment, recipe)))
        if found or run is None or not _is_dense_at_samples(run, claim):
            return found
        return f"{recipe} is still dense at every sample of the phase ({claim.phase})"

    return [
        Prospect(claim, task, recipe, control, obstacle(task, claim, recipe, control))
        for task in experiment.judged_tasks()
        for claim in claims
        if not claim.metrics or metrics[task] in claim.metrics
        for recipe in claim.recipes
        for control in claim.controls
    ]


def _obstacle(experiment: Experiment, task: str, claim: Claim, recipe: str, control: str) -> str:
    grid = experiment.grid(task)
    roles = {column: role for role, column in experiment.roles().items()}
    present = {roles.get(column, column) for column in grid.recipes}
    # Without these no verdict is given on any claim.
    for wanted in ((REMOVED, RANDOM, DENSE_ROLE), (recipe, control)):
        if absent := [role for role in wanted if role and role not in present]:
            return f"no column {' or '.join(absent)}"
    targets = [str(Target.parse(target)) for target in grid.targets]
    if gap := scope_gap(claim, [target for target in targets if in_scope(claim, target)]):
        return gap
    if claim.control_target and claim.control_target not in targets:
        return f"no target {claim.control_target}"
    if len(grid.seeds) < LEAST_SEEDS:
        return f"{len(grid.seeds)} seeds, of {LEAST_SEEDS} that it takes"
    return ""


def _column(experiment: Experiment, role: str) -> str:
    return experiment.roles().get(role, role)


def _is_dense_at_samples(run: RunSpec, claim: Claim) -> bool:
    """Return whether a recipe is dense at all steps of a claim's phase that are sampled.

    The config alone says so, before any run: the table `claims` goes by the recorded samples.
    """
    if claim.kind != "lower_statistic" or claim.phase not in THIRDS:
        return False
    noise = claim.statistic.startswith("noise")
    every = run.statistics.noise_every if noise else run.statistics.every
    steps, third = run.training.steps, THIRDS.index(claim.phase)
    sampled = [step for step in range(0, steps, every) if 3 * step // steps == third]
    return bool(sampled) and sampled[-1] < steps * run.make_recipe().dense


def evidence_text(experiment: Experiment, metrics: Mapping[str, str]) -> str:
    """Return which claims an experiment can settle and what it would take for the others.

    Raises:
        UserError: the experiment calls itself evidence and can settle none.
    """
    # A config of one's own may lie where the paper's claims do not.
    found = prospects(experiment, metrics, load_claims(CLAIMS) if CLAIMS.exists() else ())
    lines = [
        line for task in experiment.judged_tasks() for line in _task_lines(experiment, task, found)
    ]
    if experiment.evidence and not any(not one.obstacle for one in found):
        reasons = dict.fromkeys(one.obstacle for one in found)
        raise UserError(
            f"{experiment.name}: evidence: true, but it can settle none of the paper's claims: "
            f"{'; '.join(list(reasons)[:3]) or f'{CLAIMS} is not there'}"
        )
    lines += [f"evidence of your own also needs: {needed}" for needed in _lacking(experiment)]
    return "\n".join(lines)


def _lacking(experiment: Experiment) -> Iterator[str]:
    """Yield what a config lacks that the paper's set-ups do without, and other evidence may not."""
    roles = {name: role for role, name in experiment.roles().items()}
    there = {roles.get(name, name) for name, _ in experiment.columns()}
    if absent := [name for name in FURTHER_CONTROLS if name not in there]:
        yield f"the controls {' and '.join(absent)}"
    if experiment.tuning is None:
        yield "learning rates tuned for each column (tuning)"
    short = [name for name, tasks in experiment.families().items() if len(tasks) < LEAST_LENGTHS]
    if short or not experiment.families():
        yield f"{LEAST_LENGTHS} lengths of training (lengths)"


def _task_lines(experiment: Experiment, task: str, found: Sequence[Prospect]) -> Iterator[str]:
    own = [one for one in found if one.task == task]
    can = [one for one in own if not one.obstacle]
    seeds = len(experiment.grid(task).seeds)
    yield (
        f"claims that {task} can settle, if it grades and its layers hold every stage of a recipe: "
        f"{len(can)} of {len(own)}"
    )
    if can:
        effect = smallest_effect(seeds, 1.0, alpha=experiment.analysis.alpha)
        yield (
            f"  {seeds} seeds find a mean difference of {effect:.1f} times the sd of paired "
            "differences with a power of 80%"
        )
    for claim in dict.fromkeys(one.claim.id for one in can):
        pairs = [f"{o.recipe} / {o.control or 'alone'}" for o in can if o.claim.id == claim]
        yield f"  {claim}: {', '.join(pairs)}"
    reasons = [one.obstacle for one in own if one.obstacle]
    for reason in dict.fromkeys(reasons):
        yield f"  cannot settle {reasons.count(reason)}: {reason}"
