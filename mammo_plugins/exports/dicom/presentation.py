"""Findings drawn on an image, as a Grayscale Softcopy Presentation State."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from highdicom import PresentationLUTTransformation
from highdicom.color import CIELabColor
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from pydicom.dataset import Dataset

from ..prediction_file import view_name
from .origin import RESEARCH, Origin
from .source import SourceImage

_LAYER = 'FINDINGS'
_COLOUR = CIELabColor(77.4, 18.2, 80.6)  # orange


def label_of(finding: dict[str, Any]) -> str:
    """Return the label of a finding: its kind, score, malignancy and BI-RADS."""
    parts = [str(finding.get('category', 'mass'))[:32]]
    if 'score' in finding:
        parts.append(f'{finding["score"]:.2f}')
    if 'malignancy' in finding:
        parts.append(f'M {finding["malignancy"]:.2f}')
    if finding.get('birads'):
        parts.append(f'BI-RADS {finding["birads"]}')
    return ' '.join(parts)


def presentation_state(
    view: dict[str, Any],
    number: int,
    source: SourceImage,
    found: Sequence[tuple[dict[str, Any], np.ndarray]],
    origin: Origin,
) -> GrayscaleSoftcopyPresentationState:
    """Return the presentation state of an image.

    Args:
        view (dict): Its entry in the predictions.
        number (int): Number within the series.
        source (SourceImage): The image.
        found (list[tuple]): Findings and their outlines, (n, 2) closed points (x, y) in
            pixels of the file.
        origin (Origin): Provenance of the object.
    """
    header = source.header
    layer = GraphicLayer(
        layer_name=_LAYER, order=1, description=RESEARCH, display_color=_COLOUR
    )
    state = GrayscaleSoftcopyPresentationState(
        referenced_images=[header],
        content_label='FINDINGS',
        content_description=f'{view_name(view)}. {RESEARCH}',
        graphic_layers=[layer],
        graphic_annotations=[_annotation(header, layer, found)],
        presentation_lut_transformation=PresentationLUTTransformation(
            # it replaces the inversion of MONOCHROME1 (PS3.3, C.11.6)
            presentation_lut_shape='INVERSE' if source.inverse else 'IDENTITY'
        ),
        **origin.of_object(
            'PR',
            number,
            f'{header.StudyInstanceUID} {view["laterality"]}',
            header.SOPInstanceUID,
        ),
    )
    state.Laterality = view['laterality']
    for element in source.grayscale:
        state[element.tag] = element
    if source.spacing is not None:
        (area,) = state.DisplayedAreaSelectionSequence
        area.PresentationPixelSpacing = list(source.spacing)
        del area.PresentationPixelAspectRatio  # only one of the two is allowed
    return state


def _annotation(
    header: Dataset,
    layer: GraphicLayer,
    found: Sequence[tuple[dict[str, Any], np.ndarray]],
) -> GraphicAnnotation:
    graphics, texts = [], []
    pixel = AnnotationUnitsValues.PIXEL
    for finding, outline in found:
        graphics.append(GraphicObject(GraphicTypeValues.POLYLINE, outline, pixel))
        x, y = outline.min(axis=0).tolist()
        texts.append(
            TextObject(
                label_of(finding),
                pixel,
                anchor_point=(x, y),
                anchor_point_visible=False,
            )
        )
    texts.append(
        TextObject(
            RESEARCH,
            AnnotationUnitsValues.DISPLAY,
            bounding_box=(0.02, 0.95, 0.98, 0.99),
            text_justification='CENTER',
        )
    )
    return GraphicAnnotation(
        referenced_images=[header],
        graphic_layer=layer,
        graphic_objects=graphics or None,
        text_objects=texts,
    )
