"""A certificate holds for every deformation inside it: by the exact law of a linear classifier, or by counting."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from support.linear import SIDE, ramps
from torch import nn

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys, certify, deform, load_dataset, load_model
from diffstab.measuring.ascent import ascend
from diffstab.statistics import lower_share

ENSEMBLE = MaxEntropyEnsemble(SIDE, 3, delta=1.0)


class Sign(nn.Module):
    """Class 1 where a . x + b > 0; the second channel has the same b at all pixels, which no deformation changes."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.a = nn.Parameter(torch.randn(SIDE * SIDE, dtype=torch.float64, generator=generator))

    def forward(self, x):
        score = x[:, 0].flatten(1) @ self.a + x[:, 1, 0, 0]
        return torch.stack([-score, score], 1)


def in_deviations(ensemble, vectors):
    """Coefficients of vectors `[K, 2 modes]` in standard deviations, `[K, 2, I, J]`."""
    i, j = ensemble.mode_numbers
    whole = torch.zeros(len(vectors), 2, *ensemble.spread.shape, dtype=torch.float64)
    whole[:, :, i - 1, j - 1] = vectors.view(len(vectors), 2, -1)
    return whole * ensemble.spread


def law_of_score(classifier, image):
    """Score of the undeformed image and its slope in standard deviations: the score under the field z is m + w . z."""
    modes = torch.eye(2 * ENSEMBLE.modes, dtype=torch.float64)
    moved = deform(
        image[None].expand(len(modes), -1, -1, -1), DisplacementField(in_deviations(ENSEMBLE, modes), (SIDE, SIDE))
    )
    score = moved.flatten(1) @ classifier.a
    still = float(image.flatten() @ classifier.a)
    return still, score - still


def test_a_linear_classifiers_certificate_is_never_violated():
    """The smoothed class under a shift z_0 is the sign of m + w . z_0; certified sizes are |m| / |w| at most."""
    rising, _ = ramps(12)
    with torch.no_grad():
        classifier = Sign()
        laws = [law_of_score(classifier, image) for image in rising]
        still = torch.tensor([one for one, _ in laws], dtype=torch.float64)
        spread = torch.stack([slope.norm() for _, slope in laws])
        margin = spread * torch.linspace(-2, 2, 12, dtype=torch.float64)
        images = torch.cat([rising, (margin - still).view(-1, 1, 1, 1).expand_as(rising)], dim=1)
        found = certify(classifier, images, ENSEMBLE, draws=600, choosing=20, error=1e-5)
    true = (margin / spread).abs().numpy()
    assert (found.radius <= true).all()
    assert (found.radius >= true - 0.7)[true > 0.7].all()
    assert (found.classes == -1).any()
    generator = torch.Generator().manual_seed(2)
    for n, (_, slope) in enumerate(laws):
        if found.classes[n] < 0:
            continue
        sign = 2 * int(found.classes[n]) - 1
        tried, start = (torch.randn(k, len(slope), dtype=torch.float64, generator=generator) for k in (10_000, 100))
        worst, _ = ascend(lambda z, w=slope, s=sign: -s * (z @ w), nn.functional.normalize(start, dim=1), 20)
        for inside in (nn.functional.normalize(tried, dim=1), worst):
            assert (sign * (margin[n] + found.radius[n] * inside @ slope) >= 0).all()


def test_a_networks_certificate_is_never_violated():
    """Majorities of 200 fields about shifts inside, random and ascended against the mean output of the class."""
    digits, network = load_dataset("mnist5k"), load_model("lenet", dataset="mnist5k")
    ensemble = MaxEntropyEnsemble(28, 3, delta=2.0)
    found = certify(network, digits, ensemble, indices=torch.arange(8), draws=200, choosing=10)
    sure = np.argsort(-found.radius)[:2]
    assert (found.radius[sure] > 1).all()
    noise = torch.randn(200, 2 * ensemble.modes, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    for n in sure:
        image, label = digits[int(found.indices[n])][0], int(found.classes[n])

        def outputs(shift, image=image):
            fields = in_deviations(ensemble, noise + shift).float()
            return network(deform(image[None].expand(200, -1, -1, -1), DisplacementField(fields, (28, 28))))

        def against(z, outputs=outputs, label=label, radius=found.radius[n]):
            return torch.stack([-outputs(radius * one).softmax(1)[:, label].mean() for one in z])

        shifts = nn.functional.normalize(noise[:6], dim=1)
        worst, _ = ascend(against, shifts[:1], 4)
        with torch.no_grad():
            for shift in (*shifts, *worst):
                votes = outputs(found.radius[n] * shift).argmax(1).bincount(minlength=10)
                assert votes.argmax() == label


def test_counts_and_bounds_are_those_of_the_fields():
    digits, network = load_dataset("mnist5k"), load_model("lenet", dataset="mnist5k")
    chosen = {"draws": 20, "choosing": 5, "indices": torch.tensor([3, 8, 21])}
    ensemble = MaxEntropyEnsemble(28, 3, delta=3.0)
    whole, parts = (certify(network, digits, ensemble, batch_size=size, **chosen) for size in (128, 2))
    assert (whole.radius == parts.radius).all()
    for n, key in enumerate((3, 8, 21)):
        fields = [ensemble.sample(StreamKeys(0, torch.tensor([key]), draw)) for draw in range(25)]
        with torch.no_grad():
            classes = [int(network(deform(digits[key][0][None], one)).argmax()) for one in fields]
        first = np.bincount(classes[:5]).argmax()
        p = lower_share(int((np.array(classes[5:]) == first).sum()), 20, 0.001)
        assert whole.probability[n] == pytest.approx(p)
        assert whole.radius[n] == pytest.approx(NormalDist().inv_cdf(p) if p > 0.5 else 0)
    assert whole.displacement == pytest.approx(3.0 * whole.radius / math.sqrt(8))
    assert whole.certified() >= whole.certified(1.0) >= whole.certified(10.0) == 0


@pytest.mark.parametrize(
    ("hits", "count", "error"), [(7, 20, 0.01), (999, 1000, 0.001), (1, 5, 0.3), (400, 1000, 1e-6)]
)
def test_the_lower_bound_has_the_chance_it_should(hits, count, error):
    p = lower_share(hits, count, error)
    tail = sum(math.comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(hits, count + 1))
    assert tail == pytest.approx(error, rel=1e-6)


def test_what_can_not_be_certified_is_refused(images, network):
    ensemble = MaxEntropyEnsemble((17, 11), 3, delta=1.0)
    with pytest.raises(
        ValueError, match=r"the network returned \(40, 3, 15, 9\); a classifier's \[B, classes\] is needed"
    ):
        certify(nn.Conv2d(3, 3, 3), images, ensemble)
    with pytest.raises(ValueError, match="depends on the other images of its batch"):
        certify(lambda x: (x - x.mean(0)).flatten(1), images, ensemble)
    with pytest.raises(ValueError, match="error is 1; a probability below 1"):
        certify(network, images, ensemble, error=1)
    with pytest.raises(ValueError, match="draws is 0"):
        certify(network, images, ensemble, draws=0)
