"""A displacement field is its sine coefficients; displacement, gradient, Xi and folds are derived from them.

tau_u(u, v) = sum C_ij sin(i pi u) sin(j pi v) is the component along x; tau_v along y has separate coefficients
(Eq. 2). Pixel k of W along x lies at u = k / (W - 1), pixel l of H along y at v = l / (H - 1). In pixels the
displacement is dx = W tau_u and dy = H tau_v. Pixel (k, l) of the deformed image is the original at (k - dx, l - dy).
"""

import math

import torch
from torch import Tensor

from ..precision import ieee_float32
from .displacement import clamped_fraction, operator_norm, pixel_determinant, sources_of
from .modes import basis, sides
from .points import TOLERANCE, Destinations, destination_of, displacement_at, inverse_displacement, source_of


class DisplacementField:
    """A batch of independent displacement fields that are 0 on the image's frame.

    Args:
        coefficients: C, dimensionless, `[..., 2, I, J]`: component (x, y), mode i along x, mode j along y.
        size: Image size `(H, W)` in pixels.

    Raises:
        ValueError: If the coefficients have another shape or are not floating point.

    >>> field = DisplacementField(torch.zeros(5, 2, 3, 3), (17, 11))
    >>> field.shape, field.displacement().shape
    (torch.Size([5]), torch.Size([5, 2, 17, 11]))
    """

    def __init__(self, coefficients: Tensor, size: tuple[int, int]) -> None:
        if coefficients.ndim < 3 or coefficients.shape[-3] != 2 or not coefficients.is_floating_point():
            came = f"{coefficients.dtype} {tuple(coefficients.shape)}"
            raise ValueError(f"coefficients are {came}; floating point [..., 2, I, J] is needed")
        if min(size) < 2:
            raise ValueError(f"size is {size}; each side must have at least 2 pixels")
        self.coefficients = coefficients
        self.size = size

    def __repr__(self) -> str:
        i, j = self.coefficients.shape[-2:]
        return f"DisplacementField(shape={tuple(self.shape)}, size={self.size}, modes up to ({i}, {j}))"

    @property
    def shape(self) -> torch.Size:
        """Batch shape `[...]` of the fields."""
        return self.coefficients.shape[:-3]

    def __len__(self) -> int:
        return len(self.coefficients) if self.shape else 1

    def __getitem__(self, index: int | slice | Tensor) -> "DisplacementField":
        if not self.shape:
            raise IndexError("a single field has no batch to index")
        return DisplacementField(self.coefficients[index], self.size)

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> "DisplacementField":
        """Returns the same field with coefficients of another dtype or on another device."""
        return DisplacementField(self.coefficients.to(device=device, dtype=dtype), self.size)

    def _synthesise(self, along_x: str, along_y: str) -> Tensor:
        """sum C_ij X_i(u) Y_j(v) for both components, `[..., 2, H, W]`."""
        height, width = self.size
        modes_x, modes_y = self.coefficients.shape[-2:]
        where = (self.coefficients.dtype, self.coefficients.device)
        x = basis(along_x, width, modes_x, *where)
        y = basis(along_y, height, modes_y, *where)
        with ieee_float32(self.coefficients.device, matmul_only=True):
            return y @ (self.coefficients.mT @ x.mT)

    def displacement(self) -> Tensor:
        """Displacement (dx, dy) in pixels, `[..., 2, H, W]`, x first. Exactly 0 on the frame."""
        n = sides(self.size, self.coefficients.dtype, self.coefficients.device)
        return self._synthesise("sin", "sin") * n.view(2, 1, 1)

    @property
    def dx(self) -> Tensor:
        """Displacement along x in pixels, `[..., H, W]`."""
        return self.displacement()[..., 0, :, :]

    @property
    def dy(self) -> Tensor:
        """Displacement along y in pixels, `[..., H, W]`."""
        return self.displacement()[..., 1, :, :]

    def gradient(self) -> Tensor:
        """Gradient d tau_a / d s_b, dimensionless, `[..., 2 (a), 2 (b), H, W]`: analytic, no finite differences."""
        return torch.stack(self._slopes(), dim=-3)

    def _slopes(self) -> tuple[Tensor, Tensor]:
        """The derivatives along x and along y of both components, `[..., 2, H, W]` each."""
        return self._synthesise("dsin", "sin"), self._synthesise("sin", "dsin")

    def xi(self) -> Tensor:
        """Xi (Eq. 12), a steepness of the field, dimensionless, `[..., H, W]`.

        Averages over the ensemble may use Xi; call `folds` to see if one field folds. The reason is a sign: Xi < 1
        everywhere makes s + tau(s) a diffeomorphism (a smooth map without folds), but the deformed image reads
        s - tau(s), whose condition is Xi(-tau) < 1. tau and -tau have the same law.
        """
        (xx, yx), (xy, yy) = (slope.unbind(-3) for slope in self._slopes())
        # ||grad tau||^2 - 2 det = (xx - yy)^2 + (xy + yx)^2, the form of Eq. 11: rounding can't make it negative.
        squared = (xx - yy).square() + (xy + yx).square()
        # The smallest positive number keeps the derivative of the root finite at 0, for example in the corners.
        return (squared.clamp_min(torch.finfo(squared.dtype).tiny).sqrt() - (xx + yy)) / 2

    def gradient_norm(self, gradient: Tensor | None = None) -> Tensor:
        """||grad tau||_inf: the largest operator norm of the gradient over the pixels, dimensionless, `[...]`.

        Args:
            gradient: Result of `gradient()`, to save the time of computing it again. Computed if None.

        >>> coefficients = torch.zeros(2, 1, 1)
        >>> coefficients[0] = 0.1  # tau_u = 0.1 sin(pi u) sin(pi v), at most 0.1 pi steep
        >>> round(float(DisplacementField(coefficients, (17, 11)).gradient_norm()), 4)
        0.3142
        """
        return operator_norm(self.gradient() if gradient is None else gradient).amax((-2, -1))

    def jacobian_determinant(self, gradient: Tensor | None = None) -> Tensor:
        """Jacobian determinant of the pixel map (k, l) -> (k - dx, l - dy), dimensionless, `[..., H, W]`.

        The displacement is n tau pixels and pixels are 1 / (n - 1) apart, so the gradient has the factor n / (n - 1).

        Args:
            gradient: Result of `gradient()`, to save the time of computing it again. Computed if None.
        """
        height, width = self.size
        known = self.gradient() if gradient is None else gradient
        return pixel_determinant(known.flatten(-4, -3).unbind(-3), (width / (width - 1), height / (height - 1)))

    def folds(self, gradient: Tensor | None = None) -> Tensor:
        """True where a field folds: the Jacobian determinant is <= 0 at some pixel. bool `[...]`.

        Args:
            gradient: Result of `gradient()`, to save the time of computing it again. Computed if None.
        """
        return self.jacobian_determinant(gradient).amin((-2, -1)) <= 0

    def clamped_fraction(self) -> Tensor:
        """Share of the pixels whose source lies outside the frame and is clamped to it, `[...]`."""
        return clamped_fraction(self.displacement())

    def source_positions(self) -> tuple[Tensor, Tensor]:
        """Positions in the original from which the deformed pixels are read: (x, y) in pixels, `[..., H, W]` each."""
        return sources_of(self.displacement())

    def displacement_at(self, points: Tensor) -> Tensor:
        """Displacement (dx, dy) in pixels at any positions, exact; 0 on the frame and outside it.

        Args:
            points: Positions `[..., P, 2]` in pixels, x first. Leading dimensions broadcast with those of the field.

        Returns:
            Displacements `[..., P, 2]`, computed in float64, returned in the points' dtype.

        Raises:
            TypeError: If the points are not floating point.
            ValueError: If they have another shape.

        >>> field = DisplacementField(torch.full((2, 1, 1), 0.1), (17, 11))
        >>> field.displacement_at(torch.tensor([[5.0, 8.0], [0.0, 3.5]]))
        tensor([[1.1000, 1.7000],
                [0.0000, 0.0000]])
        """
        return displacement_at(self.coefficients, self.size, points)

    def source_of(self, points: Tensor) -> Tensor:
        """Source of points of the deformed image: the positions p - d(p) of the original, clamped to the frame. Exact.

        Args:
            points: Positions `[..., P, 2]` in pixels, x first. Points on the frame or outside it are not moved.

        Returns:
            Positions `[..., P, 2]`. Raises the errors of `displacement_at`.

        >>> field = DisplacementField(torch.full((2, 1, 1), 0.1), (17, 11))
        >>> field.source_of(torch.tensor([[5.0, 8.0]]))
        tensor([[3.9000, 6.3000]])
        """
        return source_of(self.coefficients, self.size, points)

    def destination_of(self, points: Tensor, tolerance: float = TOLERANCE) -> Destinations:
        """Destination of points of the original in the deformed image: the inverse of `source_of`.

        Fixed-point steps q <- p + d(q) give the position; Newton's method replaces them where they don't converge.
        Where the field folds, a point may have several destinations; one of them is returned.

        Args:
            points: Positions `[..., P, 2]` in pixels, x first. Points on the frame or outside it are not moved.
            tolerance: Largest residual in pixels for which `folded` is False. The search ends at a thousandth of it.

        Returns:
            `points` `[..., P, 2]`, `residual` `[..., P]` in pixels, and `folded` `[..., P]`: True where the field
            folds or the residual exceeds the tolerance. Raises the errors of `displacement_at`.

        >>> field = DisplacementField(torch.full((2, 1, 1), 0.1), (17, 11))
        >>> found = field.destination_of(torch.tensor([[3.9, 6.3]]))
        >>> found.points.round(decimals=4), found.folded
        (tensor([[5., 8.]]), tensor([False]))
        """
        return destination_of(self.coefficients, self.size, points, tolerance)

    def inverse(self) -> Tensor:
        """The inverse map at the pixels. Deforming along it undoes the field, except for the error of interpolating.

        Returns:
            Displacement p - destination(p) `[..., 2, H, W]` in pixels, x first, for `deform`. Exact at the pixels
            where the field does not fold.

        >>> field = DisplacementField(torch.full((2, 1, 1), 0.1), (17, 11))
        >>> field.inverse().shape
        torch.Size([2, 17, 11])
        """
        return inverse_displacement(self.coefficients, self.size)

    def squared_norm(self) -> Tensor:
        """||grad tau||^2 = (pi^2 / 4) sum (i^2 + j^2) C_ij^2 over both components (Eq. 7), dimensionless, `[...]`."""
        i = torch.arange(1, self.coefficients.shape[-2] + 1, device=self.coefficients.device)
        j = torch.arange(1, self.coefficients.shape[-1] + 1, device=self.coefficients.device)
        weighted = (i[:, None] ** 2 + j**2) * self.coefficients.square()
        return math.pi**2 / 4 * weighted.sum((-3, -2, -1))
