"""The patient's identity leaves no trace, whatever is wrong with the file."""

import copy
import math
import pickle
import re
import subprocess
import sys
import traceback
import warnings

import pytest
from dicom_making import IDENTITY, make_dataset, make_dicom, save

from mammo_plugins.io import MammogramError, read_header, read_mammogram
from mammo_plugins.io.elements import WHITE_LIST, load_dataset
from mammo_plugins.io.known_terms import shown_number
from mammo_plugins.io.reading_warnings import ReadingWarnings


def assert_no_identity(text):
    assert not [word for word in IDENTITY if word in text]


@pytest.mark.parametrize(
    'old, new, reason',
    [
        (b'2000.123', b'PID-7788', None),  # no number: the window is not used
        (b'ORIENTAT', b'PID-7788', None),
        (b'19610203', b'1961020x', None),  # no date, and never looked at
        (b'MG', b'OT', 'Modality (0008,0060)'),
    ],
)
def test_malformed_elements(tmp_path, caplog, old, new, reason):
    path = make_dicom(
        tmp_path / 'a.dcm',
        WindowCenter='2000.123',
        WindowWidth=900,
        PatientOrientation=['ORIENTAT', 'L'],
    )
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        if reason is None:
            mammogram = read_mammogram(path)
            text = repr(mammogram) + str(mammogram.warnings)
        else:
            with pytest.raises(MammogramError) as caught:
                read_mammogram(path)
            assert reason in str(caught.value)
            text = ''.join(
                traceback.format_exception(
                    type(caught.value), caught.value, caught.value.__traceback__
                )
            )
    assert_no_identity(text + caplog.text)
    assert_no_identity(' '.join(str(warning.message) for warning in told))


def test_only_white_listed_elements_are_parsed(tmp_path):
    ds, identity = load_dataset(make_dicom(tmp_path / 'a.dcm'), True, ReadingWarnings())
    assert {element.keyword for element in ds} <= set(WHITE_LIST)
    assert not [k for k in WHITE_LIST if 'Name' in k and k != 'ManufacturerModelName']
    assert 'Patient' not in ''.join(
        set(WHITE_LIST) - {'PatientOrientation', 'DistanceSourceToPatient'}
    )
    assert_no_identity(str(ds) + repr(identity) + str(vars(identity)))


def test_identities_are_compared_and_mean_nothing_elsewhere(tmp_path):
    """Equal in this process, whatever the spelling; another process has another key."""
    one = read_header(make_dicom(tmp_path / 'a.dcm')).identity
    same = read_header(
        make_dicom(tmp_path / 'b.dcm', PatientName='SECRETNAME^PLANTED^^')
    ).identity
    other = read_header(make_dicom(tmp_path / 'c.dcm', PatientID='PID-7789')).identity
    assert one == same
    assert one.patient_id != other.patient_id and one.name == other.name
    assert (
        read_header(make_dicom(tmp_path / 'd.dcm', PatientID='')).identity.patient_id
        is None
    )
    line = (
        'import sys; from mammo_plugins.io import read_header; '
        'print(read_header(sys.argv[1]).identity.patient_id)'
    )
    elsewhere = subprocess.run(
        [sys.executable, '-c', line, tmp_path / 'a.dcm'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert len(elsewhere.strip()) == len(one.patient_id)
    assert elsewhere.strip() != one.patient_id


def test_results_carry_no_identity(tmp_path):
    path = make_dicom(tmp_path / 'a.dcm')
    for result in (read_mammogram(path), read_header(path)):
        assert_no_identity(repr(result) + str(result.header))


def test_error_survives_worker_processes():
    error = MammogramError('a.dcm', 'is bad; mend it')
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (twin.path, twin.reason, str(twin)) == (
            'a.dcm',
            'is bad; mend it',
            'a.dcm: is bad; mend it',
        )
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    'old, new',
    [(b'1.2.826.0.1.', b'1.2.0019610.'), (b'1.25', b'PID-'), (b'FRAMES', b'PID-77')],
)
@pytest.mark.parametrize('reader', [read_header, read_mammogram])
def test_warnings_come_without_values(tmp_path, caplog, old, new, reader):
    """Warnings of pydicom, and what it logs; shown, since nobody else keeps them."""
    path = make_dicom(
        tmp_path / 'a.dcm',
        StudyInstanceUID='1.2.826.0.1.203',
        DistanceSourceToDetector='1.25',
        VOILUTFunction='FRAMES',
    )
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        result = reader(path)
    shown = [str(warning.message) for warning in told]
    assert shown or old != b'1.2.826.0.1.'
    text = ' '.join(shown).replace(str(path), '') + caplog.text + repr(result)
    assert not [part for part in (*IDENTITY, '19610', 'PID-') if part in text]
    assert all(text.startswith(f'{path}: pydicom: ') for text in shown)
    assert not caplog.records


@pytest.mark.parametrize(
    'keyword',
    [
        'Modality',
        'PhotometricInterpretation',
        'Manufacturer',
        'ManufacturerModelName',
        'ImageType',
        'PresentationIntentType',
        'ViewPosition',
        'ImageLaterality',
        'VOILUTFunction',
        'PatientOrientation',
        'SOPClassUID',
        'PixelSpacingCalibrationType',
    ],
)
@pytest.mark.filterwarnings('ignore::UserWarning')
def test_names_in_any_term_are_not_shown(tmp_path, keyword):
    """Though no element of the patient tells that they are names."""
    own = dict(PatientName='', PatientID='', PatientBirthDate='')
    for text in ('SECRETNAME', 'PLANTED', 'PID-7788'):
        path = make_dicom(tmp_path / 'a.dcm', **own, **{keyword: text})
        try:
            shown = repr(read_mammogram(path))
        except MammogramError as error:
            shown = str(error)
        assert_no_identity(
            shown.upper()
            .replace('SECRETNAME', 'Secretname')
            .replace('PLANTED', 'Planted')
        )


@pytest.mark.parametrize('text', ['7788', '77881', '77881234'])
@pytest.mark.parametrize(
    'keyword',
    [
        'NumberOfFrames',
        'SamplesPerPixel',
        'HighBit',
        'BitsStored',
        'BitsAllocated',
        'EstimatedRadiographicMagnificationFactor',
        'WindowCenter',
        'WindowWidth',
        'RescaleSlope',
    ],
)
@pytest.mark.filterwarnings('ignore::UserWarning')
def test_ids_in_any_number_are_not_shown(tmp_path, keyword, text):
    if len(text) == 4 and keyword.startswith(('Window', 'Rescale')):
        text = '7788.1'  # 4 digits are a plausible grey value, some decimals too
        forms = (f'{text}2',)
    else:
        forms = (f'-{text}', f'{text},5')
    for form in forms:
        ds = make_dataset(WindowCenter=1, WindowWidth=-1, ImagerPixelSpacing=[0.1, 0.1])
        ds.add_new(keyword, 'LO', form)
        for reader in (read_header, read_mammogram):
            try:
                found = reader(save(ds, tmp_path / 'a.dcm'))
                shown = f'{found!r} {found.warnings}'
            except MammogramError as error:
                shown = error.reason
            assert '7788' not in shown


def test_numbers_that_their_element_may_hold_are_shown(tmp_path):
    assert [
        shown_number(number, -9999, 9999) for number in (2000, -1.5, 2047.5, 9999)
    ] == ['2000', '-1.5', '2047.5', '9999']
    for number in (77881, -10000, 1e308, math.nan, 7788.12, 1.961023, 0.19610203):
        told = shown_number(number, -9999, 9999)
        assert not re.search(r'\d', told)
    many = make_dicom(tmp_path / 'a.dcm', NumberOfFrames=196102)
    with pytest.raises(MammogramError, match='too many frames'):
        read_header(many)


def test_known_terms_are_shown(tmp_path):
    with pytest.raises(MammogramError, match=r'Modality .* is CT, not MG'):
        read_header(make_dicom(tmp_path / 'a.dcm', Modality='CT'))
    with pytest.raises(MammogramError, match=r'PhotometricInterpretation .* is RGB;'):
        read_header(make_dicom(tmp_path / 'a.dcm', PhotometricInterpretation='RGB'))
    with pytest.raises(MammogramError, match=r'Modality .* is another term, not MG'):
        read_header(make_dicom(tmp_path / 'a.dcm', Modality='ZZ'))
    facts = read_header(
        make_dicom(
            tmp_path / 'a.dcm',
            Manufacturer='GE MEDICAL SYSTEMS',
            ManufacturerModelName='Senographe Essential ADS',
        )
    ).header
    assert (facts['manufacturer'], facts['model']) == ('GE', 'SENOGRAPHE ESSENTIAL ADS')


def test_a_name_is_the_same_in_any_character_set(tmp_path):
    """DICOM PS3.5 allows one name in several encodings; an unknown one is no error."""
    name = 'Müller^Zoë'
    terms = [
        ('ISO_IR 192', 'utf-8'),
        ('ISO_IR 100', 'latin-1'),
        ('GB18030', 'gb18030'),
        ('ISO_IR 109', 'iso8859-3'),
    ]
    found = set()
    for number, (term, codec) in enumerate(terms):
        path = make_dicom(
            tmp_path / f'{number}.dcm',
            SpecificCharacterSet=term,
            PatientName=name,
        )
        assert name.encode(codec) in path.read_bytes()
        found.add(read_header(path).identity.name)
    assert len(found) == 1
    path = make_dicom(
        tmp_path / 'x.dcm', SpecificCharacterSet='ISO_IR 192', PatientName='Möller^Zoë'
    )
    assert read_header(path).identity.name not in found
    text = (tmp_path / '1.dcm').read_bytes().replace(b'ISO_IR 100', b'ISO_IR 999')
    (tmp_path / 'x.dcm').write_bytes(text)
    assert read_header(tmp_path / 'x.dcm').identity.name is not None
