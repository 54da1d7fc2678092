"""The original DDSM, in files as its 'Description of a case' page shows them."""

import gzip
import json
import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from ljpeg_encoder import encode_ljpeg

from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.ddsm import DDSMConverter
from mammo_plugins.io import MammogramError, read_mammogram

VIEWS = ('LEFT_CC', 'LEFT_MLO', 'RIGHT_CC', 'RIGHT_MLO')
HEIGHT, WIDTH = 96, 64

# a square of 20 steps a side, drawn clockwise from (10, 30), in pixels
SQUARE = '10 30 ' + ' '.join('2' * 20 + '4' * 20 + '6' * 20 + '0' * 20) + ' #'
MASS = 'LESION_TYPE MASS SHAPE IRREGULAR MARGINS SPICULATED'
CALCIFICATION = 'LESION_TYPE CALCIFICATION TYPE PLEOMORPHIC DISTRIBUTION CLUSTERED'


def abnormality(
    number=1,
    types=(MASS,),
    pathology='MALIGNANT',
    assessment=5,
    outlines=(('BOUNDARY', SQUARE),),
):
    """Return the lines of one abnormality; cores are indented, as they are."""
    return '\n'.join(
        [
            f'ABNORMALITY {number}',
            *types,
            f'ASSESSMENT {assessment}',
            'SUBTLETY 3',
            f'PATHOLOGY {pathology}',
            f'TOTAL_OUTLINES {len(outlines)}',
            *(
                f'{"" if kind == "BOUNDARY" else chr(9)}{kind} \n{chain} '
                for kind, chain in outlines
            ),
        ]
    )


def overlay(*blocks, total=None):
    total = len(blocks) if total is None else total
    return '\n'.join([f'TOTAL_ABNORMALITIES {total}', *blocks, ''])


def ics(name, digitizer='LUMISYS LASER', overlays=(), views=VIEWS, density=2, end='\n'):
    return end.join(
        [
            'ics_version 1.0',
            f'filename {name}',
            'DATE_OF_STUDY 2 7 1995',
            'PATIENT_AGE 42',
            'FILM ',
            'FILM_TYPE REGULAR',
            f'DENSITY {density}',
            'DATE_DIGITIZED 7 22 1997 ',
            f'DIGITIZER {digitizer}',
            'SEQUENCE',
            *(
                f'{view} LINES {HEIGHT} PIXELS_PER_LINE {WIDTH} BITS_PER_PIXEL 12 '
                f'RESOLUTION 50 {"OVERLAY" if view in overlays else "NON_OVERLAY"} '
                for view in views
            ),
            '',
        ]
    )


def levels(side='LEFT', seed=0):
    """Return what LUMISYS makes of a breast on film: tissue is light, so high."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = ((x / 45) ** 2 + ((y - HEIGHT / 2) / 43) ** 2) < 1
    noise = np.random.default_rng(seed).integers(0, 200, inside.shape)
    film = np.where(inside, 3000 + noise, 600).astype(np.uint16)
    return film if side == 'LEFT' else film[:, ::-1].copy()


@pytest.fixture
def add_case(tmp_path):
    """Write a case; images are bytes that only tests of pixels make decodable."""

    def add_case(
        letter='B',
        number=3024,
        volume='cancers/cancer_01',
        overlays=(),
        header=None,
        images=VIEWS,
        content=b'',
        **settings,
    ):
        folder = tmp_path / 'raw' / volume / f'case{number}'
        folder.mkdir(parents=True, exist_ok=True)
        overlays = dict(overlays)
        text = ics(f'{letter}-{number}-1', overlays=overlays, **settings)
        (folder / f'{letter}-{number}-1.ics').write_text(
            text if header is None else header, newline=''
        )
        stem = f'{letter}_{number}_1'
        for view in images:
            (folder / f'{stem}.{view}.LJPEG').write_bytes(content)
        for view, lines in overlays.items():
            if lines is not None:
                (folder / f'{stem}.{view}.OVERLAY').write_text(lines, newline='')
        (folder / f'TAPE_{stem}.COMB.16_PGM').write_bytes(b'P5')
        return folder

    return add_case


@pytest.fixture
def catalogue(tmp_path):
    return lambda: DDSMConverter().catalogue(tmp_path / 'raw')


def by_name(catalogue):
    return {view.laterality + view.view: view for view in catalogue.views}


def reasons(catalogue):
    return sorted(skip.reason for skip in catalogue.skipped)


def test_a_case(add_case, catalogue):
    marks = overlay(abnormality(outlines=(('BOUNDARY', SQUARE), ('CORE', '1 1 2 #'))))
    add_case(overlays={'LEFT_CC': marks, 'LEFT_MLO': marks})
    found = catalogue()
    assert not found.skipped
    views = by_name(found)
    assert list(views) == ['LCC', 'LMLO', 'RCC', 'RMLO']
    for view in views.values():
        assert view.exam_id == view.patient_id == 'B_3024_1'
        assert (view.modality, view.density) == ('SFM', 'B')
        assert view.pixel_spacing_mm == (0.05, 0.05)
        assert view.extra == dict(digitizer='LUMISYS at WFU')
    assert [view.abnormal for view in views.values()] == [True, True, False, False]
    assert views['LCC'].file.name == 'B_3024_1.LEFT_CC.LJPEG'
    (lesion,) = views['LCC'].lesions
    assert (lesion.category, lesion.birads, lesion.pathology) == (
        'mass',
        '5',
        'malignant',
    )
    # centres of the outline's pixels
    corners = {(10.5, 30.5), (30.5, 30.5), (30.5, 50.5), (10.5, 50.5)}
    assert set(lesion.polygons[0]) == corners and len(lesion.polygons) == 1
    assert lesion.lesion_id == views['LMLO'].lesions[0].lesion_id == 'B_3024_1_L'
    text = repr(found.views)
    assert '1995' not in text and '42' not in text  # neither date nor age


@pytest.mark.parametrize(
    'types, category',
    [
        ((MASS,), 'mass'),
        ((CALCIFICATION,), 'calcification'),
        (('LESION_TYPE OTHER',), 'other'),
        (
            (
                CALCIFICATION,
                'LESION_TYPE MASS SHAPE ARCHITECTURAL_DISTORTION MARGINS N/A',
            ),
            'mass',
        ),
        (('  lesion_type   mass  shape OVAL',), 'mass'),
        (('LESION_TYPE FOREIGN_BODY',), None),
        ((), None),
    ],
)
def test_kinds_of_lesions(add_case, catalogue, types, category):
    add_case(overlays={'LEFT_CC': overlay(abnormality(types=types))})
    found = catalogue()
    view = by_name(found)['LCC']
    assert view.abnormal
    if category is None:
        assert not view.lesions and reasons(found) == ['unknown LESION_TYPE']
    else:
        assert [lesion.category for lesion in view.lesions] == [category]


@pytest.mark.parametrize(
    'pathology, expected',
    [
        ('MALIGNANT', 'malignant'),
        ('BENIGN', 'benign'),
        ('BENIGN_WITHOUT_CALLBACK', 'benign'),
        ('UNPROVEN', None),
        ('', None),
    ],
)
def test_pathology(add_case, catalogue, pathology, expected):
    add_case(overlays={'LEFT_CC': overlay(abnormality(pathology=pathology))})
    assert by_name(catalogue())['LCC'].lesions[0].pathology == expected


def test_lesions_are_joined_only_where_they_are_surely_one(add_case, catalogue):

    def ids(cc, mlo):
        add_case(overlays={'RIGHT_CC': overlay(*cc), 'RIGHT_MLO': overlay(*mlo)})
        views = by_name(catalogue())
        return [
            [lesion.lesion_id for lesion in views[name].lesions]
            for name in ('RCC', 'RMLO')
        ]

    one, two = abnormality(), abnormality(2)
    assert ids([one], [one]) == [['B_3024_1_R'], ['B_3024_1_R']]
    for other in (
        abnormality(types=(CALCIFICATION,)),
        abnormality(assessment=4),
        abnormality(pathology='BENIGN'),
        abnormality(types=(MASS, CALCIFICATION)),
    ):
        assert ids([one], [other]) == [[None], [None]]
    assert ids([one, two], [one, two]) == [[None, None], [None, None]]
    assert ids([one, two], [one]) == [[None, None], [None]]
    # one of two outlines of the view is lost
    lost = abnormality(2, outlines=())
    assert ids([one, lost], [one]) == [[None], [None]]


def test_normal_cases_and_what_flags_do_not_say(add_case, catalogue):
    unsaid = ics('A-0002-1', 'DBA').replace('NON_OVERLAY', '')
    add_case('A', '0002', 'normals/normal_01', header=unsaid)
    add_case(
        'D',
        4001,
        'benigns/benign_01',
        header=ics('D-4001-1', 'HOWTEK').replace('NON_OVERLAY', ''),
    )
    found = catalogue()
    assert not found.skipped
    abnormal = {view.exam_id: view.abnormal for view in found.views}
    assert abnormal == dict(A_0002_1=False, D_4001_1=None)
    assert len(found.views) == 8


def test_an_abnormal_view_never_becomes_normal(add_case, catalogue):
    add_case(
        overlays={
            'LEFT_CC': None,
            'LEFT_MLO': 'TOTAL_ABNORMALITIES 1\n',
            'RIGHT_CC': '',
        }
    )
    found = catalogue()
    assert list(by_name(found)) == ['RMLO']
    assert reasons(found) == [
        'OVERLAY file that cannot be read; its view is left out',
        'OVERLAY file that cannot be read; its view is left out',
        'missing OVERLAY file of an abnormal view',
    ]


def test_an_unannounced_overlay_counts(add_case, catalogue):
    folder = add_case()
    (folder / 'B_3024_1.LEFT_CC.OVERLAY').write_text(overlay(abnormality()))
    found = catalogue()
    assert by_name(found)['LCC'].abnormal and by_name(found)['LCC'].lesions
    assert any(note.startswith('1 views have an OVERLAY') for note in found.notes)


def test_broken_overlays(add_case, catalogue):
    chains = {
        'no end': SQUARE.replace('#', ''),
        'cut in the middle': SQUARE[:40],
        'letters': SQUARE.replace('4 4 4', '4 ? 4', 1),
        'direction': SQUARE.replace('4 4 4', '4 8 4', 1),
        'no start': '#',
        'negative': '-3 ' + SQUARE,
    }
    blocks = [
        abnormality(i, outlines=(('BOUNDARY', chain),))
        for i, chain in enumerate(chains.values(), 1)
    ]
    blocks.append(abnormality(7, outlines=()))
    blocks.append(abnormality(8))
    add_case(overlays={'LEFT_CC': overlay(*blocks, total=9)})
    found = catalogue()
    assert len(by_name(found)['LCC'].lesions) == 1
    assert reasons(found) == (
        ['OVERLAY file with fewer abnormalities than it states']
        + ['abnormality without a whole BOUNDARY'] * 7
    )
    assert found.skipped[0].detail == '8 of 9'


def test_texts_as_other_systems_leave_them(add_case, catalogue):
    header = ics('B-3024-1', overlays=['LEFT_CC'], end='\r\n')
    header = header.replace(' ', '  ').replace('DIGITIZER', '\tDIGITIZER').lower()
    marks = overlay(abnormality()).replace('\n', '\r\n').replace('2 2', '2  2')
    folder = add_case(header=header, overlays={'LEFT_CC': marks})
    for file in list(folder.glob('*.OVERLAY')) + list(folder.glob('*.ics')):
        Path(f'{file}.gz').write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    found = catalogue()
    assert not found.skipped and len(found.views) == 4
    assert len(by_name(found)['LCC'].lesions[0].polygons[0]) == 4


def test_broken_and_partial_cases(add_case, catalogue):
    add_case('B', 3001, header='')
    add_case('B', 3002, header=ics('B-3002-1').replace(f'LINES {HEIGHT} ', '', 1))
    add_case('B', 3003, digitizer='VIDAR')
    add_case('B', 3004, digitizer='HOWTEK')
    add_case('B', 3005, views=VIEWS[:2], images=VIEWS[1:3])
    found = catalogue()
    assert [(v.exam_id, v.laterality + v.view) for v in found.views] == [
        ('B_3002_1', 'LMLO'),
        ('B_3002_1', 'RCC'),
        ('B_3002_1', 'RMLO'),
        ('B_3005_1', 'LMLO'),
    ]
    assert {reason: reasons(found).count(reason) for reason in reasons(found)} == {
        '.ics file without a line of a view': 1,
        'image that no .ics file leads to': 5,  # four of B_3001_1, RIGHT_CC of 3005
        'line of a view without its size': 1,
        'missing image': 1,
        'unknown digitizer, so optical density is too': 8,
    }
    assert 'HOWTEK at institution B' in {skip.detail for skip in found.skipped}


def test_files_in_the_folder_of_another_case(add_case, catalogue):
    folder = add_case('A', 1826, digitizer='DBA')
    add_case('A', 1585, digitizer='DBA')
    (folder / 'A_1585_1.RIGHT_MLO.OVERLAY').write_text(overlay(abnormality()))
    found = catalogue()
    assert not any(view.abnormal for view in found.views)
    assert reasons(found) == ['OVERLAY file that no .ics file leads to']


def test_images_and_overlays_in_two_trees(add_case, tmp_path, catalogue):
    folder = add_case(overlays={'LEFT_CC': overlay(abnormality())})
    images = tmp_path / 'raw/png/cancer_01/case3024'
    images.mkdir(parents=True)
    for file in folder.glob('*.LJPEG'):
        file.rename(images / f'{file.name}.png')
    found = catalogue()
    assert len(found.views) == 4 and not found.skipped
    assert found.views[0].file.as_posix() == (
        'png/cancer_01/case3024/B_3024_1.LEFT_CC.LJPEG.png'
    )


def test_a_wrong_folder(tmp_path):
    (tmp_path / 'notes.txt').write_text('')
    with pytest.raises(ConversionError, match="no .ics file; expected DDSM's cases"):
        DDSMConverter().catalogue(tmp_path)


@pytest.fixture
def prepared(add_case, catalogue, tmp_path):
    """Write one left CC image, convert it, and return its grey levels."""

    def prepared(content, suffix='', out='out'):
        folder = add_case(images=())
        for file in folder.glob('*.LJPEG*'):
            file.unlink()
        file = folder / f'B_3024_1.LEFT_CC.LJPEG{suffix}'
        file.write_bytes(content)
        (view,) = catalogue().views
        raw, root = tmp_path / 'raw', tmp_path / out
        path = DDSMConverter().prepare(raw, pickle.loads(pickle.dumps(view)), root)
        assert path.as_posix() == 'images/B_3024_1/LEFT_CC.png'
        assert [p.name for p in (root / path).parent.iterdir()] == ['LEFT_CC.png']
        return cv2.imread(str(root / path), cv2.IMREAD_UNCHANGED)

    return prepared


def png(image, extension='.png'):
    return cv2.imencode(extension, image)[1].tobytes()


def test_all_forms_of_an_image_come_to_the_same(prepared):
    film = levels()
    stream = encode_ljpeg(film)
    expected = np.rint(
        65535 * (3.0 - np.clip((film - 4096.99) / -1009.01, 0.05, 3.0)) / 2.95
    )
    for suffix, content in (
        ('', stream),
        ('.gz', gzip.compress(stream)),
        ('', encode_ljpeg(film.reshape(WIDTH, HEIGHT))),
        ('.1', film.astype('>u2').tobytes()),
        ('.png', png(film)),
        ('.tif', png(film, '.tif')),
    ):
        image = prepared(content, suffix, f'out{len(content)}{suffix}')
        assert image.dtype == np.uint16
        np.testing.assert_array_equal(image, expected)


def test_ljpeg_goes_before_what_was_made_of_it(add_case, catalogue):
    folder = add_case()
    for view in VIEWS:
        (folder / f'B_3024_1.{view}.LJPEG.1').write_bytes(b'')
        (folder / f'B_3024_1.{view}.png').write_bytes(b'')
    found = catalogue()
    assert {view.file.suffix for view in found.views} == {'.LJPEG'}
    assert not found.skipped


@pytest.mark.parametrize(
    'suffix, content, message',
    [
        ('', lambda film: encode_ljpeg(film)[:-2], 'cut short'),
        ('', lambda film: b'', 'not a JPEG'),
        ('', lambda film: encode_ljpeg(film[1:]), '.ics file says 64 x 96'),
        ('.gz', lambda film: gzip.compress(encode_ljpeg(film))[:-9], 'damaged gzip'),
        ('.1', lambda film: film.tobytes(), 'values above the 12 bits'),
        ('.1', lambda film: film.astype('>u2').tobytes()[:-2], 'holds 6143 pixels'),
        ('.png', lambda film: png((film >> 4).astype(np.uint8)), 'not grey of 16 bits'),
        ('.png', lambda film: png(film << 4), 'values above the 12 bits'),
        ('.png', lambda film: png(film.T), 'holds 96 x 64 pixels'),
        ('.png', lambda film: b'\x89PNG', 'cannot be decoded'),
    ],
)
def test_images_that_cannot_be_used(prepared, suffix, content, message):
    with pytest.raises(MammogramError, match=message):
        prepared(content(levels()), suffix)


def test_a_prepared_image_is_kept_until_its_sources_change(prepared, tmp_path):
    prepared(encode_ljpeg(levels()))
    target = tmp_path / 'out/images/B_3024_1/LEFT_CC.png'
    raw = tmp_path / 'raw/cancers/cancer_01/case3024'
    for file in raw.iterdir():
        os.utime(file, (1e9, 1e9))
    (view,) = DDSMConverter().catalogue(tmp_path / 'raw').views
    stamp = target.stat().st_mtime_ns

    def again():
        DDSMConverter().prepare(tmp_path / 'raw', view, tmp_path / 'out')
        return target.stat().st_mtime_ns

    assert again() == stamp
    for file in (raw / 'B_3024_1.LEFT_CC.LJPEG', raw / 'B-3024-1.ics'):
        os.utime(file, (4e9, 4e9))
        changed = again()
        assert changed > stamp
        stamp = changed
        os.utime(file, (1e9, 1e9))


def test_a_film_without_a_breast_is_left_out(add_case, tmp_path):
    folder = add_case('B', 3001, images=())
    black = np.full((HEIGHT, WIDTH), 800, np.uint16)  # optical density above 3
    file = folder / 'B_3001_1.LEFT_CC.LJPEG'
    file.write_bytes(encode_ljpeg(black))
    (view,) = DDSMConverter().catalogue(tmp_path / 'raw').views
    with pytest.raises(MammogramError, match='as bright as a breast'):
        DDSMConverter().prepare(tmp_path / 'raw', view, tmp_path / 'out')


def test_the_command(add_case, tmp_path, run_tool):
    marks = overlay(abnormality())
    for number in range(3001, 3004):
        folder = add_case(
            'B', number, images=(), overlays={'LEFT_CC': marks, 'LEFT_MLO': marks}
        )
        for i, view in enumerate(VIEWS):
            (folder / f'B_{number}_1.{view}.LJPEG').write_bytes(
                encode_ljpeg(levels(view.split('_')[0], i))
            )
    cut = tmp_path / 'raw/cancers/cancer_01/case3003/B_3003_1.RIGHT_CC.LJPEG'
    cut.write_bytes(cut.read_bytes()[:-2])
    done = run_tool(
        'tools/dataset_converters/ddsm.py',
        tmp_path / 'raw',
        '--out',
        tmp_path / 'out',
        '--cache-dir',
        tmp_path / 'cache',
        '--workers',
        1,
        '--ratios',
        1,
        0,
        0,
    )
    assert done.returncode == 0, done.err
    data = json.loads((tmp_path / 'out/annotations/train.json').read_text())
    assert len(data['images']) == 11
    image = data['images'][0]
    assert (image['width'], image['height']) == (WIDTH, HEIGHT)
    assert image['file_name'] == 'images/B_3001_1/LEFT_CC.png'
    assert image['source'].endswith('case3001/B_3001_1.LEFT_CC.LJPEG')
    assert image['pixel_spacing_mm'] == [0.05, 0.05]
    # the depth is told from the pixels, as in any pipeline
    pixels = read_mammogram(tmp_path / 'out' / image['file_name']).pixels
    assert pixels[HEIGHT // 2, 5] > 0.6 > 0.2 > pixels[2, WIDTH - 2]
    annotation = data['annotations'][0]
    assert annotation['bbox'] == [10.5, 30.5, 20, 20]
    assert annotation['area'] == pytest.approx(400, abs=41)
    assert len({a['lesion_id'] for a in data['annotations']}) == 3
    assert 'image that cannot be used' in done.out
    assert 'RIGHT_CC' in (tmp_path / 'out/skipped.csv').read_text()
