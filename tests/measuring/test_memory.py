"""Running out of memory halves the batch and goes on, with the numbers of the batch that fitted nowhere."""

import gc

import numpy as np
import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.batches import Batch
from diffstab.measuring.memory import BatchTooLargeError, Memory, is_out_of_memory

ENSEMBLE = MaxEntropyEnsemble((17, 11), 5, delta=1.0)
CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB"


@pytest.fixture(scope="module", autouse=True)
def nothing_older_is_garbage():
    """Collections of garbage need not look through what all tests imported."""
    gc.freeze()
    yield
    gc.unfreeze()


class Hungry(nn.Module):
    """A network that fits into memory with so many images at once."""

    def __init__(self, network, most, error=None):
        super().__init__()
        self.network, self.most, self.sizes = network, most, []
        self.error = error or torch.OutOfMemoryError(CUDA)

    def forward(self, images):
        if len(images) > self.most:
            raise self.error
        self.sizes.append(len(images))
        return self.network(images)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(CUDA),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("Storage size calculation overflowed with sizes=[64, 4611686018427387904]"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1.00 GB)"),
    ],
)
def test_the_batch_is_halved_until_it_fits_and_the_numbers_are_the_same(network, images, error):
    notes = []
    whole = measure(network, images, ENSEMBLE, draws=2, batch_size=20)
    hungry = Hungry(network, 6, error)
    found = measure(hungry, images, ENSEMBLE, draws=2, batch_size=20, note=notes.append)
    np.testing.assert_allclose(found.raw.outputs, whole.raw.outputs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.raw.deformation, whole.raw.deformation, rtol=1e-3)
    assert np.array_equal(found.raw.indices, whole.raw.indices)
    assert pytest.approx(whole.R, rel=1e-4) == found.R
    assert notes == [
        "out of memory with 20 images at once; going on with 10",
        "out of memory with 10 images at once; going on with 5",
    ]
    assert max(hungry.sizes) <= 6  # what was learnt holds for the batches that follow
    assert network.training  # as it came in


def test_batch_norm_that_needs_whole_batches_measures_again_with_smaller_ones(network, images):
    notes = []
    found = measure(Hungry(network, 13), images, ENSEMBLE, batch_size=40, batch_norm="batch", note=notes.append)
    alone = measure(network, images, ENSEMBLE, batch_size=10, batch_norm="batch")
    assert notes == [
        "out of memory with 40 images at once; whole batches have 20 now",
        "out of memory with 20 images at once; whole batches have 10 now",
    ]
    assert (found.batch_size, found.R, found.D) == (10, alone.R, alone.D)


def test_a_loader_whose_batches_must_stay_whole_is_told(network, images):
    loader = [images[:20], images[20:]]
    with pytest.raises(ValueError, match="out of memory with 20 images at once, which the network needs whole"):
        measure(Hungry(network, 13), loader, ENSEMBLE, batch_size=40, batch_norm="batch", note=lambda text: None)
    found = measure(Hungry(network, 13), loader, ENSEMBLE, note=lambda text: None)
    assert pytest.approx(measure(network, images, ENSEMBLE).R, rel=1e-4) == found.R


def test_without_a_note_it_is_a_warning(network, images):
    with pytest.warns(UserWarning, match="out of memory with 40 images at once; going on with 20"):
        measure(Hungry(network, 20), images, ENSEMBLE)


def test_one_image_that_does_not_fit_is_told(network, images):
    with pytest.raises(ValueError, match=r"one image alone does not fit into memory .*CUDA out of memory.*smaller"):
        measure(Hungry(network, 0), images, ENSEMBLE, note=lambda text: None)


def test_the_first_pass_is_halved_too(network, images, monkeypatch):
    from diffstab.measuring import first_pass

    doubled, sizes = first_pass.doubled, []

    def hungry(batch, *arguments):
        sizes.append(len(batch))
        if len(batch) > 15:
            raise torch.OutOfMemoryError(CUDA)
        return doubled(batch, *arguments)

    monkeypatch.setattr(first_pass, "doubled", hungry)
    found = measure(network, images, ENSEMBLE, note=lambda text: None)
    assert pytest.approx(measure(network, images, ENSEMBLE, note=lambda text: None).R) == found.R
    assert 10 in sizes


def batch_of(count):
    return Batch(torch.arange(count), torch.rand(count, 1, 4, 4), torch.full((count,), -1))


def test_parts_are_done_once_each_and_in_order():
    seen = []

    def work(batch):
        if len(batch.keys) > 3:
            raise torch.OutOfMemoryError(CUDA)
        seen.extend(batch.keys.tolist())
        return batch.keys

    memory = Memory(lambda text: None)
    done = memory.run(work, batch_of(11))
    assert torch.cat(done).tolist() == seen == list(range(11))
    assert [len(part) for part in memory.run(work, batch_of(7))] == [3, 2, 2]


def test_other_errors_are_no_lack_of_memory():
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        Memory(lambda text: None).run(lambda batch: torch.zeros(2) @ torch.zeros(3), batch_of(4))
    with pytest.raises(BatchTooLargeError):
        Memory(lambda text: None, whole=True).run(lambda batch: Hungry(nn.Flatten(), 2)(batch.images), batch_of(4))
    assert not is_out_of_memory(ValueError("out of memory"))
