"""Lists networks by pattern: those that match a pattern, and all that can be named."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from ..options import LIBRARIES
from .checkpoints import pretrained_file, read_manifest
from .fetching import hub_cache, is_in_hub_cache, torch_hub_file
from .from_timm import WEIGHT_FILES
from .sources import names, plain_name

KEPT, CACHED, PUBLISHED, NONE = "kept", "cached", "published", "none"


class NamedModel(NamedTuple):
    """A network that can be named.

    Attributes:
        spec: Name on the command line.
        weights: State of its weights: `kept` with the package, `cached` on this machine, `published` (fetched at first
            use), or `none`.
        dataset: Data set of kept weights; otherwise None.
    """

    spec: str
    weights: str
    dataset: str | None = None


def matching(pattern: str, *, weights: str) -> list[str]:
    """Returns the names of networks that match a pattern such as `timm:resnet1*`, in their library's order.

    A pattern without prefix means the paper's networks; if none matches, timm's, then torchvision's. With `pretrained`
    weights, timm's networks without published weights are left out. A pattern with a point also covers tags.

    Raises:
        ValueError: If no network matches or the prefix is unknown.
    """
    prefix, colon, name = pattern.partition(":")
    if colon and prefix not in LIBRARIES:
        allowed = ", ".join(f"{library}:" for library in LIBRARIES)
        raise ValueError(f"model is {pattern!r}; allowed prefixes of a pattern: {allowed}")
    for source in [prefix] if colon else LIBRARIES:
        found = _known(source, name if colon else pattern, weights)
        if found:
            return [f"{source}:{known}" if colon else known for known in found]
    raise ValueError(f"model is {pattern!r}; no network matches it")


def _known(source: str, pattern: str, weights: str) -> list[str]:
    if source == "timm":
        import timm

        tagged = "." in pattern
        found = timm.list_models(pattern, pretrained=weights == "pretrained" or tagged, include_tags=tagged)
    else:
        found = names(source)
    return [name for name in found if fnmatchcase(name, pattern)]


def named_models(pattern: str = "*") -> list[NamedModel]:
    """Lists the networks of the paper, timm and torchvision that match, with one entry for each set of weights.

    The hubs are not asked, so weights that are `published` may not be reachable. A library that the pattern's prefix
    excludes is not imported.

    Args:
        pattern: Pattern of a name or a part of it: `timm:vit_*`, `*resnet*`, `resnet18` (with any weights),
            `*.a1_in1k`.

    Raises:
        ValueError: If no network matches.

    >>> named_models("paper:fc_l2")
    [NamedModel(spec='paper:fc_l2', weights='kept', dataset='mnist5k')]
    """
    prefix, colon, _ = pattern.partition(":")
    sources = [prefix] if colon and prefix in LIBRARIES else LIBRARIES
    found = [model for source in sources for model in _models(source) if _is_meant(model.spec, pattern)]
    if not found:
        raise ValueError(f"no network matches {pattern!r}; a pattern such as '*resnet*' or 'timm:vit_*' is needed")
    return found


def _is_meant(spec: str, pattern: str) -> bool:
    """Returns True if a pattern matches a name, or the name without its source, its weights, or both."""
    source, _, name = spec.partition(":")
    plain = plain_name(spec)
    return any(fnmatchcase(text, pattern) for text in (spec, name, f"{source}:{plain}", plain))


def _models(source: str) -> Iterator[NamedModel]:
    """Yields all networks of a library, with the state of their weights if it is known."""
    known = {"paper": _paper_models, "timm": _timm_models, "torchvision": _torchvision_models}
    return known[source]() if source in known else (NamedModel(f"{source}:{name}", NONE) for name in names(source))


def _paper_models() -> Iterator[NamedModel]:
    kept = [(entry["model"], entry["dataset"]) for entry in read_manifest() if pretrained_file(entry)]
    for name in dict.fromkeys([*names("paper"), *(model for model, _ in kept)]):
        datasets = [dataset for model, dataset in kept if model == name]
        for dataset in datasets or [None]:
            yield NamedModel(f"paper:{name}", KEPT if dataset else NONE, dataset)


def _timm_models() -> Iterator[NamedModel]:
    import timm

    cache = set(hub_cache())  # most networks are not in it; only those in it are looked up by file
    tagged: dict[str, list[str]] = {}
    for full in timm.list_pretrained():
        tagged.setdefault(full.partition(".")[0], []).append(full)
    for name in timm.list_models():
        for full in tagged.get(name, []):
            config = timm.get_pretrained_cfg(full)
            if config.hf_hub_id:
                folder = f"models--{config.hf_hub_id.replace('/', '--')}"
                cached = folder in cache and is_in_hub_cache(config.hf_hub_id, WEIGHT_FILES)
            else:
                cached = torch_hub_file(config.url).exists()
            yield NamedModel(f"timm:{full}", CACHED if cached else PUBLISHED)
        if name not in tagged:
            yield NamedModel(f"timm:{name}", NONE)


def _torchvision_models() -> Iterator[NamedModel]:
    import torchvision.models

    for name in names("torchvision"):
        weights = list(torchvision.models.get_model_weights(name))
        for one in weights:
            yield NamedModel(
                f"torchvision:{name}@{one.name}", CACHED if torch_hub_file(one.url).exists() else PUBLISHED
            )
        if not weights:
            yield NamedModel(f"torchvision:{name}", NONE)
