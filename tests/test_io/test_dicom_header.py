"""Laterality, view, spacing and the safe facts of a header."""

import hashlib
import json

import pytest
from dicom_making import make_dataset, make_dicom
from pydicom.dataset import Dataset
from pydicom.sr import _snomed_dict
from pydicom.sr.codedict import codes

from mammo_plugins.io import read_header, read_mammogram
from mammo_plugins.io.dicom_header import (
    FACTS,
    find_cem_image,
    find_laterality,
    find_spacing,
    find_view,
)

# The ACR's short names for the meanings of DICOM PS3.16 CID 4014.
SHORT_NAMES = {
    'cranio-caudal': 'CC',
    'medio-lateral oblique': 'MLO',
    'medial-lateral': 'ML',
    'latero-medial': 'LM',
    'latero-medial oblique': 'LMO',
    'caudo-cranial': 'FB',
    'cranio-caudal exaggerated laterally': 'XCCL',
    'cranio-caudal exaggerated medially': 'XCCM',
    'superolateral to inferomedial oblique': 'SIO',
    'inferomedial to superolateral oblique': 'ISO',
    'tissue specimen from breast': 'SPECIMEN',
}


def view_item(value, scheme='SCT'):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, scheme
    item.CodeMeaning = 'a view'
    return item


def cid_4014():
    """Return (code value, meaning) of SNOMED CT and RT, as pydicom lists them."""
    concepts = [getattr(codes.cid4014, name) for name in codes.cid4014.dir()]
    for concept in concepts:
        yield concept.value, concept.meaning
        for old, new in _snomed_dict.mapping['SRT'].items():
            if new == concept.value:
                yield old, concept.meaning


@pytest.mark.parametrize('value, meaning', list(cid_4014()))
def test_view_codes_agree_with_pydicom(value, meaning):
    ds = make_dataset(ViewCodeSequence=[view_item(value)])
    assert find_view(ds) == SHORT_NAMES[meaning]


def test_both_generations_of_codes_are_tested():
    values = [value for value, _ in cid_4014()]
    assert {'R-10242', 'R-10226', '399162004', '399368009'} <= set(values)


@pytest.mark.parametrize(
    'elements, view',
    [
        (dict(ViewPosition='CC'), 'CC'),
        (dict(ViewPosition='MLO '), 'MLO'),
        (dict(ViewPosition='XCCL', ViewCodeSequence=[view_item('R-10242')]), 'XCCL'),
        (dict(ViewPosition='CC', ViewCodeSequence=[view_item('R-1024A')]), 'XCCL'),
        (dict(ViewPosition='MLO', ViewCodeSequence=[view_item('399260004')]), 'ML'),
        (dict(ViewPosition='LCC'), 'CC'),
        (dict(ViewPosition='RMLO'), 'MLO'),
        (dict(ViewPosition='LM'), 'LM'),
        (dict(ViewPosition='AP', ViewCodeSequence=[view_item('R-10226')]), 'MLO'),
        (dict(ViewPosition='', PatientOrientation='CC'), 'CC'),
        (dict(PatientOrientation='MLO'), 'MLO'),
        (dict(PatientOrientation=['A', 'L']), None),
        (dict(ViewCodeSequence=[view_item('12345')]), None),
        (dict(ViewPosition='AP'), None),
        (dict(), None),
    ],
)
def test_view(elements, view):
    assert find_view(make_dataset(**elements)) == view


@pytest.mark.parametrize(
    'elements, laterality',
    [
        (dict(ImageLaterality='L'), 'L'),
        (dict(Laterality='R'), 'R'),
        (dict(ImageLaterality='', Laterality='R'), 'R'),
        (dict(ImageLaterality='L', Laterality='L'), 'L'),
        (dict(ImageLaterality='L', Laterality='B'), 'L'),
        (dict(ImageLaterality='B'), None),
        (dict(ViewPosition='RMLO'), 'R'),
        (dict(ViewPosition='L CC', ImageLaterality='B'), 'L'),
        (dict(ViewPosition='LM'), None),
        (dict(), None),
    ],
)
def test_laterality(elements, laterality):
    assert find_laterality(make_dataset(**elements)) == laterality


def test_conflicting_views_are_unknown_and_told(tmp_path):
    path = make_dicom(
        tmp_path / 'a.dcm', ViewPosition='CC', ViewCodeSequence=[view_item('R-10226')]
    )
    header = read_header(path)
    assert header.view is None
    (warning,) = header.warnings
    assert warning.kind == 'conflicting view'
    assert 'is CC' in warning.detail and 'says MLO' in warning.detail


def test_conflicting_lateralities_are_unknown_and_told(tmp_path):
    path = make_dicom(tmp_path / 'a.dcm', ImageLaterality='L', Laterality='R')
    header = read_header(path)
    assert header.laterality is None
    (warning,) = header.warnings
    assert warning.kind == 'conflicting laterality'
    assert 'ImageLaterality (0020,0062) is L, Laterality (0020,0060) is R' in (
        warning.detail
    )


@pytest.mark.parametrize(
    'elements, text',
    [
        (dict(ViewPosition='AP'), "unknown view: ViewPosition (0018,5101) is 'AP'"),
        (
            dict(ViewPosition='LCC SPOT'),
            'unknown view: ViewPosition (0018,5101) is another term',
        ),
        (
            dict(ImageLaterality='B'),
            "unknown laterality: ImageLaterality (0020,0062) is 'B'",
        ),
        (
            dict(ImageLaterality='BOTH'),
            'unknown laterality: ImageLaterality (0020,0062) is another term',
        ),
    ],
)
def test_known_terms_alone_are_quoted(tmp_path, elements, text):
    header = read_header(make_dicom(tmp_path / 'a.dcm', **elements))
    assert [str(warning) for warning in header.warnings] == [text]


@pytest.mark.parametrize(
    'elements, spacing, source',
    [
        (dict(), None, None),
        (dict(ImagerPixelSpacing=[0.1, 0.05]), (0.1, 0.05), 'ImagerPixelSpacing'),
        (
            dict(
                ImagerPixelSpacing=[0.1, 0.05],
                PixelSpacing=[0.1, 0.05],
                EstimatedRadiographicMagnificationFactor=1.25,
            ),
            (0.08, 0.04),
            'ImagerPixelSpacing / EstimatedRadiographicMagnificationFactor',
        ),
        (
            dict(ImagerPixelSpacing=[0.1, 0.1], PixelSpacing=[0.09, 0.09]),
            (0.09, 0.09),
            'PixelSpacing',
        ),
        (
            dict(
                ImagerPixelSpacing=[0.1, 0.1],
                PixelSpacing=[0.1, 0.1],
                PixelSpacingCalibrationType='GEOMETRY',
                EstimatedRadiographicMagnificationFactor=2,
            ),
            (0.1, 0.1),
            'PixelSpacing',
        ),
        (dict(PixelSpacing=[0.07, 0.07]), (0.07, 0.07), 'PixelSpacing'),
        (
            dict(PixelSpacing=[0, 0], ImagerPixelSpacing=[0.1, 0.1]),
            (0.1, 0.1),
            'ImagerPixelSpacing',
        ),
        (
            dict(NominalScannedPixelSpacing=[0.042, 0.042]),
            (0.042, 0.042),
            'NominalScannedPixelSpacing',
        ),
    ],
)
def test_spacing(elements, spacing, source):
    got, got_source = find_spacing(make_dataset(**elements))
    assert got == (spacing and pytest.approx(spacing))
    assert got_source == source


@pytest.mark.parametrize(
    'image_type, image',
    [
        (['ORIGINAL', 'PRIMARY', 'POST_CONTRAST', '', 'LOW_ENERGY'], 'low energy'),
        (['ORIGINAL', 'PRIMARY', 'POST_CONTRAST', '', 'HIGH_ENERGY'], 'high energy'),
        (['DERIVED', 'PRIMARY', 'POST_CONTRAST', 'SUBTRACTION', ''], 'recombined'),
        (['ORIGINAL', 'PRIMARY'], None),
    ],
)
def test_image_of_a_contrast_enhanced_pair(image_type, image):
    assert find_cem_image(make_dataset(ImageType=image_type)) == image


def test_header_facts(tmp_path):
    path = make_dicom(
        tmp_path / 'a.dcm',
        Manufacturer='HOLOGIC, Inc.',
        ManufacturerModelName='Selenia Dimensions of P. Secretname',
        ImageType=['DERIVED', 'PRIMARY', 'SECRETNAME'],
        ContrastBolusAgent='Iohexol',
        BurnedInAnnotation='NO',
        RescaleSlope=1,
        RescaleIntercept=0,
        WindowCenter=2000,
        WindowWidth=2000,
    )
    facts = read_header(path).header
    assert tuple(facts) == FACTS
    study = make_dataset().StudyInstanceUID
    assert facts == dict(
        format='DICOM',
        exam_key=hashlib.sha256(study.encode()).hexdigest()[:12],
        modality='MG',
        sop_class='Digital Mammography X-Ray Image Storage - For Presentation',
        manufacturer='HOLOGIC',
        model='SELENIA DIMENSIONS',
        presentation_intent='FOR PRESENTATION',
        image_type=['DERIVED', 'PRIMARY', 'another term'],
        image_kind='full-field',
        breast_implant=None,
        cem_image=None,
        contrast_agent=True,
        photometric_interpretation='MONOCHROME2',
        transfer_syntax='Explicit VR Little Endian',
        lossy=False,
        rows=64,
        columns=64,
        bits_allocated=16,
        bits_stored=12,
        signed=False,
        modality_lut='rescale',
        voi_lut='LINEAR',
        pixel_spacing_source=None,
        burned_in_annotation=False,
    )
    json.dumps(facts)  # plain values only
    assert read_mammogram(path).header == facts


def test_optional_elements_may_be_missing(tmp_path):
    mammogram = read_mammogram(
        make_dicom(
            tmp_path / 'a.dcm',
            drop=('StudyInstanceUID', 'PresentationIntentType', 'SamplesPerPixel'),
        )
    )
    assert mammogram.header['exam_key'] is None
    assert (mammogram.laterality, mammogram.view, mammogram.pixel_spacing_mm) == (
        None,
        None,
        None,
    )
