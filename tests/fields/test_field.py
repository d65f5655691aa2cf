"""Displacement fields: against the loop over modes, automatic differentiation, and exact identities."""

import math

import numpy as np
import pytest
import torch
from support import reference

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys
from diffstab.fields.displacement import clamped_fraction, operator_norm

SIZE = (17, 11)


@pytest.fixture
def fields() -> DisplacementField:
    ensemble = MaxEntropyEnsemble(SIZE, 5, delta=1.0)
    return ensemble.sample(StreamKeys(0, torch.arange(2)), dtype=torch.float64)


def displacement_at(field: DisplacementField, s: torch.Tensor) -> torch.Tensor:
    """tau at s = (u, v), dimensionless, by the series; differentiable in s."""
    i, j = (torch.arange(1, n + 1, dtype=torch.float64) for n in field.coefficients.shape[-2:])
    return torch.sin(torch.pi * i * s[0]) @ field.coefficients @ torch.sin(torch.pi * j * s[1])


def test_displacement_equals_the_loop_over_modes(fields):
    for field in (fields[0], fields[1]):
        slow = reference.displacement(field.coefficients.numpy(), *SIZE)
        np.testing.assert_allclose(field.displacement().numpy(), slow, atol=1e-13)
    assert torch.equal(fields.dx, fields.displacement()[:, 0])
    assert torch.equal(fields.dy, fields.displacement()[:, 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_frame_does_not_move(dtype):
    moved = MaxEntropyEnsemble(SIZE, 9, delta=3.0).sample(4, dtype=dtype).displacement()
    for edge in (moved[..., 0, :], moved[..., -1, :], moved[..., :, 0], moved[..., :, -1]):
        assert torch.equal(edge, torch.zeros_like(edge))


def test_a_coefficient_of_one_component_moves_only_along_it():
    coefficients = torch.zeros(2, 3, 3)
    coefficients[0, 1, 0] = 0.1
    field = DisplacementField(coefficients, SIZE)
    assert float(field.dx.abs().max()) > 0.5
    assert float(field.dy.abs().max()) == 0
    # mode i = 2 along x: antisymmetric in x, symmetric in y
    assert torch.allclose(field.dx.flip(1), -field.dx, atol=1e-6)
    assert torch.allclose(field.dx.flip(0), field.dx, atol=1e-6)


def test_gradient_xi_and_jacobian_equal_automatic_differentiation(fields):
    height, width = SIZE
    for field in (fields[0], fields[1]):
        gradient, xi, determinant = field.gradient(), field.xi(), field.jacobian_determinant()
        for row, column in ((3, 4), (8, 5), (16, 10), (1, 9)):
            s = torch.tensor([column / (width - 1), row / (height - 1)], dtype=torch.float64)
            auto = torch.autograd.functional.jacobian(lambda p, f=field: displacement_at(f, p), s)
            assert torch.allclose(gradient[..., row, column], auto, atol=1e-12)
            # Eq. 12 with its own letters
            root = torch.sqrt((auto**2).sum() - 2 * torch.det(auto))
            assert float(xi[row, column]) == pytest.approx(float(root - auto.trace()) / 2, abs=1e-12)

            def pixel_map(p, f=field):
                moved = displacement_at(f, p / torch.tensor([width - 1, height - 1]))
                return p - moved * torch.tensor([width, height])

            pixel = torch.tensor([column, row], dtype=torch.float64)
            jacobian = torch.autograd.functional.jacobian(pixel_map, pixel)
            assert float(determinant[row, column]) == pytest.approx(float(torch.det(jacobian)), abs=1e-12)


def test_xi_is_the_extreme_over_directions(fields):
    """Eqs. 9 to 11 extremise u . (u . grad) tau over unit vectors u; with Eq. 11's sign, Xi is minus its minimum."""
    angles = torch.linspace(0, torch.pi, 2001, dtype=torch.float64)
    u = torch.stack([angles.cos(), angles.sin()])
    symmetric = torch.einsum("ak,abhw,bk->khw", u, fields[0].gradient(), u)
    assert torch.allclose(fields[0].xi(), -symmetric.amin(0), atol=1e-5)


def test_folds_and_clamped_share():
    coefficients = torch.zeros(3, 2, 2, 2, dtype=torch.float64)
    coefficients[1, 0, 0, 0] = 0.2  # |d tau| = 0.2 pi < 1: monotone
    coefficients[2, 0, 0, 0] = 0.4  # 0.4 pi > 1: folds, and reaches beyond the frame
    field = DisplacementField(coefficients, (33, 33))
    assert field.folds().tolist() == [False, False, True]
    assert field.clamped_fraction()[0] == 0
    x, y = field.source_positions()
    outside = (x < 0) | (x > 32) | (y < 0) | (y > 32)
    assert torch.equal(field.clamped_fraction(), outside.double().mean((-2, -1)))
    assert field.clamped_fraction()[2] > 0


def test_clamped_share_of_a_displacement():
    moved = torch.zeros(3, 2, 5, 4, dtype=torch.float64)
    moved[0, 0] = -1  # x + 1: the last of 4 columns reads outside
    moved[1, 1] = 2.5  # y - 2.5: three of 5 rows
    moved[2, 0], moved[2, 1] = -1, 2.5  # either: 1 - (3 / 4) (2 / 5)
    assert clamped_fraction(moved).tolist() == pytest.approx([1 / 4, 3 / 5, 7 / 10])
    moved = torch.zeros(2, 5, 4)
    moved[0, 2, 3] = 3  # source (0, 2): on the frame
    assert clamped_fraction(moved) == 0
    assert clamped_fraction(moved.new_full((7, 3, 2, 5, 4), 5)).tolist() == [[1.0] * 3] * 7


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_gradient_norm_is_the_largest_singular_value(dtype, tolerance):
    ensemble = MaxEntropyEnsemble(SIZE, 9, delta=2.0)
    fields = ensemble.sample(StreamKeys(0, torch.arange(20)), dtype=torch.float64).to(dtype=dtype)
    gradient = fields.gradient()
    # a matrix product of 81 modes rounds the gradient itself; the norm is compared on the same gradient
    exact = torch.linalg.svdvals(gradient.permute(0, 3, 4, 1, 2).double()).amax((1, 2, 3))
    assert torch.allclose(fields.gradient_norm().double(), exact, rtol=tolerance)
    assert torch.equal(fields.gradient_norm(gradient), fields.gradient_norm())
    assert fields[0].gradient_norm().shape == ()
    assert fields.gradient_norm().dtype == dtype


def test_operator_norm_of_extreme_matrices():
    matrices = torch.randn(500, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrices[1], matrices[2] = 0, torch.eye(2)
    matrices[3] = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    exact = torch.linalg.matrix_norm(matrices, ord=2)
    for scale in (1e-300, 1.0, 1e300):
        found = operator_norm(matrices[..., None, None] * scale).flatten()
        assert torch.allclose(found / scale, exact, rtol=1e-14, atol=1e-15)
    assert float(operator_norm(torch.zeros(2, 2, 1, 1))) == 0


def test_a_gradient_at_hand_changes_no_reading(fields):
    steep = DisplacementField(torch.cat([fields.coefficients, 5 * fields.coefficients]), SIZE)
    gradient = steep.gradient()
    assert torch.equal(steep.jacobian_determinant(gradient), steep.jacobian_determinant())
    assert torch.equal(steep.folds(gradient), steep.folds())
    # it is the given one that is read
    assert not bool(steep.folds(0 * gradient).any())
    assert bool(steep.folds()[2:].all())
    assert bool((steep.gradient_norm(0 * gradient) == 0).all())


def test_xi_below_one_for_the_opposite_field_excludes_folds():
    """u . u' > 0 for the map s - tau(s) is Xi(-tau) < 1. Of the field itself Xi < 1 does not exclude a fold."""
    size = (64, 64)
    fields = MaxEntropyEnsemble(size, 3, temperature=0.02).sample(StreamKeys(3, torch.arange(400)), dtype=torch.float64)
    opposite = DisplacementField(-fields.coefficients * 64 / 63, size)  # the pixel map's gradient carries n / (n - 1)
    safe = opposite.xi().amax((-2, -1)) < 1
    assert 50 < int(safe.sum()) < 350
    assert not bool((fields.folds() & safe).any())
    own = fields.xi().amax((-2, -1)) < 1
    assert bool((fields.folds() & own).any())


def test_autocast_and_lowered_precision_change_nothing():
    field = MaxEntropyEnsemble(SIZE, 5, delta=1.0).sample(2)
    exact = field.displacement(), field.xi()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(field.displacement(), exact[0])
            assert torch.equal(field.xi(), exact[1])
    finally:
        torch.set_float32_matmul_precision("highest")


def test_xi_has_gradients_everywhere(fields):
    coefficients = fields.coefficients.clone().requires_grad_()
    DisplacementField(coefficients, SIZE).xi().sum().backward()
    assert bool(coefficients.grad.isfinite().all())


def test_small_fields_never_fold():
    fields = MaxEntropyEnsemble(32, 3, temperature=1e-5).sample(50)
    assert not bool(fields.folds().any())


def test_batches_index_and_cast(fields):
    assert len(fields) == 2
    assert fields.shape == (2,)
    assert fields[1].shape == ()
    assert fields.to(dtype=torch.float32).displacement().dtype == torch.float32
    assert DisplacementField(torch.zeros(4, 5, 2, 3, 3), SIZE).xi().shape == (4, 5, 17, 11)
    with pytest.raises(IndexError, match="single field"):
        fields[0][0]


@pytest.mark.parametrize("wrong", [torch.zeros(2, 3), torch.zeros(3, 3, 3), torch.zeros(2, 3, 3, dtype=torch.int64)])
def test_coefficients_of_another_shape_are_refused(wrong):
    with pytest.raises(ValueError, match=r"coefficients are .* is needed"):
        DisplacementField(wrong, SIZE)
    with pytest.raises(ValueError, match="at least 2 pixels"):
        DisplacementField(torch.zeros(2, 3, 3), (1, 5))


@pytest.mark.parametrize(("component", "sign", "share"), [(0, 1, 1 / 4), (0, -1, 1 / 4), (1, 1, 1 / 5), (1, -1, 1 / 5)])
def test_each_edge_counts_as_outside(component, sign, share):
    moved = torch.zeros(2, 5, 4)
    moved[component] = 0.25 * sign  # the first row or column, or the last, reads a quarter of a pixel beyond the frame
    assert float(clamped_fraction(moved)) == pytest.approx(share)


def test_a_field_tells_what_it_is():
    field = DisplacementField(torch.zeros(3, 2, 4, 5), (17, 11))
    assert repr(field) == "DisplacementField(shape=(3,), size=(17, 11), modes up to (4, 5))"


def test_a_single_field_is_one_of_a_batch():
    coefficients = torch.randn(3, 2, 4, 2, generator=torch.Generator().manual_seed(0))
    batch, single = DisplacementField(coefficients, (17, 11)), DisplacementField(coefficients[1], (17, 11))
    assert (len(batch), len(single), single.shape) == (3, 1, ())
    assert repr(single) == "DisplacementField(shape=(), size=(17, 11), modes up to (4, 2))"
    assert torch.equal(single.squared_norm(), batch.squared_norm()[1])
    i, j = torch.meshgrid(torch.arange(1, 5), torch.arange(1, 3), indexing="ij")
    expected = math.pi**2 / 4 * ((i**2 + j**2) * coefficients[1] ** 2).sum()
    assert torch.allclose(single.squared_norm(), expected)
    assert torch.allclose(single.displacement(), batch.displacement()[1])
