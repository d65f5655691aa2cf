"""Names of networks: `SOURCE:NAME`, and the factor on its widths, as in `vgg11-w0.25`."""

import re

LIBRARIES = (
    "paper",
    "timm",
    "torchvision",
)  # order of search for a name without prefix; the paper's if images are small
HUB, LOCAL, OWN = "hf-hub", "local-dir", "python"
TRANSFORMERS, ONNX = "transformers", "onnx"
PREFIXES = (*LIBRARIES, HUB, LOCAL, TRANSFORMERS, ONNX)  # any other prefix is a module of the user's code


def leads_out(model: str) -> bool:
    """Returns True if a network's name leads to code, a hub, a folder or a file, rather than to an installed library.

    >>> [leads_out(name) for name in ("lenet", "timm:resnet18", "hf-hub:user/net", "net.py:Net")]
    [False, False, True, True]
    """
    prefix, colon, _ = model.partition(":")
    return bool(colon) and prefix not in LIBRARIES


WIDTH = re.compile(r"(.+)-w(\d+(?:\.\d+)?)")
LEAST_WIDTH, LARGEST_WIDTH = 1e-3, 1e2


def base_name(name: str) -> str:
    """Returns a network's name without the factor on its widths.

    >>> base_name("vgg11-w0.25"), base_name("lenet")
    ('vgg11', 'lenet')
    """
    match = WIDTH.fullmatch(name)
    return name if match is None else match[1]


def base_and_width(name: str) -> tuple[str, float]:
    """Returns (name, factor on the widths); the factor is 1 if the name has none.

    Raises:
        ValueError: If the factor is out of bounds.

    >>> base_and_width("vgg11-w0.25"), base_and_width("lenet")
    (('vgg11', 0.25), ('lenet', 1.0))
    """
    match = WIDTH.fullmatch(name)
    if match is None:
        return name, 1.0
    width = float(match[2])
    if not LEAST_WIDTH <= width <= LARGEST_WIDTH:
        raise ValueError(f"model is {name!r}; a factor from {LEAST_WIDTH:g} to {LARGEST_WIDTH:g} is needed after -w")
    return match[1], width
