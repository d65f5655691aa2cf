"""The augmentation: random diffeomorphisms of images and of all that lies on them.

Open `random_diffeomorphism` first, a torchvision v2 transform; `law` draws its fields. `diffstab.transforms.kornia`
and `diffstab.transforms.albumentations` have it in these libraries' shapes, `diffstab.transforms.timm` puts it into
timm's training pipeline. The room imports fields, options and the ground floor.
"""

from .random_diffeomorphism import RandomDiffeomorphism
