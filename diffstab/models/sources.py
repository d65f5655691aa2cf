"""Finds the source of a network by its name: the paper's, a library's, a hub's, a folder's, a file's, or own code."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..checks import near
from ..options import HUB, LIBRARIES, LOCAL, ONNX, OWN, PREFIXES, TRANSFORMERS, base_and_width
from .own_files import Place, module_exists, place_of
from .paper import PAPER_NETS

HUB_NAME = r"([\w.-]+/)?[\w.-]+(@[\w./-]+)?"  # USER/NAME@REVISION
EXAMPLES = {  # of names after the prefixes of hubs, folders and files
    HUB: "hf-hub:timm/resnet18.a1_in1k",
    LOCAL: "local-dir:runs/resnet18",
    TRANSFORMERS: "transformers:google/vit-base-patch16-224",
    ONNX: "onnx:net.onnx",
}
DEFINED = re.compile(r"^def (\w+)\(", re.MULTILINE)
SMALL = 64  # pixels; for images up to this side, names without prefix mean the paper's networks first


class Shape(NamedTuple):
    """The shape of a network's images in pixels, and the number of classes; 0 classes if they have no labels."""

    channels: int
    height: int
    width: int
    classes: int


def find(spec: str, shape: Shape) -> tuple[str, str]:
    """Returns (source, name) of a model spec. Raises ValueError, with near matches, for an unknown one."""
    prefix, colon, name = spec.partition(":")
    if not colon:
        return _find_bare(spec, shape)
    if prefix in LIBRARIES:
        if _has(prefix, name):
            return prefix, name
        raise ValueError(
            f"model is {spec!r}; {prefix} has no such {_other_task(prefix, name)}{near(name, names(prefix))}"
        )
    if prefix in EXAMPLES:
        on_hub = prefix == HUB or (prefix == TRANSFORMERS and not Path(name).expanduser().is_dir())
        if not re.fullmatch(HUB_NAME if on_hub else ".+", name):
            raise ValueError(f"model is {spec!r}; a name is needed after the colon, as in {EXAMPLES[prefix]}")
        return prefix, name
    place = place_of(spec)
    if place.attribute and place.file is not None:
        return OWN, spec
    if place.attribute and module_exists(place.module):
        return OWN, f"{place.module}:{place.attribute}"
    raise ValueError(
        f"model is {spec!r}; allowed prefixes: {', '.join(f'{known}:' for known in PREFIXES)}, or MODULE:CALLABLE of "
        f"your own code ({_missing(spec, place)})"
    )


def _missing(spec: str, place: Place) -> str:
    """Describes the part of the user's code that is missing: a module, a file, or the callable's name."""
    if "/" not in place.module:
        return f"there is no module {place.module!r}"
    if place.file is None and not Path(f"{place.module}.py").is_file():
        return f"there is no file {place.module + '.py'!r}"
    return f"write {place.module}.py:CALLABLE"


def _other_task(source: str, name: str) -> str:
    """Returns the missing thing: a network, or a classifier if torchvision has this name for another task."""
    if source == "torchvision":
        import torchvision.models

        for task in ("segmentation", "detection", "video", "optical_flow", "quantization"):
            module = getattr(torchvision.models, task)
            if name in torchvision.models.list_models(module=module):
                return f"classifier; name it {module.__name__}:{name}"
    return "network"


def _find_bare(name: str, shape: Shape) -> tuple[str, str]:
    if name.endswith(".py"):
        raise ValueError(f"model is {name!r}, a file; name the class or function in it too, as in {name}:CALLABLE")
    order = LIBRARIES if _is_small(shape) else LIBRARIES[1:]
    for source in order:
        if _has(source, name):
            return source, name
    known = [one for source in order for one in names(source)]
    raise ValueError(f"model is {name!r}; none of {', '.join(order)} has such a network{near(name, known)}")


def is_known_without_timm(spec: str) -> bool:
    """Returns True if a spec's name is one of torchvision's or timm's functions.

    It reads their source files, since their registries are known only after an import, which takes 5 s.
    """
    definition = f"\ndef {plain_name(spec)}("
    return any(definition in text for package in ("torchvision", "timm") for _, text in _modules(package))


def _modules(package: str) -> Iterator[tuple[str, str]]:
    """Yields name and source text of the modules that define a library's networks; nothing if it is missing."""
    found = find_spec(package)
    folders = [Path(found.origin).parent / "models"] if found and found.origin else []
    for module in (one for folder in folders for one in sorted(folder.glob("*.py"))):
        yield module.stem, module.read_text(encoding="utf-8")


@cache
def _module_of(package: str) -> dict[str, str]:
    """Returns the module of each function of a library, by the function's name."""
    return {name: stem for stem, text in _modules(package) for name in DEFINED.findall(text)}


def family(source: str, name: str) -> str:
    """Returns the architecture's family of a network: its module in timm or torchvision, else the name's beginning.

    Nothing is imported, and own code has no family, whatever its name.

    Args:
        source: Source of the network as in a row's column `model_source`.
        name: Name as in the column `model`.

    >>> family("timm", "timm:vit_base_patch16_224.augreg_in21k"), family("paper", "vgg11_bn-w0.25")
    ('vision_transformer', 'vgg')
    """
    if source in (OWN, "python"):
        return "own code"
    own = plain_name(name.rpartition("/")[2])
    for package in ("timm", "torchvision") if source != "paper" else ():
        if own in _module_of(package):
            return _module_of(package)[own]
    begin = re.match(r"[^\W\d_]+", own)
    return begin[0].lower() if begin else own or "other"


def plain_name(spec: str) -> str:
    """Returns a spec's name without the source's prefix and the weights' name.

    >>> plain_name("timm:resnet18.a1_in1k"), plain_name("torchvision:resnet50@IMAGENET1K_V2")
    ('resnet18', 'resnet50')
    """
    return re.split(r"[.@]", spec.rpartition(":")[2])[0]


def is_library_net(spec: str, shape: Shape) -> bool:
    """Returns True if a spec can only mean a network of timm or torchvision; imports neither."""
    prefix, colon, _ = spec.partition(":")
    if colon:
        return prefix in LIBRARIES[1:]
    return not (_has("paper", spec) and _is_small(shape))


def _is_small(shape: Shape) -> bool:
    return max(shape.height, shape.width) <= SMALL


def _has(source: str, name: str) -> bool:
    """Returns True if a source has a network of this name; names of the paper's may have a factor on their widths."""
    if source == "paper":
        name = base_and_width(name)[0]
    if source == "torchvision":
        name = name.partition("@")[0]  # without the name of weights, which is checked later
    return name in names(source)


def names(source: str) -> list[str]:
    """Lists every network of a library; timm's also with their tags."""
    if source == "paper":
        return list(PAPER_NETS)
    if source == "torchvision":
        import torchvision.models

        return list(torchvision.models.list_models(module=torchvision.models))
    assert source == "timm", source
    import timm

    return [*timm.list_models(), *timm.list_pretrained()]
