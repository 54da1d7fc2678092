"""Views of exams as pictures of a page, with their findings."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mammo_plugins.anatomy import (
    CanonicalFrame,
    register_contralateral,
    transform_boxes,
    transform_points,
)
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.io import DicomWarnings
from mammo_plugins.structures import other_laterality

from ..prediction_file import image_of
from .elements import text

_QUALITY = 88  # of JPEG
_LINES = 36  # lines of text in the height of a picture


@dataclass
class Picture:
    """A view in its canonical frame, reduced in size.

    Attributes:
        view (dict): Its entry in the predictions.
        pixels (np.ndarray): (h, w) in [0, 1].
        frame (CanonicalFrame): Its position in the file.
    """

    view: dict[str, Any]
    pixels: np.ndarray
    frame: CanonicalFrame

    @classmethod
    def read(cls, view: dict[str, Any], root: Path, height: int) -> 'Picture':
        """Read a view.

        Args:
            view (dict): Its entry in the predictions.
            root (Path): The folder given to inference.
            height (int): Maximum height of the picture, in pixels.

        Raises:
            ExportError: If the file is missing.
            MammogramError: If it cannot be read.
        """
        with DicomWarnings():
            pixels, frame = LoadMammogram().load(
                str(image_of(view, root)), view['laterality'], view['view']
            )
        scale = min(1.0, height / pixels.shape[0])
        size = tuple(max(1, round(side * scale)) for side in pixels.shape[::-1])
        if scale < 1:  # averaging keeps thin structures
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return cls(view, pixels, frame)

    @property
    def right(self) -> bool:
        """bool: Whether it shows the right breast, which hangs on the left."""
        return self.view['laterality'] == 'R'

    def registered(self, other: 'Picture') -> np.ndarray:
        """Return the other breast mapped onto this one, (h, w) in [0, 1]."""
        registration = register_contralateral(
            self.pixels, other.pixels, view=self.view['view']
        )
        return registration.warp_image(other.pixels)

    def svg(
        self, pixels: np.ndarray, width: int, height: int, said: str, more: str
    ) -> str:
        """Return the picture as SVG, in canonical pixels of the file.

        Args:
            pixels (np.ndarray): (h, w), of this view or mapped onto it.
            width, height (int): Size of the drawing, the largest of all views of the
                exam.
            said (str): Description of the picture.
            more (str): Elements to draw on top.
        """
        h, w = self.frame.shape
        left = -width if self.right else 0
        return (
            f'<svg viewBox="{left} 0 {width} {height}" role="img" '
            f'aria-label="{text(said)}"><image x="{-w if self.right else 0}" y="0" '
            f'width="{w}" height="{h}" preserveAspectRatio="none" '
            f'href="{_data_url(pixels[:, ::-1] if self.right else pixels)}"/>{more}</svg>'
        )

    def overlay(self, width: int, height: int) -> str:
        """Return boxes, scores and outlines as elements of SVG.

        Args:
            width, height (int): As in :meth:`svg`.
        """
        font = height / _LINES
        parts = []
        sign = -1 if self.right else 1
        for found in self.view.get('detections', ()):
            (box,) = transform_boxes([found['bbox']], self.frame.matrix)
            x = min(sign * box[0], sign * box[2])
            label = f'{found["score"]:.2f}'
            if 'malignancy' in found:
                label += f' M {found["malignancy"]:.2f}'
            said = f'{found["category"]} {label}'
            if found.get('birads'):
                said += f' BI-RADS {found["birads"]}'
            above = box[1] > font * 1.4
            # towards the middle, so the text is not cut off
            at_end = box[0] + box[2] > width if sign > 0 else box[0] + box[2] < width
            left = min(0, sign * width)
            anchor = np.clip(x + (box[2] - box[0]) * at_end, left, left + width)
            parts.append(
                f'<g class="found" data-score="{found["score"]:.6f}">'
                f'<rect x="{x:.2f}" y="{box[1]:.2f}" width="{box[2] - box[0]:.2f}" '
                f'height="{box[3] - box[1]:.2f}"><title>{text(said)}</title></rect>'
                f'<text x="{anchor:.2f}" text-anchor="{"end" if at_end else "start"}" y="{box[1] if above else box[3]:.2f}" '
                f'dy="{-0.3 if above else 1.0}em" font-size="{font:.2f}">{text(label)}'
                '</text></g>'
            )
        for mass in self.view.get('masses', ()):
            points = transform_points(np.array(mass['outline']), self.frame.matrix)
            places = ' '.join(f'{sign * x:.1f},{y:.1f}' for x, y in points)
            parts.append(f'<g class="found"><polygon points="{places}"/></g>')
        return ''.join(parts)


def other_of(picture: Picture, pictures: Sequence[Picture]) -> Picture | None:
    """Return the same projection of the other breast, if it exists."""
    side = other_laterality(picture.view['laterality'])
    for each in pictures:
        same = all(
            each.view.get(k) == picture.view.get(k) for k in ('view', 'modality')
        )
        if same and each.view['laterality'] == side:
            return each
    return None


def _data_url(pixels: np.ndarray) -> str:
    """Return an inline picture. Only here, grey values are reduced to 8 bits."""
    levels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    _, encoded = cv2.imencode('.jpg', levels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f'data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}'
