"""Networks by pattern, and what their published weights are called."""

from fnmatch import fnmatchcase

from .paper import PAPER_NETS
from .sources import SOURCES


def matching(pattern: str, *, weights: str) -> list[str]:
    """The model specs that a pattern such as `timm:resnet1*` means, in their library's order.

    A bare pattern means the paper's nets of such a name; if there are none, timm's, then torchvision's. With the
    weights `pretrained`, only timm's networks that have published ones; a pattern with a point reaches their tags.

    Raises:
        ValueError: If no network matches or the prefix is unknown.
    """
    prefix, colon, name = pattern.partition(":")
    if colon and prefix not in SOURCES:
        raise ValueError(f"model is {pattern!r}; allowed prefixes: {', '.join(f'{source}:' for source in SOURCES)}")
    for source in [prefix] if colon else SOURCES:
        found = _known(source, name if colon else pattern, weights)
        if found:
            return [f"{source}:{known}" if colon else known for known in found]
    raise ValueError(f"model is {pattern!r}; no network matches it")


def _known(source: str, pattern: str, weights: str) -> list[str]:
    if source == "timm":
        import timm

        tagged = "." in pattern
        names = timm.list_models(pattern, pretrained=weights == "pretrained" or tagged, include_tags=tagged)
    elif source == "torchvision":
        import torchvision.models

        names = torchvision.models.list_models(module=torchvision.models)
    else:
        names = list(PAPER_NETS)
    return [name for name in names if fnmatchcase(name, pattern)]


def published_tag(source: str, name: str) -> str | None:
    """The tag of the published weights that a name loads: `a1_in1k` of timm's resnet18."""
    if source == "timm":
        import timm

        config = timm.get_pretrained_cfg(name)
        return (config.tag or None) if config else None
    import torchvision.models

    return str(torchvision.models.get_model_weights(name)["DEFAULT"].name)
