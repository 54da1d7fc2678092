"""What pydicom warns of, kept as kinds without values."""
import warnings

import pytest
from dicom_making import make_dataset, save

from mammo_plugins.io import DicomWarnings, read_header


def test_kinds_have_no_values():
    with DicomWarnings() as warned:
        for text in ("Invalid value for VR UI: '1.2.03'. Please see <https://a/b>.",
                     "Invalid value for VR UI: '1.2.04'. Please see <https://a/b>.",
                     'The value length (75) exceeds the maximum length of 64 allowed\n'
                     'more'):
            warnings.warn_explicit(text, UserWarning, '/x/pydicom/valuerep.py', 1,
                                   'pydicom.valuerep')
    assert warned.kinds == {
        'Invalid value for VR UI',
        'The value length \u2026 exceeds the maximum length of \u2026 allowed'}


def test_other_warnings_and_the_state_before_stay():
    with pytest.warns(UserWarning, match='of ours') as seen:
        show = warnings.showwarning
        with DicomWarnings() as warned:
            warnings.warn('of ours')
        assert warnings.showwarning is show
    assert len(seen) == 1 and warned.kinds == set()


@pytest.mark.filterwarnings('ignore:Invalid value for VR UI')  # of writing it
def test_each_file_says_it_again(tmp_path):
    for i in range(2):
        save(make_dataset(StudyInstanceUID=f'1.2.0{i}.77'), tmp_path / f'{i}.dcm')
        with DicomWarnings() as warned:
            read_header(tmp_path / f'{i}.dcm')
        assert warned.kinds == {'Invalid value for VR UI'}
