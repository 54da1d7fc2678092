"""CBIS-DDSM: tables as TCIA has them, downloads as users have them.

The forms are those of the collection's page (TCIA, doi 10.7937/K9/TCIA.2016.
7O02S9CY) and of paths that users quote: 'CBIS-DDSM/<case>/<date>-DDSM-NA-<number>/
1.000000-ROI mask images-<number>/1-1.dcm' with crop and mask in one folder or in
two, older downloads with '000000.dcm', some series without a description. That
mask and image may differ in size: github.com/fjeg/ddsm_tools, issue 5.
"""

import json
import pickle

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from mammo_plugins.converters import ConversionError, Split, convert
from mammo_plugins.converters.cbis_ddsm import CBISDDSMConverter

MASS_HEADER = (
    'patient_id,breast_density,left or right breast,image view,abnormality id,'
    'abnormality type,mass shape,mass margins,assessment,pathology,subtlety,'
    'image file path,cropped image file path,ROI mask file path'
)
CALC_HEADER = MASS_HEADER.replace('breast_density', 'breast density').replace(
    'mass shape,mass margins', 'calc type,calc distribution'
)
SIZE = (96, 64)
FULL, CROP, MASK = 'full mammogram images', 'cropped images', 'ROI mask images'


def write_dicom(path, case, size, bits, uids, description):
    y, x = np.mgrid[: size[0], : size[1]] / np.reshape(size, (2, 1, 1))
    if bits == 8:  # the lesion: the middle half
        pixels = ((abs(y - 0.5) < 0.25) & (abs(x - 0.5) < 0.25)).astype(np.uint8) * 255
    else:
        inside = (x / 0.7) ** 2 + ((y - 0.5) / 0.45) ** 2 < 1
        noise = np.random.default_rng(0).integers(0, 3000, size)
        pixels = np.where(inside, 32000 + noise, 300).astype(np.uint16)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = '1.2.840.10008.5.1.4.1.1.7'
    ds.SOPInstanceUID = '2.25.1'
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uids
    ds.Modality = 'MG'
    ds.PatientID = case
    if description:
        ds.SeriesDescription = description
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = 'MONOCHROME2'
    ds.Rows, ds.Columns = size
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    ds.PixelData = pixels.tobytes()
    ds['PixelData'].VR = 'OW'
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)


class Download:
    """A raw folder that is made case by case."""

    def __init__(self, root, layout='nbia'):
        self.root, self.layout = root, layout
        self.tables = {}
        self.uids = 0
        root.mkdir()

    def series(self):
        self.uids += 1
        return f'1.3.6.1.4.1.9590.100.{self.uids}', f'1.3.6.1.4.1.9590.200.{self.uids}'

    def put(self, case, uids, name, size=SIZE, bits=16, description=FULL, folder=None):
        """Write one file where the layout has it; ``name`` is its number."""
        folder = folder or description
        place = {
            'nbia': f'manifest-12/CBIS-DDSM/{case}/10-04-2016-DDSM-NA-{uids[0][-1]}0/'
            f'1.000000-{folder}-4{self.uids}/1-{name + 1}.dcm',
            'older': f'{case}/10-04-2016-DDSM-{uids[0][-1]}0/1-{folder}-4{self.uids}/'
            f'{name:06d}.dcm',
            'tables': f'CBIS-DDSM/{case}/{uids[0]}/{uids[1]}/{name:06d}.dcm',
            'uids': f'{uids[0]}/{uids[1]}/{name:06d}.dcm',
            'renamed': f'images/{self.uids}_{name}',
        }[self.layout]
        write_dicom(self.root / place, case, size, bits, uids, description)
        return self.root / place

    def image(self, case, **settings):
        uids = self.series()
        self.put(case, uids, 0, **settings)
        return f'{case}/{uids[0]}/{uids[1]}/000000.dcm'

    def region(
        self,
        case,
        mask_first=False,
        apart=False,
        swapped=False,
        mask=SIZE,
        crop=(30, 20),
        description=True,
    ):
        """Write crop and mask; return the table's paths of crop and mask."""
        crop_uids = self.series()
        mask_uids = self.series() if apart else crop_uids
        if apart:
            places = dict(crop=(crop_uids, 0, CROP), mask=(mask_uids, 0, MASK))
        else:
            places = dict(
                crop=(crop_uids, int(mask_first), MASK),
                mask=(crop_uids, int(not mask_first), MASK),
            )
        for kind, size, bits, said in (
            ('crop', crop, 16, CROP),
            ('mask', mask, 8, MASK),
        ):
            if size is not None:
                uids, number, folder = places[kind]
                self.put(
                    case, uids, number, size, bits, said if description else '', folder
                )
        paths = [
            f'{case}/{uids[0]}/{uids[1]}/{number:06d}.dcm'
            for uids, number, _ in (places['crop'], places['mask'])
        ]
        return paths[::-1] if swapped else paths

    def add(
        self,
        patient,
        side='LEFT',
        view='CC',
        number=1,
        kind='mass',
        part='train',
        assessment='4',
        pathology='MALIGNANT',
        density='2',
        image=None,
        copies=1,
        **region,
    ):
        """Add a row with its files; ``image`` False writes no full image."""
        word = dict(train='Training', test='Test')[part]
        case = f'{kind.title()}-{word}_{patient}_{side}_{view}'
        if image is None:
            image = self.image(case)
        elif isinstance(image, dict):
            image = self.image(case, **image)
        crop, mask = self.region(f'{case}_{number}', **region)
        kinds = (
            'mass,OVAL,CIRCUMSCRIBED'
            if kind == 'mass'
            else 'calcification,PLEOMORPHIC,CLUSTERED'
        )
        # the true tables end the last cell, and some others, with a line break
        line = (
            f'{patient},{density},{side},{view},{number},{kinds},{assessment},'
            f'{pathology},3,{image or case + "/1.2/1.3/000000.dcm"},{crop},'
            f'"{mask}\n"'
        )
        self.tables.setdefault((kind, part), []).extend([line] * copies)
        return image

    def line(self, text, kind='mass', part='train'):
        self.tables.setdefault((kind, part), []).append(text)

    def catalogue(self, encoding='utf-8'):
        for (kind, part), lines in self.tables.items():
            header = MASS_HEADER if kind == 'mass' else CALC_HEADER
            (self.root / f'{kind}_case_description_{part}_set.csv').write_bytes(
                '\n'.join([header, *lines, '']).encode(encoding)
            )
        return CBISDDSMConverter().catalogue(self.root)


@pytest.fixture
def download(tmp_path):
    return Download(tmp_path / 'raw')


def reasons(catalogue):
    return sorted((skip.item, skip.reason) for skip in catalogue.skipped)


REGIONS = (
    dict(),
    dict(mask_first=True),
    dict(apart=True),
    dict(swapped=True),
    dict(apart=True, swapped=True),
    dict(description=False),
    dict(description=False, mask_first=True, swapped=True),
)


@pytest.mark.parametrize('layout', ['nbia', 'older', 'tables', 'uids', 'renamed'])
def test_masks_are_found_by_content_in_every_layout(tmp_path, layout):
    download = Download(tmp_path / 'raw', layout)
    for i, region in enumerate(REGIONS):
        image = download.add(f'P_9010{i}', side='RIGHT', **region)
        download.add(f'P_9010{i}', side='RIGHT', number=2, image=image, **region)
    catalogue = download.catalogue()
    assert not catalogue.skipped
    assert len(catalogue.views) == len(REGIONS)
    for i, view in enumerate(catalogue.views):
        case = f'Mass-Training_P_9010{i}_RIGHT_CC'
        assert (view.patient_id, view.laterality, view.view) == (
            f'P_9010{i}',
            'R',
            'CC',
        )
        files = [view.file, *(lesion.mask_file for lesion in view.lesions)]
        headers = [
            pydicom.dcmread(download.root / file, stop_before_pixels=True)
            for file in files
        ]
        assert [header.PatientID for header in headers] == [
            case,
            f'{case}_1',
            f'{case}_2',
        ]
        assert [header.BitsAllocated for header in headers] == [16, 8, 8]
        assert {(header.Rows, header.Columns) for header in headers} == {SIZE}


def test_the_only_lesion_of_both_views_is_one(download):
    image = download.add('P_90001')
    download.add('P_90001', number=2, image=image, pathology='BENIGN')
    download.add('P_90001', view='MLO', number=2, pathology='BENIGN')
    download.add('P_90001', side='RIGHT', view='MLO')
    download.add('P_90001', side='RIGHT')
    download.add('P_90002')
    views = {
        (v.patient_id, v.laterality, v.view): v for v in download.catalogue().views
    }
    cc, mlo = views['P_90001', 'L', 'CC'], views['P_90001', 'L', 'MLO']
    assert [x.pathology for x in cc.lesions] == ['malignant', 'benign']
    assert (cc.pathology, mlo.pathology) == ('malignant', 'benign')
    # the films of tables with several show that numbers are those of a view
    assert {x.lesion_id for x in cc.lesions + mlo.lesions} == {None}
    ids = [
        x.lesion_id
        for v in views.values()
        for x in v.lesions
        if v.laterality == 'R' or v.patient_id == 'P_90002'
    ]
    assert ids == ['P_90001_R_mass_1', 'P_90001_R_mass_1', 'P_90002_L_mass_1']


def test_facts_of_the_calcification_table(download):
    download.add(
        'P_90003',
        kind='calc',
        part='test',
        assessment='0',
        density='0',
        pathology='BENIGN_WITHOUT_CALLBACK',
    )
    download.add(
        'P_90003',
        view='MLO',
        kind='calc',
        part='test',
        assessment='3',
        density='4',
        pathology='BENIGN_WITHOUT_CALLBACK',
    )
    download.add(
        'P_90003',
        side='RIGHT',
        kind='calc',
        part='test',
        assessment='2',
        density='',
        pathology='',
    )
    catalogue = download.catalogue()
    left, mlo, right = catalogue.views
    assert {v.part for v in catalogue.views} == {'test'}
    assert {v.modality for v in catalogue.views} == {'SFM'}
    assert {v.exam_id for v in catalogue.views} == {'P_90003'}
    assert all(v.abnormal is True for v in catalogue.views)
    assert [v.density for v in catalogue.views] == [None, 'D', None]
    # of the breast, 0 above 3; the lesions keep their own
    assert [v.birads for v in catalogue.views] == ['0', '0', '2']
    assert [v.lesions[0].birads for v in catalogue.views] == ['0', '3', '2']
    assert [v.pathology for v in catalogue.views] == ['benign', 'benign', None]
    assert left.lesions[0].category == 'calcification'
    assert left.lesions[0].lesion_id == mlo.lesions[0].lesion_id
    assert right.lesions[0].pathology is None
    assert 'mass_case_description_train_set.csv' in catalogue.notes[0]
    assert 'calc_case_description_test_set.csv' not in catalogue.notes[0]


@pytest.mark.parametrize(
    'assessments, most',
    [(['2', '3'], '3'), (['0', '4'], '4'), (['5', '0'], '5'), (['1', ''], '1')],
)
def test_birads_of_a_breast_is_that_of_most_concern(download, assessments, most):
    for view, assessment in zip(('CC', 'MLO'), assessments):
        download.add('P_90004', view=view, assessment=assessment)
    assert {v.birads for v in download.catalogue().views} == {most}


@pytest.mark.parametrize(
    'mlo', [[dict(pathology='BENIGN')], [dict(number=2)], [{}, dict(number=2)]]
)
def test_lesions_that_are_not_surely_one_are_not_joined(download, mlo):
    download.add('P_90005', pathology='MALIGNANT')
    for facts in mlo:
        download.add('P_90005', view='MLO', **facts)
    download.add('P_90005', kind='calc')  # counts by itself
    catalogue = download.catalogue()
    ids = [(x.category, x.lesion_id) for v in catalogue.views for x in v.lesions]
    assert set(ids) == {('mass', None), ('calcification', 'P_90005_L_calc_1')}
    assert any(
        note.startswith('1 times a breast has masses') for note in catalogue.notes
    )


def test_two_copies_of_a_film_are_one_view(download):
    download.add('P_90006', kind='mass', part='train')
    download.add('P_90006', kind='calc', part='test', pathology='BENIGN')
    download.add('P_90006', view='MLO', kind='mass', part='train')
    catalogue = download.catalogue()
    cc, mlo = catalogue.views
    assert cc.part == 'test' and 'Calc-Test' in str(cc.file)
    assert [x.category for x in cc.lesions] == ['calcification', 'mass']
    assert cc.lesions[0].lesion_id != cc.lesions[1].lesion_id
    assert cc.pathology == 'malignant' and mlo.part == 'train'
    assert any(note.startswith('1 patients are in both') for note in catalogue.notes)
    assert any(note.startswith('1 films are listed') for note in catalogue.notes)


def test_copies_of_other_proportions_stay_apart_the_test_part_first(download):
    download.add(
        'P_90007', kind='mass', part='train', image=dict(size=(96, 80)), mask=(96, 80)
    )
    download.add('P_90007', kind='calc', part='test')
    views = download.catalogue().views
    assert [(v.part, len(v.lesions)) for v in views] == [('test', 1), ('train', 1)]


def test_masks_of_other_sizes(download):
    image = dict(size=(460, 306))
    # 43.5 um against 50 um
    download.add('P_90008', image=image, mask=(400, 266))
    download.add('P_90009', image=image, mask=(460, 320))
    download.add('P_90010', image=image, mask=None)
    download.add('P_90011', image=image, mask=(30, 20))
    # a crop that covers most of the film is no mask
    download.add('P_90012', image=image, mask=None, crop=(440, 300), description=False)
    catalogue = download.catalogue()
    assert [len(v.lesions) for v in catalogue.views] == [1, 0, 0, 0, 0]
    case = 'Mass-Training_P_{}_LEFT_CC_1'
    assert reasons(catalogue) == [
        (case.format(90009), 'ROI mask of other proportions than its image'),
        (case.format(90010), 'ROI mask not found'),
        (case.format(90011), 'ROI mask not found'),
        (case.format(90012), 'ROI mask not found'),
    ]
    assert any(
        note.startswith('1 ROI masks have another size') for note in catalogue.notes
    )


def test_faults_are_counted(download):
    download.add('P_90013', image=False)
    download.add('P_90014', copies=2)
    download.add('P_90015')
    (broken,) = download.root.rglob('Mass-Training_P_90015_LEFT_CC/**/*.dcm')
    broken.write_bytes(b'not a DICOM file')
    (broken.parent / '._1-1.dcm').write_bytes(b'of a Mac')
    download.line('P_90016,2,BOTH,CC,1,mass,OVAL,SPICULATED,4,BENIGN,3,a,b,c')
    download.line(',,,,,,,,,,,,,')
    catalogue = download.catalogue()
    assert [v.patient_id for v in catalogue.views] == ['P_90014']
    table = 'mass_case_description_train_set.csv, row '
    found = [
        (item.replace(table, 'row '), reason) for item, reason in reasons(catalogue)
    ]
    assert [reason for _, reason in found] == [
        'full mammogram not found',
        'full mammogram not found',
        'abnormality given twice',
        'row without patient, side, view or number',
    ]
    assert [item for item, _ in found] == [
        'Mass-Training_P_90013_LEFT_CC',
        'Mass-Training_P_90015_LEFT_CC',
        'row 4',
        'row 6',
    ]


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'cp1252', 'utf-8'])
def test_cells_as_spreadsheets_save_them(download, encoding):
    image = download.image('Mass-Test_P_90017_LEFT_MLO')
    crop, mask = download.region('Mass-Test_P_90017_LEFT_MLO_3')
    download.line(
        '"P_90017\n",3.0, left ,mlo,3.0,mass,na\u00efve,X,4.0,'
        f'Benign_without_callback ,2,"{image}\n","\n{crop}","{mask}\n"',
        part='test',
    )
    (view,) = download.catalogue(encoding).views
    assert (view.patient_id, view.laterality, view.view) == ('P_90017', 'L', 'MLO')
    assert (view.density, view.birads, view.pathology) == ('C', '4', 'benign')
    assert view.lesions[0].lesion_id == 'P_90017_L_mass_3'


def test_headers_are_read_once_and_crops_of_their_own_not_at_all(download, monkeypatch):
    image = download.add('P_90018')
    download.add('P_90018', number=2, image=image, apart=True)
    download.add('P_90018', kind='calc')
    read = []
    real = pydicom.dcmread

    def count(path, **settings):
        assert settings['stop_before_pixels'] and settings['specific_tags']
        read.append(path)
        return real(path, **settings)

    monkeypatch.setattr(pydicom, 'dcmread', count)
    catalogue = download.catalogue()
    assert len(catalogue.views) == 1 and len(catalogue.views[0].lesions) == 3
    assert len(read) == len(set(read)) == 5  # two copies of the film, three masks


def test_a_wrong_folder_says_what_is_expected(download, tmp_path):
    with pytest.raises(ConversionError, match='no such folder'):
        CBISDDSMConverter().catalogue(tmp_path / 'absent')
    with pytest.raises(ConversionError, match='no case table; expected.*mass_case'):
        download.catalogue()
    download.line('P_90019,2,LEFT,CC,1,mass,OVAL,SPICULATED,4,BENIGN,3,a,b,c')
    (download.root / 'image.png').write_bytes(b'')
    with pytest.raises(ConversionError, match='no DICOM files'):
        download.catalogue()
    table = download.root / 'mass_case_description_train_set.csv'
    table.write_text('patient_id,something\n1,2\n')
    with pytest.raises(ConversionError, match='no column.*left or right breast'):
        CBISDDSMConverter().catalogue(download.root)


def test_tables_elsewhere_and_under_the_names_of_the_page(download):
    download.add('P_90020')
    download.catalogue()
    table = download.root / 'mass_case_description_train_set.csv'
    (download.root / 'csv').mkdir()
    for name in (
        'csv/MASS_case_description_train_set (1).CSV',
        'csv/Mass-Training-Description.csv',
    ):
        table = table.rename(download.root / name)
        assert len(CBISDDSMConverter().catalogue(download.root).views) == 1


def test_conversion(download, tmp_path):
    download.add('P_90021', image=dict(size=(115, 76)), mask=(100, 66))
    download.add(
        'P_90022', kind='mass', part='train', image=dict(size=(96, 80)), mask=(96, 80)
    )
    download.add('P_90022', kind='calc', part='test')
    download.catalogue()
    converter = pickle.loads(pickle.dumps(CBISDDSMConverter()))
    out = tmp_path / 'out'
    summary = convert(
        converter,
        download.root,
        out,
        Split('official', val_share=0),
        tmp_path / 'cache',
    )
    assert summary['skipped'] == {
        'another image of the same view of an exam': 1,
        'lesion of an image that is not used': 1,
    }
    data = {
        part: json.loads((out / f'annotations/{part}.json').read_text())
        for part in ('train', 'test')
    }
    (image,) = data['train']['images']
    assert (image['height'], image['width']) == (115, 76)
    assert image['pixel_spacing_mm'] is None and image['modality'] == 'SFM'
    x, y, w, h = data['train']['annotations'][0]['bbox']
    # the middle half of the field of view, within a pixel of the mask
    assert np.allclose((x, y, x + w, y + h), (19, 28.75, 57, 86.25), atol=1.5)
    assert data['test']['images'][0]['patient_id'] == 'P_90022'
    assert data['test']['annotations'][0]['category_id'] == 2
