"""Masks of masses, as a Segmentation."""

import copy
from collections.abc import Sequence

from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom.sr.codedict import codes
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation

from mammo_plugins.structures.masks import outlines_to_mask

from . import codes as ours
from .origin import RESEARCH, Origin
from .source import SourceImage


def segmentation(
    name: str,
    number: int,
    source: SourceImage,
    outlines: Sequence[Sequence[Sequence[float]]],
    origin: Origin,
) -> Segmentation:
    """Return the segmentation of an image: one segment with all of its masses.

    Args:
        name (str): Name of the view.
        number (int): Number within the series.
        source (SourceImage): The image.
        outlines (Sequence): As in
            :func:`~mammo_plugins.structures.masks.outlines_to_mask`.
        origin (Origin): Provenance of the object.
    """
    header = source.header
    uids = header.StudyInstanceUID, header.SOPInstanceUID
    # for enhanced images highdicom requires plane positions, which do not exist here
    flat = copy.deepcopy(header)
    flat.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    made = Segmentation(
        source_images=[flat],
        pixel_array=outlines_to_mask(outlines, (header.Rows, header.Columns))[None],
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
    for element in made.iterall():
        if element.keyword == 'ReferencedSOPClassUID':
            element.value = header.SOPClassUID
    made.PatientOrientation = list(source.orientation or ()) or ''
    return made
