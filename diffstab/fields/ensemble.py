"""The maximum-entropy ensemble of displacement fields (Sec. 2), given by temperature T, cutoff c and image size.

tau(u, v) = sum over modes C_ij sin(i pi u) sin(j pi v) with C_ij ~ N(0, T / (i^2 + j^2)), for each of the two
components (Eq. 2). In formulas below, S is the sum of 1 / (i^2 + j^2) over the kept modes, delta the root-mean-square
displacement in pixels, and n^2 = (W^2 + H^2) / 2.
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
    SHELL,
    TEMPERATURE_RULES,
    chosen,
    convention_named,
    refuse_no_mode,
)
from ..precision import sent
from ..streams import StreamKeys, mode_normals
from .deformation import deform
from .field import DisplacementField
from .modes import draw_coefficients, mode_numbers
from .steepest import steepest

MONTE_CARLO_FIELDS = 1000  # fields for T_max and the probability of a diffeomorphism
MONTE_CARLO_SEED = 0
LARGEST_SIDE = 2**16 - 1  # pixels; mode numbers are 16-bit words of the random streams
LEAST_DELTA = 0.5  # pixels; below, results depend on the interpolation (Sec. 2.2)


class MaxEntropyEnsemble:
    """Random smooth displacement fields of maximum entropy, of a given size: temperature T or displacement delta.

    Args:
        size: Side of square images in pixels, or `(H, W)`.
        cutoff: Largest spatial frequency c.
        temperature: Temperature T, which scales the squared displacement; dimensionless. A number, or a tensor `[B]`
            with one value per image of a batch. Give either `temperature` or `delta`.
        delta: Root-mean-square displacement in pixels; a number, or a tensor `[B]` with one value per image.
        convention: `paper` (the paper's text) or `reference` (its published code); sets the two rules below if they
            are None.
        cutoff_rule: Rule for the kept modes: `disk` (i^2 + j^2 <= c^2), `half-integer` (sqrt(i^2 + j^2) < c + 1/2), or
            `shell` (c <= sqrt(i^2 + j^2) < c + 1).
        delta_rule: Formula between T and delta: `exact` (App. B, third line) or `asymptotic` (Eq. 3).

    Attributes:
        name: `diffeo`, the name of this transformation in results.
        size: Image size `(H, W)` in pixels.
        modes: Number of kept modes (i, j), per component.
        temperature, delta: Both are set; the one not given is computed. delta is the root of an integral over the
            picture (App. B). The mean over its pixels, 1 / (n - 1) apart, is lower by a factor (n - 1) / n.

    Raises:
        ValueError: If a rule is unknown, the size is under 2 pixels, the cutoff keeps no mode, both or neither of
            `temperature` and `delta` are given, or the one given is negative or not finite.

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
        """Numbers i (along x) and j (along y) of the kept modes, int64 `[modes]` each."""
        return mode_numbers(self.size, self.cutoff, self.cutoff_rule)

    @property
    def modes(self) -> int:
        """Number of kept modes, per component."""
        return len(self.mode_numbers[0])

    @cached_property
    def _shape(self) -> tuple[int, int]:
        """Largest mode numbers (I, J) along x and y."""
        i, j = self.mode_numbers
        return int(i.max()), int(j.max())

    @cached_property
    def _places(self) -> Tensor:
        """Places of the kept modes among all I J, int64 `[modes]`."""
        i, j = self.mode_numbers
        return (i - 1) * self._shape[1] + j - 1

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
        """delta^2 / T in squared pixels: n^2 S / 2 (exact), or (pi / 4) n^2 ln c (asymptotic, Eq. 3)."""
        if self.delta_rule == "exact":
            i, j = self.mode_numbers
            return self._squared_side * float((1 / (i**2 + j**2).to(torch.float64)).sum()) / 2
        _refuse_asymptotic_shell("delta_rule", "exact", self.cutoff_rule)
        if self.cutoff < 1:
            raise ValueError(f"cutoff is {self.cutoff:g}; delta_rule 'asymptotic' needs at least 1")
        return math.pi / 4 * self._squared_side * math.log(self.cutoff)

    @property
    def _squared_side(self) -> float:
        """n^2 = (W^2 + H^2) / 2 in squared pixels."""
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
        """Draws independent fields, one per image.

        Args:
            keys: Number of fields, drawn from `generator`; or `StreamKeys` (seed, image, draw). A field from stream
                keys depends on its key alone and uses no generator.
            generator: Generator for a number of fields; torch's global one if None. With a generator, a larger cutoff
                gives unrelated fields. With stream keys, it adds modes to the same fields.
            dtype: Dtype of the coefficients. It changes no draw: normal numbers are drawn in float32 (generator) or
                float64 (stream keys), scaled in float64 and then cast.
            device: Device of the coefficients.

        Returns:
            A `DisplacementField` of batch shape `[B]`.
        """
        count = len(keys.images) if isinstance(keys, StreamKeys) else positive_integer("count", keys, least=0)
        if self.spread.ndim == 4 and len(self.spread) != count:
            raise ValueError(f"{len(self.spread)} temperatures for {count} fields; one for each field is needed")
        if isinstance(keys, StreamKeys):
            if generator is not None:
                raise ValueError("generator given with stream keys; stream keys alone determine the fields")
            i, j = self.mode_numbers  # few numbers: drawn on the CPU, so that they are the same for any device
            normals = torch.zeros(count, 2, math.prod(self._shape), dtype=torch.float64)
            normals.index_copy_(2, self._places, mode_normals(keys, i, j))
            coefficients = normals.view(count, 2, *self._shape) * self.spread
        else:
            coefficients = draw_coefficients(count, self.spread, generator, device)
        return DisplacementField(sent(coefficients.to(dtype), device), self.size)

    def apply(self, images: Tensor, field: DisplacementField, interpolation: str = "bilinear") -> Tensor:
        """Deforms images `[B, C, H, W]` along their fields. Calls `deform` and raises its errors.

        >>> ensemble = MaxEntropyEnsemble((17, 11), cutoff=3, delta=1.0)
        >>> ensemble.apply(torch.rand(5, 3, 17, 11), ensemble.sample(5)).shape
        torch.Size([5, 3, 17, 11])
        """
        return deform(images, field, interpolation)

    def probability_of_diffeomorphism(self, temperature: float | None = None) -> float:
        """Share of fields with Xi < 1 everywhere (Eq. 12), which surely don't fold.

        The share of 1,000 seeded fields, drawn once at T = 1, since Xi scales with sqrt(T). Its standard error is at
        most 0.016. Xi is the largest over all pixels.

        Args:
            temperature: Temperature T, dimensionless; None for the ensemble's. Needed if that is a tensor.
        """
        t = self.temperature if temperature is None else finite_at_least_zero("temperature", temperature)
        if isinstance(t, Tensor):
            raise ValueError("the ensemble has one temperature per image; give the temperature")
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
    """Useful temperatures (T_min, T_max): at T_min delta is 1/2 pixel, at T_max half of the fields may fold (Sec. 2.2).

    Args:
        size: Side of square images in pixels, or `(H, W)`.
        cutoff: Largest spatial frequency c.
        rule: `monte-carlo` (T_min from `delta_rule`, T_max from 1,000 seeded fields) or `asymptotic` (Eqs. 8, 14).
            T_min is infinite if ln c = 0, T_max for images of 2 pixels: no temperature meets the condition.
        convention: `paper` or `reference`; sets the two rules below if they are None.
        cutoff_rule: `disk`, `half-integer` or `shell`; see `MaxEntropyEnsemble`.
        delta_rule: `exact` or `asymptotic`; see `MaxEntropyEnsemble`.

    Raises:
        ValueError: If `MaxEntropyEnsemble` refuses the arguments, or the rule is `asymptotic` and c <= 1.

    >>> t_min, t_max = temperature_range(32, 3)
    >>> t_min < t_max
    True
    """
    ensemble = MaxEntropyEnsemble(
        size, cutoff, temperature=1.0, convention=convention, cutoff_rule=cutoff_rule, delta_rule=delta_rule
    )
    if one_of("rule", rule, TEMPERATURE_RULES) == "asymptotic":
        _refuse_asymptotic_shell("rule", "monte-carlo", ensemble.cutoff_rule)
        if cutoff <= 1:
            raise ValueError(f"cutoff is {cutoff}; the asymptotic temperatures need more than 1")
        log_c = math.log(cutoff)
        return 1 / (math.pi * ensemble._squared_side * log_c), 4 / (math.pi**3 * cutoff**2 * log_c)
    median = float(largest_xi(ensemble.size, ensemble.cutoff, ensemble.cutoff_rule).quantile(0.5))
    squared = ensemble._squared_delta_per_temperature
    return LEAST_DELTA**2 / squared if squared else math.inf, median**-2 if median > 1e-100 else math.inf


def image_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Converts a side or a pair to `(H, W)`. Raises ValueError below 2 pixels, TypeError unless whole numbers came."""
    height, width = size if isinstance(size, (tuple, list)) and len(size) == 2 else (size, size)
    for name, side in (("height", height), ("width", width)):
        positive_integer(f"image {name} (pixels)", side, least=2, most=LARGEST_SIDE)
    return int(height), int(width)


def _refuse_asymptotic_shell(option: str, other: str, cutoff_rule: str) -> None:
    if cutoff_rule == SHELL:
        raise ValueError(f"{option} is 'asymptotic' and cutoff_rule is 'shell', which has no such law; take {other!r}")


def _amount(option: str, value: float | Tensor | None) -> float | Tensor:
    if not isinstance(value, Tensor):
        assert value is not None
        return finite_at_least_zero(option, value)
    exact = value.to(torch.float64)  # in float32 the largest number allowed would be infinite
    if value.ndim != 1 or not bool(((exact >= 0) & (exact <= LARGEST)).all()):
        raise ValueError(f"{option} is a tensor {tuple(value.shape)}; [B] finite numbers, 0 or more, are needed")
    return exact


@lru_cache(maxsize=64)
def largest_xi(size: tuple[int, int], cutoff: float, cutoff_rule: str) -> Tensor:
    """Maximum of Xi (Eq. 12) over the pixels for each of 1,000 seeded fields at T = 1: float64 `[1000]`."""
    ensemble = MaxEntropyEnsemble(size, cutoff, temperature=1.0, cutoff_rule=cutoff_rule)
    keys = StreamKeys(MONTE_CARLO_SEED, torch.arange(MONTE_CARLO_FIELDS))
    field = ensemble.sample(keys, dtype=torch.float64)
    return torch.from_numpy(steepest(field.coefficients.numpy(), ensemble.size))
