"""The setting in which layers are measured here, and a measurement of them in it."""

from diffstab import MaxEntropyEnsemble, measure

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)


def profile(network, images, chosen="all", **options):
    return measure(network, images, ENSEMBLE, **{"layers": chosen, "resamples": 100, "draws": 2, **options})
