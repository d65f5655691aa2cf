"""The equivariance error of maps: how far f(tau x) is from f(x) moved along with the image.

tau_k is the same displacement on the map's own grid: a field is its coefficients, whatever the grid. The error is
E = <||f(tau x) - tau_k f(x)||^2> / <||f(x) - f(z)||^2>. Interpolation alone leaves a part of it: with P x, the image
averaged over the cells of the grid, the floor is D times <||P tau x - tau_k P x||^2> / <||P tau x - P x||^2>.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..fields import DisplacementField, deform
from ..options import MOVED, STILL
from .drawn import Drawn
from .outputs import flat

MOST_TOKENS_APART = 9  # a class token and eight registers, in front of those of the grid
AT_ONCE = 2**20  # values of a map that are moved at a time
FOLLOWED, FLOOR = "f(tau x) - tau f(x)", "floor"


class Grid(NamedTuple):
    """The grid of a map's places.

    Attributes:
        size: Number of places `(h, w)`.
        layout: `map` for `[C, h, w]`, `last` for `[h, w, C]`, `tokens` for `[T, C]`.
        apart: Number of tokens in front that belong to no place, such as class and register tokens.
    """

    size: tuple[int, int]
    layout: str
    apart: int = 0

    def maps(self, values: Tensor) -> Tensor:
        """Returns values `[B, ...]` as maps `[B, C, h, w]`, without the tokens apart."""
        if self.layout == "tokens":
            tokens: Tensor = values[:, self.apart :]
            return tokens.mT.reshape(len(values), -1, *self.size)
        return values if self.layout == "map" else values.movedim(-1, 1)

    def values(self, maps: Tensor, like: Tensor) -> Tensor:
        """Returns maps `[B, C, h, w]` in the form of the values `like`, whose tokens apart they get."""
        if self.layout == "tokens":
            return torch.cat([like[:, : self.apart], maps.flatten(2).mT], dim=1)
        return maps if self.layout == "map" else maps.movedim(1, -1)


def grid_of(shape: tuple[int, ...], size: tuple[int, int]) -> Grid | None:
    """Returns the grid of an output's places; None if it has no spatial extent.

    In three dimensions, height and width are the last two, or the first two if their ratio is nearer to the images'.
    Tokens fold to the grid that divides the images evenly, with as few tokens apart as possible.

    Args:
        shape: Shape of the output for one image.
        size: Size `(H, W)` of the images in pixels.

    >>> grid_of((64, 7, 7), (224, 224)), grid_of((7, 7, 64), (224, 224)).layout, grid_of((512,), (224, 224))
    (Grid(size=(7, 7), layout='map', apart=0), 'last', None)
    >>> grid_of((197, 192), (224, 224))
    Grid(size=(14, 14), layout='tokens', apart=1)
    """
    if len(shape) == 2:
        return _grid_of_tokens(shape[0], size)
    if len(shape) != 3:
        return None
    first, last = (shape[0], shape[1]), (shape[1], shape[2])
    turned = min(first) > 1 and (min(last) < 2 or _unlike(first, size) < _unlike(last, size))
    grid = Grid(first, "last") if turned else Grid(last, "map")
    return grid if min(grid.size) > 1 else None


def _unlike(size: tuple[int, int], other: tuple[int, int]) -> float:
    return abs(math.log(size[0] * other[1] / (size[1] * other[0])))


def _grid_of_tokens(tokens: int, size: tuple[int, int]) -> Grid | None:
    for apart in range(min(MOST_TOKENS_APART, tokens) + 1):
        patch = math.isqrt(size[0] * size[1] // max(1, tokens - apart))
        if patch and not (size[0] % patch or size[1] % patch):
            height, width = size[0] // patch, size[1] // patch
            if height * width == tokens - apart and min(height, width) > 1:
                return Grid((height, width), "tokens", apart)
    return None


class Following:
    """Moves the maps of one batch along with its images, and measures what is left.

    Args:
        drawn: Transformations of the batch.
    """

    def __init__(self, drawn: Drawn) -> None:
        self.drawn, self.setup = drawn, drawn.setup
        self._floors: dict[tuple[tuple[int, int], int], Tensor] = {}

    def measures(self, values: Tensor) -> bool:
        """Returns True if E is measured for outputs `[B, ...]` like these. Raises ValueError if it is, and can't be."""
        against = self.setup.settings.against
        if against == STILL or (against is None and self._grid(values) is None):
            return False
        possible = self.setup.transformation.delta is not None and is_displacement(
            self.drawn.sample(0), self.drawn.images
        )
        if against == MOVED and not possible:
            raise ValueError(
                f"against is {MOVED!r} and the samples of the transformation {self.setup.transformation.name} are no "
                f"displacements [B, 2, H, W], so that no map can be moved along; take {STILL!r}"
            )
        return possible

    def of_layer(self, values: Tensor, groups: int) -> Tensor | None:
        """Returns `squares` and `floor` of a layer, `[B, draws, 3]`; None if they are not measured.

        Args:
            values: Output `[groups * B, ...]`: for x, then per draw for tau x and x + eta.
            groups: Number of groups.
        """
        first, *changed = values.detach().chunk(groups)
        if not self.measures(first):
            return None
        found = [
            torch.cat([self.squares(first, one, draw), self.floor(first, draw)], dim=1)
            for draw, one in enumerate(changed[::2])
        ]
        return torch.stack(found, dim=1)

    def columns(self, first: Tensor, changed: Tensor, draw: int, *, by_output: bool) -> dict[str, Tensor]:
        """Returns `squares` and `floor` by name."""
        names = f"{FOLLOWED}, draw {draw}", f"{FLOOR}, draw {draw}"
        both = self.squares(first, changed, draw, by_output=by_output), self.floor(first, draw)
        return dict(zip(names, both, strict=True))

    def squares(self, first: Tensor, changed: Tensor, draw: int, *, by_output: bool = False) -> Tensor:
        """Returns ||f(tau x) - tau_k f(x)||^2 in float64, `[B, 1]`, or each output's part `[B, outputs]`.

        Args:
            first: Outputs f(x), `[B, ...]`.
            changed: Outputs f(tau x) of the draw, `[B, ...]`.
            draw: Number of the draw.
            by_output: True for the part of each output.
        """
        grid, step = self._grid(first), max(1, AT_ONCE // max(1, first[0].numel()))
        found = []
        for k in range(0, len(first), step):
            own = first[k : k + step]
            own = own if own.dtype == torch.float64 else own.float()  # autocast gives half precision
            moved = own if grid is None else grid.values(self._moved(grid.maps(own), draw, k), own)
            squares = flat(changed[k : k + step].to(own.dtype) - moved).square_()
            found.append(squares if by_output else squares.sum(1, keepdim=True))
        return torch.cat(found)

    def floor(self, values: Tensor, draw: int) -> Tensor:
        """Returns ||P tau x - tau_k P x||^2 and ||P tau x - P x||^2 on the grid of the values, float64 `[B, 2]`."""
        grid = self._grid(values)
        size = (1, 1) if grid is None else grid.size
        if (size, draw) not in self._floors:
            base = self.setup.base(self.drawn.images)
            still, changed = (interpolate(x, size, mode="area") for x in (base, self.drawn.transformed(draw)))
            moved = still if grid is None else self._moved(still, draw, 0)
            both = [(flat(changed) - flat(x)).square().sum(1) for x in (moved, still)]
            self._floors[size, draw] = torch.stack(both, dim=1)
        return self._floors[size, draw]

    def _grid(self, values: Tensor) -> Grid | None:
        return grid_of(tuple(values.shape[1:]), self.setup.transformation.size)

    def _moved(self, maps: Tensor, draw: int, start: int) -> Tensor:
        """Moves maps `[b, C, h, w]` of the images from `start` on."""
        sample = self.drawn.sample(draw)[start : start + len(maps)]
        return deform(maps.contiguous(), on_grid(sample, (maps.shape[-2], maps.shape[-1])))


def is_displacement(sample: Any, images: Tensor) -> bool:
    """Returns True for displacement fields, and for displacements `[B, 2, H, W]` in pixels, of images of that size."""
    if isinstance(sample, DisplacementField):
        return True
    expected = (len(images), 2, *images.shape[-2:])
    return isinstance(sample, Tensor) and sample.is_floating_point() and tuple(sample.shape) == expected


def on_grid(sample: DisplacementField | Tensor, size: tuple[int, int]) -> DisplacementField | Tensor:
    """Returns the same displacement on another grid `(h, w)`: equal shares of the side at equal places u, v in [0, 1].

    A field keeps its coefficients. Displacements `[B, 2, H, W]` in pixels are interpolated linearly, which is exact for
    translations, rotations and changes of scale.

    >>> field = DisplacementField(torch.zeros(5, 2, 3, 3), (28, 28))
    >>> on_grid(field, (7, 7)).displacement().shape, on_grid(field.displacement(), (7, 7)).shape
    (torch.Size([5, 2, 7, 7]), torch.Size([5, 2, 7, 7]))
    """
    if isinstance(sample, DisplacementField):
        return DisplacementField(sample.coefficients, size)
    if tuple(sample.shape[-2:]) == size:
        return sample
    shares = sample.new_tensor([size[1] / sample.shape[-1], size[0] / sample.shape[-2]]).view(2, 1, 1)
    return interpolate(sample, size, mode="bilinear", align_corners=True) * shares
