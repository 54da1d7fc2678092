import shutil

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from mammo_plugins.structures.exam_files import find_exams


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(0).integers(0, 4096, (40, 30), np.uint16)
    cv2.imwrite(str(path), levels)


def test_studies_and_other_files_are_told_apart(phantom_root, tmp_path):
    # two exams in one folder, renamed, among other files
    files = sorted((phantom_root / 'dicom/phantom_0001').glob('*.dcm')) + sorted(
        (phantom_root / 'dicom/phantom_0002').glob('*.dcm')
    )
    for i, file in enumerate(files):
        shutil.copy(file, tmp_path / f'IM{i}')
    (tmp_path / 'notes.txt').write_text('hello')
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub/empty.dcm').write_bytes(b'')
    found = find_exams(tmp_path)
    assert (
        sorted(sorted(views) for views in found.exams.values())
        == [['LCC', 'LMLO', 'RCC', 'RMLO']] * 2
    )
    for views in found.exams.values():
        studies = {pydicom.dcmread(v.path).StudyInstanceUID for v in views.values()}
        assert len(studies) == 1
        for name, view in views.items():
            truth = pydicom.dcmread(view.path)
            assert (view.height, view.width) == (truth.Rows, truth.Columns)
            assert truth.ImageLaterality + view.view == name
    assert sorted(file.name for file, _ in found.skipped) == ['empty.dcm', 'notes.txt']
    assert all(reason for _, reason in found.skipped)


@pytest.mark.parametrize(
    'name, expected',
    [
        ('0_L-CC.png', 'LCC'),
        ('exam1_R-MLO.png', 'RMLO'),
        ('LCC.png', 'LCC'),
        ('P12_right_mlo.png', 'RMLO'),
        ('a LEFT CC.png', 'LCC'),
    ],
)
def test_pictures_by_name(tmp_path, name, expected):
    picture(tmp_path / 'exam' / name)
    (exam,) = find_exams(tmp_path).exams.values()
    assert list(exam) == [expected]
    assert (exam[expected].height, exam[expected].width) == (40, 30)


def test_contrast_enhanced_pictures_by_name(tmp_path):
    """As CDD-CESM names them: DM is the low-energy image, CM the recombined one."""
    for name in ('P1_L_DM_CC.png', 'P1_L_CM_CC.png', 'P1_R_CM_MLO.png'):
        picture(tmp_path / 'P1' / name)
    (exam,) = find_exams(tmp_path, ('CEM-LE', 'CEM-RC')).exams.values()
    assert {name: view.path.name for name, view in exam.items()} == {
        'CEM-LE LCC': 'P1_L_DM_CC.png',
        'CEM-RC LCC': 'P1_L_CM_CC.png',
        'CEM-RC RMLO': 'P1_R_CM_MLO.png',
    }
    assert not find_exams(tmp_path).exams


@pytest.mark.parametrize('name', ['image.png', 'ALLCC.png', 'LCC_RCC.png', 'BLCC.png'])
def test_pictures_without_a_view_are_skipped(tmp_path, name):
    picture(tmp_path / name)
    found = find_exams(tmp_path)
    assert not found.exams
    assert 'unknown laterality' in found.skipped[0][1]


def test_pictures_belong_together_by_folder(tmp_path):
    for folder in ('a', 'b'):
        for name in ('L-CC', 'R-CC'):
            picture(tmp_path / folder / f'{name}.png')
    found = find_exams(tmp_path)
    assert [sorted(views) for views in found.exams.values()] == [['LCC', 'RCC']] * 2


def test_folders_hold_exams_together_where_studies_do_not(phantom_root, tmp_path):
    for exam in ('1', '2'):
        for name in ('L_CC', 'L_MLO'):
            (tmp_path / exam).mkdir(exist_ok=True)
            changed(
                phantom_root / f'dicom/phantom_000{exam}/{name}.dcm',
                tmp_path / exam / f'{name}.dcm',
                StudyInstanceUID=generate_uid(),
            )
    assert [len(v) for v in find_exams(tmp_path).exams.values()] == [1] * 4
    found = find_exams(tmp_path, group_by='folder')
    assert [len(views) for views in found.exams.values()] == [2, 2]
    with pytest.raises(ValueError, match="'study' or 'folder'"):
        find_exams(tmp_path, group_by='patient')


def test_a_second_image_of_a_view_waits_and_is_listed(tmp_path):
    picture(tmp_path / 'a_LCC.png')
    picture(tmp_path / 'a_LCC (2).png')
    found = find_exams(tmp_path)
    ((key, exam),) = found.exams.items()
    assert exam['LCC'].path.name == 'a_LCC.png'
    assert [view.path.name for view in exam['LCC'].others] == ['a_LCC (2).png']
    assert not found.skipped
    found.settle(key, 'LCC', exam['LCC'])
    assert found.skipped == [
        (tmp_path / 'a_LCC (2).png', 'another LCC of the same exam; a_LCC.png is used')
    ]
    assert not found.doubts


def test_pictures_numbered_by_file_are_one_exam_and_told(tmp_path):
    picture(tmp_path / 'IM1_LCC.png')
    picture(tmp_path / 'IM2_RCC.png')
    found = find_exams(tmp_path)
    ((key, exam),) = found.exams.items()
    assert len(exam) == 2
    assert 'names differ apart from the view' in found.doubts[key][0]
    picture(tmp_path / 'IM3_LCC.png')  # which now cannot be one exam
    assert len(find_exams(tmp_path).exams) == 3


def test_two_numbered_sets_in_a_folder_are_told(tmp_path):
    for name in ('L_CC_1', 'R_CC_1', 'L_CC_2', 'R_CC_2'):
        picture(tmp_path / f'{name}.png')
    ((_, doubts),) = find_exams(tmp_path).doubts.items()
    assert 'more than once' in doubts[0]


def test_masks_and_second_names_of_a_file_are_left_out(tmp_path):
    picture(tmp_path / 'a_LCC.png')
    picture(tmp_path / 'a_LCC_mask.png')
    (tmp_path / 'b_RCC.png').symlink_to('a_LCC.png')
    found = find_exams([tmp_path, tmp_path / 'a_LCC.png'])
    (exam,) = found.exams.values()
    assert list(exam) == ['LCC'] and not exam['LCC'].others
    assert sorted((p.name, reason) for p, reason in found.skipped) == [
        ('a_LCC_mask.png', 'its name says that it is a mask'),
        ('b_RCC.png', 'the same file as a_LCC.png'),
    ]


@pytest.mark.parametrize(
    'second',
    [
        'P99_L_DM_MLO_2.png',
        'P99_L_DM_MLO2.png',
        'P99_L_DM_MLO (2).png',
        'p99_l_dm_mlo-02.png',
    ],
)
def test_a_repeated_view_is_told_by_its_number(tmp_path, second):
    for name in ('P99_L_DM_MLO.png', second, 'P1_L_DM_MLO.png', 'P1_R_DM_MLO.png'):
        picture(tmp_path / name)
    found = find_exams(tmp_path, 'CEM-LE')
    shown = sorted(
        [
            sorted(view.path.name for view in (first, *first.others))
            for first in views.values()
        ]
        for views in found.exams.values()
    )
    assert shown == sorted(
        [
            [['P1_L_DM_MLO.png'], ['P1_R_DM_MLO.png']],
            [sorted(['P99_L_DM_MLO.png', second])],
        ]
    )
    assert not found.doubts and not found.skipped


def test_pictures_of_several_patients_in_a_folder_are_parted(tmp_path):
    """As in CDD-CESM, whose pictures all lie in one folder."""
    for patient in ('P1', 'P2', 'P3'):
        for view in ('L_CC', 'R_CC', 'L_MLO')[: 1 if patient == 'P3' else 3]:
            picture(tmp_path / f'{patient}_{view}.png')
    found = find_exams(tmp_path)
    assert sorted(
        sorted({v.path.name[:2] for v in views.values()})
        for views in found.exams.values()
    ) == [['P1'], ['P2'], ['P3']]
    assert not found.doubts
    joined = find_exams(tmp_path, group_by='folder')  # asked for
    ((key, views),) = joined.exams.items()
    assert len(views) == 3 and 'names differ' in joined.doubts[key][0]


def changed(source, path, **elements):
    ds = pydicom.dcmread(source)
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    ds.save_as(path)


def test_images_for_presentation_go_first(phantom_root, tmp_path):
    file = phantom_root / 'dicom/phantom_0001/L_CC.dcm'
    changed(file, tmp_path / 'a.dcm', PresentationIntentType='FOR PROCESSING')
    changed(
        file,
        tmp_path / 'b.dcm',
        PresentationIntentType='FOR PRESENTATION',
        BurnedInAnnotation='YES',
    )
    found = find_exams(tmp_path)
    (exam,) = found.exams.values()
    assert exam['LCC'].path.name == 'b.dcm'
    assert exam['LCC'].burned_in
    assert [view.path.name for view in exam['LCC'].others] == ['a.dcm']


def test_contrast_enhanced_images_are_told_apart(phantom_root, tmp_path):
    file = phantom_root / 'dicom/phantom_0001/L_CC.dcm'
    changed(
        file,
        tmp_path / 'a.dcm',
        ImageType=['DERIVED', 'PRIMARY', 'POST_CONTRAST', 'SUBTRACTION', ''],
    )
    changed(
        file,
        tmp_path / 'b.dcm',
        ImageType=['ORIGINAL', 'PRIMARY', 'POST_CONTRAST', '', 'LOW_ENERGY'],
    )
    changed(file, tmp_path / 'c.dcm')
    for modality, name in [('FFDM', 'c.dcm'), ('CEM-RC', 'a.dcm'), ('CEM-LE', 'b.dcm')]:
        found = find_exams(tmp_path, modality)
        (exam,) = found.exams.values()
        assert exam['LCC'].path.name == name
        assert len(found.skipped) == 2
        assert all(modality in reason for _, reason in found.skipped)


def test_one_file_and_no_file(phantom_root, tmp_path):
    file = sorted((phantom_root / 'dicom/phantom_0001').glob('*.dcm'))[0]
    assert len(find_exams(file).exams) == 1
    with pytest.raises(FileNotFoundError, match='no such file or folder'):
        find_exams(tmp_path / 'no')
