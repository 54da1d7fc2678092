"""INbreast, on a small release written by hand.

Its form is that of the readme of "INbreast Release 1.0" and of Moreira et al.,
Academic Radiology 19(2), 2012; spelling variants of region names and the header of
the DICOM files are those that public readers of the set report.
"""

import plistlib
from pathlib import Path

import numpy as np
import openpyxl
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from mammo_plugins.converters import ConversionError, RawView, Split, convert
from mammo_plugins.converters.inbreast import INbreastConverter
from mammo_plugins.converters.inbreast_files import (
    RegionError,
    find_category,
    read_regions,
)
from mammo_plugins.io import MammogramError, read_mammogram
from mammo_plugins.structures import load_coco_exam

ANNA, BERTA = '0123456789abcdef', 'fedcba9876543210'
SQUARE = [(10.5, 20.25), (30.5, 20.25), (30.5, 40.25), (10.5, 40.25)]
CSV_HEAD = (
    'Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads'
)
PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" \
"http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>Images</key><array><dict>
<key>ImageIndex</key><integer>0</integer>
<key>NumberOfROIs</key><integer>{count}</integer>
<key>ROIs</key><array>{rois}</array></dict></array></dict></plist>
"""
ROI = """<dict><key>Area</key><real>1.5</real><key>Name</key><string>{name}</string>
<key>NumberOfPoints</key><integer>{count}</integer>
<key>Point_mm</key><array></array><key>Point_px</key><array>{points}</array>
<key>Type</key><integer>15</integer></dict>"""


def plist(*regions, count=None):
    """Return an OsiriX property list of (name, points)."""
    rois = [
        ROI.format(
            name=name,
            count=len(points),
            points=''.join(f'<string>({x:f}, {y:f})</string>' for x, y in points),
        )
        for name, points in regions
    ]
    return PLIST.format(count=len(rois) if count is None else count, rois=''.join(rois))


class Release:
    """A release that is filled file by file."""

    def __init__(self, root):
        self.root = root
        self.rows = []

    def image(self, file_id, patient=ANNA, side='L', view='CC', data=b''):
        path = self.root / f'AllDICOMs/{file_id}_{patient}_MG_{side}_{view}_ANON.dcm'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def regions(self, file_id, *regions, text=None):
        path = self.root / f'AllXML/{file_id}.xml'
        path.parent.mkdir(parents=True, exist_ok=True)
        text = plist(*regions) if text is None else text
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def row(self, file_id, birads='2', side='L', view='CC', date='201001', acr='2'):
        self.rows.append(
            f'removed;removed;{side};{view};{date};{file_id};{acr};{birads}'
        )

    def add(self, file_id, *regions, patient=ANNA, side='L', view='CC', **row):
        """Add a whole view; without regions it has no XML."""
        self.image(file_id, patient, side, view)
        self.row(file_id, side=side, view=view.replace('ML', 'MLO'), **row)
        if regions:
            self.regions(file_id, *regions)

    def catalogue(self):
        if self.rows:
            (self.root / 'INbreast.csv').write_text(
                '\n'.join([CSV_HEAD, *self.rows]) + '\n'
            )
        return INbreastConverter().catalogue(self.root)


@pytest.fixture
def release(tmp_path):
    """A release that holds one view of a mass."""
    made = Release(tmp_path / 'INbreast Release 1.0')
    made.add(20000001, ('Mass', SQUARE), birads='4a', acr='3')
    return made


def views_of(catalogue):
    return {view.file.name.split('_')[0]: view for view in catalogue.views}


def reasons(catalogue):
    return sorted(skip.reason for skip in catalogue.skipped)


def note(catalogue, text):
    return [line for line in catalogue.notes if text in line]


def test_facts_come_from_names_and_table(release):
    release.add(20000002, view='ML', birads='1', acr='     ')
    release.add(20000003, ('Cluster', SQUARE), birads='6', date='201106', side='R')
    release.add(20000004, patient=BERTA, birads='1', acr='4')
    catalogue = release.catalogue()
    assert not catalogue.skipped
    facts = [
        (
            v.exam_id,
            v.patient_id,
            v.laterality,
            v.view,
            v.birads,
            v.density,
            v.abnormal,
            len(v.lesions),
        )
        for v in catalogue.views
    ]
    assert facts == [
        (f'{ANNA}_201001', ANNA, 'L', 'CC', '4A', 'C', True, 1),
        (f'{ANNA}_201001', ANNA, 'L', 'MLO', '1', None, False, 0),
        (f'{ANNA}_201106', ANNA, 'R', 'CC', '6', 'B', True, 1),
        (f'{BERTA}_201001', BERTA, 'L', 'CC', '1', 'D', False, 0),
    ]
    mass = catalogue.views[0].lesions[0]
    assert mass.category == 'mass' and mass.polygons == [SQUARE]
    for view in catalogue.views:
        assert view.pathology is None and view.part is None
        assert view.modality == 'FFDM' and view.pixel_spacing_mm == (0.07, 0.07)
        assert all(
            lesion.birads is lesion.pathology is lesion.lesion_id is None
            for lesion in view.lesions
        )
    assert note(catalogue, 'no biopsy')


@pytest.mark.parametrize(
    'text, birads, abnormal',
    [
        ('4b', '4B', True),
        ('4C', '4C', True),
        (' 5 ', '5', True),
        ('2.0', '2', True),
        ('3', '3', True),
        ('5a', None, None),
        ('', None, None),
        ('7', None, None),
    ],
)
def test_birads_that_are_none_are_null(release, text, birads, abnormal):
    release.add(20000002, ('Mass', SQUARE), view='ML', birads=text)
    view = views_of(release.catalogue())['20000002']
    assert (view.birads, view.abnormal) == (birads, abnormal)


@pytest.mark.parametrize(
    'name, category',
    [
        ('Mass', 'mass'),
        ('mass ', 'mass'),
        ('Calcification', 'calcification'),
        ('Calcifications', 'calcification'),
        ('Cluster', 'calcification cluster'),
        ('Spiculated Region', 'spiculated region'),
        ('Spiculated region', 'spiculated region'),
        ('Espiculated Region', 'spiculated region'),
        ('Distortion', 'architectural distortion'),
        ('Asymmetry', 'asymmetry'),
        ('Assymetry', 'asymmetry'),
        ('Asimmetry', 'asymmetry'),
        ('Pectoral Muscle', None),
        ('Unnamed', 'other'),
        ('Point 1', 'other'),
        ('', 'other'),
    ],
)
def test_names_of_regions(name, category):
    assert find_category(name) == category
    assert category is None or category in INbreastConverter.categories


def test_regions_of_points_are_boxed_by_whole_pixels(release):
    release.add(
        20000002,
        ('Calcification', [(100.5, 200.9)]),
        ('Calcification', [(5.0, 6.2), (7.9, 6.8)]),
        ('Calcification', [(5.2, 6.2), (5.7, 6.8), (5.1, 6.9)]),  # below a pixel
        ('Calcification', [(5.0, 6.0), (7.0, 8.0), (9.0, 10.0)]),  # a line
        ('Point 3', [(1.0, 2.0)]),
        ('Spiculated Region', SQUARE),
        view='ML',
    )
    catalogue = release.catalogue()
    *points, unnamed, region = views_of(catalogue)['20000002'].lesions
    assert [lesion.box for lesion in points] == [
        (100, 200, 101, 201),
        (5, 6, 8, 7),
        (5, 6, 6, 7),
        (5, 6, 10, 11),
    ]
    assert unnamed.category == 'other' and unnamed.box == (1, 2, 2, 3)
    assert region.polygons == [SQUARE] and region.box is None
    assert not catalogue.skipped
    assert note(catalogue, '4 calcification, 1 other')
    assert note(catalogue, "1 'Point 3'")


def test_a_view_whose_lesions_are_not_known_is_no_normal_view(release):
    release.add(20000002, view='ML', birads='2')
    release.add(20000003, side='R', birads='5')
    release.regions(20000003, text=plist())
    release.add(20000004, side='R', view='ML', birads='')
    release.add(20000005, ('Mass', [(4.0, 5.0)]), patient=BERTA, birads='4c')
    release.add(20000006, ('Pectoral Muscle', SQUARE), patient=BERTA, view='ML')
    release.add(20000007, ('Mass', SQUARE), patient=BERTA, side='R')
    release.regions(20000007, text='<plist><dict>')
    catalogue = release.catalogue()
    assert list(views_of(catalogue)) == ['20000001']
    assert reasons(catalogue) == [
        *['view whose regions cannot be read'],
        *['view with a mass of unknown extent'],
        *['view without a region that is not labelled normal'] * 4,
    ]


@pytest.mark.parametrize(
    'text',
    [
        plist(('Mass', SQUARE)).encode('utf-8-sig'),
        b'\r\n ' + plist(('Mass', SQUARE)).encode() + b'\x00\n',
        plist(('Mass', SQUARE)).replace('UTF-8', 'UTF-16').encode('utf-16'),
        plist(('Mass', SQUARE)).replace('UTF-8', 'UTF-16').encode(),
        plist(('Mass n\u00f3dulo', SQUARE)).encode('cp1252'),
        plistlib.dumps(
            dict(
                Images=[
                    dict(
                        ROIs=[
                            dict(
                                Name='Mass',
                                Point_px=[f'{{{x}, {y}}}' for x, y in SQUARE],
                            )
                        ]
                    )
                ]
            )
        ),
    ],
)
def test_encodings_of_regions(tmp_path, text):
    (tmp_path / '1.xml').write_bytes(text)
    (region,) = read_regions(tmp_path / '1.xml')
    assert region.category == 'mass' and region.points == SQUARE


@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'not a property list'),
        ('<html>not found</html>', "no list 'Images'"),
        (plist(('Mass', SQUARE))[:400], 'not a property list'),
        (plistlib.dumps([]).decode(), "no list 'Images'"),
        (plistlib.dumps(dict(Images=[{}])).decode(), "no list 'ROIs'"),
        (plistlib.dumps(dict(Images=[dict(ROIs=[{}])])).decode(), "'Point_px'"),
        (plist(('Mass', SQUARE), count=2), '1 of 2 regions'),
        (
            plist(('Mass', SQUARE)).replace('<integer>4<', '<integer>5<'),
            '4 of 5 points',
        ),
        (plist(('Mass', [])), 'unreadable point or none'),
        (plist(('Mass', SQUARE)).replace('(10.5', '(nan'), 'unreadable point'),
    ],
)
def test_broken_regions_are_told(tmp_path, text, message):
    (tmp_path / '1.xml').write_text(text)
    with pytest.raises(RegionError, match=message):
        read_regions(tmp_path / '1.xml')


def test_what_does_not_fit_together_is_counted(release):
    release.image(20000002, view='ML')  # no row
    release.row(20000003)  # no image
    release.regions(20000004, ('Mass', SQUARE))  # neither
    release.add(20000005, ('Mass', SQUARE), patient=BERTA, view='FB')
    release.image(20000006, patient=BERTA, view='ML')
    release.row(20000006, view='FB')
    release.add(20000007, ('Mass', SQUARE), patient=BERTA, side='R')
    release.row(20000007, side='R')  # the same once more
    release.add(20000008, ('Mass', SQUARE), patient=BERTA, side='R', view='ML')
    release.row(20000008, side='R', view='MLO', birads='5')
    release.row('', birads='3')
    (release.root / 'AllDICOMs/IM0001.dcm').write_bytes(b'')
    (release.root / 'AllDICOMs/._20000001_0_MG_L_CC_ANON.dcm').write_bytes(b'')
    catalogue = release.catalogue()
    assert list(views_of(catalogue)) == ['20000001', '20000007']
    assert reasons(catalogue) == sorted(
        [
            'image without a row in the table',
            'row without an image',
            'regions without an image',
            'projection other than CC and MLO',
            'projection other than CC and MLO',
            'row that repeats a file id',
            'row that repeats a file id',
            'rows of the table contradict each other',
            'row without a file id',
            'file name that is not of the set',
        ]
    )


def test_file_names_are_believed(release):
    release.image(20000002, side='R', view='ML')
    release.row(20000002, side='L', view='CC', birads='1')
    catalogue = release.catalogue()
    view = views_of(catalogue)['20000002']
    assert (view.laterality, view.view) == ('R', 'MLO')
    assert note(catalogue, '1 views whose side or projection differs')
    assert '20000002' in note(catalogue, 'differs')[0]


def test_regions_in_a_view_of_birads_1_are_kept_and_told(release):
    release.add(20000002, ('Calcification', SQUARE), birads='1', view='ML')
    catalogue = release.catalogue()
    view = views_of(catalogue)['20000002']
    assert len(view.lesions) == 1 and view.abnormal is False
    assert '1 views of BI-RADS 1 have regions' in note(catalogue, '20000002')[0]


def test_copies_muscle_outlines_and_cases(release):
    """Unpacked twice, one level deeper; upper-case endings."""
    release.add(20000002, birads='1', view='ML')
    copy = release.root / 'extra/INbreast Release 1.0'
    for path in [p for p in release.root.rglob('*') if p.is_file()]:
        target = copy / path.relative_to(release.root).with_suffix(path.suffix.upper())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    muscle = release.root / 'PectoralMuscle/Pectoral Muscle XML'
    muscle.mkdir(parents=True)
    for name in ('20000002.xml', '20000002_muscle.xml'):
        (muscle / name).write_text(plist(('Mass', SQUARE)))
    catalogue = release.catalogue()
    assert reasons(catalogue) == ['another copy of an image'] * 2
    assert [view.file.parts[0] for view in catalogue.views] == ['AllDICOMs'] * 2
    assert [len(view.lesions) for view in catalogue.views] == [1, 0]
    assert INbreastConverter().catalogue(release.root.parent).views


def write_xlsx(path, rows):
    book = openpyxl.Workbook()
    head = [
        'Patient ID',
        'Patient age',
        'Laterality',
        'View',
        'Acquisition date',
        'File Name',
        'ACR',
        'Bi-Rads',
        'Mass ',
        'Micros',
        'Distortion',
        'Asymmetry',
        'Findings Notes (in Portuguese)',
        'Other Notes',
        'Lesion Annotation Status',
        'Pectoral Muscle Annotation',
        'Other Annotations',
    ]
    for row in [head, *rows, [None], [None] * 8 + [107, 301]]:
        book.active.append(row)
    book.save(path)


def test_spreadsheet_with_its_footer_goes_before_the_csv(release):
    release.image(20000002, view='ML')
    release.image(20000003, side='R')
    release.regions(20000003, ('Calcification', SQUARE))
    release.image(20000004, side='R', view='ML')
    end = [None, None, None, None, None]
    write_xlsx(
        release.root / 'INbreast.xlsx',
        [
            ['removed', 'removed', 'L', 'CC', 201001.0, 20000001.0, 3, '4a', 'X', *end],
            [
                'removed',
                'removed',
                'L',
                'MLO',
                201001,
                20000002,
                ' ',
                2,
                *end,
                None,
                'No annotation (normal)',
            ],
            ['removed', 'removed', 'R', 'CC', 201001, 20000003, 1, 2, 'X', *end],
            ['removed', 'removed', 'R', 'MLO', None, 20000004, 1, 1, None, *end],
        ],
    )
    catalogue = release.catalogue()
    facts = [
        (v.exam_id[17:], v.birads, v.density, v.abnormal, len(v.lesions))
        for v in catalogue.views
    ]
    assert facts == [
        ('201001', '4A', 'C', True, 1),
        ('201001', '2', None, True, 0),
        ('201001', '2', 'A', True, 1),
        ('undated', '1', 'A', False, 0),
    ]
    assert not catalogue.skipped
    assert note(catalogue, 'from INbreast.xlsx')
    assert '20000003' in note(catalogue, 'without an outlined one')[0]
    assert '20000004' in note(catalogue, 'without an acquisition date')[0]
    # a broken spreadsheet gives way to the CSV
    (release.root / 'INbreast.xlsx').write_bytes(b'PK broken')
    catalogue = release.catalogue()
    assert [view.birads for view in catalogue.views] == ['4A']
    assert 'table that cannot be read' in reasons(catalogue)


def test_wrong_folders_are_told(tmp_path, release):
    converter = INbreastConverter()
    with pytest.raises(ConversionError, match='no such folder; expected the unpacked'):
        converter.catalogue(tmp_path / 'absent')
    with pytest.raises(ConversionError, match='no image named as in INbreast'):
        converter.catalogue(release.root / 'AllXML')
    with pytest.raises(ConversionError, match='no AllXML/<file id>.xml'):
        converter.catalogue(release.root / 'AllDICOMs')
    with pytest.raises(ConversionError, match='no INbreast.xls or INbreast.csv'):
        converter.catalogue(release.root)
    (release.root / 'INbreast.csv').write_text('File Name;ACR\n20000001;2\n')
    with pytest.raises(ConversionError, match='INbreast.csv: no column .Bi-Rads'):
        converter.catalogue(release.root)


def test_command_tells_a_wrong_folder_in_one_line(tmp_path, run_tool):
    (tmp_path / 'raw').mkdir()
    done = run_tool(
        'tools/dataset_converters/inbreast.py',
        tmp_path / 'raw',
        '--out',
        tmp_path / 'out',
    )
    assert done.returncode == 2 and 'Traceback' not in done.err
    assert 'no image named as in INbreast' in done.err


def write_dicom(path, pixels, syntax=ExplicitVRLittleEndian, **elements):
    """Write a file as MATLAB wrote those of the set: a secondary capture."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    ds.SOPInstanceUID = '1.2.3'
    ds.Modality, ds.ConversionType = 'OT', 'WSD'
    ds.PatientName, ds.PatientID = 'Secretname^Planted', 'PID-7788'
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.SamplesPerPixel, ds.PixelRepresentation = 1, 0
    ds.PhotometricInterpretation = 'MONOCHROME2'
    ds.PixelData = pixels.tobytes()
    ds['PixelData'].VR = 'OW'
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def tissue(brightest=3500, shape=(96, 64), seed=0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = ((x / 45) ** 2 + ((y - 48) / 43) ** 2) < 1
    noise = np.random.default_rng(seed).integers(0, 200, shape)
    image = np.where(inside, brightest - 200 + noise, 0).astype(np.uint16)
    image[48, 10] = brightest
    return image


@pytest.mark.parametrize('syntax', [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize('brightest, bits', [(900, 12), (4095, 12), (5000, 14)])
def test_a_lost_header_is_mended(tmp_path, brightest, bits, syntax, assert_private):
    pixels = tissue(brightest)
    path = write_dicom(tmp_path / 'raw/1_0_MG_L_ML_ANON.dcm', pixels, syntax)
    with pytest.raises(MammogramError, match='OT, not MG'):
        read_mammogram(path)
    view = RawView(Path(path.name), 'e', 'p', 'L', 'MLO')
    converter, out = INbreastConverter(), tmp_path / 'out'
    made = out / converter.prepare(tmp_path / 'raw', view, out)
    mammogram = read_mammogram(made)
    assert (mammogram.laterality, mammogram.view) == ('L', 'MLO')
    assert mammogram.pixel_spacing_mm == (0.07, 0.07)
    np.testing.assert_allclose(
        mammogram.pixels, pixels / (2**bits - 1), rtol=0, atol=1e-6
    )
    assert_private(out)
    first = made.read_bytes()
    converter.prepare(tmp_path / 'raw', view, out)
    assert made.read_bytes() == first


def test_a_file_that_cannot_be_mended_is_told(tmp_path):
    view = RawView(Path('1.dcm'), 'e', 'p', 'L', 'CC')
    (tmp_path / '1.dcm').write_bytes(b'not a DICOM')
    with pytest.raises(MammogramError, match='1.dcm'):
        INbreastConverter().prepare(tmp_path, view, tmp_path / 'out')
    write_dicom(tmp_path / '1.dcm', tissue(), Rows=4000)
    with pytest.raises(MammogramError, match='truncated.*cannot be decoded'):
        INbreastConverter().prepare(tmp_path, view, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_conversion(release, tmp_path):
    release.regions(20000001, ('Mass', SQUARE), ('Calcification', [(12.5, 50.5)]))
    release.add(20000002, view='ML', birads='1')
    release.add(20000003, view='ML', birads='1')  # the view once more
    for path in sorted((release.root / 'AllDICOMs').iterdir()):
        write_dicom(path, tissue(seed=int(path.name[:8])))
    write_dicom(
        release.image(20000002, view='ML'),
        tissue(),
        Modality='MG',
        BitsStored=12,
        HighBit=11,
        ImagerPixelSpacing=[0.085, 0.085],
    )
    release.catalogue()  # writes the table
    out = tmp_path / 'data/inbreast'
    summary = convert(
        INbreastConverter(),
        release.root,
        out,
        Split('ratio', dict(train=1.0, val=0.0, test=0.0)),
        tmp_path / 'cache',
    )
    data = load_coco_exam(out / 'annotations/train.json')
    mended, kept = data['images']
    assert mended['file_name'] == f'dicom/20000001_{ANNA}_MG_L_CC_ANON.dcm'
    assert mended['source'] == f'AllDICOMs/20000001_{ANNA}_MG_L_CC_ANON.dcm'
    assert mended['pixel_spacing_mm'] == [0.07, 0.07]
    assert kept['file_name'] == f'raw/AllDICOMs/20000002_{ANNA}_MG_L_ML_ANON.dcm'
    assert kept['pixel_spacing_mm'] == [0.085, 0.085]
    mass, calcification = data['annotations']
    assert mass['bbox'] == [10.5, 20.25, 20, 20] and mass['area'] == 400
    assert calcification['bbox'] == [12, 50, 1, 1]
    assert calcification['area'] == 1
    assert summary['skipped'] == {'another image of the same view of an exam': 1}
    assert summary['parts']['train']['views by BI-RADS'] == {'1': 1, '4A': 1}
