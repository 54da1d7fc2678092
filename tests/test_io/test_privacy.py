"""The patient's identity leaves no trace, whatever is wrong with the file."""
import copy
import pickle
import traceback
import warnings

import pytest
from dicom_making import IDENTITY, make_dicom

from mammo_plugins.io import MammogramError, read_header, read_mammogram
from mammo_plugins.io.elements import WHITE_LIST, load_dataset


def assert_no_identity(text):
    assert not [word for word in IDENTITY if word in text]


@pytest.mark.parametrize('old, new, reason', [
    (b'2000.123', b'PID-7788', 'WindowCenter (0028,1050)'),  # no number
    (b'19610203', b'1961020x', None),  # no date, and never looked at
    (b'MG', b'OT', 'Modality (0008,0060)'),
])
def test_malformed_elements(tmp_path, caplog, old, new, reason):
    path = make_dicom(tmp_path / 'a.dcm', WindowCenter='2000.123', WindowWidth=900)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        if reason is None:
            text = repr(read_mammogram(path))
        else:
            with pytest.raises(MammogramError) as caught:
                read_mammogram(path)
            assert reason in str(caught.value)
            text = ''.join(traceback.format_exception(
                type(caught.value), caught.value, caught.value.__traceback__))
    assert_no_identity(text + caplog.text)
    assert_no_identity(' '.join(str(warning.message) for warning in told))


def test_only_white_listed_elements_are_parsed(tmp_path):
    ds = load_dataset(make_dicom(tmp_path / 'a.dcm'), pixels=True)
    assert {element.keyword for element in ds} <= set(WHITE_LIST)
    assert not [k for k in WHITE_LIST if 'Name' in k and k != 'ManufacturerModelName']
    assert 'Patient' not in ''.join(set(WHITE_LIST) - {'PatientOrientation'})
    assert_no_identity(str(ds))


def test_results_carry_no_identity(tmp_path):
    path = make_dicom(tmp_path / 'a.dcm')
    for result in (read_mammogram(path), read_header(path)):
        assert_no_identity(repr(result) + str(result.header))


def test_error_survives_worker_processes():
    error = MammogramError('a.dcm', 'is bad; mend it')
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (twin.path, twin.reason, str(twin)) == (
            'a.dcm', 'is bad; mend it', 'a.dcm: is bad; mend it')
    assert isinstance(error, ValueError)
