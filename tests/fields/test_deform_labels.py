"""Labels deformed: each pixel's label is the nearest one, of any dtype."""

import pytest
import torch

from diffstab import DisplacementField, MaxEntropyEnsemble
from diffstab.fields.deformation import deform_labels

SIZE = (17, 11)


def draw(count, delta=2.0):
    return MaxEntropyEnsemble(SIZE, cutoff=5, delta=delta).sample(count, generator=torch.Generator().manual_seed(0))


def labels(*lead):
    return torch.randint(0, 200, (*lead, *SIZE), generator=torch.Generator().manual_seed(1))


def test_labels_are_the_nearest():
    """Coordinates as labels: what comes lies within half a pixel of the source, clamped to the frame."""
    field = draw(5).to(dtype=torch.float64)
    columns = torch.arange(11).expand(5, *SIZE)
    lines = torch.arange(17)[:, None].expand(5, *SIZE)
    x, y = field.source_positions()
    assert ((deform_labels(columns, field) - x.clamp(0, 10)).abs() <= 0.5).all()
    assert ((deform_labels(lines, field) - y.clamp(0, 16)).abs() <= 0.5).all()


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.uint16, torch.int16, torch.int64, torch.float32])
def test_any_dtype_takes_the_same_places(dtype):
    field = draw(3)
    known = labels(3) % 2
    assert torch.equal(deform_labels(known.to(dtype), field).long(), deform_labels(known, field))


def test_still_fields_change_nothing():
    known = labels(4)
    assert torch.equal(deform_labels(known, DisplacementField(torch.zeros(4, 2, 3, 3), SIZE)), known)


def test_batches_are_single_labels_side_by_side():
    field, known = draw(4), labels(4, 2)
    both = deform_labels(known, DisplacementField(field.coefficients[:, None], SIZE))
    for place in range(4):
        assert torch.equal(both[place], deform_labels(known[place], field[place]))
    assert deform_labels(known[:0], DisplacementField(field.coefficients[:0, None], SIZE)).shape == (0, 2, *SIZE)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"labels are \(11, 17\); the field is for \[..., 17, 11\]"):
        deform_labels(torch.zeros(11, 17), draw(1))
    with pytest.raises(ValueError, match=r"labels have the leading dimensions \(3,\) and fields \(2,\)"):
        deform_labels(labels(3), draw(2))
