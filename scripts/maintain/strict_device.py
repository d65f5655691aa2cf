"""A simulated device for machines without a GPU: refuses to mix with CPU tensors, and counts where code waits for it.

    python scripts/maintain/strict_device.py

Measures and transforms on it and prints one JSON object: numbers beside those of the CPU, and every wait with its line.
A tensor of the device is a CPU tensor in a wrapper; an operation that mixes both kinds raises, as CUDA does. A wait is
a copy to the CPU, reading a number, an operation whose shape depends on values, or a blocking copy from the CPU. The
script uses torch's hooks for backends in Python, which change the whole process, so run it in a new process.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "strict"
BY_VALUE = ("aten.nonzero", "aten.masked_select", "aten._unique", "aten._local_scalar_dense")
VIEWS = (
    "view _unsafe_view expand permute t transpose slice select unbind unsqueeze squeeze alias detach as_strided split"
)
MAY_MIX = ("aten._to_copy", "aten.copy_", "aten.index")  # copies, and indices on the CPU
FEW, MANY, BATCH = 20, 60, 10  # images
BATCHES = (MANY - FEW) // BATCH  # difference in batches of the two measurements
SIZE = (17, 11)


class Held(Tensor):
    """A tensor of the strict device; `inner` is the CPU tensor."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Held":
        about = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        return Tensor._make_wrapper_subclass(cls, inner.shape, device=f"{NAME}:0", **about)

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    __torch_function__ = torch._C._disabled_torch_function_impl

    def as_subclass(self, cls: type[Tensor]) -> Tensor:
        """Returns the tensor itself: torch's method would lose `inner`."""
        assert cls is Tensor, cls
        return self

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} met a tensor of the strict device outside of `Strict`")


class Strict(TorchDispatchMode):
    """Mode in which the strict device works.

    Attributes:
        waits: Number of waits, by place in the package: `file:line`.
        launches: Number of operations that are no views, by name; about the kernels that a GPU would launch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.launches: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = str(func), kwargs or {}
        tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        held = any(isinstance(one, Held) for one in tensors)
        if held and not name.startswith(MAY_MIX):
            here = [tuple(one.shape) for one in tensors if not isinstance(one, Held) and one.ndim]
            if here:
                raise RuntimeError(f"{name}: tensors {here} of the CPU meet some of the strict device")
        asked = kwargs.get("device")
        there = held if asked is None else torch.device(asked).type == NAME
        self._look_for_waits(name, kwargs, held, there)
        if (held or there) and name.split(".")[1] not in VIEWS.split():
            self.launches[name.split(".")[1]] += 1
        plain = {
            key: torch.device("cpu") if key == "device" and value is not None else value
            for key, value in kwargs.items()
        }
        found = func(*tree_map(_inner, args), **tree_map(_inner, plain))
        first = func._schema.arguments[0].alias_info if func._schema.arguments else None
        if first is not None and first.is_write:  # in place; a name such as __rshift__ doesn't tell
            return args[0]
        return tree_map(lambda one: Held(one) if isinstance(one, Tensor) and there else one, found)

    def _look_for_waits(self, name: str, kwargs: dict[str, Any], held: bool, there: bool) -> None:
        copies = name.startswith("aten._to_copy") and held != there
        blocks = copies and (held or not kwargs.get("non_blocking"))
        if blocks or (held and name.startswith(BY_VALUE)):
            self.waits[_place()] += 1


def _inner(one: Any) -> Any:
    return one.inner if isinstance(one, Held) else one


def _place() -> str:
    frame = sys._getframe(1)
    while frame is not None and "/diffstab/" not in frame.f_code.co_filename:
        frame = frame.f_back  # type: ignore[assignment]
    return "outside" if frame is None else f"{frame.f_code.co_filename.rpartition('/diffstab/')[2]}:{frame.f_lineno}"


def moved(network: nn.Module) -> nn.Module:
    """Moves a network's weights to the strict device, and returns the network."""
    for module in network.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is not None:
                    there = tensor.detach().to(f"{NAME}:0")
                    held[name] = nn.Parameter(there, requires_grad=False) if held is module._parameters else there
    return network


def network() -> nn.Module:
    """Makes a small convolutional network with batch norm and an in-place activation."""
    torch.manual_seed(2)
    layers = (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(32, 7))


def measurements() -> dict[str, dict[str, Any]]:
    """Returns arguments of `measure` for each kind of measurement, by name."""
    from diffstab import MaxEntropyEnsemble
    from diffstab.perturbations import Rotation

    ensemble = MaxEntropyEnsemble(SIZE, 5, delta=1.0)
    return {
        "plain": {"transformation": ensemble},
        "layers": {"transformation": ensemble, "layers": "all"},
        "batch norm on its batch": {"transformation": ensemble, "batch_norm": "batch"},
        "gaussian": {"transformation": ensemble, "interpolation": "gaussian", "draws": 2},
        "rotation": {"transformation": Rotation(SIZE, 1.0)},
        "reference": {"transformation": MaxEntropyEnsemble(SIZE, 5, delta=1.0, convention="reference")},
    }


def measured(count: int, device: str, **how: Any) -> tuple[dict[str, float], Counter[str]]:
    """Measures on `count` images; returns D, G and R, and the waits."""
    from diffstab import measure

    images = torch.rand(MANY, 3, *SIZE, generator=torch.Generator().manual_seed(1))[:count]
    with Strict() as strict:
        own = moved(network()) if device.startswith(NAME) else network()
        strict.waits.clear()
        result = measure(own, images, batch_size=BATCH, device=device, **how)
    return {letter: getattr(result, letter).value for letter in "DGR"}, strict.waits


def transformed(device: str) -> Callable[[], Any]:
    """Returns a function that augments one batch on the device."""
    from diffstab import RandomDiffeomorphism

    transform = RandomDiffeomorphism(cutoff=(2, 5), delta=(0.5, 2.0), p=1.0)
    images = torch.rand(6, 3, *SIZE, generator=torch.Generator().manual_seed(1)).to(device)

    def run() -> Any:
        torch.manual_seed(3)
        return transform(images)

    return run


def launches() -> dict[str, dict[str, int]]:
    """Returns the operations on the device when drawing fields from streams and deforming 224 x 224 pixels."""
    from diffstab import MaxEntropyEnsemble, StreamKeys, deform

    ensemble, keys, found = MaxEntropyEnsemble(224, 3, delta=1.0), StreamKeys(0, torch.arange(4)), {}
    with Strict() as strict:
        images = torch.rand(4, 3, 224, 224).to(f"{NAME}:0")
        for _ in range(2):  # the first run fills caches
            strict.launches.clear()
            fields = ensemble.sample(keys, device=f"{NAME}:0")
            found["sample"] = dict(strict.launches)
            strict.launches.clear()
            deform(images, fields)
            found["deform"] = dict(strict.launches)
    return found


def main() -> None:
    """Runs all measurements and prints the report."""
    _setup_privateuseone_for_python_backend(NAME)
    report: dict[str, Any] = {"measured": {}}
    for name, how in measurements().items():
        here, _ = measured(FEW, "cpu", **how)
        measured(FEW, f"{NAME}:0", **how)  # fills caches on the device
        there, few = measured(FEW, f"{NAME}:0", **how)
        _, many = measured(MANY, f"{NAME}:0", **how)
        waits = {place: more / BATCHES for place in many if (more := many[place] - few[place])}
        report["measured"][name] = {"cpu": here, "strict": there, "waits of a batch": waits}
    with Strict() as strict:
        run = transformed(f"{NAME}:0")
        run()
        strict.waits.clear()
        found = run()
        waits = dict(strict.waits)
        difference = float((found.cpu() - transformed("cpu")()).abs().max())
    report["transform"] = {"waits": waits, "largest difference": difference}
    report["launches"] = launches()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
