"""Matches a data set's classes with a network's outputs: Imagenette's ten classes with ImageNet's thousand outputs."""

from collections.abc import Sequence

WORDNET = "n00000000"


def label_map(
    classes: int, class_names: Sequence[str], outputs: int, label_names: Sequence[str] = ()
) -> list[int] | None:
    """Returns the output for each class of a data set; None if classes and outputs can't be matched.

    Names are matched where each class is the name of an output, or where all are WordNet synsets. Otherwise, equal
    numbers of classes and outputs are matched in order.

    Args:
        classes: Number of classes of the data set.
        class_names: Names of the classes in the order of labels; empty if the data set has none.
        outputs: Number of outputs of the network.
        label_names: Names of the outputs; if the weights have none, those of ImageNet's set with this many classes.

    >>> label_map(2, ["n01443537", "n01440764"], 1000)
    [1, 0]
    >>> label_map(2, ["dog", "cat"], 3, ["bird", "cat", "dog"])
    [2, 1]
    """
    if class_names and len(label_names) == outputs and set(class_names) <= set(label_names):
        return [list(label_names).index(name) for name in class_names]
    if class_names and all(map(_is_synset, class_names)):
        known = list(label_names) if len(label_names) == outputs else _imagenet_synsets(outputs)
        if known and _is_synset(known[0]):
            places = {name: place for place, name in enumerate(known)}
            return [places[name] for name in class_names] if all(name in places for name in class_names) else None
    return list(range(outputs)) if classes == outputs else None


def _is_synset(name: str) -> bool:
    return len(name) == len(WORDNET) and name[0] == "n" and name[1:].isdigit()


def _imagenet_synsets(outputs: int) -> list[str]:
    """Synsets of ImageNet-1k, 12k or 21k in timm's order; empty for other numbers of outputs."""
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": outputs})
    return list(ImageNetInfo(subset).label_names()) if subset else []
