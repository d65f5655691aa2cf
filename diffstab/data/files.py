"""One image file."""

from pathlib import Path

from PIL import Image

# not every decoder of Pillow's: those of rare formats can be made to run for hours by a broken header
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "TGA", "JPEG2000", "AVIF")
EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")


def read_image(path: Path) -> Image.Image:
    """An image file of one of the common formats, as it is.

    Raises:
        ValueError: If it can't be read, or has more than 8 bits a channel, which would be cut off.
    """
    Image.init()
    try:
        with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as image:
            image.load()
            read: Image.Image = image.copy()
    except Exception as error:  # decoders of hostile files raise whatever they like
        raise ValueError(f"{str(path)!r} can't be read as an image ({error}); remove or mend it") from error
    if read.mode not in EIGHT_BIT:
        raise ValueError(f"{str(path)!r} has pixels of kind {read.mode}; save it with 8 bits a channel")
    return read
