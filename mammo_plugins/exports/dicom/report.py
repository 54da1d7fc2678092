"""A structured report of an exam: Comprehensive SR, TID 1500."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ComprehensiveSR,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    ImageContentItem,
    ImageRegion,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from . import codes as ours
from .origin import MANUFACTURER, RESEARCH, Origin
from .source import SourceImage


def exam_report(
    exam: dict[str, Any],
    sources: Mapping[str, SourceImage],
    regions: Mapping[str, Sequence[tuple[dict[str, Any], np.ndarray]]],
    origin: Origin,
    remark: str,
) -> ComprehensiveSR:
    """Return the report of an exam.

    Args:
        exam (dict): Its entry in the predictions.
        sources (dict[str, SourceImage]): Images by the ``file`` of their view.
        regions (dict[str, list[tuple]]): Findings of each view and their outlines, (n, 2)
            closed points (x, y) in pixels of the file, by ``file``.
        origin (Origin): Provenance of the object.
        remark (str): Comment on the report.
    """
    algorithm = origin.identification()
    groups = [_exam_group(exam, sources, regions, origin)]
    groups += _breast_groups(exam, origin, algorithm)
    groups += _pair_groups(exam, sources, origin, algorithm)
    for view in exam.get('views', ()):
        if view['file'] in sources:
            groups += _view_groups(view, sources, regions, origin, algorithm)
    images = [source.header for source in sources.values()]
    report = MeasurementReport(
        observation_context=ObservationContext(
            observer_device_context=ObserverContext(
                observer_type=codes.DCM.Device,
                observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
                    uid=origin.uid('device'),
                    name=MANUFACTURER,
                    manufacturer_name=MANUFACTURER,
                    model_name=origin.algorithm[0],
                ),
            )
        ),
        procedure_reported=ours.MAMMOGRAPHY,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    content = report[0].ContentSequence
    content.insert(len(content) - 1, _image_library(images))
    content.append(
        TextContentItem(
            name=ours.COMMENT,
            value=f'{RESEARCH}. {remark}',
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
    )
    return ComprehensiveSR(
        evidence=images,
        content=report,
        coding_schemes=[
            CodingSchemeIdentificationItem(
                designator=ours.SCHEME, name=ours.SCHEME_NAME
            )
        ],
        **origin.of_object('SR', 1),
    )


def _image_library(images: Sequence[Dataset]) -> ContainerContentItem:
    """Return the list of images, TID 1600, from which viewers find them.

    highdicom's version requires orientation and spacing, which headers may lack.
    """
    context = RelationshipTypeValues.HAS_ACQ_CONTEXT
    entries = []
    for image in images:
        entry = ImageContentItem(
            name=ours.SOURCE,
            referenced_sop_class_uid=image.SOPClassUID,
            referenced_sop_instance_uid=image.SOPInstanceUID,
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
        entry.ContentSequence = ContentSequence(
            [
                CodeContentItem(codes.DCM.Modality, codes.cid29.Mammography, context),
                NumContentItem(
                    codes.DCM.PixelDataRows,
                    image.Rows,
                    ours.PIXELS,
                    relationship_type=context,
                ),
                NumContentItem(
                    codes.DCM.PixelDataColumns,
                    image.Columns,
                    ours.PIXELS,
                    relationship_type=context,
                ),
            ]
        )
        entries.append(entry)
    library, group = (
        ContainerContentItem(name, relationship_type=RelationshipTypeValues.CONTAINS)
        for name in (codes.DCM.ImageLibrary, codes.DCM.ImageLibraryGroup)
    )
    group.ContentSequence = ContentSequence(entries)
    library.ContentSequence = ContentSequence([group])
    return library


def _tracking(origin: Origin, *parts: str) -> TrackingIdentifier:
    return TrackingIdentifier(
        uid=origin.uid('finding', *parts), identifier=' '.join(parts)
    )


def _site(laterality: str | None) -> list[FindingSite]:
    return [
        FindingSite(
            anatomic_location=ours.BREAST,
            laterality=ours.LATERALITY.get(laterality or ''),
        )
    ]


def _probabilities(entry: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the measurements of an exam, a breast, a pair, a view or a finding."""
    for key, name in (
        ('score', ours.SCORE),
        ('malignancy', ours.MALIGNANCY),
        ('abnormal', ours.ABNORMALITY),
        ('asymmetric', ours.ASYMMETRY),
    ):
        value, calibrated = entry.get(key), entry.get(f'{key}_calibrated')
        if calibrated is not None:
            yield ours.measurement(
                name, ours.percent(calibrated), method=ours.CALIBRATED
            )
            name = ours.uncalibrated(key, name)
        if value is not None:
            yield ours.measurement(name, ours.percent(value))
    if entry.get('birads_score') is not None:
        yield ours.measurement(ours.BIRADS_SCORE, entry['birads_score'], ours.NO_UNITS)


def _assessment(entry: Mapping[str, Any]) -> list[QualitativeEvaluation]:
    return (
        [QualitativeEvaluation(ours.ASSESSMENT, ours.birads_code(entry['birads']))]
        if entry.get('birads')
        else []
    )


def _images(sources: Sequence[SourceImage]) -> list[SourceImageForMeasurementGroup]:
    return [
        SourceImageForMeasurementGroup(
            referenced_sop_class_uid=source.header.SOPClassUID,
            referenced_sop_instance_uid=source.header.SOPInstanceUID,
        )
        for source in sources
    ]


def _exam_group(
    exam: dict[str, Any],
    sources: Mapping[str, SourceImage],
    regions: Mapping[str, Sequence],
    origin: Origin,
) -> MeasurementsAndQualitativeEvaluations:
    """Return the exam's conclusions, including that nothing was found."""
    measured = [*_probabilities(exam)]
    recall = exam.get('recall') or {}
    measured += [
        ours.measurement(name, ours.percent(recall[key]))
        for key, name in (
            ('exam_score', ours.EXAM_SCORE),
            ('threshold', ours.THRESHOLD),
        )
        if recall.get(key) is not None
    ]
    decision = ours.RECALLED.get(recall.get('recalled'))
    if any('detections' in v or 'masses' in v for v in exam.get('views', ())):
        count = sum(map(len, regions.values()))
        measured.append(ours.measurement(ours.FINDINGS, count, ours.NO_UNITS))
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(origin, 'exam'),
        algorithm_id=origin.identification(with_models=True),
        finding_sites=_site(exam.get('affected_side')),
        measurements=measured,
        qualitative_evaluations=(
            [QualitativeEvaluation(ours.RECALL, decision)] if decision else []
        ),
        source_images=_images([*sources.values()]),
    )


def _breast_groups(
    exam: dict[str, Any], origin: Origin, algorithm: AlgorithmIdentification
) -> Iterator[MeasurementsAndQualitativeEvaluations]:
    for breast in exam.get('breasts', ()):
        side = breast['laterality']
        yield MeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(origin, 'breast', side),
            algorithm_id=algorithm,
            finding_sites=_site(side),
            measurements=[*_probabilities(breast)],
        )


def _pair_groups(
    exam: dict[str, Any],
    sources: Mapping[str, SourceImage],
    origin: Origin,
    algorithm: AlgorithmIdentification,
) -> Iterator[MeasurementsAndQualitativeEvaluations]:
    for pair in exam.get('pairs', ()):
        if pair.get('asymmetric') is None:
            continue  # a side is missing
        of_pair = [
            sources[view['file']]
            for view in exam['views']
            if view['view'] == pair['view'] and view['file'] in sources
        ]
        yield MeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(origin, 'pair', pair['view']),
            algorithm_id=algorithm,
            finding_sites=_site(None),
            measurements=[*_probabilities(pair)],
            source_images=_images(of_pair) or None,
        )


def _view_groups(
    view: dict[str, Any],
    sources: Mapping[str, SourceImage],
    regions: Mapping[str, Sequence[tuple[dict[str, Any], np.ndarray]]],
    origin: Origin,
    algorithm: AlgorithmIdentification,
) -> Iterator[Any]:
    source = sources[view['file']]
    side, uid = view['laterality'], source.header.SOPInstanceUID
    name = f'{side}{view["view"]}'
    measured = [*_probabilities(view)]
    if measured:
        yield MeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(origin, 'view', name, uid),
            algorithm_id=algorithm,
            finding_sites=_site(side),
            measurements=measured,
            source_images=_images([source]),
        )
    for number, (finding, outline) in enumerate(regions.get(view['file'], ()), 1):
        yield PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(origin, 'finding', name, str(number), uid),
            referenced_region=ImageRegion(
                graphic_type=GraphicTypeValues.POLYLINE,
                graphic_data=outline,
                source_image=SourceImageForRegion(
                    referenced_sop_class_uid=source.header.SOPClassUID,
                    referenced_sop_instance_uid=uid,
                ),
            ),
            finding_type=ours.category_code(finding.get('category', 'mass')),
            finding_category=ours.ABNORMAL_STRUCTURE,
            algorithm_id=algorithm,
            finding_sites=_site(side),
            measurements=[*_probabilities(finding)],
            qualitative_evaluations=_assessment(finding),
        )
