"""An index holds what a search finds, and goes on where a search was stopped."""

import json
import random
import shutil
import warnings
from contextlib import nullcontext

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from mammo_plugins.io import JsonError, JsonLines
from mammo_plugins.structures import exam_indexing
from mammo_plugins.structures.exam_files import find_exams
from mammo_plugins.structures.exam_index import ExamIndex, part_of
from mammo_plugins.structures.exam_indexing import index_exams


@pytest.fixture
def archive(phantom_root, tmp_path):
    """Three exams, one of two patients, a view twice, and other files."""
    root = tmp_path / 'archive'
    for number in (1, 2, 3):
        shutil.copytree(
            phantom_root / f'dicom/phantom_000{number}', root / f'{number % 2}/{number}'
        )
    source = root / '1/1/L_CC.dcm'
    changed(source, root / '0/L_CC_again.dcm', PresentationIntentType='FOR PROCESSING')
    changed(root / '1/3/R_CC.dcm', root / '1/3/R_CC.dcm', PatientID='another')
    (root / 'readme.txt').write_text('no image')
    (root / '.hidden').write_text('')
    return root


def changed(source, path, **elements):
    ds = pydicom.dcmread(source)
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    ds.save_as(path)


def as_found(index):
    """Return what an index holds as plain values, in the form of :func:`of_search`."""
    exams = [index.exam(place) for place in index.places]
    return (
        [
            (key, plain(found.exams[key]), found.doubts.get(key, []))
            for key, found in exams
        ],
        [(entry['file'], entry['reason']) for entry in index.left_out()],
        index.notes,
    )


def of_search(found, root):
    return (
        [
            (k, plain(views), found.doubts.get(k, []))
            for k, views in found.exams.items()
        ],
        [(f.relative_to(root).as_posix(), reason) for f, reason in found.skipped],
        found.notes,
    )


def plain(views):
    return [
        (
            name,
            *(
                (v.path, v.name, v.width, v.height, v.pixel_spacing_mm)
                + (v.modality, v.kind, v.burned_in, v.warnings)
                for v in (view, *view.others)
            ),
        )
        for name, view in views.items()
    ]


@pytest.mark.parametrize('group_by', ['study', 'folder'])
def test_it_holds_what_a_search_finds(archive, tmp_path, group_by):
    counts = index_exams(archive, tmp_path / 'a.jsonl', group_by=group_by)
    found = find_exams(archive, group_by=group_by)
    index = ExamIndex(tmp_path / 'a.jsonl')
    assert as_found(index) == of_search(found, archive)
    assert counts['exams'] == len(found.exams) == index.exams
    assert counts['files'] == 14 and not (tmp_path / 'a.jsonl.headers').exists()


def test_what_was_chosen_and_what_was_left_out_is_told(archive, tmp_path):
    counts = index_exams(archive, tmp_path / 'a.jsonl')
    lines = list(JsonLines(tmp_path / 'a.jsonl'))
    views = next(
        line['views']
        for line in lines
        if any('1/1/L_CC.dcm' == v['file'] for v in line.get('views', {}).values())
    )
    (other,) = views['LCC']['others']
    assert other['file'] == '0/L_CC_again.dcm'
    assert other['reason'] == 'another LCC of the same exam (raw); 1/1/L_CC.dcm is used'
    assert 'the only full-field one; that comes before raw' in views['LCC']['chosen']
    assert views['RCC']['chosen'] == 'the only image of the view'
    assert sum(counts['left_out'].values()) == 2  # that, and the text
    assert {'another LCC of the same exam (raw)'} < set(counts['left_out'])
    assert sum(line.get('files', 0) for line in lines[:-1]) == 13


def test_processes_find_the_same(archive, tmp_path):
    """Also which files are of one patient, which is told by hashes of theirs."""
    for workers in (1, 2):
        index_exams(archive, tmp_path / f'{workers}.jsonl', workers=workers)
    one, two = ((tmp_path / f'{n}.jsonl').read_bytes() for n in (1, 2))
    assert one == two and b'of several patients' in one


@pytest.mark.parametrize('group_by', ['study', 'folder'])
def test_a_search_that_is_stopped_goes_on(archive, tmp_path, monkeypatch, group_by):
    """Whatever was read before the stop; a study may lie on both sides of it."""
    monkeypatch.setattr(exam_indexing, '_CHUNK', 1)
    index_exams(archive, tmp_path / 'whole.jsonl', group_by=group_by)
    whole = (tmp_path / 'whole.jsonl').read_bytes()
    read = exam_indexing._read_headers
    for stop in random.Random(0).sample(range(14), 5):
        reads = []

        def stopped(*task):
            if len(reads) == stop:
                raise KeyboardInterrupt
            reads.append(task)
            return read(*task)

        out = tmp_path / f'{stop}.jsonl'
        monkeypatch.setattr(exam_indexing, '_read_headers', stopped)
        monkeypatch.setattr('mammo_plugins.io.identity._key', bytes([stop]) * 32)
        with pytest.raises(KeyboardInterrupt):
            index_exams(archive, out, group_by=group_by)
        assert not out.exists()
        monkeypatch.setattr('mammo_plugins.io.identity._key', bytes([99 - stop]) * 32)
        monkeypatch.setattr(exam_indexing, '_read_headers', read)
        index_exams(archive, out, group_by=group_by)
        assert out.read_bytes() == whole


def test_what_was_read_is_not_read_again(archive, tmp_path, monkeypatch, capsys):
    """But for files that have changed, and headers cut short."""
    monkeypatch.setattr(exam_indexing, 'write_json_lines', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        index_exams(archive, tmp_path / 'a.jsonl')
    monkeypatch.undo()
    (archive / 'readme.txt').write_text('still no image')
    tasks = []
    read = exam_indexing._read_headers
    monkeypatch.setattr(
        exam_indexing, '_read_headers', lambda *task: tasks.append(task) or read(*task)
    )
    index_exams(archive, tmp_path / 'a.jsonl')
    assert [[file.name for file in task[0]] for task in tasks] == [['readme.txt']]
    assert (
        'the headers of 13 files are kept from an earlier start'
        in capsys.readouterr().out
    )


def test_parts_hold_every_exam_once(archive, tmp_path):
    index_exams(archive, tmp_path / 'a.jsonl')
    whole = list(ExamIndex(tmp_path / 'a.jsonl').exam_ids())
    parts = [list(ExamIndex(tmp_path / 'a.jsonl', i, 3).exam_ids()) for i in range(3)]
    assert sorted(sum(parts, [])) == sorted(whole)
    # SHA-256 of 'abc' begins with these bytes (FIPS 180-2)
    assert part_of('abc', 1000) == 0xBA7816BF8F01CFEA % 1000


def test_an_index_that_is_none_or_cut_is_refused(archive, tmp_path):
    path = tmp_path / 'a.jsonl'
    with pytest.raises(FileNotFoundError, match='mammo index makes one'):
        ExamIndex(path)
    index_exams(archive, path)
    lines = path.read_text().splitlines()
    for text, said in (
        (lines[:-1], 'cut short'),
        ([*lines[:-1], lines[-1][:-9]], '1 lines are damaged'),
        ([lines[0], *lines[2:]], 'cut short'),
        (lines[1:], 'no index'),
        ([], 'no index'),
    ):
        path.write_text('\n'.join(text))
        with pytest.raises(JsonError, match=said):
            ExamIndex(path)


def test_a_dicomdir_and_a_list(archive, tmp_path):
    """What they name is found; what is not there or leads out is listed."""
    shutil.copy(archive / '1/1/L_CC.dcm', archive / '1/1/IM1')
    write_dicomdir(
        archive / 'DICOMDIR', [('1', '1', 'IM1'), ('1', 'NONE'), ('..', 'X')]
    )
    index_exams(archive / 'DICOMDIR', tmp_path / 'a.jsonl')
    exams, left_out, _ = as_found(ExamIndex(tmp_path / 'a.jsonl'))
    (_, views, _), *rest = exams
    assert [name for name, *_ in views] == ['LCC'] and not rest
    assert dict(left_out)['1/NONE'] == 'named by the DICOMDIR, but not there'
    assert dict(left_out)['DICOMDIR'].endswith('leads out of its folder')
    (archive / 'list.txt').write_text(
        '1/1/L_CC.dcm\r\n\n1/3\nnowhere.dcm\n1/1/L_CC.dcm'
    )
    counts = index_exams(archive / 'list.txt', tmp_path / 'a.jsonl')
    assert counts['views'] == 5
    assert counts['left_out'] == {'named by the list, but not there': 1}
    with pytest.raises(FileNotFoundError, match='no file or folder that is there'):
        (archive / 'list.txt').write_text('nowhere\n')
        index_exams(archive / 'list.txt', tmp_path / 'a.jsonl')


def write_dicomdir(path, names):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    ds.file_meta.MediaStorageSOPInstanceUID = '1.2.3'
    patient = Dataset()
    patient.DirectoryRecordType, patient.PatientName = 'PATIENT', 'Secretname^Planted'
    records = [patient]
    for name in names:
        record = Dataset()
        record.DirectoryRecordType = 'IMAGE'
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # '..' is no name of a file there
            record.ReferencedFileID = list(name)
        records.append(record)
    ds.DirectoryRecordSequence = records
    ds.save_as(path, enforce_file_format=True)


def test_names_in_lower_case_and_a_damaged_dicomdir(archive, tmp_path):
    shutil.copy(archive / '1/1/L_CC.dcm', archive / 'im1')
    write_dicomdir(archive / 'DICOMDIR', [('IM1',)])
    assert index_exams(archive / 'DICOMDIR', tmp_path / 'a.jsonl')['views'] == 1
    (archive / 'DICOMDIR').write_bytes((archive / 'DICOMDIR').read_bytes()[:140])
    with pytest.raises(ValueError, match='DICOMDIR'):
        index_exams(archive / 'DICOMDIR', tmp_path / 'a.jsonl')


def test_nothing_of_the_patient_is_in_it(
    archive, tmp_path, monkeypatch, assert_private
):
    """Nor in what a stopped search leaves; which files belong together is."""
    changed(
        archive / '1/1/L_CC.dcm', archive / '1/1/L_CC.dcm', AccessionNumber='ACC-55'
    )
    write_dicomdir(archive / 'DICOMDIR', [('1', '1')])
    out = tmp_path / 'out'
    index_exams([archive, archive / 'DICOMDIR'], out / 'a.jsonl')
    monkeypatch.setattr(exam_indexing, 'write_json_lines', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        index_exams(archive, out / 'b.jsonl')
    assert sorted(path.name for path in out.iterdir()) == ['a.jsonl', 'b.jsonl.headers']
    assert_private(out)
    text = ''.join(path.read_text() for path in out.iterdir())
    assert 'ACC-55' not in text
    headers = [json.loads(line) for line in text.splitlines() if '"headers"' in line]
    numbers = [h['identity'] for line in headers for h in line['headers'] if h['view']]
    assert {type(number) for four in numbers for number in four} <= {int, type(None)}


def test_few_files_need_no_processes(archive, tmp_path, monkeypatch):
    """A pool has no more processes than there are tasks."""
    asked = []
    monkeypatch.setattr(
        exam_indexing, 'worker_pool', lambda n: asked.append(n) or nullcontext()
    )
    index_exams(archive, tmp_path / 'a.jsonl', workers=4)
    assert not asked
    monkeypatch.setattr(exam_indexing, '_CHUNK', 8)
    index_exams(archive, tmp_path / 'b.jsonl', workers=4)
    assert asked == [2]
    assert (tmp_path / 'a.jsonl').read_bytes() == (tmp_path / 'b.jsonl').read_bytes()


def test_lines_of_a_list_with_spaces_and_comments(archive, tmp_path):
    (archive / '1/#1').mkdir()
    shutil.copy(archive / '1/1/L_CC.dcm', archive / '1/#1/b.dcm ')
    (archive / 'list.txt').write_text(
        '# the first\n1/1/R_CC.dcm \t\n1/#1/b.dcm \n  # more\nno.dcm\n'
    )
    counts = index_exams(archive / 'list.txt', tmp_path / 'a.jsonl')
    assert counts['views'] == 2
    assert counts['left_out'] == {'named by the list, but not there': 1}
