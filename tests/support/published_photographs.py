"""Names and pictures of small copies of Tiny ImageNet, ImageNet and Imagenette."""

import io
import random

from PIL import Image

SYNSETS = {name: random.Random(1).sample(range(10**8), count) for name, count in (("tiny", 200), ("large", 1000))}
SYNSETS = {name: [f"n{number:08d}" for number in numbers] for name, numbers in SYNSETS.items()}


def jpeg(size, colour):
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "JPEG", quality=95)
    return stream.getvalue()


SMALL, LARGE, OTHER = jpeg((64, 64), (200, 100, 50)), jpeg((30, 40), (200, 100, 50)), jpeg((40, 30), (10, 20, 30))


def write(path, content=LARGE):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content)
    else:
        path.write_bytes(content)
