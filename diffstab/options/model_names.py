"""What networks are called: `SOURCE:NAME`, and the factor on its widths, as in `vgg11-w0.25`."""

import re

LIBRARIES = ("paper", "timm", "torchvision")  # a bare name is looked for in this order, of the paper for small images
HUB, LOCAL, OWN = "hf-hub", "local-dir", "python"
PREFIXES = (*LIBRARIES, HUB, LOCAL)  # any other one is a module of own code


def leads_out(model: str) -> bool:
    """Whether a network's name leads to code, a hub or a folder: to more than the libraries that are installed.

    >>> [leads_out(name) for name in ("lenet", "timm:resnet18", "hf-hub:user/net", "net.py:Net")]
    [False, False, True, True]
    """
    prefix, colon, _ = model.partition(":")
    return bool(colon) and prefix not in LIBRARIES


WIDTH = re.compile(r"(.+)-w(\d+(?:\.\d+)?)")
LEAST_WIDTH, LARGEST_WIDTH = 1e-3, 1e2


def base_name(name: str) -> str:
    """A name without its factor.

    >>> base_name("vgg11-w0.25"), base_name("lenet")
    ('vgg11', 'lenet')
    """
    match = WIDTH.fullmatch(name)
    return name if match is None else match[1]


def base_and_width(name: str) -> tuple[str, float]:
    """(name, factor on the widths), 1 where there is none.

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
