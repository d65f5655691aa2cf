"""The device that a network runs on, by name."""

import torch

DEVICES = ("cpu", "cuda", "mps", "xpu")


def chosen_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one.

    Raises:
        ValueError: If the name is unknown or the device can't be used here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.split(":")[0] not in DEVICES or name.startswith("cpu:"):
        raise ValueError(f"device is {name!r}; allowed: auto, {', '.join(DEVICES)}, with a number as in cuda:1")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {name!r}, which can't be used here ({reason}); try auto or cpu") from error
    return device
