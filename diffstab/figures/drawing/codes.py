"""One colour and one marker for each family of networks, cutoff and quantity, the same in every figure.

Networks have the colours of Okabe and Ito, quantities those of Tol's high-contrast scheme, cutoffs lie on a scale from
dark to light; readers with any colour vision tell apart what stands in one figure, also by its marker.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import matplotlib
from matplotlib.colors import LinearSegmentedColormap, to_hex

from ...options import INTERPOLATIONS, base_name
from ...results import LOWER


class Look(NamedTuple):
    """The look of points and lines: a colour and a marker of matplotlib's."""

    colour: str
    marker: str


COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#222222")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
FAMILIES = {  # by the start of a network's name
    "fc_": Look("#0072b2", "o"),
    "lenet": Look("#d55e00", "s"),
    "resnet": Look("#009e73", "^"),
    "vgg_bn": Look("#cc79a7", "D"),
    "efficientnet": Look("#e69f00", "v"),
    "alexnet": Look("#56b4e9", "P"),
    "vgg": Look("#222222", "X"),
}
FAMILY_NAMES = {
    **{"fc_": "fully connected", "lenet": "LeNet", "resnet": "ResNet", "vgg_bn": "VGG with batch norm"},
    **{"efficientnet": "EfficientNet", "alexnet": "AlexNet", "vgg": "VGG"},
}
OTHER = Look("#8a8a8a", "o")
QUANTITIES = {"R": Look("#bb5566", "^"), "D": Look("#ddaa33", "s"), "G": Look("#004488", "o")}
AXES = {  # what the axis of a quantity says
    "R": f"$R_f$ ({LOWER})",
    "D": "$D_f$ (change under deformations)",
    "G": "$G_f$ (change under noise)",
    "1/G": "$1/G_f$ (inverse change under noise)",
    "error": "test error",
    "loss": "training loss",
}
LEAST_CUTOFF, MOST_CUTOFF = 2.0, 20.0  # the ends of the scale
CUTOFF_MARKERS = {4.0: "o", 8.0: "s", 12.0: "D", math.inf: "^"}  # by the cutoffs below which they stand
GAUSSIAN_MARKERS = {"o": "X", "s": "P", "D": "*", "^": "v"}
BROWNS = LinearSegmentedColormap.from_list("browns", ["#8c1d04", "#c8641e"])
LIGHTEST = 0.86  # of viridis; paler yellow is lost on white


def family_of(name: str) -> str | None:
    """The family of a network in FAMILIES, None for others.

    >>> family_of("vgg16_bn-w0.25"), family_of("paper:lenet"), family_of("my-net")
    ('vgg_bn', 'lenet', None)
    """
    base = base_name(name.rpartition(":")[2])
    if base.startswith("vgg") and "_bn" in base:
        return "vgg_bn"
    return next((family for family in FAMILIES if base.startswith(family)), None)


def family_look(name: str) -> Look:
    """The look of a network's family."""
    family = family_of(name)
    return FAMILIES[family] if family else OTHER


def appearance(place: int) -> Look:
    """The look of what has no fixed one, by its place in the key; 49 differ.

    >>> appearance(0), appearance(7)
    (Look(colour='#0072b2', marker='o'), Look(colour='#0072b2', marker='s'))
    """
    return Look(COLOURS[place % len(COLOURS)], MARKERS[(place + place // len(COLOURS)) % len(MARKERS)])


def network_looks(names: Iterable[str]) -> dict[str, Look]:
    """A different look for each network of a figure, in the colour of its family.

    >>> looks = network_looks(["resnet18", "resnet50", "my-net"])
    >>> looks["resnet18"], looks["resnet50"].colour, looks["my-net"] in FAMILIES.values()
    (Look(colour='#009e73', marker='^'), '#009e73', False)
    """
    others = [look for look in map(appearance, range(len(COLOURS) * len(MARKERS))) if look not in FAMILIES.values()]
    found: dict[str, Look] = {}
    for name in dict.fromkeys(names):
        family = family_of(name)
        own = [FAMILIES[family], *(Look(FAMILIES[family].colour, marker) for marker in MARKERS)] if family else others
        found[name] = next((look for look in own if look not in found.values()), own[len(found) % len(own)])
    return found


def ordered_look(place: int, count: int) -> Look:
    """The look of a place among values that rise, dark to light.

    >>> ordered_look(0, 2), ordered_look(1, 2)
    (Look(colour='#440154', marker='o'), Look(colour='#a2da37', marker='s'))
    """
    share = place / max(1, count - 1)
    return Look(to_hex(matplotlib.colormaps["viridis"](LIGHTEST * share)), MARKERS[place % len(MARKERS)])


def cutoff_name(cutoff: float, interpolation: str | None = None) -> str:
    """The name of a cutoff in a key, with the interpolation where it is not the usual one.

    >>> cutoff_name(3.0), cutoff_name(3.0, "gaussian")
    ('$c$ = 3', '$c$ = 3, gaussian')
    """
    return f"$c$ = {cutoff:g}" + (f", {interpolation}" if interpolation not in (None, INTERPOLATIONS[0]) else "")


def cutoff_look(cutoff: float, interpolation: str | None = None) -> Look:
    """The look of a cutoff: its place on a logarithmic scale, in browns where images are interpolated by Gaussians.

    >>> cutoff_look(3).marker, cutoff_look(15).marker, cutoff_look(3, "gaussian").marker
    ('o', '^', 'X')
    """
    share = math.log(cutoff / LEAST_CUTOFF) / math.log(MOST_CUTOFF / LEAST_CUTOFF)
    share = min(1.0, max(0.0, share))
    marker = next(own for below, own in CUTOFF_MARKERS.items() if cutoff < below)
    if interpolation in (None, INTERPOLATIONS[0]):
        return Look(to_hex(matplotlib.colormaps["viridis"](LIGHTEST * share)), marker)
    return Look(to_hex(BROWNS(share)), GAUSSIAN_MARKERS[marker])
