"""One's own data, with a table and without."""

import pickle

import numpy as np
import openpyxl
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.generic import GenericConverter


def write_dicom(path, laterality='L', view='CC', study='1.2.3', **tags):
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = pydicom.Dataset()
    ds.file_meta = meta
    ds.SOPClassUID, ds.SOPInstanceUID = '1.2.840.10008.5.1.4.1.1.1.2', generate_uid()
    ds.StudyInstanceUID, ds.Modality = study, 'MG'
    ds.PatientID, ds.PatientName = 'SECRET-1', 'Secret^Name'
    ds.ImageLaterality, ds.ViewPosition = laterality, view
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 8, 6, 1
    ds.PhotometricInterpretation = 'MONOCHROME2'
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.PixelData = np.arange(48, dtype='<u2').tobytes()
    for name, value in tags.items():
        setattr(ds, name, value)
    ds.save_as(path, enforce_file_format=True)


def mistakes(catalogue):
    return [(skip.item, skip.reason) for skip in catalogue.skipped]


def test_rows_of_a_file_are_its_lesions(listed, pictures):
    pictures('a/1.png', 'a/2.png', 'masks/m.png')
    converter, catalogue = listed(
        dict(
            file='a/1.png',
            patient='p1',
            exam='e1',
            laterality='left',
            view='cc',
            modality='sfm',
            birads='bi-rads 4a',
            density='2',
            pathology='Malignant',
            abnormal='yes',
            nipple_x='40,5',
            nipple_y='48',
            pixel_spacing='0.07 x 0.08',
            x1='1.5',
            y1=2,
            x2=30,
            y2='40,5',
            category='Mass',
            lesion_birads='5',
            lesion_pathology='malignant',
            lesion_id='1',
        ),
        dict(
            file='a/1.png',
            patient='p1',
            mask='masks/m.png',
            category='Other',
            lesion_id='2',
        ),
        dict(file='a/1.png', x1=5, y1=5, x2=9, y2=9, category='calcification'),
        dict(
            file='a/2.png',
            patient='p1',
            exam='e1',
            laterality='R',
            view='MLO',
            pathology='normal',
            abnormal=0,
        ),
    )
    assert mistakes(catalogue) == []
    assert converter.categories == ('mass', 'calcification', 'other')
    one, two = catalogue.views
    assert (one.exam_id, one.patient_id, one.laterality, one.view, one.modality) == (
        'e1',
        'p1',
        'L',
        'CC',
        'SFM',
    )
    assert (one.birads, one.density, one.pathology, one.abnormal) == (
        '4A',
        'B',
        'malignant',
        True,
    )
    assert (one.nipple, one.pixel_spacing_mm) == ((40.5, 48.0), (0.07, 0.08))
    mass, other, calcification = one.lesions
    assert mass.box == (1.5, 2, 30, 40.5)
    assert (mass.birads, mass.pathology, mass.lesion_id) == ('5', 'malignant', 'e1_L_1')
    assert other.mask_file.as_posix() == 'masks/m.png' and other.box is None
    assert calcification.lesion_id is None
    assert (two.abnormal, two.pathology, two.lesions) == (False, None, [])
    assert pickle.loads(pickle.dumps(converter)).categories == converter.categories


def test_least_table(listed, pictures):
    """File and patient are enough where the names of pictures tell the rest."""
    pictures('x_L-CC.png', 'x_R_MLO.png')
    converter, catalogue = listed(
        dict(file='x_L-CC.png', patient='7', x1=1, y1=1, x2=5, y2=5),
        dict(file='x_R_MLO.png', patient='7'),
    )
    assert mistakes(catalogue) == [] and converter.categories == ('mass',)
    assert [
        (v.laterality, v.view, v.exam_id, v.abnormal, v.modality)
        for v in catalogue.views
    ] == [('L', 'CC', '7', None, 'FFDM'), ('R', 'MLO', '7', None, 'FFDM')]
    assert catalogue.views[0].lesions[0].category == 'mass'
    assert not converter.official_split
    assert (
        'columns of views.csv that are used: file, patient, x1, y1, x2, y2'
        in catalogue.notes
    )


def test_headers_fill_gaps_and_yield_to_the_table(listed, raw):
    write_dicom(raw / 'a.dcm', 'L', 'CC', '1.2.3')
    write_dicom(raw / 'b.dcm', 'L', 'MLO', '1.2.3', BurnedInAnnotation='YES')
    write_dicom(
        raw / 'c.dcm',
        'R',
        'MLO',
        '1.2.4',
        ImageType=['DERIVED', 'PRIMARY', '', 'LOW_ENERGY'],
    )
    write_dicom(raw / 'd.dcm', 'R', 'ML', '1.2.4')
    write_dicom(raw / 'e.dcm', '', 'CC', '1.2.4')
    write_dicom(
        raw / 'f.dcm',
        'R',
        'CC',
        '1.2.4',
        ImageType=['DERIVED', 'PRIMARY', '', 'HIGH_ENERGY'],
    )
    _, catalogue = listed(
        *(dict(file=f'{name}.dcm', patient='p1', laterality='') for name in 'acdef'),
        dict(file='b.dcm', patient='p1', laterality='R'),
    )
    a, c, b = catalogue.views
    assert (a.laterality, a.view, a.modality) == ('L', 'CC', 'FFDM')
    assert (c.laterality, c.view, c.modality) == ('R', 'MLO', 'CEM-LE')
    assert (b.laterality, b.view) == ('R', 'MLO')
    assert a.exam_id == b.exam_id != c.exam_id  # by study
    assert len(a.exam_id) == 12
    assert mistakes(catalogue) == [
        ('views.csv: row 4, column view', 'view other than CC and MLO'),
        (
            'views.csv: row 5, column laterality',
            'laterality that neither table, header nor file name states',
        ),
        ('f.dcm', 'image that cannot be used'),
    ]
    notes = ' '.join(catalogue.notes)
    assert '1 views whose DICOM header disagrees with the table on laterality' in notes
    assert (
        '1 views whose DICOM header states that text is burned into their pixels'
    ) in notes
    assert 'SECRET' not in repr(catalogue) and 'Secret' not in repr(catalogue)


def test_exams_that_patients_name_alike(listed, pictures):
    pictures(*(f'{i}_L_CC.png' for i in range(3)))
    _, catalogue = listed(
        dict(file='0_L_CC.png', patient='a', exam='first'),
        dict(file='1_L_CC.png', patient='b', exam='first'),
        dict(file='2_L_CC.png', patient='b', exam='E9'),
    )
    assert [view.exam_id for view in catalogue.views] == ['a_first', 'b_first', 'E9']


def test_each_mistake_has_its_row_and_column(listed, pictures):
    names = [f'{i}_L_CC.png' for i in range(14)]
    pictures(*names, 'sub1/same.png', 'sub2/same.png')
    rows = [
        dict(birads='9', x1=1, y1=1, x2=5, y2=5, category='mass'),  # row 2
        dict(laterality='both', nipple_x='here', nipple_y=5),
        dict(x1=5, y1=1, x2=5, y2=9, category='mass'),
        dict(x1=5, y1=1, x2='', y2=9, category='mass'),
        dict(x1=5, y1='one', x2=9, y2=9, category='mass'),
        dict(mask='gone.png', category='mass'),
        dict(category='mass'),
        dict(x1=1, y1=1, x2=5, y2=5),
        dict(nipple_x=4),
        dict(abnormal='no', x1=1, y1=1, x2=5, y2=5, category='mass'),
        dict(patient=''),
        dict(pixel_spacing='-1'),
    ]
    rows = [dict(dict(file=name, patient='p'), **row) for name, row in zip(names, rows)]
    rows += [
        dict(file='gone.png', patient='p'),
        dict(file='', patient='p'),
        dict(file='same.png', patient='p'),
        dict(file='0_L_CC.png', patient='q', birads='4'),
    ]
    _, catalogue = listed(*rows)
    found = [
        (skip.item.replace('views.csv: row ', ''), skip.reason)
        for skip in catalogue.skipped
    ]
    assert found == [
        ('2, column birads', 'value that is not understood'),
        ('3, column laterality', 'value that is not understood'),
        ('3, column nipple_x', 'value that is not understood'),
        ('4, column x2', 'box without width or height'),
        ('5, column x2', 'incomplete box'),
        ('6, column y1', 'value that is not understood'),
        ('7, column mask', 'missing file'),
        ('8, column x1', 'lesion without a box or mask'),
        ('9, column category', 'cell that is needed is empty'),
        ('10, column nipple_y', 'half of a point'),
        ('12, column patient', 'cell that is needed is empty'),
        ('13, column pixel_spacing', 'value that is not understood'),
        ('14, column file', 'missing file'),
        ('15, column file', 'cell that is needed is empty'),
        ('16, column file', 'name that several files have'),
        ('17, column patient', 'value that contradicts an earlier row'),
        ('11, column abnormal', 'view with a lesion that is labelled normal'),
    ]
    details = {skip.item: skip.detail for skip in catalogue.skipped}
    assert details['views.csv: row 2, column birads'].startswith(
        "0_L_CC.png: '9'; expected 0, 1, 2"
    )
    assert 'row 2, which is taken' in details['views.csv: row 17, column patient']
    assert len(catalogue.views) == 11
    # a later row fills what an earlier one left open
    assert catalogue.views[0].birads == '4' and catalogue.views[0].patient_id == 'p'
    assert [len(view.lesions) for view in catalogue.views] == [
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        0,
    ]
    assert catalogue.views[9].abnormal is None


def test_files_as_tables_name_them(listed, raw, pictures, write_picture):
    pictures('Deep/Folder/One_L_CC.PNG', 'two  spaces_L_CC.png', 'b/3_L_CC.png')
    _, catalogue = listed(
        dict(file='folder\\one_l_cc.png', patient='a'),
        dict(file='./two  spaces_L_CC.png', patient='b'),
        dict(file=str((raw / 'b/3_L_CC.png').resolve()), patient='c'),
    )
    assert [view.file.as_posix() for view in catalogue.views] == [
        'Deep/Folder/One_L_CC.PNG',
        'two  spaces_L_CC.png',
        'b/3_L_CC.png',
    ]


def test_unusable_images_are_counted(listed, raw, pictures):
    pictures('1_L_CC.png')
    (raw / 'text_L_CC.png').write_text('not a picture')
    _, catalogue = listed(
        dict(file='1_L_CC.png', patient='a'), dict(file='text_L_CC.png', patient='b')
    )
    assert mistakes(catalogue) == [('text_L_CC.png', 'image that cannot be used')]


def test_parts_of_the_table(listed, pictures):
    pictures('1_L_CC.png', '1_L_MLO.png', '2_L_CC.png')
    rows = [
        dict(file='1_L_CC.png', patient='a', part='Training'),
        dict(file='1_L_MLO.png', patient='a', part='train'),
        dict(file='2_L_CC.png', patient='b', part='test'),
    ]
    converter, catalogue = listed(*rows)
    assert converter.official_split
    assert [view.part for view in catalogue.views] == ['train', 'train', 'test']
    rows[2]['part'] = ''
    converter, catalogue = listed(*rows)
    assert not converter.official_split
    assert any('1 views without a part' in note for note in catalogue.notes)


def test_wrong_tables(raw, tmp_path, listed):
    with pytest.raises(ConversionError, match="no column 'patient'"):
        listed(dict(file='1.png', view='CC'), drop=('patient',))
    with pytest.raises(ConversionError, match='cannot be read'):
        GenericConverter(tmp_path / 'none.csv')
    with pytest.raises(ConversionError, match='no such folder'):
        GenericConverter().catalogue(tmp_path / 'none')


def test_spreadsheet(raw, tmp_path, pictures):
    pictures('1.png')
    book = openpyxl.Workbook()
    book.active.append(
        [
            'File',
            'Patient',
            'Laterality',
            'View',
            'X1',
            'Y1',
            'X2',
            'Y2',
            'BI-RADS',
            'Abnormal',
            'Pixel spacing',
        ]
    )
    book.active.append(['1.png', 12, 'R', 'CC', 1, 2.5, 30, 40, 4, True, 0.1])
    book.save(tmp_path / 'views.xlsx')
    (view,) = GenericConverter(tmp_path / 'views.xlsx').catalogue(raw).views
    assert (view.patient_id, view.abnormal) == ('12', True)
    assert view.pixel_spacing_mm == (0.1, 0.1)
    assert view.lesions[0].box == (1, 2.5, 30, 40)


def test_folder_without_a_table(raw, pictures):
    pictures('x/anna/L_CC.png', 'x/anna/R_CC.png', 'x/bea/L_CC.png', 'x/bea/odd.png')
    write_dicom(raw / 'x/cleo/1.dcm', 'L', 'CC', '1.2.1')
    write_dicom(raw / 'x/cleo/second/1.dcm', 'L', 'CC', '1.2.2')
    write_dicom(raw / 'x/cleo/second/2.dcm', 'L', 'CC', '1.2.2')
    write_dicom(raw / 'x/both/1.dcm', 'L', 'CC', '1.2.3')
    write_dicom(raw / 'x/sides/2.dcm', 'R', 'CC', '1.2.3')
    (raw / 'x/.DS_Store').write_text('not a mammogram')
    converter = GenericConverter()
    catalogue = converter.catalogue(raw)
    patients = {}
    for view in catalogue.views:
        patients.setdefault(view.file.parts[1], set()).add(
            (view.patient_id, view.exam_id)
        )
    assert {p for p, _ in patients['anna']} == {'p00000'}
    assert {p for p, _ in patients['bea']} == {'p00001'}
    assert {p for p, _ in patients['cleo']} == {'p00002'}
    assert len(patients['cleo']) == 2  # two exams
    ((patient, exam),) = patients['both']  # one exam in two folders
    assert patients['sides'] == {(patient, exam)} and patient == exam
    assert mistakes(catalogue) == [('x/bea/odd.png', 'file that is not used')]
    # the conversion chooses, when it has read them
    assert {view.file.as_posix() for view in catalogue.views} >= {
        'x/cleo/second/1.dcm',
        'x/cleo/second/2.dcm',
    }
    assert all(view.abnormal is None and not view.lesions for view in catalogue.views)
    assert converter.categories == ('mass',)
    assert 'anna' not in repr([v.patient_id + v.exam_id for v in catalogue.views])
    assert 'SECRET' not in repr(catalogue)


def test_folder_of_loose_exams(raw):
    for i in range(2):
        write_dicom(raw / f'{i}l.dcm', 'L', 'CC', f'1.2.{i}')
        write_dicom(raw / f'{i}r.dcm', 'R', 'CC', f'1.2.{i}')
    views = GenericConverter().catalogue(raw).views
    assert len(views) == 4
    assert all(view.patient_id == view.exam_id for view in views)
    assert len({view.exam_id for view in views}) == 2


def test_contrast_enhanced_folder(raw):
    for i, kind in enumerate(('LOW_ENERGY', 'SUBTRACTION', 'HIGH_ENERGY')):
        write_dicom(raw / f'p/{i}.dcm', ImageType=['DERIVED', 'PRIMARY', '', kind])
    write_dicom(raw / 'p/3.dcm')
    catalogue = GenericConverter().catalogue(raw)
    assert {view.file.name: view.modality for view in catalogue.views} == {
        '0.dcm': 'CEM-LE',
        '1.dcm': 'CEM-RC',
        '3.dcm': 'FFDM',
    }
    assert len({view.exam_id for view in catalogue.views}) == 1
    assert mistakes(catalogue) == [('p/2.dcm', 'file that is not used')]


def test_exams_of_one_patient_id_are_of_one_patient(raw):
    for folder, study, patient in (
        ('a', '1.2.1', 'ID1'),
        ('b', '1.2.2', 'ID1'),
        ('c', '1.2.3', 'ID2'),
    ):
        write_dicom(
            raw / folder / '1.dcm',
            'L',
            'CC',
            study,
            PatientID=patient,
            PatientName=patient,
        )
    patients = {
        view.file.parts[0]: view.patient_id
        for view in GenericConverter().catalogue(raw).views
    }
    assert patients['a'] == patients['b'] != patients['c']
    assert 'ID1' not in patients.values()


def test_one_patient_id_for_all_files_is_none(raw):
    for folder, study in (('a', '1.2.1'), ('b', '1.2.2'), ('c', '1.2.3')):
        write_dicom(raw / folder / '1.dcm', 'L', 'CC', study, PatientID='ANON')
    patients = {view.patient_id for view in GenericConverter().catalogue(raw).views}
    assert len(patients) == 3


def test_links_that_lead_nowhere_are_listed_once(raw):
    write_dicom(raw / 'a/1.dcm', 'L', 'CC', '1.2.1')
    (raw / 'gone').symlink_to('nowhere')
    (raw / '.hidden').write_text('')
    catalogue = GenericConverter().catalogue(raw)
    assert [skip.item for skip in catalogue.skipped] == ['gone']
    assert any('1 hidden files' in note for note in catalogue.notes)


def test_a_view_that_the_table_gives_to_another_patient_is_left_out(listed, raw):
    """A slip of the pen would put one woman into two parts of a split."""
    for i, view in enumerate(('CC', 'MLO', 'CC')):
        write_dicom(raw / f'{i}.dcm', 'LLR'[i], view, '1.2.1')
    _, catalogue = listed(
        *(
            dict(file=f'{i}.dcm', patient=patient)
            for i, patient in enumerate(('p2', 'p2', 'p3'))
        )
    )
    assert [view.file.name for view in catalogue.views] == ['0.dcm', '1.dcm']
    assert ('2.dcm', 'view of another patient than its exam') in mistakes(catalogue)
