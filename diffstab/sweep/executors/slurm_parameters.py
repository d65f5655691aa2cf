"""Names and values of submitit's parameters, read from texts of the command line."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

PREFIX = "slurm_"
SET_BY = {  # parameters that the executor's arguments set
    "cpus_per_task": "--cpus-per-job",
    "gpus_per_node": "--gpus-per-job",
    "num_gpus": "--gpus-per-job",
    "array_parallelism": "--jobs",
    "nodes": "one task runs on one node",
    "tasks_per_node": "one task runs on one node",
    "ntasks_per_node": "one task runs on one node",
}
LISTS = ("setup", "teardown", "srun_args")


def named_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameters with the names and types that `AutoExecutor.update_parameters` takes.

    Args:
        parameters: Values by submitit's names, with or without the prefix `slurm_`; values may be texts.

    Raises:
        ValueError: If a name is unknown (the message has the nearest one) or set by another option, or a value has the
            wrong type.
    """
    from submitit import AutoExecutor, SlurmExecutor

    generic = AutoExecutor._typed_parameters()
    known = sorted({*generic, *SlurmExecutor._valid_parameters()} - set(SET_BY))
    named: dict[str, Any] = {}
    for given, value in parameters.items():
        name = str(given).replace("-", "_").removeprefix(PREFIX)
        name = "timeout_min" if name == "time" else name  # submitit's name, in minutes
        if name in SET_BY:
            raise ValueError(f"{given} can't be given as a Slurm option: {SET_BY[name]}")
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"{given} is not a Slurm option; {hint}")
        named[name if name in generic else PREFIX + name] = _value(given, value, generic.get(name, str), name in LISTS)
    return named


def _value(given: str, value: Any, kind: type, many: bool) -> Any:
    """Returns a value with the type that submitit needs."""
    if many:
        return [value] if isinstance(value, str) else list(value)
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    if kind not in (int, float):
        return value if not isinstance(value, int | float) else str(value)
    try:
        number = kind(value)
    except (TypeError, ValueError):
        raise ValueError(f"{given} is {value!r}; a number is needed") from None
    if number <= 0:
        raise ValueError(f"{given} is {value!r}; it must be above 0")
    return number
