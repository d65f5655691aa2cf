"""PIL images of every mode and arrays of every layout are deformed alike, and come back as they were."""

import numpy as np
import PIL.Image
import pytest
import torch
from support.deformed_inputs import SIZE, pil, rand

from diffstab import MaxEntropyEnsemble, deform
from diffstab.precision import tensor_of
from diffstab.transforms import RandomDiffeomorphism
from diffstab.transforms.apply import on_pixels

FIELD = MaxEntropyEnsemble(SIZE, cutoff=3, delta=2.0).sample(1)[0]
SIXTEEN = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I;16N": "=u2"}
DTYPES = ">u2 <u2 >i2 <i2 >i4 <i4 >f2 >f4 <f4 >f8 <f8 u1 i1".split()
LAYOUTS = {
    "plain": lambda array: array,
    "upside down": lambda array: np.ascontiguousarray(array[::-1])[::-1],
    "mirrored": lambda array: np.ascontiguousarray(array[:, ::-1])[:, ::-1],
    "other order": np.asfortranarray,
    "a part of a larger one": lambda array: np.repeat(array, 2, 1)[:, ::2],
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
}


def deformed(image):
    torch.manual_seed(3)
    return RandomDiffeomorphism(delta=2.0, p=1.0)(image)


@pytest.mark.parametrize("mode", SIXTEEN)
def test_sixteen_bits_of_any_byte_order_are_deformed_as_the_same_numbers(mode):
    numbers = (60_000 * rand(*SIZE)).numpy().astype(np.uint16)
    found = deformed(PIL.Image.frombytes(mode, SIZE[::-1], numbers.astype(SIXTEEN[mode]).tobytes()))
    assert (found.mode, found.size) == (mode, SIZE[::-1])
    wanted = deformed(torch.from_numpy(numbers)[None])[0]
    assert np.array_equal(np.array(found), wanted.numpy())


@pytest.mark.parametrize("mode", PIL.Image.MODES)
def test_every_mode_of_pil_is_deformed(mode):
    if mode in SIXTEEN:
        image = PIL.Image.frombytes(mode, SIZE[::-1], (60_000 * rand(*SIZE)).numpy().astype(SIXTEEN[mode]).tobytes())
    else:
        image = pil({"La": "LA", "RGBa": "RGBA"}.get(mode, mode)).convert(mode)
    found = deformed(image)
    assert (found.mode, found.size, np.array(found).dtype) == (mode, image.size, np.array(image).dtype)
    assert (np.array(found) != np.array(image)).any()


def test_what_a_file_told_beside_its_pixels_stays():
    image = pil("P")
    image.info["transparency"] = bytes(range(256))
    assert deformed(image).info == image.info
    exif = PIL.Image.Exif()
    exif[274] = 6
    image = pil("RGB")
    image.info["exif"] = exif.tobytes()
    assert deformed(image).getexif()[274] == 6


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_any_byte_order_and_layout_are_deformed_as_the_same_numbers(dtype, layout, recwarn):
    numbers = (100 * rand(*SIZE, 3)).numpy().astype(dtype)
    array = LAYOUTS[layout](numbers)
    found = on_pixels(lambda images: deform(images, FIELD), array)
    native = torch.from_numpy(numbers.astype(numbers.dtype.newbyteorder("="))).permute(2, 0, 1)
    assert np.array_equal(found, deform(native, FIELD).permute(1, 2, 0).numpy())
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(array, numbers)  # inputs are not changed
    assert not recwarn  # as torch warns of read-only arrays


def test_an_array_that_torch_can_take_is_not_copied():
    array = np.zeros((5, 7), np.float32)
    assert tensor_of(array).data_ptr() == array.ctypes.data
    assert tensor_of(array.T).data_ptr() == array.ctypes.data
