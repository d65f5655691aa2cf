"""A data set's classes among a network's outputs: Imagenette's ten among ImageNet's thousand."""

from collections.abc import Sequence

WORDNET = "n00000000"


def label_map(
    classes: int, class_names: Sequence[str], outputs: int, label_names: Sequence[str] = ()
) -> list[int] | None:
    """The output that stands for each class of a data set; None where classes and outputs can't be matched.

    As many classes as outputs are taken in order, unless both are WordNet's synsets, which are matched by name.

    Args:
        classes: Of the data set.
        class_names: Their names, where it has such, in the order of its labels.
        outputs: Of the network.
        label_names: Of its outputs, where the weights name them; otherwise those of ImageNet's set of that many
            classes.

    >>> label_map(2, ["n01443537", "n01440764"], 1000)
    [1, 0]
    """
    if class_names and all(map(_is_synset, class_names)):
        known = list(label_names) if len(label_names) == outputs else _imagenet_synsets(outputs)
        if known and _is_synset(known[0]):
            places = {name: place for place, name in enumerate(known)}
            return [places[name] for name in class_names] if all(name in places for name in class_names) else None
    return list(range(outputs)) if classes == outputs else None


def _is_synset(name: str) -> bool:
    return len(name) == len(WORDNET) and name[0] == "n" and name[1:].isdigit()


def _imagenet_synsets(outputs: int) -> list[str]:
    """Of ImageNet-1k, 12k or 21k, as timm orders them; none for another number of outputs."""
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": outputs})
    return list(ImageNetInfo(subset).label_names()) if subset else []
