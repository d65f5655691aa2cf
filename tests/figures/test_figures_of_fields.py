"""Figures that need no network: what they draw follows the laws of fields."""

import math

import numpy as np
import pytest
import torch

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys
from diffstab.figures.drawing.parts import photograph
from diffstab.figures.paper.asymptotics import asymptotics
from diffstab.figures.paper.folding import CUTOFF, SEED, TEMPERATURES, folding, tangents
from diffstab.figures.paper.perturbations import sphere_of_perturbations
from diffstab.figures.paper.phase_diagram import CUTOFFS, phase_diagram
from diffstab.figures.paper.pixel_grid import STEPS, between_pixels, pixel_grid

pytestmark = pytest.mark.slow


def column(table, name, **where):
    return np.array([line[name] for line in table if all(line[key] == value for key, value in where.items())])


def test_the_phase_diagram_follows_temperature():
    table = phase_diagram(16).table
    for cutoff in CUTOFFS:
        T, probability, delta = (column(table, name, cutoff=cutoff) for name in ("T", "probability", "delta"))
        assert (np.diff(probability) <= 0).all()
        assert probability[0] == 1
        ensemble = MaxEntropyEnsemble(16, cutoff, temperature=float(T[7]))
        assert delta[7] == pytest.approx(ensemble.delta)
        assert probability[30] == ensemble.probability_of_diffeomorphism(float(T[30]))


def test_the_measured_displacement_is_the_exact_one():
    drawn = asymptotics(24)
    for line in drawn.table:
        assert abs(line["delta2"] - line["delta2_exact"]) < 5 * line["delta2_error"], line
    Xi = column(drawn.table, "max_xi", cutoff_rule="disk")
    assert (np.diff(Xi) > 0).all()
    lines = {line.get_gid(): line for axes in drawn.figure.axes for line in axes.lines if line.get_gid()}
    x, y = lines["Eq. 13"].get_data()
    np.testing.assert_allclose(y, x / 2 * np.sqrt(math.pi**3 * np.log(x)))


def test_one_deformation_folds_and_the_other_does_not():
    table = folding(48).table
    assert {line["temperature"]: line["folds"] for line in table} == dict(zip(TEMPERATURES, (False, True), strict=True))
    low = [line for line in table if line["temperature"] == TEMPERATURES[0]]
    assert all(line["along"] > 0 for line in low if line["xi"] < 1)


def test_tangents_are_finite_differences():
    field = MaxEntropyEnsemble(65, CUTOFF, temperature=1e-3).sample(
        StreamKeys(SEED, torch.tensor([0])), dtype=torch.float64
    )[0]
    found = tangents(field)
    tau = field.displacement() / torch.tensor([65.0, 65.0]).view(2, 1, 1)
    steps = (tau[:, :, 2:] - tau[:, :, :-2]) * 64 / 2  # d tau / du
    torch.testing.assert_close(found[0, :, 1:-1], 1 - steps[0], rtol=0, atol=3e-3)
    torch.testing.assert_close(found[1, :, 1:-1], -steps[1], rtol=0, atol=3e-3)
    still = tangents(DisplacementField(torch.zeros(2, 1, 1), (4, 4)))
    assert torch.equal(still, torch.stack([torch.ones(4, 4), torch.zeros(4, 4)]))


def test_noise_has_next_to_nothing_in_a_plane():
    drawn = sphere_of_perturbations(24)
    noise, deformations = (column(drawn.table, "share_in_plane", kind=kind) for kind in ("noise", "deformation"))
    dimension = 3 * 24 * 24
    assert noise.mean() == pytest.approx(2 / dimension, rel=5 / math.sqrt(len(noise)))
    assert deformations.mean() > 50 * noise.mean()
    assert (deformations <= 1 + 1e-9).all()


def test_between_pixels_bilinear_is_linear_and_gaussian_is_normalised():
    image = torch.rand(1, 4, 5, dtype=torch.float64)[:, :, :4]
    fine = between_pixels(image, "bilinear", 4)
    torch.testing.assert_close(fine[::4, ::4], image[0])
    torch.testing.assert_close(fine[::4, 1], 0.75 * image[0, :, 0] + 0.25 * image[0, :, 1])
    constant = between_pixels(torch.full((1, 4, 4), 0.3, dtype=torch.float64), "gaussian", 3)
    torch.testing.assert_close(constant, torch.full_like(constant, 0.3))
    assert len(pixel_grid(4).table) == 3 * STEPS + 1


def test_the_photograph_is_square_and_from_0_to_1():
    image = photograph(20)
    assert image.shape == (3, 20, 20)
    assert 0 <= float(image.min()) < float(image.max()) <= 1


@pytest.mark.parametrize("draw", [asymptotics, folding, sphere_of_perturbations])
def test_axes_have_labels(draw):
    for axes in draw(16).figure.axes:
        if axes.get_xticks().size:
            assert axes.get_xlabel()
            assert axes.get_ylabel()
