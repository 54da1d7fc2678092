"""Registration of the other breast's features onto the main view."""

import numpy as np
import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample
from torch import Tensor

from mammo_plugins.anatomy.registration import map_step


def registered_places(
    main: DetDataSample,
    other: DetDataSample,
    size: tuple[int, int],
    other_size: tuple[int, int],
    stride: int = 4,
) -> Tensor:
    """Return positions of a main view's feature cells in the other breast's image.

    Args:
        main (DetDataSample): Sample from :class:`RegisterContralateral` and
            :class:`PackExamInputs` with ``register_features``: it has
            ``contralateral_maps`` (2, h, w), ``registered_shape`` and
            ``moved_since_registration`` (3, 3), the transform applied to the views
            afterwards.
        other (DetDataSample): The other breast, with ``moved_since_registration``.
        size (tuple[int]): (H, W) of the main image, with padding.
        other_size (tuple[int]): The same for the other image.
        stride (int): Pixels per cell. Defaults to 4.

    Returns:
        Tensor: (2, H / stride, W / stride) float32, x and y; -1 and 1 are the borders
        of the other image, as in ``grid_sample`` with ``align_corners=False``.
    """
    maps = main.contralateral_maps.float()
    y, x = (
        torch.arange(length // stride, device=maps.device) * stride + stride / 2
        for length in size
    )
    y, x = torch.meshgrid(y, x, indexing='ij')
    x, y = _moved(np.linalg.inv(main.moved_since_registration), x, y)
    step = map_step(main.registered_shape)
    # pixel 0 has its centre at 0.5
    at = torch.stack(
        [
            2 * (places - 0.5) / (step * (count - 1)) - 1
            for places, count in ((x, maps.size(2)), (y, maps.size(1)))
        ],
        -1,
    )
    x, y = F.grid_sample(
        maps[None], at[None], padding_mode='border', align_corners=True
    )[0]
    x, y = _moved(other.moved_since_registration, x + 0.5, y + 0.5)
    height, width = other_size
    return torch.stack([2 * x / width - 1, 2 * y / height - 1])


def _moved(matrix: np.ndarray, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    (a, b, c), (d, e, f), _ = np.asarray(matrix, float).tolist()
    return a * x + b * y + c, d * x + e * y + f


def warp_features(features: Tensor, places: Tensor) -> Tensor:
    """Warp features of the other breast onto the main view.

    Positions outside the other image get the features at its border.

    Args:
        features (Tensor): (n, C, h', w').
        places (Tensor): (n, 2, H, W) from :func:`registered_places`, at the features'
            stride or a finer one that divides it.

    Returns:
        Tensor: (n, C, h, w), at the features' stride.
    """
    grid = places.permute(0, 2, 3, 1).to(features.dtype)
    return F.grid_sample(features, grid, padding_mode='border', align_corners=False)
