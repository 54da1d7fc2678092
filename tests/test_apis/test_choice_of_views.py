"""Which file stands for a view, and which files make an exam."""

import itertools

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForProcessing,
    generate_uid,
)

from mammo_plugins.apis import find_exams
from mammo_plugins.io.image_kind import EXCLUDED, SUBSTITUTES


@pytest.fixture
def write(phantom_root, tmp_path):
    """Write a view of a phantom exam with changed elements."""

    def write(name, view='L_CC', drop=(), exam='phantom_0001', **elements):
        ds = pydicom.dcmread(phantom_root / f'dicom/{exam}/{view}.dcm')
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
        for keyword in drop:
            if keyword in ds:
                delattr(ds, keyword)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(tmp_path / name)
        return tmp_path / name

    return write


def item(code, meaning='a modifier', modifiers=None):
    ds = Dataset()
    ds.CodeValue, ds.CodeMeaning, ds.CodingSchemeDesignator = code, meaning, 'SRT'
    if modifiers:
        ds.ViewModifierCodeSequence = modifiers
    return ds


def modified(code, meaning='a modifier', view='R-10242'):
    """Return the elements of a view with a modifier, as the standard nests it."""
    return dict(ViewCodeSequence=[item(view, modifiers=[item(code, meaning)])])


def long_coded(value):
    ds = Dataset()
    ds.LongCodeValue, ds.CodeMeaning = value, 'a modifier'
    return dict(ViewModifierCodeSequence=[ds])


def image_type(*terms):
    return dict(ImageType=list(terms))


# Made from CID 4015, PS3.3 C.8.11.7.1.4 and what makers write.
NEVER = {
    'spot compression': [
        modified('R-102D7'),
        modified('399055006'),
        dict(ViewModifierCodeSequence=[item('R-102D7')]),
        modified('99SPOT', 'Spot Compression'),
        dict(PaddleDescription='10CM SPOT'),
        image_type('ORIGINAL', 'PRIMARY', 'SPOT'),
        image_type('ORIGINAL', 'PRIMARY', 'SPOTMAG'),
        long_coded('399055006'),
        dict(ViewModifierCodeSequence=[item('x', 'y', [item('R-102D7')])]),
    ],
    'magnification': [
        modified('R-102D6'),
        modified('399163009'),
        dict(EstimatedRadiographicMagnificationFactor='1.8'),
        dict(EstimatedRadiographicMagnificationFactor='1.5'),
        dict(
            DistanceSourceToDetector=650,
            DistanceSourceToPatient=360,
            drop=('EstimatedRadiographicMagnificationFactor',),
        ),
        dict(PaddleDescription='MAG'),
        modified('x', 'Magnified view'),
        dict(FrameType=['ORIGINAL', 'PRIMARY', 'MAG']),
    ],
    'scout': [
        image_type('ORIGINAL', 'PRIMARY', 'STEREO_SCOUT'),
        image_type('ORIGINAL', 'PRIMARY', 'TOMO_SCOUT'),
    ],
    'stereotactic': [
        image_type('ORIGINAL', 'PRIMARY', 'STEREO_PREBX'),
        image_type('ORIGINAL', 'PRIMARY', 'STEREO'),
        dict(PositionerType='MAMMOGRAPHIC_STEREO'),
        dict(PaddleDescription='BIOPSY 5CM'),
    ],
    'tomosynthesis slice': [
        image_type('DERIVED', 'PRIMARY', 'TOMOSYNTHESIS'),
        image_type('DERIVED', 'PRIMARY', 'TOMOSYNTHESIS', 'NONE'),
        dict(SOPClassUID=BreastTomosynthesisImageStorage),
    ],
    'tomosynthesis projection': [
        image_type('ORIGINAL', 'PRIMARY', 'TOMO_PROJ'),
        image_type('ORIGINAL', 'PRIMARY', 'TOMO_PROJ', 'RIGHT'),
        dict(SOPClassUID='1.2.840.10008.5.1.4.1.1.13.1.4'),
    ],
    'cleavage': [modified('R-102D2'), modified('399161006')],
    'axillary tail': [modified('R-102D1')],
    'tangential': [modified('R-102C2')],
    'rolled': [modified('R-102D3'), modified('399226006')],
    'exaggerated': [modified('R-1024A'), modified('z', 'Exaggerated laterally')],
    'specimen': [
        image_type('ORIGINAL', 'PRIMARY', 'SPECIMEN'),
        dict(PaddleDescription='SPECIMEN'),
    ],
    'wire localization': [image_type('ORIGINAL', 'PRIMARY', 'NEEDLE_LOC')],
    'quality control': [
        image_type('ORIGINAL', 'PRIMARY', 'QC'),
        dict(QualityControlImage='YES'),
    ],
}
# in the order in which they take a full-field image's place
INSTEAD = {
    'nipple in profile': [modified('R-40AB3')],
    'unknown modifier': [modified('99X', 'Something new')],
    'secondary image': [image_type('DERIVED', 'SECONDARY')],
    'implant displaced': [
        modified('R-102D5'),
        modified('399209000'),
        modified('L1', 'Eklund'),
        modified('L2', 'Implant displacement'),
        image_type('ORIGINAL', 'PRIMARY', 'IMPLANT_DISPLACED'),
    ],
    'partial view': [
        dict(PartialView='YES'),
        dict(PartialView='Y'),
        dict(PartialViewCodeSequence=[item('R-1', 'Anterior')]),
    ],
    'synthetic 2-D': [
        image_type('DERIVED', 'PRIMARY', 'TOMOSYNTHESIS', 'GENERATED_2D'),
        image_type('DERIVED', 'PRIMARY', 'TOMO_GENERATED_2D'),
        image_type('DERIVED', 'PRIMARY', 'C-VIEW'),
        image_type('DERIVED', 'PRIMARY', 'TOMO', 'SYNTHETIC'),
        image_type('DERIVED', 'PRIMARY', 'INSIGHT2D'),
    ],
    'raw': [
        dict(PresentationIntentType='FOR PROCESSING'),
        dict(
            drop=('PresentationIntentType',),
            SOPClassUID=DigitalMammographyXRayImageStorageForProcessing,
        ),
    ],
}


@pytest.mark.parametrize(
    'kind, elements',
    [(kind, elements) for kind, cases in NEVER.items() for elements in cases],
)
def test_never_a_screening_view(write, tmp_path, kind, elements):
    other = write('a.dcm', **elements)
    found = find_exams(tmp_path)
    assert not found.exams  # not even where it is alone
    assert found.skipped == [
        (other, f'{kind} image: never stands for a screening view')
    ]
    write('b.dcm')
    (exam,) = find_exams(tmp_path).exams.values()
    assert exam['LCC'].path.name == 'b.dcm' and not exam['LCC'].others


@pytest.mark.parametrize(
    'kind, elements',
    [(kind, elements) for kind, cases in INSTEAD.items() for elements in cases],
)
def test_stands_for_a_view_only_where_there_is_no_full_field_image(
    write, tmp_path, kind, elements
):
    write('a.dcm', **elements)
    (exam,) = find_exams(tmp_path).exams.values()
    assert exam['LCC'].kind == kind
    write('b.dcm')
    found = find_exams(tmp_path)
    ((key, exam),) = found.exams.items()
    assert (exam['LCC'].path.name, exam['LCC'].kind) == ('b.dcm', 'full-field')
    found.settle(key, 'LCC', exam['LCC'])
    assert found.skipped == [
        (tmp_path / 'a.dcm', f'another LCC of the same exam ({kind}); b.dcm is used')
    ]


@pytest.mark.parametrize('better, worse', itertools.combinations(INSTEAD, 2))
def test_order_of_substitutes(write, tmp_path, better, worse):
    write('a.dcm', **INSTEAD[worse][0])
    write('b.dcm', **INSTEAD[better][0])
    (exam,) = find_exams(tmp_path).exams.values()
    assert exam['LCC'].kind == better


def test_all_kinds_are_tested():
    assert ('full-field', *INSTEAD) == SUBSTITUTES
    assert set(EXCLUDED) - set(NEVER) == {
        'axillary tissue',
        'anterior compression',
        'inframammary fold',
    }


@pytest.mark.parametrize(
    'elements',
    [
        dict(EstimatedRadiographicMagnificationFactor='1.08'),
        dict(ImageType=['DERIVED', 'PRIMARY', '']),
        dict(ImageType=['ORIGINAL', 'PRIMARY', 'POST_CONTRAST']),
        dict(PartialView='NO'),
        dict(BreastImplantPresent='YES'),
        dict(PaddleDescription='24X29CM'),
        dict(PositionerType='MAMMOGRAPHIC'),
        dict(PaddleDescription='18X24 IMAGING'),
        dict(PaddleDescription='MAGNUM'),
        dict(EstimatedRadiographicMagnificationFactor='107'),  # in percent
        dict(ImageType=['ORIGINAL', 'PRIMARY', 'LEFT', 'PROJECTION']),
    ],
)
def test_full_field_images_stay_so(write, tmp_path, elements):
    write('a.dcm', **elements)
    (exam,) = find_exams(tmp_path).exams.values()
    assert exam['LCC'].kind == 'full-field'


# Which files make an exam


def shown(found, root):
    return sorted(
        sorted(view.path.relative_to(root).as_posix() for view in views.values())
        for views in found.exams.values()
    )


def test_a_study_of_two_patients_is_parted(write, tmp_path):
    """As when every study got the same UID."""
    uid = generate_uid()
    for patient in '12':
        for view in ('L_CC', 'R_CC'):
            write(
                f'{patient}_{view}.dcm',
                view,
                StudyInstanceUID=uid,
                PatientID=f'ID{patient}',
                PatientName=f'Name{patient}',
            )
    found = find_exams(tmp_path)
    assert shown(found, tmp_path) == [
        ['1_L_CC.dcm', '1_R_CC.dcm'],
        ['2_L_CC.dcm', '2_R_CC.dcm'],
    ]
    assert len(found.doubts) == 2
    for key, doubts in found.doubts.items():
        assert 'of 2 exams of what was a study of several patients' in doubts[0]
        assert not any(word in ' '.join(doubts) + key for word in ('ID1', 'Name1'))


@pytest.mark.parametrize(
    'elements, parted',
    [
        (dict(PatientID='other'), True),
        (dict(PatientBirthDate='19500101'), True),
        (dict(PatientID='', PatientBirthDate=''), False),
        (dict(PatientID=''), False),
        (dict(PatientName='DOE^JANE^^'), False),
        (dict(PatientName='Doe Jane'), False),
        (dict(PatientName='Married'), False),
        (dict(PatientBirthDate='1960.01.01'), False),
        (dict(PatientID=' 1 '), False),
    ],
)
def test_what_contradicts(write, tmp_path, elements, parted):
    same = dict(PatientBirthDate='19600101', PatientID='1', PatientName='Doe^Jane')
    write('a.dcm', 'L_CC', **same)
    write('b.dcm', 'R_CC', **{**same, **elements})
    found = find_exams(tmp_path)
    assert len(found.exams) == 1 + parted
    named = elements.get('PatientName') == 'Married'
    assert bool(found.doubts) == (parted or named)
    if named:
        assert found.doubts.popitem()[1] == ['the files differ in PatientName']


def test_names_decide_where_ids_are_blank(write, tmp_path):
    for name, view in (('A', 'L_CC'), ('B', 'R_CC')):
        write(f'{name}.dcm', view, PatientID='', PatientBirthDate='', PatientName=name)
    assert len(find_exams(tmp_path).exams) == 2


def test_a_file_that_does_not_say_whose_it_is_joins_neither(write, tmp_path):
    write('a.dcm', 'L_CC', PatientID='1')
    write('b.dcm', 'R_CC', PatientID='2')
    write('c.dcm', 'L_MLO', PatientID='', PatientName='')
    assert shown(find_exams(tmp_path), tmp_path) == [['a.dcm'], ['b.dcm'], ['c.dcm']]


def test_dates_that_differ_within_a_study_are_told(write, tmp_path):
    write('a.dcm', 'L_CC', StudyDate='20200101')
    write('b.dcm', 'R_CC', StudyDate='20210101')
    found = find_exams(tmp_path)
    ((key, views),) = found.exams.items()
    assert len(views) == 2
    assert found.doubts == {key: ['the files differ in StudyDate']}


def test_a_uid_for_each_file(write, tmp_path):
    """As CBIS-DDSM: the study of each file is its own, and its PatientID has the view."""
    for exam in '12':
        for view in ('LEFT_CC', 'RIGHT_CC', 'LEFT_MLO'):
            name = f'Mass-Test_P_0000{exam}_{view}'
            write(
                f'{exam}/{view}.dcm',
                view[0] + view[view.index('_') :],
                StudyInstanceUID=generate_uid(),
                PatientID=name,
                PatientName=name,
            )
    found = find_exams(tmp_path)
    assert len(found.exams) == 6
    assert any('--group-by folder' in note for note in found.notes)
    found = find_exams(tmp_path, group_by='folder')
    assert sorted(map(len, shown(found, tmp_path))) == [3, 3]
    assert all(
        doubts == ['the folder joins 3 studies'] for doubts in found.doubts.values()
    )
    assert any(
        '2 exams are folders that join several studies' in note for note in found.notes
    )


@pytest.mark.parametrize(
    'elements', [dict(), dict(drop=('StudyInstanceUID',)), dict(StudyInstanceUID='0')]
)
@pytest.mark.parametrize('group_by', ['study', 'folder'])
def test_two_patients_in_a_folder_never_make_one_exam(
    write, tmp_path, elements, group_by
):
    for patient, view in (('A', 'L_CC'), ('B', 'R_CC')):
        write(
            f'{patient}.dcm',
            view,
            PatientID=patient,
            PatientBirthDate='',
            **(elements or dict(StudyInstanceUID=generate_uid())),
        )
    found = find_exams(tmp_path, group_by=group_by)
    assert shown(found, tmp_path) == [['A.dcm'], ['B.dcm']]
    assert not any('--group-by' in note for note in found.notes)


def test_a_uid_for_each_file_in_a_folder_of_its_own(write, tmp_path):
    """As CBIS-DDSM is downloaded; grouping by folder alone would not help."""
    for view in ('L_CC', 'R_CC', 'L_MLO'):
        write(f'{view}/1.dcm', view, StudyInstanceUID=generate_uid(), PatientID='P1')
    (note,) = find_exams(tmp_path).notes
    assert 'put the files of an exam into one folder' in note


def test_a_uid_for_each_file_of_two_patients_in_one_folder(write, tmp_path):
    for patient in '12':
        for i, view in enumerate(('L_CC', 'R_CC', 'L_CC')):
            write(
                f'{patient}_{i}.dcm',
                view,
                StudyInstanceUID=generate_uid(),
                PatientID=patient,
            )
    (note,) = find_exams(tmp_path).notes
    assert '--group-by folder' in note
    assert len(find_exams(tmp_path, group_by='folder').exams) == 2


def test_single_views_in_folders_of_their_own_need_no_advice(write, tmp_path):
    for exam in '12':
        write(f'{exam}/a.dcm', exam=f'phantom_000{exam}', PatientID=exam)
    assert not find_exams(tmp_path).notes


def test_a_folder_of_two_patients_is_parted_by_folder_too(write, tmp_path):
    for exam in '12':
        for view in ('L_CC', 'R_CC'):
            write(
                f'all/{exam}_{view}.dcm',
                view,
                exam=f'phantom_000{exam}',
                PatientID=exam,
            )
    found = find_exams(tmp_path, group_by='folder')
    assert shown(found, tmp_path) == [
        [f'all/{exam}_L_CC.dcm', f'all/{exam}_R_CC.dcm'] for exam in '12'
    ]
    assert all(
        'a folder of several patients' in doubts[0] for doubts in found.doubts.values()
    )


def test_files_without_a_study_are_joined_by_folder_and_told(write, tmp_path):
    for view in ('L_CC', 'R_CC'):
        write(f'{view}.dcm', view, drop=('StudyInstanceUID',))
    found = find_exams(tmp_path)
    (doubts,) = found.doubts.values()
    assert doubts == ['files without a valid StudyInstanceUID were joined by folder']


def test_warnings_are_counted_by_kind(write, tmp_path):
    for view in ('L_CC', 'R_CC', 'L_MLO'):
        write(f'{view}.dcm', view, drop=('Modality',))
    assert find_exams(tmp_path).notes == ['3 files: no Modality']


def test_an_image_after_contrast_of_unknown_kind_is_not_used(write, tmp_path):
    write('a.dcm', ContrastBolusAgent='Iohexol')
    write('b.dcm')
    write('c.dcm', ContrastBolusAgent='Iohexol', ImageType=['D', 'P', 'LOW ENERGY'])
    found = find_exams(tmp_path)
    (exam,) = found.exams.values()
    assert exam['LCC'].path.name == 'b.dcm' and not exam['LCC'].others
    assert 'a contrast agent is named' in dict(found.skipped)[tmp_path / 'a.dcm']
    assert 'a CEM-LE image' in dict(found.skipped)[tmp_path / 'c.dcm']


def test_what_pydicom_warns_of_is_a_note_without_values(write, tmp_path, recwarn):
    ds = pydicom.dcmread(write('a.dcm'))
    ds.StudyInstanceUID = '1.2.3'
    ds.save_as(tmp_path / 'a.dcm')
    data = (tmp_path / 'a.dcm').read_bytes()
    assert b'1.2.3\0' in data
    (tmp_path / 'a.dcm').write_bytes(data.replace(b'1.2.3\0', b'DOE.J0'))
    found = find_exams(tmp_path)
    assert any(note.startswith('pydicom: ') for note in found.notes)
    assert not any('DOE' in str(w.message) for w in recwarn)
    assert not any('DOE' in note for note in found.notes)


def test_links_and_several_paths(write, tmp_path):
    file = write('store/a.dcm')
    root = tmp_path / 'root'
    root.mkdir()
    (root / 'exam').symlink_to(tmp_path / 'store')
    (root / 'again').symlink_to('.')
    (root / 'gone.dcm').symlink_to('nowhere')
    (root / '.hidden').write_text('')
    found = find_exams(root)
    assert shown(found, root) == [['exam/a.dcm']]
    assert [(p.name, reason.split(',')[0]) for p, reason in found.skipped] == [
        ('again', 'link to a folder that is searched anyway'),
        ('gone.dcm', 'link that leads nowhere'),
    ]
    assert found.notes == [
        '1 hidden files and folders (names that begin with a dot) were not read'
    ]
    other = write('other/b.dcm', exam='phantom_0002')
    assert len(find_exams([file, str(other.parent)]).exams) == 2
    with pytest.raises(FileNotFoundError):
        find_exams([file, tmp_path / 'no'])


def test_unknown_view_quotes_what_the_header_says(write, tmp_path):
    write('a.dcm', ViewPosition='AP', drop=('ViewCodeSequence', 'PatientOrientation'))
    write('b.dcm', ImageLaterality='B')
    reasons = [reason for _, reason in find_exams(tmp_path).skipped]
    assert "ViewPosition (0018,5101) is 'AP'" in reasons[0]
    assert "ImageLaterality (0020,0062) is 'B'" in reasons[1]
