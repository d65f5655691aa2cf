"""The maximum-entropy ensemble of displacement fields (Sec. 2): temperature T, cutoff c, and what follows from them.

tau(u, v) = sum over modes C_ij sin(i pi u) sin(j pi v) with C_ij ~ N(0, T / (i^2 + j^2)), for each of the two
components (Eq. 2). In the code S is the sum of 1 / (i^2 + j^2) over the kept modes, delta the root-mean-square
displacement in pixels, n^2 = (W^2 + H^2) / 2.
"""

import math
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from ..checks import LARGEST, finite_at_least_zero, one_of, positive_integer
from ..options import (
    CUTOFF_RULES,
    DEFAULT_CONVENTION,
    DEFAULT_CUTOFF,
    DELTA_RULES,
    TEMPERATURE_RULES,
    chosen,
    convention_named,
    refuse_no_mode,
)
from ..precision import sent
from ..streams import StreamKeys, mode_normals
from .deformation import deform
from .field import DisplacementField
from .modes import mode_numbers

MONTE_CARLO_FIELDS = 1000  # behind T_max and the probability of a diffeomorphism
MONTE_CARLO_SEED = 0
XI_POINTS, XI_POINTS_PER_CUTOFF = 256, 24  # a side, at most the larger one: where Xi is looked at in large images
LARGEST_SIDE = 2**16 - 1  # pixels; mode numbers are 16-bit words of the random streams
LEAST_DELTA = 0.5  # pixels; Sec. 2.2: smaller displacements depend on the interpolation


class MaxEntropyEnsemble:
    """Random smooth displacement fields of maximum entropy at a given temperature or root-mean-square displacement.

    Args:
        size: Side of square images in pixels, or `(H, W)`.
        cutoff: Largest spatial frequency c.
        temperature: T, dimensionless; a number, or a tensor `[B]` with one value per image of a batch.
        delta: Root-mean-square displacement in pixels instead of T; a number or a tensor `[B]`.
        convention: `paper` or `reference`; sets the two rules below where they are None.
        cutoff_rule: `disk` (i^2 + j^2 <= c^2) or `half-integer` (sqrt(i^2 + j^2) < c + 1/2).
        delta_rule: `exact` (App. B, third line) or `asymptotic` (Eq. 3); relates T and delta.

    Attributes:
        name: `diffeo`, as results call this transformation.
        size: `(H, W)`.
        modes: Number of kept modes (i, j), per component.
        temperature, delta: Both are set, one from the other. delta is the root of an integral over the picture
            (App. B); over its pixels, whose spacing is 1 / (n - 1), the same sum comes out lower by (n - 1) / n.

    Raises:
        ValueError: For an unknown rule, a size under 2 pixels, a cutoff that keeps no mode, both or neither of T and
            delta, or a negative or not finite one.

    >>> ensemble = MaxEntropyEnsemble(32, cutoff=3, delta=1.0)
    >>> ensemble.modes, round(ensemble.temperature, 6)
    (4, 0.001905)
    >>> ensemble.sample(5).displacement().shape
    torch.Size([5, 2, 32, 32])
    """

    name = "diffeo"

    def __init__(
        self,
        size: int | tuple[int, int],
        cutoff: float = DEFAULT_CUTOFF,
        temperature: float | Tensor | None = None,
        delta: float | Tensor | None = None,
        convention: str = DEFAULT_CONVENTION,
        *,
        cutoff_rule: str | None = None,
        delta_rule: str | None = None,
    ) -> None:
        self.convention = convention_named(convention)
        self.cutoff_rule = one_of("cutoff_rule", chosen(cutoff_rule, self.convention.cutoff_rule), CUTOFF_RULES)
        self.delta_rule = one_of("delta_rule", chosen(delta_rule, self.convention.delta_rule), DELTA_RULES)
        self.size = image_size(size)
        self.cutoff = finite_at_least_zero("cutoff", cutoff)
        refuse_no_mode("cutoff", self.cutoff, self.cutoff_rule)
        if (temperature is None) == (delta is None):
            came = "neither" if delta is None else "both"
            raise ValueError(f"{came} of temperature and delta given; exactly one of them is needed")
        squared = self._squared_delta_per_temperature
        self.temperature: float | Tensor
        self.delta: float | Tensor
        if temperature is not None:
            self.temperature = _amount("temperature", temperature)
            self.delta = (self.temperature * squared) ** 0.5
        else:
            self.delta = _amount("delta", delta)
            if squared == 0:
                raise ValueError("delta_rule is 'asymptotic' and cutoff 1, where ln c = 0; give temperature instead")
            self.temperature = self.delta**2 / squared

    def __repr__(self) -> str:
        return (
            f"MaxEntropyEnsemble(size={self.size}, cutoff={self.cutoff:g}, temperature={self.temperature:.4g}, "
            f"delta={self.delta:.4g} px, {self.cutoff_rule}, {self.delta_rule}, {self.modes} modes)"
            if isinstance(self.temperature, float)
            else f"MaxEntropyEnsemble(size={self.size}, cutoff={self.cutoff:g}, {len(self.temperature)} temperatures, "
            f"{self.cutoff_rule}, {self.delta_rule}, {self.modes} modes)"
        )

    @cached_property
    def mode_numbers(self) -> tuple[Tensor, Tensor]:
        """The kept modes' i (along x) and j (along y), int64 `[modes]` each."""
        return mode_numbers(self.size, self.cutoff, self.cutoff_rule)

    @property
    def modes(self) -> int:
        """Number of kept modes, per component."""
        return len(self.mode_numbers[0])

    @cached_property
    def _shape(self) -> tuple[int, int]:
        """(I, J), the largest mode numbers along x and y."""
        i, j = self.mode_numbers
        return int(i.max()), int(j.max())

    @cached_property
    def spread(self) -> Tensor:
        """Standard deviation of C_ij, float64 `[I, J]` or `[B, 1, I, J]`, 0 where a mode is cut off."""
        i, j = self.mode_numbers
        spread = torch.zeros(self._shape, dtype=torch.float64)
        spread[i - 1, j - 1] = (i**2 + j**2).to(torch.float64).rsqrt()
        if isinstance(self.temperature, Tensor):
            return spread * self.temperature.cpu().sqrt().view(-1, 1, 1, 1)
        return spread * math.sqrt(self.temperature)

    @cached_property
    def _squared_delta_per_temperature(self) -> float:
        """delta^2 / T: n^2 S / 2, or (pi / 4) n^2 ln c (Eq. 3)."""
        if self.delta_rule == "exact":
            i, j = self.mode_numbers
            return self._squared_side * float((1 / (i**2 + j**2).to(torch.float64)).sum()) / 2
        if self.cutoff < 1:
            raise ValueError(f"cutoff is {self.cutoff:g}; delta_rule 'asymptotic' needs at least 1")
        return math.pi / 4 * self._squared_side * math.log(self.cutoff)

    @property
    def _squared_side(self) -> float:
        """n^2 of images that need not be square, pixels."""
        height, width = self.size
        return (width**2 + height**2) / 2

    @property
    def expected_squared_norm(self) -> float | Tensor:
        """<||grad tau||^2> = (pi^2 / 2) T (number of modes), dimensionless (Eq. 7 with equipartition)."""
        return math.pi**2 / 2 * self.temperature * self.modes

    def sample(
        self,
        keys: int | StreamKeys,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> DisplacementField:
        """Independent fields, one per image.

        Args:
            keys: How many, drawn from `generator` (torch's global one if None); or the streams (seed, image, draw)
                whose fields are wanted, which touch no generator and depend on nothing else.
            generator: For a number of fields only. A larger cutoff then draws other fields; those of streams go on.
            dtype: Of the coefficients. The same fields come in any dtype: normal numbers are drawn in float32 from a
                generator and in float64 from streams, scaled in float64 and then cast.
            device: Of the coefficients.

        Returns:
            A `DisplacementField` of batch shape `[B]`.
        """
        if isinstance(keys, StreamKeys):
            if generator is not None:
                raise ValueError("generator given with stream keys; stream keys alone determine the fields")
            i, j = self.mode_numbers  # few numbers: made on the CPU, so that they are the same for any device
            normals = torch.zeros(len(keys.images), 2, *self._shape, dtype=torch.float64)
            normals[:, :, i - 1, j - 1] = mode_normals(keys, i, j)
        else:
            positive_integer("count", keys, least=0)
            where = generator.device if generator is not None else device
            normals = torch.randn(keys, 2, *self._shape, generator=generator, device=where, dtype=torch.float32)
        normals = normals.cpu() if normals.device.type == "mps" else normals  # which has no float64
        spread = sent(self.spread, normals.device)
        if spread.ndim == 4 and len(spread) != len(normals):
            raise ValueError(f"{len(spread)} temperatures for {len(normals)} fields; one each is needed")
        return DisplacementField(sent((normals * spread).to(dtype), device), self.size)

    def apply(self, images: Tensor, field: DisplacementField, interpolation: str = "bilinear") -> Tensor:
        """The images `[B, C, H, W]` deformed along their fields, as by `deform`; raises what that raises.

        >>> ensemble = MaxEntropyEnsemble((17, 11), cutoff=3, delta=1.0)
        >>> ensemble.apply(torch.rand(5, 3, 17, 11), ensemble.sample(5)).shape
        torch.Size([5, 3, 17, 11])
        """
        return deform(images, field, interpolation)

    def probability_of_diffeomorphism(self, temperature: float | None = None) -> float:
        """Share of fields with Xi < 1 everywhere (Eq. 12) at `temperature`, by default the ensemble's own.

        Monte Carlo over 1,000 seeded fields, drawn once at T = 1 (Xi scales with sqrt(T)); its standard error is at
        most 0.016. Xi is taken at the pixels, in large images at 256 points a side (24 for each unit of the cutoff).
        """
        t = self.temperature if temperature is None else finite_at_least_zero("temperature", temperature)
        if isinstance(t, Tensor):
            raise ValueError("the ensemble has one temperature per image; name the temperature")
        return float((largest_xi(self.size, self.cutoff, self.cutoff_rule) * t**0.5 < 1).double().mean())


def temperature_range(
    size: int | tuple[int, int],
    cutoff: float = DEFAULT_CUTOFF,
    *,
    rule: str = "monte-carlo",
    convention: str = DEFAULT_CONVENTION,
    cutoff_rule: str | None = None,
    delta_rule: str | None = None,
) -> tuple[float, float]:
    """(T_min, T_max): from where delta = 1/2 pixel to where half of the fields are diffeomorphisms (Sec. 2.2).

    Args:
        size: Side in pixels, or `(H, W)`.
        cutoff: c.
        rule: `monte-carlo` (T_min by the delta rule, T_max from 1,000 seeded fields) or `asymptotic` (Eqs. 8, 14).
            Either is infinite where no temperature does it: T_min for ln c = 0, T_max for images of 2 pixels.
        convention: As for `MaxEntropyEnsemble`.
        cutoff_rule: As for `MaxEntropyEnsemble`.
        delta_rule: As for `MaxEntropyEnsemble`.

    Raises:
        ValueError: As `MaxEntropyEnsemble`; for `asymptotic` also if c <= 1.

    >>> t_min, t_max = temperature_range(32, 3)
    >>> t_min < t_max
    True
    """
    ensemble = MaxEntropyEnsemble(
        size, cutoff, temperature=1.0, convention=convention, cutoff_rule=cutoff_rule, delta_rule=delta_rule
    )
    if one_of("rule", rule, TEMPERATURE_RULES) == "asymptotic":
        if cutoff <= 1:
            raise ValueError(f"cutoff is {cutoff}; the asymptotic temperatures need more than 1")
        log_c = math.log(cutoff)
        return 1 / (math.pi * ensemble._squared_side * log_c), 4 / (math.pi**3 * cutoff**2 * log_c)
    median = float(largest_xi(ensemble.size, ensemble.cutoff, ensemble.cutoff_rule).quantile(0.5))
    squared = ensemble._squared_delta_per_temperature
    return LEAST_DELTA**2 / squared if squared else math.inf, median**-2 if median > 1e-100 else math.inf


def image_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """`(H, W)` of a side or a pair. Raises ValueError below 2 pixels, TypeError for what is not whole numbers."""
    height, width = size if isinstance(size, (tuple, list)) and len(size) == 2 else (size, size)
    for name, side in (("height", height), ("width", width)):
        positive_integer(f"image {name} (pixels)", side, least=2, most=LARGEST_SIDE)
    return int(height), int(width)


def _amount(option: str, value: float | Tensor | None) -> float | Tensor:
    if not isinstance(value, Tensor):
        assert value is not None
        return finite_at_least_zero(option, value)
    exact = value.to(torch.float64)  # in float32 the largest number allowed is itself infinite
    if value.ndim != 1 or not bool(((exact >= 0) & (exact <= LARGEST)).all()):
        raise ValueError(f"{option} is a tensor {tuple(value.shape)}; [B] finite numbers, 0 or more, are needed")
    return exact


@lru_cache(maxsize=64)
def largest_xi(size: tuple[int, int], cutoff: float, cutoff_rule: str) -> Tensor:
    """max over the pixels of Xi (Eq. 12) for 1,000 seeded fields at T = 1: float64 `[1000]`.

    Of large images over a grid of 256 points a side, or 24 for each unit of the cutoff: on average that is lower by
    less than 5e-4 of it, where the choice of fields moves their median by half a percent.
    """
    points = max(XI_POINTS, math.ceil(XI_POINTS_PER_CUTOFF * min(cutoff, LARGEST_SIDE)))
    height, width = (min(side, points) for side in size)
    ensemble = MaxEntropyEnsemble((height, width), cutoff, temperature=1.0, cutoff_rule=cutoff_rule)
    chunk = max(1, 2**17 // (height * width))  # fields at a time: 4 MB of gradients, which fit in a cache
    images = torch.arange(MONTE_CARLO_FIELDS).split(chunk)
    fields = (ensemble.sample(StreamKeys(MONTE_CARLO_SEED, few), dtype=torch.float64) for few in images)
    return torch.cat([field.xi().amax((-2, -1)) for field in fields])
