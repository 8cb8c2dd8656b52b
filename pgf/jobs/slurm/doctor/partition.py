"""The nodes of a partition, and the fit of a site's jobs into them."""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgf.errors import nearest
from pgf.experiments import RunSpec
from pgf.jobs.slurm import queue as slurm
from pgf.jobs.slurm.doctor.finding import Finding
from pgf.jobs.slurm.sites import Site, TaskCost, gpus_of, job_cores, needed_memory, processes


@dataclass(frozen=True, kw_only=True)
class Need:
    """Cores, memory and GPUs that the largest run takes of one node."""

    processes: int
    gpus: int
    cpus: int
    memory_mb: int

    @classmethod
    def of(cls, site: Site, specs: Sequence[RunSpec], costs: Mapping[str, TaskCost]) -> "Need":
        """Return the need of some runs, or of a single process where there are none."""
        if not specs:
            return cls(processes=1, gpus=1, cpus=site.cpus, memory_mb=site.memory_mb)
        return cls(
            processes=processes(specs),
            gpus=gpus_of(specs),
            cpus=job_cores(specs, site),
            memory_mb=needed_memory(specs, costs, site),
        )


def look_at_partition(site: Site, need: Need) -> Generator[Finding, None, bool]:
    """Yield what is found of the partition; return whether there is one."""
    # --exact: else different nodes are one line, with the smallest numbers of all.
    answer = slurm.ask("sinfo", "--noheader", "--exact", "--format", "%P|%l|%c|%m|%G") or ""
    nodes = [line.split("|") for line in answer.splitlines() if line.count("|") == 4]
    known = {row[0].rstrip("*") for row in nodes}
    default = next((row[0].rstrip("*") for row in nodes if row[0].endswith("*")), None)
    wanted = site.partition or default
    if wanted is None or wanted not in known:
        text = f"no '{wanted}'" if wanted else "the site has no default one"
        yield Finding(
            "partition", False, text, f"set partition in site.yaml; {nearest(wanted or '', known)}"
        )
        return False
    own = [row for row in nodes if row[0].rstrip("*") == wanted]
    yield Finding("partition", True, wanted)
    yield _time_limit(site, own[0][1])
    yield from _size(site, need, [(_number(row[2]), _number(row[3])) for row in own])
    if site.gpus and need.gpus:
        yield _gpu(site, need, [row[4] for row in own])
    return True


def _time_limit(site: Site, limit: str) -> Finding:
    longest = _minutes(limit)
    if longest is not None and longest < site.longest_minutes:
        return Finding(
            "time limit",
            False,
            f"the partition allows {longest} minutes",
            f"set longest_minutes to at most {longest}: longer runs go on in further slices",
        )
    return Finding("time limit", True, f"{site.longest_minutes} minutes asked for, {limit} allowed")


def _minutes(limit: str) -> int | None:
    """Return SLURM's [days-]hours:minutes:seconds in minutes; None for no limit."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if match is None:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + minutes


def _number(text: str) -> int:
    found = re.match(r"\d+", text)
    return int(found.group()) if found else 0


def _size(site: Site, need: Need, nodes: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    cpus, memory = (max(sizes) for sizes in zip(*nodes, strict=True))
    fits = any(c >= need.cpus and m >= need.memory_mb for c, m in nodes)
    fewer = ", or training.processes of the experiment" if need.processes > 1 else ""
    yield Finding(
        "node",
        fits,
        f"the largest has {cpus} cores and {memory} MB, "
        f"a run takes {need.cpus} and {need.memory_mb} of one",
        "" if fits else f"lower cpus or memory_mb in site.yaml{fewer}",
    )
    if site.most_memory_mb > memory:
        yield Finding(
            "memory of retries",
            False,
            f"no node has the {site.most_memory_mb} MB that they may ask for",
            f"set most_memory_mb to at most {memory}: SLURM refuses jobs that fit nowhere",
        )
    elif site.most_memory_mb < need.memory_mb:
        yield Finding(
            "memory of retries",
            False,
            f"a run takes {need.memory_mb} MB, most_memory_mb is {site.most_memory_mb}",
            "raise most_memory_mb in site.yaml, or lower memory_mb",
        )


def _gpu(site: Site, need: Need, resources: Sequence[str]) -> Finding:
    nodes = [_gpus_of(text) for text in resources]
    models = {model for node in nodes for model, _ in node if model}
    found = ", ".join(sorted({_words(*gpu) for node in nodes for gpu in node}))
    if not found:
        return Finding(
            "GPU", False, "the partition has none", "choose another partition, or set gpus: false"
        )
    if site.gpu_model and site.gpu_model not in models:
        return Finding(
            "GPU",
            False,
            f"no model '{site.gpu_model}' in {found}",
            f"set gpu_model to null, or: {nearest(site.gpu_model, models)}",
        )
    most = max(sum(n for model, n in node if site.gpu_model in (None, model)) for node in nodes)
    if most < need.gpus:
        return Finding(
            "GPU",
            False,
            f"a run takes {need.gpus} of one node, the most that one has is {most}: {found}",
            "lower training.processes of the experiment, and raise training.accumulation",
        )
    if len(models) > 1 and not site.gpu_model and not site.constraint:
        return Finding(
            "GPU",
            None,
            f"{found}: runs of one grid would land on different models, which `collect` refuses "
            "to mix",
            "set gpu_model in site.yaml",
        )
    return Finding("GPU", True, found)


def _gpus_of(text: str) -> list[tuple[str, int]]:
    """Return models and numbers of SLURM's `gpu:a100:4(S:0-1),gpu:2`; a model may be unnamed."""
    found = re.findall(r"(?:^|,)gpu:(?:([^:,(]+):)?(\d+)", text)
    return [(model, int(number)) for model, number in found]


def _words(model: str, number: int) -> str:
    return f"gpu:{model}:{number}" if model else f"gpu:{number}"
