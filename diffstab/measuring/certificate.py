"""A certificate of stability: deformations up to a size that can't change the class which most random ones give.

The smoothed classifier g takes the class that f gives most often to x deformed by random fields C, with independent
C_ij ~ N(0, T / (i^2 + j^2)). If that class has a probability of at least p > 1/2, then g gives it to x deformed by
C_0 + C too, for every C_0 with sum (i^2 + j^2) C_0ij^2 / T < r^2, r = the normal quantile of p (Neyman and Pearson; as
Cohen et al. 2019 for noise). p comes from counts, by the lower bound of Clopper and Pearson.

The fields add up before the one deformation of the image as given. That is not the deformation of a deformed image.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..checks import above_zero, positive_integer
from ..fields import MaxEntropyEnsemble
from ..options import DEFAULTS, MeasureSettings
from ..precision import ieee_float32
from ..processes import taking_turns
from ..statistics import Array, Statistic, lower_share
from ..streams import untouched_global_state
from .batches import Batch, Images, as_batches
from .given_images import as_images
from .inspection import MixesImagesError, inspect
from .memory import Memory
from .modules import network_in
from .network_state import Network, measuring_mode, place_and_precision
from .outputs import network_output
from .setup import Setup

ABSTAINS = -1


@dataclass(frozen=True)
class Certificate:
    """Classes and certified sizes of N images.

    Attributes:
        indices: Index of each image, `[N]`.
        classes: Class of the smoothed classifier, `[N]`; -1 where no class has a certified majority.
        labels: Class that the data set gives, `[N]`; -1 for none.
        probability: Lower bound of the class's probability under random fields, `[N]`.
        radius: Certified sizes r in standard deviations of the coefficients, `[N]`; 0 where there is none.
        typical: Typical size of a random field in the same unit: the root of the number of coefficients.
        delta: Root-mean-square displacement of a random field in pixels.
        error: Probability per image that its certificate is wrong through the finite number of draws.
    """

    indices: NDArray[np.int64]
    classes: NDArray[np.int64]
    labels: NDArray[np.int64]
    probability: Array
    radius: Array
    typical: float
    delta: float
    error: float

    @property
    def displacement(self) -> Array:
        """Root-mean-square displacement of a typical field of the certified size, in pixels, `[N]`."""
        return self.delta * self.radius / self.typical

    def certified(self, radius: float = 0.0) -> float:
        """Share of images with a certified class beyond a size in standard deviations; the right class if labelled."""
        right = (self.labels < 0) | (self.labels == self.classes)
        return float(((self.classes != ABSTAINS) & right & (self.radius > radius)).mean())


@taking_turns()
def certify(
    model: Network,
    images: Images,
    ensemble: MaxEntropyEnsemble,
    *,
    draws: int = 1000,
    choosing: int = 100,
    error: float = 0.001,
    labels: Tensor | None = None,
    indices: Tensor | None = None,
    seed: int = 0,
    batch_size: int = 128,
    device: torch.device | str | None = None,
) -> Certificate:
    """Certifies each image's class against every deformation up to a size, for the classifier smoothed by random ones.

    Args:
        model: Classifier from images `[B, C, H, W]` to `[B, classes]`. It runs in evaluation mode and stays as it is.
        images: Images as for `measure`: a tensor `[N, C, H, W]`, a `Dataset` or a loader.
        ensemble: Ensemble of the random deformations.
        draws: Number of random fields per image behind the probability.
        choosing: Number of further fields per image that choose the class.
        error: Probability per image, 0 to 1, that the finite number of draws gives a wrong certificate.
        labels: Class of each image, `[N]`; only with a tensor of images.
        indices: Indices of the images to use from a tensor or `Dataset`, int64.
        seed: Seed of the fields.
        batch_size: Largest number of images per forward pass.
        device: Device of the images; None takes the network's own.

    Raises:
        TypeError, ValueError: If a number is out of range, images and ensemble don't fit, or the network has no classes
            or mixes the images of a batch.

    >>> from diffstab import load_dataset, load_model
    >>> digits, lenet = load_dataset("mnist5k"), load_model("lenet", dataset="mnist5k")
    >>> found = certify(lenet, digits, MaxEntropyEnsemble(28, 3, delta=1.0), indices=torch.arange(10), draws=30)
    >>> found.radius.shape, bool(found.certified() > 0.5)
    ((10,), True)
    """
    draws, choosing = (positive_integer(name, n, least=1) for name, n in (("draws", draws), ("choosing", choosing)))
    if above_zero("error", error) >= 1:
        raise ValueError(f"error is {error:g}; a probability below 1 is needed, such as 0.001")
    model, images = network_in(model), as_images(images)
    own_device, dtype = place_and_precision(model, images)
    place = torch.device(device or own_device or "cpu")
    settings = MeasureSettings(seed=seed, batch_size=batch_size).used(noise_radius=ensemble.convention.noise_radius)
    setup = Setup(ensemble, settings, ensemble.convention, Statistic(DEFAULTS.average), place, dtype)
    batches = as_batches(images, labels=labels, indices=indices, batch_size=settings.batch_size, workers=0)
    memory = Memory(lambda text: None)
    rows: list[NDArray[np.int64]] = []
    keys, known = [], []
    with untouched_global_state(place), ieee_float32(place), torch.no_grad(), measuring_mode(model, "running"):
        for batch in batches():
            if not rows:
                _refuse_mixing(model, batch, setup, memory)
            rows += memory.run(lambda part: _counts(model, part, setup, choosing, draws), batch)
            keys.append(batch.keys.numpy())
            known.append(batch.labels.numpy())
    chosen, hits = np.concatenate(rows).T
    probability = np.array([lower_share(int(one), draws, error) for one in hits])
    majority = probability > 0.5
    radius = np.array([NormalDist().inv_cdf(p) if p > 0.5 else 0.0 for p in probability])
    classes = np.where(majority, chosen, ABSTAINS)
    typical, delta = (2 * ensemble.modes) ** 0.5, float(ensemble.delta)
    return Certificate(np.concatenate(keys), classes, np.concatenate(known), probability, radius, typical, delta, error)


def _counts(model: Network, batch: Batch, setup: Setup, choosing: int, draws: int) -> NDArray[np.int64]:
    """Returns the class most often found by the first draws, and the number of further draws that agree, `[B, 2]`."""
    images = setup.placed(batch)

    def classes(draw: int) -> Tensor:
        deformed = setup.transformed(images, setup.sample(setup.keys(batch, draw)))
        return network_output(model, deformed, setup)[0].argmax(1, keepdim=True)

    outputs = network_output(model, images, setup)[0]
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise ValueError(f"the network returned {tuple(outputs.shape)}; a classifier's [B, classes] is needed")
    votes = torch.zeros(outputs.shape, dtype=torch.int64, device=outputs.device)
    for draw in range(choosing):
        votes.scatter_add_(1, found := classes(draw), torch.ones_like(found))
    chosen = votes.argmax(1, keepdim=True)
    agree = torch.zeros_like(chosen)
    for draw in range(choosing, choosing + draws):
        agree += classes(draw) == chosen
    return torch.cat([chosen, agree], dim=1).cpu().numpy()


def _refuse_mixing(model: Network, batch: Batch, setup: Setup, memory: Memory) -> None:
    """Raises ValueError if an image's output depends on the other images of its batch."""
    outputs = network_output(model, setup.placed(batch), setup)[0].reshape(len(batch.keys), -1)
    measured = dict(zip(batch.keys.tolist(), outputs.double().cpu().numpy(), strict=True))
    try:
        inspect(model, batch, setup, memory, measured, whole=False)
    except MixesImagesError as mixing:
        raise ValueError(
            f"the network's output for an image depends on the other images of its batch, by {mixing.share:.2g} of its "
            "norm, so nothing can be certified for one image; switch that off"
        ) from mixing
