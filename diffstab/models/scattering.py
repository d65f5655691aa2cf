"""The scattering network: fixed wavelets, moduli and averages; only a linear classifier after them is learnt.

Bruna and Mallat, Invariant Scattering Convolution Networks (IEEE TPAMI 35(8), 2013). An image x is filtered with
wavelets psi of J scales and L orientations, the moduli are filtered again, and all is averaged over a window phi:

    x * phi,    |x * psi_1| * phi,    ||x * psi_1| * psi_2| * phi    with psi_2 of a coarser scale than psi_1.

The wavelets are Morlet wavelets, g(u) (exp(i xi u) - beta): g is a Gaussian of width 0.8 2^j pixels along its direction
and L / 4 times that across it, |xi| = (3 pi / 4) / 2^j radians per pixel, and beta makes the mean 0, for j = 0, ...,
J - 1 and the angles pi k / L. The window is a Gaussian of width 0.8 2^(J-1) pixels. These are the widths of Kymatio
(Andreux et al., JMLR 21, 2020).

Images are continued by their mirror images, which makes them periodic: a convolution is a product of Fourier
transforms, and nothing wraps around from the other border. The coefficients obey

    ||S x - S z|| <= ||x - z||

in plain Euclidean norms, over all paths and windows on the left and all pixels on the right, with any stride. The
reasons: a common factor of the wavelets makes |phi|^2 + 1/2 sum (|psi(w)|^2 + |psi(-w)|^2) at most 1 at every frequency
w (Littlewood-Paley), so no layer expands differences of the mirrored images. Sums of squares over the four mirror
images are four times those over one, since a mirror image only swaps orientations. A stride only leaves windows out.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn

from ..checks import positive_integer
from ..precision import ieee_float32

SIGMA = 0.8  # pixels; width of the finest wavelet along its direction, and of the window in units of 2^(J-1)
XI = 3 * math.pi / 4  # radians per pixel; frequency of the finest wavelet
SLANT = 4.0  # times 1 / L: ratio of a wavelet's width along its direction to that across
ORIENTATIONS = 8  # in the network of width 1
LEAST_SIDE = 16  # pixels; two scales with four windows a side
TAIL = 9.0  # widths after which a Gaussian is negligible
NEGLIGIBLE = 1e-17  # of sums near 1, in float64; numbers too small for a normal float32 would slow the products down

Path = tuple[tuple[int, int], ...]


class Scattering(nn.Module):
    """Scattering coefficients of orders 0, 1 and 2, from images `[B, C, H, W]` to `[B, C * paths, H', W']`.

    Nothing is learnt. The filters are made in float64 and kept in torch's default dtype as buffers, which follow
    `.to(...)` and are not in the `state_dict`. Images in half precision are transformed in float32.

    Args:
        size: Side of square images in pixels, or `(H, W)`.
        scales: Number J of scales; averages are over about 2^J pixels.
        orientations: Number L of orientations over half a turn.
        stride: Pixels between windows; None takes 2^J. The windows are placed symmetrically in the image.

    Attributes:
        paths: Wavelets of each coefficient of a channel, in order: none, one or two pairs (scale, orientation).
            Orientation k has the angle pi k / L, from the axis of W to that of H. There are 1 + J L + J (J - 1) / 2 L^2
            paths.
        grid: Number of windows `(H', W')`: H / stride and W / stride rounded up.

    Raises:
        TypeError: If a number is not a whole number.
        ValueError: If a number is below 1, or a side is smaller than 2^J pixels.

    >>> scattering = Scattering(28, scales=2, orientations=4)
    >>> len(scattering.paths), scattering.paths[0], scattering.paths[1], scattering.paths[-1]
    (25, (), ((0, 0),), ((0, 3), (1, 3)))
    >>> scattering(torch.rand(5, 3, 28, 28)).shape
    torch.Size([5, 75, 7, 7])
    """

    wavelets: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(
        self, size: int | tuple[int, int], scales: int = 2, orientations: int = ORIENTATIONS, stride: int | None = None
    ) -> None:
        super().__init__()
        self.size = size if isinstance(size, tuple) else (size, size)
        self.scales = positive_integer("scales", scales)
        self.orientations = positive_integer("orientations", orientations)
        for name, side in zip(("height", "width"), self.size, strict=True):
            if positive_integer(name, side) < 2**scales:
                raise ValueError(f"{name} is {side} pixels; {scales} scales need at least {2**scales}")
        self.stride = positive_integer("stride", 2**scales if stride is None else stride)
        with torch.device("cpu"):
            rows, columns = (windows(side, SIGMA * 2 ** (scales - 1), self.stride) for side in self.size)
            wavelets = bounded(morlet_bank(self.size, scales, orientations), rows[0], columns[0])
        self.grid = (len(rows), len(columns))
        self.paths = _paths(scales, orientations)
        for name, filters in (("wavelets", wavelets), ("rows", rows), ("columns", columns)):
            kept = torch.where(filters.abs() > NEGLIGIBLE, filters, 0.0)
            placed = kept.to(torch.get_default_dtype()).to(torch.get_default_device())
            self.register_buffer(name, placed, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Returns the coefficients `[B, C * paths, H', W']`, those of a channel next to each other.

        Raises:
            ValueError: If the images have another size, or are not floats.
        """
        if images.ndim != 4 or images.shape[2:] != self.size or not images.is_floating_point():
            needed = f"floats [B, C, {self.size[0]}, {self.size[1]}]"
            raise ValueError(
                f"images are {list(images.shape)} of {images.dtype}; this scattering needs {needed}: "
                "resize and convert them, or make it for their size"
            )
        if not len(images):  # some releases of MKL refuse to transform an empty tensor
            shape = images.shape[1] * len(self.paths), len(self.rows), len(self.columns)
            return images.new_empty(0, *shape)
        torus = mirrored(images.to(torch.promote_types(images.dtype, torch.float32)))
        with ieee_float32(images.device, matmul_only=True):
            found = self._coefficients(torus)
        return torch.stack([found[path] for path in self.paths], 2).flatten(1, 2).to(images.dtype)

    def _coefficients(self, torus: Tensor) -> dict[Path, Tensor]:
        """Coefficients `[B, C, H', W']` by path, of images with their mirror images `[B, C, 2 H, 2 W]`."""
        wavelets = self.wavelets.to(torus.dtype).unflatten(0, (self.scales, self.orientations))
        spectrum = torch.fft.fft2(torus)
        found: dict[Path, Tensor] = {}
        self._enter(found, [()], torus.unsqueeze(2))
        for j, k in product(range(self.scales), range(self.orientations // 2 + 1)):  # the others are mirror images
            once = modulus(torch.fft.ifft2(spectrum * wavelets[j, k])).unsqueeze(2)
            self._enter(found, [((j, k),)], once)
            for coarser in range(j + 1, self.scales):  # one at a time: all at once take more memory and no less time
                twice = modulus(torch.fft.ifft2(torch.fft.fft2(once) * wavelets[coarser]))
                self._enter(found, [((j, k), (coarser, n)) for n in range(self.orientations)], twice)
        return found

    def _enter(self, found: dict[Path, Tensor], paths: Sequence[Path], signals: Tensor) -> None:
        """Averages `[B, C, paths, 2 H, 2 W]` over windows of the image, and of its mirror image for mirrored paths."""
        columns = torch.cat([self.columns, self.columns.flip(1)]).to(signals.dtype)
        averages = self.rows.to(signals.dtype) @ (signals @ columns.T)
        own, other = (half.unbind(2) for half in averages.chunk(2, -1))
        for path, here, there in zip(paths, own, other, strict=True):
            found[path], found[tuple((j, -k % self.orientations) for j, k in path)] = here, there

    def extra_repr(self) -> str:
        """The arguments that `print` shows."""
        return f"{self.size}, scales={self.scales}, orientations={self.orientations}, stride={self.stride}"


def scattering(channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Sequential:
    """Makes scattering coefficients, normalised to mean 0 and variance 1 per path, and a linear classifier.

    Only the classifier is learnt, and the means and variances of the training images. Averages are over 4 pixels up to
    a side of 45 pixels, then over 8, so that about 8 windows fit along a side. `width` scales the number of
    orientations, which is 8 at width 1, and at least 2.

    Raises:
        ValueError: If images have fewer than 16 pixels a side.

    >>> network = scattering(1, 28, 10)
    >>> print(network.features, network.classifier)
    Scattering((28, 28), scales=2, orientations=8, stride=4) Linear(in_features=3969, out_features=10, bias=True)
    """
    if side < LEAST_SIDE:
        raise ValueError(f"images have {side} x {side} pixels; scattering needs at least {LEAST_SIDE} x {LEAST_SIDE}")
    scales = max(2, round(math.log2(side / 8)))
    features = Scattering(side, scales, max(2, round(ORIENTATIONS * width)))
    maps = channels * len(features.paths)
    norm = nn.BatchNorm2d(maps, eps=1e-8, affine=False)  # variances of the second order are about 1e-4
    classifier = nn.Linear(maps * features.grid[0] * features.grid[1], classes)
    parts = {"features": features, "norm": norm, "flatten": nn.Flatten(), "classifier": classifier}
    return nn.Sequential(OrderedDict(parts))


def mirrored(images: Tensor) -> Tensor:
    """Puts images `[..., H, W]` beside their mirror images, `[..., 2 H, 2 W]`, which is one period.

    >>> mirrored(torch.tensor([[1, 2], [3, 4]])).tolist()
    [[1, 2, 2, 1], [3, 4, 4, 3], [3, 4, 4, 3], [1, 2, 2, 1]]
    """
    wide = torch.cat([images, images.flip(-1)], -1)
    return torch.cat([wide, wide.flip(-2)], -2)


def modulus(signals: Tensor) -> Tensor:
    """Returns |z| of complex `[...]`, with gradient 0 at 0. `abs` gives the same but takes twice as long on a CPU.

    >>> modulus(torch.tensor([3 + 4j]))
    tensor([5.])
    """
    real, imaginary = signals.real, signals.imag
    square = torch.addcmul(real * real, imaginary, imaginary)
    return square.clamp_min(torch.finfo(square.dtype).tiny).sqrt()


def windows(side: int, sigma: float, stride: int) -> Tensor:
    """Makes Gaussian averages along one axis, float64 `[windows, 2 side]`, on a period of image and mirror image.

    The windows' centres are `stride` pixels apart and symmetric in the image, if necessary between two pixels.

    >>> windows(2, 0.5, 1).round(decimals=2).tolist()
    [[0.79, 0.11, 0.0, 0.11], [0.11, 0.79, 0.11, 0.0]]
    """
    count = math.ceil(side / stride)
    centres = (side - 1) / 2 + stride * (torch.arange(count, dtype=torch.float64) - (count - 1) / 2)
    distances = torch.arange(2 * side) - centres[:, None]
    periods = math.ceil(TAIL * sigma / (2 * side) + 1)
    copies = distances + 2 * side * torch.arange(-periods, periods + 1)[:, None, None]
    gaussians = torch.exp(-((copies / sigma) ** 2) / 2).sum(0)
    return gaussians / gaussians.sum(1, keepdim=True)


def morlet_bank(size: tuple[int, int], scales: int, orientations: int) -> Tensor:
    """Makes the Fourier transforms of Morlet wavelets, real float64 `[J * L, 2 H, 2 W]`, on a period of 2 H x 2 W.

    >>> morlet_bank((8, 16), scales=2, orientations=4).shape
    torch.Size([8, 16, 32])
    """
    angles = [math.pi * k / orientations for k in range(orientations)]
    return torch.stack([morlet(size, j, angle, SLANT / orientations) for j in range(scales) for angle in angles])


def morlet(size: tuple[int, int], scale: int, angle: float, slant: float) -> Tensor:
    """Makes the Fourier transform of one wavelet sampled at the pixels: that on the plane, summed over aliases.

    Args:
        size: Size `(H, W)` of images in pixels; the period is twice that.
        scale: Scale j of the wavelet.
        angle: Angle of its frequency, radians, from the axis of W to that of H.
        slant: Ratio of its width along its direction to that across.

    >>> along_rows = morlet((8, 8), 0, 0.0, 0.5)
    >>> along_rows.shape, int(along_rows[0].argmax()), float(along_rows[0, 0])  # 3 pi / 4 is 6 of 16 steps
    (torch.Size([16, 16]), 6, 0.0)
    """
    sigma, xi = SIGMA * 2**scale, XI / 2**scale
    aliases = math.ceil((TAIL * max(1.0, slant) / sigma + xi) / (2 * math.pi))
    turns = torch.arange(-aliases, aliases, dtype=torch.float64)
    down, right = (2 * math.pi * (turns[:, None] + torch.arange(2 * side) / (2 * side)) for side in size)
    down = down[:, :, None, None]
    along = right * math.cos(angle) + down * math.sin(angle)
    across = (down * math.cos(angle) - right * math.sin(angle)) / slant
    centred, at_zero = (
        torch.exp(-(sigma**2) / 2 * ((along - centre) ** 2 + across**2)).sum((0, 2)) for centre in (xi, 0.0)
    )
    wavelet = centred - centred[0, 0] / at_zero[0, 0] * at_zero
    wavelet[0, 0] = 0.0  # removes the rounding
    return wavelet


def bounded(wavelets: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Scales wavelets `[J * L, 2 H, 2 W]` by the largest factor that keeps the Littlewood-Paley sum at or below 1.

    Args:
        wavelets: Fourier transforms of the wavelets.
        row, column: Weights of one window along the axes, `[2 H]` and `[2 W]`.

    >>> window = windows(8, 1.6, 4)[0]
    >>> scaled = bounded(morlet_bank((8, 8), 2, 8), window, window)
    >>> bool(scaled.square().sum(0).max() < 2)  # each wavelet sees the frequencies of one side
    True
    """
    window = (torch.fft.fft(row).abs()[:, None] * torch.fft.fft(column).abs()) ** 2
    power = (wavelets**2).sum(0)
    opposite = power.flip(0, 1).roll((1, 1), (0, 1))  # at the frequency -w
    room = (1 - window) / ((power + opposite) / 2)
    factor: Tensor = room.flatten()[1:].min().sqrt()  # without the frequency 0, where only the window is not 0
    return wavelets * factor


def _paths(scales: int, orientations: int) -> tuple[Path, ...]:
    wavelets = [(j, k) for j in range(scales) for k in range(orientations)]
    second = [(one, two) for one in wavelets for two in wavelets if two[0] > one[0]]
    return ((), *((one,) for one in wavelets), *second)
