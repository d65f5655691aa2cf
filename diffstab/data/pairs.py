"""Changed images in a folder, matched by name with the files of a data set."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ..checks import some
from .files import LeftOut
from .folder import images_under
from .images import ImageSet, PreparedImageSet, image_set
from .raw import FileImages
from .splits import place_of


class MatchedImages(Sequence[Tensor]):
    """The changed image of each image of a data set, prepared alike; `[C, H, W]` each, read when it is asked for.

    Args:
        images: Data set of image files.
        changed: Folder of changed images, with the names of the data set's files below its own folder; suffixes may
            differ. Further images are ignored.

    Raises:
        ValueError: If the data set is not one of files, or the folder is missing, lacks an image, or has two of a name.
    """

    def __init__(self, images: ImageSet, changed: str | Path) -> None:
        raw = images.raw if isinstance(images, PreparedImageSet) else None
        if not isinstance(raw, FileImages) or raw.place is None:
            raise ValueError(
                f"changed_dir is {str(changed)!r} and {images.name} has no files with names; take dataset folder"
            )
        if not Path(changed).is_dir():
            raise ValueError(f"changed_dir is {str(changed)!r}, which is not a folder; name a folder of changed images")
        left = LeftOut()
        place = place_of(Path(changed), raw.split or "test", left)
        others = images_under("changed", place.split, place.folder, left)
        names = [_name(path, place.folder) for path in others.files]
        places = {name: n for n, name in enumerate(names)}
        if len(places) < len(names):
            twice = [name for name in places if names.count(name) > 1]
            raise ValueError(f"{str(changed)!r} has several images called {some(twice)}; keep one of each")
        wanted = [_name(path, raw.place) for path in raw.files]
        missing = [name for name in wanted if name not in places]
        if missing:
            raise ValueError(f"{str(changed)!r} lacks {some(missing)}; a changed image for each one is needed")
        self.images = image_set(others, images.preprocessing)
        self.places = [places[name] for name in wanted]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Tensor:  # type: ignore[override]
        return self.images[self.places[index]][0]


def _name(path: Path, root: Path) -> str:
    """Path of a file below its folder, without suffix."""
    return path.relative_to(root).with_suffix("").as_posix()
