"""The augmentation: random diffeomorphisms of images and of all that lies on them.

`RandomDiffeomorphism` is a torchvision v2 transform. `diffstab.transforms.kornia` and
`diffstab.transforms.albumentations` have it in these libraries' shapes, `diffstab.transforms.timm` puts it into timm's
training pipeline.
"""

from .random_diffeomorphism import RandomDiffeomorphism as RandomDiffeomorphism

__all__ = ["RandomDiffeomorphism"]
