"""The random law of an augmentation's fields: cutoff and temperature (or displacement), each fixed or from a range.

From a range (low, high), a value is low + (high - low) beta, with beta from a Beta(a, b) law. As in the published code,
the law is given by (s, r) = (a + b, a / b): s = 2, r = 1 is uniform, a larger s is narrower, a larger r is nearer the
upper end. A cutoff from a range is a whole number, low + floor((high - low + 1) beta).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypedDict

import torch
from torch import Tensor

from ..checks import finite_at_least_zero, one_of, positive_integer
from ..fields import (
    LEAST_DELTA,
    LEAST_SHARE,
    DisplacementField,
    MaxEntropyEnsemble,
    diffeomorphism_share,
    draw_coefficients,
    largest_temperature,
    temperature_range,
)
from ..options import DEFAULT_CONVENTION, DEFAULT_CUTOFF, TEMPERATURE_RULES, convention_named

MILD = "mild"  # from T_min to the temperature up to which 99 % of fields don't fold
RANGE = "range"  # [T_min, T_max] of Sec. 2.2, in which up to half of the fields fold
NAMED = (MILD, RANGE)
DEFAULT_TEMPERATURE, DEFAULT_P = MILD, 0.5  # of the augmentation, in every library
UNFOLDED = 0.99  # share of fields that don't fold at the upper end of `mild`
UNIFORM = (2.0, 1.0)
Shape = tuple[float, float]
Amount = float | tuple[float, float]
MOST_ROUNDS = 1000  # of drawing again; if 2 % of fields don't fold, the probability of needing more is 2e-9


class Drawn(NamedTuple):
    """Fields of a batch.

    Attributes:
        field: Fields of batch shape `[B]`.
        rejected: Number of fields drawn again because they folded.
    """

    field: DisplacementField
    rejected: int


class Rules(TypedDict, total=False):
    """Further arguments of `FieldLaw`, as the transforms of every library take them."""

    cutoff_shape: Shape
    temperature_shape: Shape
    temperature_rule: str
    convention: str
    cutoff_rule: str | None
    delta_rule: str | None


@dataclass(frozen=True)
class FieldLaw:
    """The law of an augmentation's fields; each image has its own cutoff, temperature and field.

    Attributes:
        cutoff: Largest spatial frequency c, or a range `(low, high)` of whole numbers.
        temperature: Temperature T, a range `(low, high)`, or the name of a range that depends on the cutoff: `mild`
            from T_min (delta is half a pixel) to where 1 % of the fields fold, `range` from T_min to T_max (Sec. 2.2).
        delta: Root-mean-square displacement in pixels, or a range `(low, high)`, in place of T.
        cutoff_shape, temperature_shape: Numbers (s, r) of the Beta laws in the ranges; the second is also for delta.
        temperature_rule: Rule for the ends of `range`: `monte-carlo` or `asymptotic`.
        only_diffeomorphisms: True to draw fields that fold again, at the same cutoff and temperature.
        convention, cutoff_rule, delta_rule: Convention and rules of `MaxEntropyEnsemble`.

    Raises:
        ValueError: If both temperature and delta are given or neither is, a range is reversed, a number is negative or
            not finite, or a name is unknown.
        TypeError: If a value that must be a number is none.

    >>> law = FieldLaw(cutoff=(2, 5), temperature="range")
    >>> law.draw(7, (32, 32)).field.shape
    torch.Size([7])
    """

    cutoff: Amount = DEFAULT_CUTOFF
    temperature: Amount | str | None = None
    delta: Amount | None = None
    cutoff_shape: Shape = UNIFORM
    temperature_shape: Shape = UNIFORM
    temperature_rule: str = "monte-carlo"
    only_diffeomorphisms: bool = False
    convention: str = DEFAULT_CONVENTION
    cutoff_rule: str | None = None
    delta_rule: str | None = None

    def __post_init__(self) -> None:
        if (self.temperature is None) == (self.delta is None):
            came = "neither" if self.delta is None else "both"
            raise ValueError(f"{came} of temperature and delta given; exactly one of them is needed")
        if isinstance(self.temperature, str):
            one_of("temperature", self.temperature, NAMED)
        for name in ("cutoff", "temperature", "delta"):
            value = getattr(self, name)
            if value is not None and not (name == "temperature" and isinstance(value, str)):
                object.__setattr__(self, name, _amount(name, value, whole=name == "cutoff"))
        for name in ("cutoff_shape", "temperature_shape"):
            object.__setattr__(self, name, _shape(name, getattr(self, name)))
        one_of("temperature_rule", self.temperature_rule, TEMPERATURE_RULES)
        convention_named(self.convention)
        self.ensemble((2**15, 2**15), self.cutoffs[0])  # raises for unknown rules or a cutoff that keeps no mode

    @cached_property
    def cutoffs(self) -> tuple[float, ...]:
        """All cutoffs that can be drawn, ascending."""
        if isinstance(self.cutoff, tuple):
            low, high = self.cutoff
            return tuple(float(c) for c in range(int(low), int(high) + 1))
        return (self.cutoff,)

    def ensemble(self, size: tuple[int, int], cutoff: float) -> MaxEntropyEnsemble:
        """The ensemble of one cutoff at T = 1."""
        rules: dict[str, Any] = {"cutoff_rule": self.cutoff_rule, "delta_rule": self.delta_rule}
        return MaxEntropyEnsemble(size, cutoff, temperature=1.0, convention=self.convention, **rules)

    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator | None = None) -> Drawn:
        """Draws independent fields, one per image: float32, on the generator's device (or the CPU).

        Args:
            count: Number of fields B.
            size: Image size `(H, W)` in pixels.
            generator: Source of random numbers; torch's global one if None, which a DataLoader seeds in each worker.

        Raises:
            ValueError: If a cutoff keeps no mode at that size; or if `only_diffeomorphisms` is True and less than 2 %
                of the fields at that temperature don't fold.
        """
        positive_integer("count", count, least=0)
        device = generator.device if generator is not None else torch.device("cpu")
        spread, low, high, per_pixel = (table.to(device) for table in _tables(self, (int(size[0]), int(size[1]))))
        place = torch.zeros(count, dtype=torch.int64, device=device)
        if len(low) > 1:
            place = (_beta(self.cutoff_shape, count, generator, device) * len(low)).long().clamp_max(len(low) - 1)
        amount = low[place]
        if not torch.equal(low, high):
            amount = amount + (high - low)[place] * _beta(self.temperature_shape, count, generator, device)
        root = amount.sqrt() if self.delta is None else amount * per_pixel[place]
        deviation = (spread[place] * root.view(-1, 1, 1)).unsqueeze(1)

        def coefficients(places: Tensor) -> Tensor:
            return draw_coefficients(len(places), deviation[places], generator, device).float()

        if self.only_diffeomorphisms:
            found, rejected = draw_until_none_folds(coefficients, count, size)
        else:
            found, rejected = coefficients(torch.arange(count)), 0
        return Drawn(DisplacementField(found, size), rejected)


class _Tables(NamedTuple):
    """Constants of a law at one image size, one row for each of the N `FieldLaw.cutoffs`; float64.

    Attributes:
        spread: Standard deviation of C_ij at T = 1, `[N, I, J]`.
        low, high: Ends of the range of temperature or delta, `[N]`.
        per_pixel: Ratio sqrt(T) / delta, per pixel, `[N]`.
    """

    spread: Tensor
    low: Tensor
    high: Tensor
    per_pixel: Tensor


@lru_cache(maxsize=256)
def _tables(law: FieldLaw, size: tuple[int, int]) -> _Tables:
    ensembles = [law.ensemble(size, cutoff) for cutoff in law.cutoffs]
    shapes = [ensemble.spread.shape for ensemble in ensembles]
    spread = torch.zeros(len(shapes), *(max(sides) for sides in zip(*shapes, strict=True)), dtype=torch.float64)
    for own, ensemble, (i, j) in zip(spread, ensembles, shapes, strict=True):
        own[:i, :j] = ensemble.spread
    if law.delta is not None and any(ensemble.delta == 0 for ensemble in ensembles):
        raise ValueError("delta_rule is 'asymptotic' and cutoff 1, where ln c = 0; give temperature instead")
    ends = torch.tensor([_ends(law, ensemble) for ensemble in ensembles], dtype=torch.float64)
    moved = torch.tensor([float(ensemble.delta) for ensemble in ensembles], dtype=torch.float64)  # pixels, at T = 1
    per_pixel = moved.reciprocal()
    if law.only_diffeomorphisms:
        temperatures = ends[:, 1] if law.delta is None else (ends[:, 1] * per_pixel).square()
        for ensemble, temperature in zip(ensembles, temperatures.tolist(), strict=True):
            _check_share(ensemble, temperature)
    return _Tables(spread, ends[:, 0], ends[:, 1], per_pixel)


def _ends(law: FieldLaw, ensemble: MaxEntropyEnsemble) -> tuple[float, float]:
    """Ends (low, high) of the range of temperature or delta at an ensemble's cutoff."""
    given = law.delta if law.temperature is None else law.temperature
    assert given is not None
    if not isinstance(given, str):
        return given if isinstance(given, tuple) else (given, given)
    low, high = _mild(ensemble) if given == MILD else _published(law, ensemble)
    if high == float("inf") or low == float("inf"):
        raise ValueError(
            f"images are {ensemble.size[0]} x {ensemble.size[1]}, cutoff {ensemble.cutoff:g}: T_min or T_max is "
            f"infinite there; give a temperature or delta in place of {given!r}"
        )
    return low, high


def _mild(ensemble: MaxEntropyEnsemble) -> tuple[float, float]:
    """The range from T_min to the temperature at which 1 % of fields fold; only the latter where T_min is larger."""
    high = largest_temperature(ensemble.size, ensemble.cutoff, UNFOLDED, cutoff_rule=ensemble.cutoff_rule)
    least = (LEAST_DELTA / float(ensemble.delta)) ** 2 if ensemble.delta else float("inf")
    return min(least, high), high


def _published(law: FieldLaw, ensemble: MaxEntropyEnsemble) -> tuple[float, float]:
    """The range from T_min to T_max (Sec. 2.2); only T_min where it is larger, as on small images."""
    rules = {"cutoff_rule": ensemble.cutoff_rule, "delta_rule": ensemble.delta_rule}
    low, high = temperature_range(ensemble.size, ensemble.cutoff, rule=law.temperature_rule, **rules)
    return low, max(low, high)


def _check_share(ensemble: MaxEntropyEnsemble, temperature: float) -> None:
    size, cutoff, rule = ensemble.size, ensemble.cutoff, ensemble.cutoff_rule
    share = diffeomorphism_share(size, cutoff, temperature, cutoff_rule=rule)
    if share < LEAST_SHARE:
        half = largest_temperature(size, cutoff, 0.5, cutoff_rule=rule)
        raise ValueError(
            f"only_diffeomorphisms is True, but at cutoff {cutoff:g} and temperature {temperature:.3g} only "
            f"{share:.1%} of the fields don't fold; lower the temperature (half of the fields don't fold at "
            f"{half:.3g}, delta {float(ensemble.delta) * half**0.5:.3g})"
        )


def _beta(shape: Shape, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Draws from the Beta law (s, r) = (a + b, a / b), float64 `[count]`."""
    s, r = shape
    if shape == UNIFORM:
        return torch.rand(count, generator=generator, dtype=torch.float64, device=device)
    concentration = torch.tensor([s * r / (r + 1), s / (r + 1)], dtype=torch.float64, device=device)
    a, b = torch._standard_gamma(concentration.expand(count, 2), generator=generator).unbind(1)
    return a / (a + b).clamp_min(torch.finfo(torch.float64).tiny)


def _amount(name: str, value: Any, *, whole: bool) -> Amount:
    """Checks a number or a range `(low, high)`. Raises TypeError or ValueError."""
    if not isinstance(value, (tuple, list)):
        return finite_at_least_zero(name, value)
    if len(value) != 2:
        raise ValueError(f"{name} is {value!r}; a number, or (low, high), is needed")
    low, high = (finite_at_least_zero(name, end) for end in value)
    if low > high:
        raise ValueError(f"{name} is {tuple(value)}, whose ends are reversed; give ({high:g}, {low:g})")
    if whole and not (low.is_integer() and high.is_integer()):
        raise ValueError(f"{name} is {tuple(value)}; a range has whole numbers at its ends")
    return low, high


def _shape(name: str, value: Any) -> Shape:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name} is {value!r}; (s, r), two numbers above 0, is needed")
    s, r = (finite_at_least_zero(name, number) for number in value)
    if not min(s, r) > 0:
        raise ValueError(f"{name} is {tuple(value)}; both must be above 0")
    return s, r


def draw_until_none_folds(draw: Callable[[Tensor], Tensor], count: int, size: tuple[int, int]) -> tuple[Tensor, int]:
    """Draws coefficients until no field folds at any pixel; returns them and the number of fields drawn again.

    Args:
        draw: Function that draws coefficients `[M, 2, I, J]` for fields at the places `[M]` of the batch.
        count: Number of fields.
        size: Image size `(H, W)` in pixels.

    Raises:
        ValueError: If some still fold after 1,000 rounds.
    """
    coefficients = draw(torch.arange(count))
    folding = DisplacementField(coefficients, size).folds().nonzero().flatten()
    rejected = 0
    for _ in range(MOST_ROUNDS):
        if not len(folding):
            return coefficients, rejected
        rejected += len(folding)
        coefficients[folding] = again = draw(folding.cpu())
        folding = folding[DisplacementField(again, size).folds()]
    raise ValueError(
        f"{len(folding)} of {count} fields fold after {MOST_ROUNDS} draws each; lower the temperature or the cutoff"
    )
