"""Streams: published Philox answers, independence of batch and order, and the laws of what is drawn."""

import math

import pytest
import torch

from diffstab.streams import StreamKeys, choose, mode_normals, philox, sphere_noise, uniforms

ALL_ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [  # known answers of Random123, philox4x32-10
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ALL_ONES,) * 4, (ALL_ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, answer):
    words = philox(tuple(torch.tensor([word]) for word in counter), key[0] + (key[1] << 32))
    assert tuple(int(word) for word in words) == answer


def test_each_image_has_its_own_stream_whatever_the_batch_and_order():
    i, j = torch.tensor([1, 1, 2]), torch.tensor([1, 2, 1])
    images = torch.tensor([5, 900, 0, 77])
    whole = mode_normals(StreamKeys(3, images, 2), i, j)
    noise = sphere_noise(StreamKeys(3, images, 2), (3, 5, 7))
    for k in range(4):
        alone = StreamKeys(3, images[k : k + 1], 2)
        assert torch.equal(mode_normals(alone, i, j)[0], whole[k])
        assert torch.equal(sphere_noise(alone, (3, 5, 7))[0], noise[k])
    assert torch.equal(mode_normals(StreamKeys(3, images.flip(0), 2), i, j).flip(0), whole)


def test_seed_image_draw_component_and_mode_all_matter():
    i, j = torch.tensor([1, 1, 2]), torch.tensor([1, 2, 1])
    one = torch.tensor([4])
    variants = [StreamKeys(0, one), StreamKeys(2**40, one), StreamKeys(0, one, 1), StreamKeys(0, one + 1)]
    values = torch.cat([mode_normals(keys, i, j).flatten() for keys in variants])
    assert len(values.unique()) == len(values) == 24


def test_mode_normals_are_standard_normal():
    count = 20_000
    values = mode_normals(StreamKeys(1, torch.arange(count)), torch.tensor([1, 2]), torch.tensor([1, 1])).flatten()
    n = len(values)
    # Kolmogorov-Smirnov: sqrt(n) D exceeds 1.95 with probability 1e-3
    below = torch.special.ndtr(values.sort().values)
    steps = torch.arange(n + 1) / n
    distance = torch.maximum((below - steps[:-1]).abs().max(), (below - steps[1:]).abs().max())
    assert math.sqrt(n) * float(distance) < 1.95
    # correlations between the four numbers of an image: standard error 1 / sqrt(count), 4.5 of them
    table = torch.corrcoef(values.view(count, 4).T) - torch.eye(4)
    assert float(table.abs().max()) < 4.5 / math.sqrt(count)


def test_uniforms_are_uniform_and_independent():
    count, columns = 20_000, 3
    values = uniforms(StreamKeys(1, torch.arange(count)), columns)
    assert (values.dtype, values.shape) == (torch.float64, (count, columns))
    ranked = values.flatten().sort().values
    assert 0 < float(ranked[0]) < float(ranked[-1]) < 1
    # Kolmogorov-Smirnov: sqrt(n) D exceeds 1.95 with probability 1e-3
    n = len(ranked)
    steps = torch.arange(n + 1) / n
    distance = torch.maximum((ranked - steps[:-1]).abs().max(), (ranked - steps[1:]).abs().max())
    assert math.sqrt(n) * float(distance) < 1.95
    # correlations between the numbers of an image: standard error 1 / sqrt(count), 4.5 of them
    table = torch.corrcoef(values.T) - torch.eye(columns)
    assert float(table.abs().max()) < 4.5 / math.sqrt(count)
    # 52 bits: the last ones vary, too
    assert [len(column.unique()) for column in (values.T * 2.0**52).floor().remainder(256)] == [256] * columns


def test_uniforms_depend_on_their_keys_and_place_alone():
    images = torch.tensor([5, 900, 0, 77])
    whole = uniforms(StreamKeys(3, images, 2), 5)
    for k in range(4):
        assert torch.equal(uniforms(StreamKeys(3, images[k : k + 1], 2), 5)[0], whole[k])
    assert torch.equal(uniforms(StreamKeys(3, images.flip(0), 2), 5).flip(0), whole)
    for count in (0, 1, 2, 4):
        assert torch.equal(uniforms(StreamKeys(3, images, 2), count), whole[:, :count])
    one = torch.tensor([4])
    variants = [StreamKeys(0, one), StreamKeys(2**40, one), StreamKeys(0, one, 1), StreamKeys(0, one + 1)]
    values = torch.cat([uniforms(keys, 6).flatten() for keys in variants])
    assert len(values.unique()) == len(values) == 24


def test_uniforms_are_not_the_numbers_of_the_fields():
    keys = StreamKeys(0, torch.arange(3))
    of_fields = torch.special.ndtr(mode_normals(keys, torch.tensor([0]), torch.tensor([0]))).flatten()
    own = uniforms(keys, 2).flatten()
    assert float((own[:, None] - of_fields).abs().min()) > 1e-9  # 36 pairs, each this near with probability 2e-9


@pytest.mark.parametrize(("count", "error"), [(-1, ValueError), (1.5, TypeError)])
def test_a_count_of_uniforms_that_is_none_is_refused(count, error):
    with pytest.raises(error, match="count is"):
        uniforms(StreamKeys(0, torch.arange(2)), count)


def test_mode_normals_stay_the_same_numbers():
    """Stored results name a seed; these come from the version that made them."""
    normals = mode_normals(StreamKeys(7, torch.tensor([3]), 1), torch.tensor([1, 2]), torch.tensor([1, 1]))
    of_x, of_y = (0.7083113306474204, -0.4433356018132815), (-0.12273307935861819, 1.146561889091152)
    assert torch.allclose(normals[0], torch.tensor([of_x, of_y], dtype=torch.float64), rtol=1e-12, atol=0)


def test_noise_is_uniform_on_the_unit_sphere():
    count, size = 4000, 12
    eta = sphere_noise(StreamKeys(9, torch.arange(count)), (3, 2, 2)).flatten(1).double()
    assert torch.allclose(eta.norm(dim=1), torch.ones(count, dtype=torch.float64), atol=1e-6)
    # on the sphere in d dimensions: <e_k> = 0, <e_k e_l> = delta_kl / d, variance of e_k e_l <= 3 / d^2
    assert float(eta.mean(0).abs().max()) < 4.5 / math.sqrt(size * count)
    second = eta.T @ eta / count - torch.eye(size, dtype=torch.float64) / size
    assert float(second.abs().max()) < 4.5 * math.sqrt(3 / size**2 / count)


def test_choose_is_seeded_without_repetition_and_nested():
    chosen = choose(50, 1000, seed=4)
    assert torch.equal(chosen, choose(50, 1000, seed=4))
    assert torch.equal(chosen, chosen.unique())
    assert not torch.equal(chosen, choose(50, 1000, seed=5))
    assert set(choose(20, 1000, seed=4).tolist()) < set(chosen.tolist())
    assert torch.equal(choose(7, 7, seed=0), torch.arange(7))
    with pytest.raises(ValueError, match=r"count is 8, of 7 indices; it must be 0 to 7"):
        choose(8, 7, seed=0)


def test_no_stream_touches_the_global_generator():
    before = torch.random.get_rng_state()
    sphere_noise(StreamKeys(0, torch.arange(3)), (1, 4, 4))
    choose(3, 9, seed=0)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match="seed is"):
        StreamKeys(seed, torch.arange(2))
