"""Saliency maps of a classifier, one per view, stored in a file."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mammo_plugins.io import read_arrays, write_arrays

_CHECKPOINT = 'checkpoint_sha256'  # stored with the maps, whose names contain a space


class SaliencyError(ValueError):
    """A saliency file that cannot be used or lacks a view."""


def view_name(view: Mapping[str, Any]) -> str:
    """Return a view's name in a data set, such as 'exam_7 RCC'.

    Args:
        view (Mapping): A view with ``exam_id``, ``laterality`` and ``view``.
    """
    return f'{view["exam_id"]} {view["laterality"]}{view["view"]}'


class SaliencyMaps:
    """Saliency maps of views, at the resolution of a network's last features.

    Each map covers the whole view in the canonical frame of ``LoadMammogram``,
    whatever its size in pixels.

    Args:
        maps (dict[str, np.ndarray]): Maps by :func:`view_name`, (h, w) float, at least
            0.
        checkpoint_sha256 (str, optional): SHA-256 of the checkpoint of the network that
            computed them. Defaults to ``None``: unknown, as in files of earlier
            versions.
    """

    def __init__(
        self, maps: dict[str, np.ndarray], checkpoint_sha256: str | None = None
    ) -> None:
        self.maps = maps
        self.checkpoint_sha256 = checkpoint_sha256

    @classmethod
    def read(cls, path: str | Path) -> 'SaliencyMaps':
        """Read a file written by :meth:`write`.

        Raises:
            SaliencyError: If it does not exist or is damaged.
        """
        try:
            maps = read_arrays(path)
            stated = maps.pop(_CHECKPOINT, None)
            checkpoint = None if stated is None else str(stated)
            if checkpoint is not None:
                if not re.fullmatch('[0-9a-f]{64}', checkpoint):
                    raise ValueError(
                        f'{_CHECKPOINT}: expected 64 hexadecimal digits, '
                        f'found {checkpoint[:80]!r}'
                    )
            for name, values in maps.items():
                if not (
                    values.ndim == 2
                    and values.size
                    and values.dtype.kind == 'f'
                    and np.isfinite(values).all()
                    and values.min() >= 0
                ):
                    raise ValueError(
                        f'{name}: expected (h, w) numbers of at least 0, '
                        f'found {values.dtype} {values.shape}'
                    )
            return cls(maps, checkpoint)
        except FileNotFoundError:
            raise SaliencyError(
                f'{path}: no such file; make it with mammo saliency CONFIG '
                'CHECKPOINT --out DIR'
            ) from None
        except Exception as error:  # damaged archives raise nearly any error
            raise SaliencyError(
                f'{path}: not a file of saliency maps ({error}); create it again'
            ) from None

    def write(self, path: str | Path) -> None:
        """Write all maps to one ``.npz`` file, atomically."""
        made_by = (
            {}
            if self.checkpoint_sha256 is None
            else {_CHECKPOINT: self.checkpoint_sha256}
        )
        write_arrays(path, {**self.maps, **made_by})

    def require(self, views: Iterable[Mapping[str, Any]]) -> None:
        """Raise :class:`SaliencyError` if a view has no map.

        Args:
            views (Iterable[Mapping]): As for :func:`view_name`.
        """
        lacking = [name for name in map(view_name, views) if name not in self.maps]
        if lacking:
            raise SaliencyError(
                f'no saliency map of {lacking[0]}; create the file again from the '
                'data set in use, with mammo saliency CONFIG CHECKPOINT --out DIR'
            )

    def of(self, view: Mapping[str, Any], shape: tuple[int, int]) -> np.ndarray:
        """Return the map of a view, resized to the image.

        Args:
            view (Mapping): As for :func:`view_name`.
            shape (tuple[int]): (H, W) of the image.

        Returns:
            np.ndarray: (H, W) float32, by bilinear interpolation.

        Raises:
            SaliencyError: If this view has no map.
        """
        self.require([view])
        return cv2.resize(
            self.maps[view_name(view)].astype(np.float32),
            shape[::-1],
            interpolation=cv2.INTER_LINEAR,
        )
