"""One image file."""

from pathlib import Path

from PIL import Image

EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")


def read_image(path: Path) -> Image.Image:
    """An image file, as it is.

    Raises:
        ValueError: If it can't be read, or has more than 8 bits a channel, which would be cut off.
    """
    try:
        with Image.open(path) as image:
            image.load()
            read: Image.Image = image.copy()
    except Exception as error:  # decoders of hostile files raise whatever they like
        raise ValueError(f"{str(path)!r} can't be read as an image ({error}); remove or mend it") from error
    if read.mode not in EIGHT_BIT:
        raise ValueError(f"{str(path)!r} has pixels of kind {read.mode}; save it with 8 bits a channel")
    return read
