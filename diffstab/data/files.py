"""Image files: reading one, and listing those under a folder without hidden and system files."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image

from ..checks import some
from ..reading import open_regular

# Not all decoders of Pillow: with a broken header, those of rare formats may run for hours.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "TGA", "JPEG2000", "AVIF")
EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")
IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
UPRIGHT = 1  # EXIF orientation of an upright image
# System files beside those whose names begin with a dot: macOS, Windows, Linux, Python, and Synology's and QNAP's NAS.
DROPPINGS = re.compile(
    r"__macosx|icon\r|thumbs\.db(:.*)?|ehthumbs(_vista)?\.db|desktop\.ini|\$recycle\.bin|recycler|~\$.*"
    r"|system volume information|found\.\d{3}|lost\+found|__pycache__|network trash folder|temporary items"
    r"|@eadir|@tmp|@sharebin|@recycle|@recently-snapshot|#recycle|#snapshot",
    re.IGNORECASE,
)


class LeftOut:
    """Entries under a folder that are not read, so that the user can be told.

    Attributes:
        junk: Paths of hidden and system files and folders; a folder counts once.
        others: Number of files that are no images, by file name ending.
        links: Paths of links to folders, which are not followed.
        special: Paths of pipes, sockets and devices.
        empty: Names of folders without images beside the class folders.
        beside: Names of folders, or `images`, beside the folder that is read.
    """

    def __init__(self) -> None:
        self.junk: set[str] = set()
        self.others: Counter[str] = Counter()
        self.links: set[str] = set()
        self.special: set[str] = set()
        self.empty: list[str] = []
        self.beside: list[str] = []

    def notes(self, *, classes: int = 0, published: bool = False) -> list[str]:
        """Sentences about the entries left out, one for each kind.

        Args:
            classes: Number of classes with images, named in the sentence about empty folders.
            published: True for a published data set; files of other kinds and links are then not mentioned.
        """
        places = (self.junk, self.links, self.special)
        junk, links, special = (some(sorted(set(map(os.path.basename, paths)))) for paths in places)
        others = some(f"{ending or 'without ending'} {count}" for ending, count in self.others.most_common())
        told = {
            f"{counted(len(self.junk), 'hidden or system entry', 'hidden or system entries')} ({junk})": self.junk,
            f"{counted(self.others.total(), 'file')} of other kinds ({others})": self.others and not published,
            f"{counted(len(self.links), 'link')} to folders ({links})": self.links and not published,
            f"{counted(len(self.special), 'pipe, socket or device', 'pipes, sockets or devices')} ({special})": (
                self.special
            ),
            f"{counted(len(self.empty), 'folder')} without images ({some(self.empty)}): no class, so labels number the "
            f"other {classes}": self.empty,
            f"beside the folder that is read: {some(self.beside)}": self.beside,
        }
        return [f"left out: {text}" for text, there in told.items() if there]


def counted(number: int, one: str, more: str | None = None) -> str:
    """Formats a number of things, with the plural where needed.

    >>> counted(1, "image"), counted(1200, "image"), counted(2, "entry", "entries")
    ('1 image', '1,200 images', '2 entries')
    """
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def is_junk(name: str) -> bool:
    """True for the name of a hidden file or folder, or of one that an operating system or a program creates."""
    return name.startswith(".") or DROPPINGS.fullmatch(name) is not None


def is_image(name: str) -> bool:
    """True for a file name with the ending of an image."""
    return os.path.splitext(name)[1].lower() in IMG_EXTENSIONS


def entries_of(folder: Path, left: LeftOut | None = None) -> Iterator[os.DirEntry[str]]:
    """Entries of a folder without junk, sorted by name. Junk is added to `left`.

    Raises:
        ValueError: If the folder can't be listed.
    """
    try:
        with os.scandir(folder) as entries:  # tells files from folders without a system call for each
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"the folder {str(folder)!r} can't be listed ({reason}); allow it or move it away") from error
    for entry in listed:
        if not is_junk(entry.name):
            yield entry
        elif left is not None:
            left.junk.add(entry.path)


def image_files(folder: Path, *, recursive: bool = True, left: LeftOut | None = None) -> list[Path]:
    """All image files under a folder, sorted. Links to folders are not followed, except `folder` itself.

    Args:
        folder: Folder to search.
        recursive: True to search the folders inside too.
        left: Record to which entries that are left out are added; None for no record.

    Raises:
        ValueError: If a folder can't be listed.
    """
    left = LeftOut() if left is None else left
    found: list[Path] = []
    for entry in entries_of(folder, left):
        if entry.is_dir(follow_symlinks=False):
            found += image_files(Path(entry.path), left=left) if recursive else []
        elif entry.is_symlink() and is_folder(entry):
            left.links |= {entry.path} if recursive else set()
        elif is_special(entry):
            left.special.add(entry.path)
        elif is_image(entry.name):
            found.append(Path(entry.path))
        else:
            left.others[os.path.splitext(entry.name)[1].lower()] += 1
    return found


def is_folder(entry: os.DirEntry[str]) -> bool:
    """True for a folder or a link to one. False for a link to itself, for which `entry.is_dir()` raises OSError."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)


def is_special(entry: os.DirEntry[str]) -> bool:
    """True if an entry that is no folder is a pipe, a socket or a device, or a link to one."""
    if entry.is_file(follow_symlinks=False):  # known without a system call
        return False
    return os.path.exists(entry.path) and not os.path.isfile(entry.path)


def folders_of(folder: Path, left: LeftOut | None = None) -> list[Path]:
    """Folders in a folder, sorted, links to folders included. Links to a parent folder are left out."""
    found = []
    for entry in entries_of(folder, left):
        if not is_folder(entry):
            continue
        if entry.is_symlink() and Path(entry.path).resolve() in (folder.resolve(), *folder.resolve().parents):
            if left is not None:
                left.links.add(entry.path)
        else:
            found.append(Path(entry.path))
    return found


def holds_image(folder: Path, *, recursive: bool = True) -> bool:
    """True if there is an image file under a folder."""
    inner = []
    for entry in entries_of(folder):
        if entry.is_dir(follow_symlinks=False):
            inner.append(Path(entry.path))
        elif is_image(entry.name) and not is_folder(entry) and not is_special(entry):
            return True
    return recursive and any(holds_image(one) for one in inner)


def read_image(path: Path) -> Image.Image:
    """Reads an image file of a common format, without conversion; of an animation or a stack, the first image.

    Raises:
        ValueError: If the file can't be read, or has more than 8 bits per channel, which would be cut off.
    """
    return decoded(lambda: open_regular(path), repr(str(path)))


def decoded(opened: Callable[[], BinaryIO], title: str) -> Image.Image:
    """Reads an image as `read_image` does, from what `opened` returns; `title` names it in messages."""
    Image.init()
    try:
        formats = [name for name in FORMATS if name in Image.OPEN]
        with opened() as file, Image.open(file, formats=formats) as image:
            image.load()
            read: Image.Image = image.copy()
    except Exception as error:  # decoders of broken files raise errors of any kind
        raise ValueError(f"{title} can't be read as an image ({error}); remove or mend it") from error
    if read.mode not in EIGHT_BIT:
        raise ValueError(f"{title} has pixels of kind {read.mode}; save it with 8 bits a channel, gray or RGB")
    return read


def is_turned(path: Path) -> bool:
    """True if the EXIF orientation of an image file says that it must be rotated or mirrored to be upright.

    False for TIFF, which Pillow turns upright itself. False if the file can't be read: `read_image` raises the error.
    """
    return says_turned(lambda: open_regular(path))


def says_turned(opened: Callable[[], BinaryIO]) -> bool:
    """Answers as `is_turned`, for an image in what `opened` returns."""
    Image.init()
    try:
        formats = [name for name in FORMATS if name in Image.OPEN and name != "TIFF"]
        with opened() as file, Image.open(file, formats=formats) as image:
            turned: bool = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) in range(2, 9)
            return turned
    except Exception:  # decoders of broken files raise errors of any kind
        return False
