"""The augmentation: random diffeomorphisms of images with their masks, boxes and keypoints.

Open `random_diffeomorphism` first, a torchvision v2 transform; `law` draws its fields. `diffstab.transforms.kornia`
and `diffstab.transforms.albumentations` offer it to users of these libraries, `diffstab.transforms.timm` inserts it
into timm's training pipeline. The room imports fields, options and the ground floor.
"""

from .random_diffeomorphism import RandomDiffeomorphism
