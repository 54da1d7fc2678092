"""What pydicom warns of, kept as kinds without values."""

import logging
import threading
import warnings

import pytest
from dicom_making import make_dataset, save

from mammo_plugins.io import DicomWarnings, read_header


def test_kinds_have_no_values():
    with DicomWarnings() as warned:
        for text in (
            "Invalid value for VR UI: '1.2.03'. Please see <https://a/b>.",
            "Invalid value for VR UI: '1.2.04'. Please see <https://a/b>.",
            'The value length (75) exceeds the maximum length of 64 allowed\nmore',
        ):
            warnings.warn_explicit(
                text, UserWarning, '/x/pydicom/valuerep.py', 1, 'pydicom.valuerep'
            )
    assert warned.kinds == {
        'Invalid value for VR UI',
        'The value length \u2026 exceeds the maximum length of \u2026 allowed',
    }


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


@pytest.mark.parametrize(
    'text',
    [
        "Invalid value for VR PN: 'O'Secretname^Planted'",
        'Invalid value for VR PN: "Secret"',
        'Failed to decode: Secretname, iso8859',
        'Invalid value for VR PN <Secret name>',
        'Invalid value\nSecret',
    ],
)
def test_kinds_end_where_a_value_begins(text):
    with DicomWarnings() as warned:
        warnings.warn_explicit(
            text, UserWarning, '/x/pydicom/valuerep.py', 1, 'pydicom.valuerep'
        )
    (kind,) = warned.kinds
    assert 'Secret' not in kind and 'Planted' not in kind and kind


def warn(text):
    warnings.warn_explicit(text, UserWarning, '/x/pydicom/a.py', 1, 'pydicom.a')


def test_one_around_others_gets_theirs():
    with DicomWarnings() as outer:
        with DicomWarnings() as inner:
            warn('of the file')
        warn('of the folder')
    assert inner.kinds == {'of the file'}
    assert outer.kinds == {'of the file', 'of the folder'}


def test_threads_have_their_own_whichever_ends_first():
    show, filters = warnings.showwarning, list(warnings.filters)
    begun, end, found = threading.Barrier(3), threading.Barrier(3), {}

    def read(name):
        with DicomWarnings(threads=False) as warned:
            begun.wait()
            warn(f'of {name}')
            if name == 'late':
                end.wait()
        found[name] = warned.kinds
        if name == 'early':
            end.wait()

    threads = [
        threading.Thread(target=read, args=(name,)) for name in ('early', 'late')
    ]
    for thread in threads:
        thread.start()
    begun.wait()
    end.wait()
    for thread in threads:
        thread.join()
    assert found == {'early': {'of early'}, 'late': {'of late'}}
    assert warnings.showwarning is show and warnings.filters == filters


def test_what_is_logged_is_kept_too(caplog):
    logger = logging.getLogger('pydicom')
    with DicomWarnings():
        logger.warning('Secretname')
    logger.warning('of another time')
    assert [record.message for record in caplog.records] == ['of another time']


def test_alone_they_are_warned_of_without_values(tmp_path):
    with pytest.warns(UserWarning, match='^a.dcm: pydicom: Invalid value for VR UI$'):
        with DicomWarnings() as warned:
            warn("Invalid value for VR UI: '1.2.03'")
        warned.tell('a.dcm')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with DicomWarnings() as outer:
            with DicomWarnings() as inner:
                warn('of pydicom')
            inner.tell('a.dcm')
    assert outer.kinds == {'of pydicom'}


def test_one_around_threads_gets_theirs():
    with DicomWarnings() as outer:
        thread = threading.Thread(target=warn, args=('of a thread',))
        thread.start()
        thread.join()
    assert outer.kinds == {'of a thread'}
