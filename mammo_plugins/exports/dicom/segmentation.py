"""Masks of masses: Segmentation."""

from collections.abc import Sequence

import cv2
import numpy as np
from highdicom.seg import (
    Segmentation,
    SegmentationTypeValues,
    SegmentAlgorithmTypeValues,
    SegmentDescription,
)
from pydicom.sr.codedict import codes

from . import codes as ours
from .origin import RESEARCH, Origin
from .source import SourceImage


def filled(outlines: Sequence[Sequence[Sequence[float]]], shape: tuple) -> np.ndarray:
    """Return the region within outlines of the predictions.

    They run through the middles of the outermost pixels, so that the region is the one
    that was segmented, with its holes filled.

    Args:
        outlines (Sequence): Points (x, y) of each part, pixels of the file.
        shape (tuple): (height, width) of the file.

    Returns:
        np.ndarray: (H, W) bool.
    """
    region = np.zeros(shape, np.uint8)
    for outline in outlines:
        points = np.rint(np.asarray(outline, float) - 0.5).astype(np.int32)
        cv2.fillPoly(region, [points], 1)
    return region.astype(bool)


def segmentation(
    name: str,
    number: int,
    source: SourceImage,
    outlines: Sequence[Sequence[Sequence[float]]],
    origin: Origin,
) -> Segmentation:
    """Return the segmentation of an image: one segment with all of its masses.

    Args:
        name (str): Of the view.
        number (int): Within the series.
        source (SourceImage): The image.
        outlines (Sequence): As for :func:`filled`.
        origin (Origin): What made it.
    """
    header = source.header
    uids = header.StudyInstanceUID, header.SOPInstanceUID
    made = Segmentation(
        source_images=[header],
        pixel_array=filled(outlines, (header.Rows, header.Columns))[None],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            SegmentDescription(
                segment_number=1,
                segment_label='masses',
                segmented_property_category=ours.ABNORMAL_STRUCTURE,
                segmented_property_type=ours.category_code('mass'),
                algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=origin.identification_sequence(
                    codes.DCM.ArtificialIntelligence
                ),
                tracking_uid=origin.uid('segment', *uids),
                tracking_id=f'masses {name}',
                anatomic_regions=[ours.BREAST],
            )
        ],
        omit_empty_frames=False,
        content_label='MASSES',
        content_description=f'{name}. {RESEARCH}',
        **origin.of_object('SEG', number, *uids),
    )
    made.PatientOrientation = list(source.orientation or ()) or ''
    return made
