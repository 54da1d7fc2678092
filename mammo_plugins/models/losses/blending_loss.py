"""Losses that blend a lesion into an image and preserve the rest."""

import torch
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from mammo_plugins.models.utils import mean_over_processes
from mammo_plugins.registry import MODELS


def image_gradient(image: Tensor) -> Tensor:
    """Return forward differences, 0 in the last column and row.

    Args:
        image (Tensor): (N, 1, H, W).

    Returns:
        Tensor: (N, 2, H, W), along x and y.
    """
    last_column, last_row = image[..., -1:], image[..., -1:, :]
    return torch.cat(
        [image.diff(dim=3, append=last_column), image.diff(dim=2, append=last_row)],
        dim=1,
    )


def lesion_gradient(lesion: Tensor, mask: Tensor) -> Tensor:
    """Return forward differences within a lesion's patch, 0 across its border.

    Args:
        lesion (Tensor): (N, 1, H, W), the patch where the mask is 1.
        mask (Tensor): (N, 1, H, W) of 0 and 1.

    Returns:
        Tensor: (N, 2, H, W).
    """
    # 0 where a neighbour is outside the patch: the seam is not part of the lesion
    inside = image_gradient(mask) == 0
    return image_gradient(lesion) * inside * mask


def _touching(mask: Tensor) -> Tensor:
    """Return which forward differences (N, 2, H, W) include a pixel of a mask."""
    right, below = mask.roll(-1, 3), mask.roll(-1, 2)
    right[..., -1], below[..., -1, :] = 0, 0  # nothing is beyond the border
    return torch.maximum(mask, torch.cat([right, below], dim=1))


def _root_mean_square(gradient: Tensor, counted: Tensor, mask: Tensor) -> Tensor:
    """Return the norm of the counted differences per pixel of a mask, 0 for none.

    It is computed over all processes, with the gradient of this process's share.
    """
    own = mean_over_processes(gradient.float().square() * counted, mask.sum())
    mean = reduce_mean(own.detach())
    root = mean.clamp(min=1e-12).sqrt()
    # the square root has no gradient at 0
    return torch.where(mean > 0, root + (own - own.detach()) / (2 * root), own)


@MODELS.register_module()
class SeamlessBlendingLoss(nn.Module):
    """L_S: preserve the stronger gradient of tissue and lesion (eqs. 3 and 4).

    Both gradients are compared by their length at each pixel. The norm is a root mean
    square over the region's pixels, so that large and small lesions have the same
    weight; the paper does not state the divisor. All differences to a neighbour count,
    including those from outside the region, as in Poisson image editing
    (Perez et al., 2003, eq. 7). Otherwise nothing would tie the region to the tissue on
    two of its sides, and dark seams would remain there.
    """

    def forward(
        self, output: Tensor, normal: Tensor, pasted: Tensor, mask: Tensor
    ) -> Tensor:
        """Compute the loss.

        Args:
            output (Tensor): G(X, E), (N, 1, H, W).
            normal (Tensor): X, of the same shape.
            pasted (Tensor): X with the lesion E pasted in, of the same shape.
            mask (Tensor): The region, 1 inside and 0 outside, of the same shape.

        Returns:
            Tensor: A scalar.
        """
        tissue, lesion = image_gradient(normal), lesion_gradient(pasted, mask)
        stronger = tissue.norm(dim=1, keepdim=True) > lesion.norm(dim=1, keepdim=True)
        over_border = image_gradient(mask) != 0  # where the lesion has no gradient
        wanted = torch.where(stronger | over_border, tissue, lesion)
        return _root_mean_square(image_gradient(output) - wanted, _touching(mask), mask)


@MODELS.register_module()
class BackgroundLoss(nn.Module):
    """L_B: preserve grey values and gradients around the lesion (eq. 5).

    The first norm is a mean over the region's pixels, the second a root mean square,
    as in :class:`SeamlessBlendingLoss`.
    """

    def forward(
        self, output: Tensor, normal: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute both terms.

        Args:
            output, normal, mask (Tensor): As in :class:`SeamlessBlendingLoss`.

        Returns:
            tuple[Tensor, Tensor]: The terms of grey values and of gradients; their sum
            is L_B.
        """
        around = 1 - mask
        grey = mean_over_processes((output - normal).abs() * around, around.sum())
        difference = image_gradient(output).abs() - image_gradient(normal).abs()
        return grey, _root_mean_square(difference, around, around)
