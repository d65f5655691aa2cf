"""Shuffles the input channels of convolutions while a network is measured: what pooling in space alone keeps.

Trained networks become stable by pooling in space, with smooth filters, and by pooling over channels, with filters that
are matched to each other. A random permutation of a convolution's input channels takes the second away and leaves the
first, since each filter stays as it is (Tomasini, Petrini, Cagnetta and Wyart, arXiv 2210.01506, sec. 3).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..precision import sent
from ..streams import in_random_order
from .modules import is_compiled, modules_in
from .network_state import Network

SIDE = 3  # of the filters whose smoothness is told


@contextmanager
def shuffled_channels(network: Network, seed: int) -> Iterator[None]:
    """Permutes the input channels of every `Conv2d` at random, inside the context; weights stay as they are.

    The channels of a grouped convolution are permuted within each group, in one way for all groups.

    Args:
        network: Network that runs inside the context.
        seed: Seed of the permutations, one for each convolution by its place in the network.

    Raises:
        ValueError: If the network is compiled, or no convolution has several input channels in a group.

    >>> network, images = nn.Conv2d(8, 2, 3), torch.rand(1, 8, 5, 5)
    >>> with shuffled_channels(network, seed=0):
    ...     shuffled = network(images)
    >>> bool((shuffled != network(images)).any())
    True
    """
    if is_compiled(network):
        raise ValueError(
            "shuffle_channels is True and the network is compiled, which hides its layers; hand over one that is not"
        )
    mixing = [one for one in modules_in(network) if isinstance(one, nn.Conv2d) and one.in_channels > one.groups]
    if not mixing:
        raise ValueError(
            "shuffle_channels is True and the network has no Conv2d with several input channels; leave it out"
        )
    first = 0
    with ExitStack() as hooks:
        for module in mixing:
            numbers = torch.arange(first, first + module.in_channels // module.groups)
            order = in_random_order(numbers, seed) - first
            hooks.enter_context(module.register_forward_pre_hook(_permuting(order, module.groups)))
            first += len(numbers)
        yield


def _permuting(order: Tensor, groups: int) -> Callable[..., tuple[Any, ...]]:
    """The hook of one convolution, which permutes its input."""

    def permute(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        values: Tensor = inputs[0]
        grouped = values.unflatten(-3, (groups, -1))
        return (grouped.index_select(-3, sent(order, values.device)).flatten(-4, -3), *inputs[1:])

    return permute


def low_frequency(modules: Iterable[nn.Module]) -> float | None:
    """Share of the squared norm of 3x3 filters in the lowest frequency of their grid, that of the homogeneous filter.

    It is sum (w . u)^2 / sum ||w||^2 over all filters w, with u the homogeneous filter of norm 1, which is the lowest
    eigenvector of the grid's Laplacian. A network that pools in space has more than the 1/9 of random filters.

    Args:
        modules: Layers, of which convolutions with 3x3 filters count.

    Returns:
        The share; None if there are no such filters, or all are 0.

    >>> convolution = nn.Conv2d(1, 4, 3)
    >>> _ = nn.init.ones_(convolution.weight)
    >>> low_frequency([convolution]), low_frequency([nn.Linear(3, 3)])
    (1.0, None)
    """
    low = total = 0.0
    for module in modules:
        if isinstance(module, nn.Conv2d) and module.kernel_size == (SIDE, SIDE):
            filters = module.weight.detach().double()
            low += float(filters.sum((-2, -1)).square().sum()) / SIDE**2
            total += float(filters.square().sum())
    return low / total if total else None
