"""Orientation of images for hanging, by PatientOrientation.

Hung images have the chest wall at a side, the lateral part of a CC at the top, and
the head above an MLO. In the canonical frame the chest wall is on the left.
"""

from dataclasses import dataclass

import numpy as np

from .breast_mask import breast_side, mask_bbox

# an end less straight than this share of the straightest one is not the chest wall
_LEAST_EDGE = 0.5
# an MLO ends straight at the top, through the pectoral muscle and the axilla
_UPSIDE_DOWN = 0.25


@dataclass(frozen=True)
class Turn:
    """Steps that bring an image to the canonical frame, in this order.

    Attributes:
        transposed (bool): Whether rows become columns.
        flipped (bool): Whether the image is mirrored left to right.
        upside_down (bool): Whether the image is mirrored top to bottom.
    """

    transposed: bool = False
    flipped: bool = False
    upside_down: bool = False

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Turn an image of shape (H, W, ...)."""
        if self.transposed:
            image = image.swapaxes(0, 1)
        return image[:: -1 if self.upside_down else 1, :: -1 if self.flipped else 1]

    def undo(self, image: np.ndarray) -> np.ndarray:
        """Turn an image of shape (H, W, ...) back."""
        image = image[:: -1 if self.upside_down else 1, :: -1 if self.flipped else 1]
        return image.swapaxes(0, 1) if self.transposed else image


def turn_of(
    orientation: tuple[str, str] | None, laterality: str | None, view: str | None
) -> Turn | None:
    """Return the turn that an orientation requires.

    Args:
        orientation (tuple[str], optional): Directions of rows and of columns, see
            :class:`~mammo_plugins.io.MammogramHeader`.
        laterality (str, optional): 'L' or 'R'.
        view (str, optional): 'CC', 'MLO' or another.

    Returns:
        Turn | None: ``None`` if there is no orientation, or it does not determine the
        position of the chest wall or the top.
    """
    if orientation is None:
        return None
    row, column = orientation
    transposed = column[0] in 'AP'
    across, down = (column, row) if transposed else (row, column)
    if across[0] not in 'AP':
        return None
    upside_down = _upside_down(down, laterality, view)
    if upside_down is None and transposed:
        return None
    return Turn(transposed, across[0] == 'P', bool(upside_down))


def _upside_down(down: str, laterality: str | None, view: str | None) -> bool | None:
    """Return whether columns run upwards; ``None`` if that is not known."""
    along = next((letter for letter in down if letter in 'HF'), None)
    if along is not None and view != 'CC':
        return along == 'H'
    across = next((letter for letter in down if letter in 'LR'), None)
    if across is None or laterality is None:
        return None if along is None else along == 'H'
    return across == laterality  # towards the lateral side


def other_breast(
    orientation: tuple[str, str] | None, laterality: str | None, view: str | None
) -> bool:
    """Return whether the orientation of an MLO is that of the other breast.

    In that case, its columns run to the feet and to the medial side, which is the right
    one for a left breast.

    Args:
        orientation (tuple[str], optional), laterality (str, optional), view (str,
            optional): As in :func:`turn_of`.
    """
    if orientation is None or laterality is None or view != 'MLO':
        return False
    down = next(
        (
            text
            for text in orientation
            if set(text) & set('HF') and set(text) & set('LR')
        ),
        '',
    )
    if not down:
        return False
    medial = next(letter for letter in down if letter in 'LR')
    if 'H' in down:
        medial = dict(L='R', R='L')[medial]
    return medial == laterality


def contradicts(turn: Turn, mask: np.ndarray, view: str | None) -> bool:
    """Return whether the pixels contradict an orientation.

    Args:
        turn (Turn): Turn that the orientation requires.
        mask (np.ndarray): (H, W) bool, the breast in the pixels of the file.
        view (str, optional): View; for 'MLO', the top is checked too.
    """
    turned = turn.apply(mask)
    return (
        breast_side(turned) == 'right'
        or _chest_wall_across(turned)
        or turn.transposed
        and _lies(turned)
        or view == 'MLO'
        and seems_upside_down(turned)
    )


def seems_turned(mask: np.ndarray) -> bool:
    """Return whether the chest wall lies at the top or the bottom of an image.

    Args:
        mask (np.ndarray): (H, W) bool, the breast in the pixels of the file.
    """
    # an MLO ends straight at two edges, so its shape decides
    return _chest_wall_across(mask) or (
        _lies(mask) and max(straight_ends(mask)[2:]) > _LEAST_EDGE
    )


def seems_upside_down(mask: np.ndarray) -> bool:
    """Return whether an MLO is upside down.

    Args:
        mask (np.ndarray): (H, W) bool, the breast with its chest wall at a side.
    """
    _, _, top, bottom = straight_ends(mask)
    return bool(top < _UPSIDE_DOWN * bottom and bottom > _UPSIDE_DOWN)


def _chest_wall_across(mask: np.ndarray) -> bool:
    left, right, top, bottom = straight_ends(mask)
    return max(left, right) < _LEAST_EDGE * max(top, bottom)


def _lies(mask: np.ndarray) -> bool:
    """Return whether a breast is clearly wider than tall; hung ones are not."""
    left, top, right, bottom = mask_bbox(mask)
    return right - left > 1.1 * (bottom - top)


def straight_ends(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Return the share of its left, right, top and bottom end that a breast fills.

    A breast ends straight where the film or the detector cuts it off, anywhere in the
    image, and round elsewhere.
    """
    left, top, right, bottom = mask_bbox(mask)
    mask = mask[top:bottom, left:right]
    height, width = mask.shape
    x, y = max(1, width // 50), max(1, height // 50)
    return (
        float(mask[:, :x].mean()),
        float(mask[:, -x:].mean()),
        float(mask[:y].mean()),
        float(mask[-y:].mean()),
    )
