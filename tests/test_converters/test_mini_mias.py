"""mini-MIAS, on small trees in the form of the release and of its mirrors.

The lines are of the form that the README of the set describes; those of the README
itself, mdb001 and so on, are quoted as public readers of the set do.
"""

import re
from collections import Counter

import cv2
import numpy as np
import pycocotools.mask as coco_mask
import pytest

from mammo_plugins.converters import ConversionError, Split, convert
from mammo_plugins.converters.mini_mias import MiniMIASConverter, circle_polygon
from mammo_plugins.structures import load_coco_exam

PREAMBLE = """                THE MINI-MIAS DATABASE OF MAMMOGRAMS

INFORMATION:

1st column: MIAS database reference number.
2nd column: Character of background tissue:
                F - Fatty
mdb stands for mammogram database;
mdb001.pgm is the first film.

REFNUM BG CLASS SEVERITY X Y RADIUS
"""
LINES = """mdb001 G CIRC B 535 425 197
mdb002 G CIRC B 522 280 69
mdb003 D NORM
mdb004 D NORM
mdb005 F CIRC B 477 133 30
mdb005 F CIRC B 500 168 26
mdb006 F NORM
"""


@pytest.fixture
def raw(tmp_path):
    """Write a list, and empty files for films: a catalogue reads no pixels."""
    root = tmp_path / 'raw'

    def write(
        text=LINES, name='Info.txt', films=range(1, 7), suffix='.pgm', encoding='ascii'
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        for number in films:
            (root / f'mdb{number:03d}{suffix}').touch()
        return root

    return write


def catalogue(root):
    found = MiniMIASConverter().catalogue(root)
    return (
        {view.file.stem: view for view in found.views},
        Counter(skip.reason for skip in found.skipped),
        '\n'.join(found.notes),
    )


def test_what_the_list_says(raw):
    views, skipped, notes = catalogue(raw())
    assert not skipped and list(views) == [f'mdb00{n}' for n in range(1, 7)]
    assert {
        name: (v.laterality, v.view, v.patient_id, v.modality)
        for name, v in views.items()
    } == {
        'mdb001': ('R', 'MLO', 'mdb001-002', 'SFM'),
        'mdb002': ('L', 'MLO', 'mdb001-002', 'SFM'),
        'mdb003': ('R', 'MLO', 'mdb003-004', 'SFM'),
        'mdb004': ('L', 'MLO', 'mdb003-004', 'SFM'),
        'mdb005': ('R', 'MLO', 'mdb005-006', 'SFM'),
        'mdb006': ('L', 'MLO', 'mdb005-006', 'SFM'),
    }
    assert [(v.abnormal, v.pathology, len(v.lesions)) for v in views.values()] == [
        (True, 'benign', 1),
        (True, 'benign', 1),
        (False, None, 0),
        (False, None, 0),
        (True, 'benign', 2),
        (False, None, 0),
    ]
    assert {v.pixel_spacing_mm for v in views.values()} == {(0.2, 0.2)}
    assert {(v.density, v.birads) for v in views.values()} == {(None, None)}
    assert [v.extra['background_tissue'] for v in views.values()] == [
        'fatty-glandular',
        'fatty-glandular',
        'dense-glandular',
        'dense-glandular',
        'fatty',
        'fatty',
    ]
    assert '4 circles on 3 films' in notes


@pytest.mark.parametrize(
    'code, category, kind',
    [
        ('CIRC', 'mass', 'circumscribed mass'),
        ('SPIC', 'mass', 'spiculated mass'),
        ('MISC', 'mass', 'ill-defined mass'),
        ('CALC', 'calcification', 'calcification'),
        ('ARCH', 'architectural distortion', 'architectural distortion'),
        ('ASYM', 'asymmetry', 'asymmetry'),
    ],
)
@pytest.mark.parametrize('letter, severity', [('B', 'benign'), ('M', 'malignant')])
def test_classes_and_severities(raw, code, category, kind, letter, severity):
    views, skipped, _ = catalogue(
        raw(f'mdb001 G {code} {letter} 535 425 19\n', films=[1])
    )
    (lesion,) = views['mdb001'].lesions
    assert (lesion.category, lesion.pathology) == (category, severity)
    assert views['mdb001'].pathology == severity and not skipped
    assert views['mdb001'].extra['finding_kinds'] == [kind]


def test_a_malignant_abnormality_makes_the_film_malignant(raw):
    views, _, _ = catalogue(
        raw('mdb144 F MISC B 233 994 29\nmdb144 F MISC M 313 540 27\n', films=[144])
    )
    assert views['mdb144'].pathology == 'malignant'
    assert [lesion.pathology for lesion in views['mdb144'].lesions] == [
        'benign',
        'malignant',
    ]


@pytest.mark.parametrize('rest', ['', '  ', ' *NOTE 3*', ' *NOTE', ' 0 0 0', ' 5 6'])
def test_an_abnormality_without_a_circle_is_counted_and_not_normal(raw, rest):
    views, skipped, notes = catalogue(
        raw(f'{LINES}mdb059 F CIRC B{rest}\n', films=[1, 59])
    )
    film = views['mdb059']
    assert (film.abnormal, film.pathology, film.lesions) == (True, 'benign', [])
    assert skipped['abnormality without a circle'] == 1
    assert '1 abnormal films have no circle: mdb059' in notes


@pytest.mark.parametrize(
    'text',
    [
        PREAMBLE + LINES,
        (PREAMBLE + LINES).replace('\n', '\r\n'),
        LINES.replace('\n', '\r'),
        LINES.replace(' ', '\t'),
        LINES.replace(' ', ','),
        LINES.replace(' ', ' , '),
        LINES.lower(),
        LINES.upper(),
        '\ufeff' + LINES,
        LINES.replace('\n', ' \n\n'),
        LINES.replace(' G', '.pgm G'),
        '"' + LINES.strip().replace(' ', '","').replace('\n', '"\n"') + '"',
        ''.join(
            f'{i},{line.replace(" ", ",")}\n'
            for i, line in enumerate(
                LINES.replace('NORM', 'NORM nan nan nan nan').splitlines()
            )
        ),
        re.sub(r'(\d+) (\d+) (\d+)\n', r'\1.0 \2.0 \3.0\n', LINES),
    ],
)
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16'])
def test_forms_of_the_list(raw, text, encoding):
    views, skipped, _ = catalogue(raw(text, encoding=encoding))
    assert not skipped
    assert [len(view.lesions) for view in views.values()] == [1, 1, 0, 0, 2, 0]


@pytest.mark.parametrize(
    'name',
    ['README', 'all-mias/Info.txt', 'labels/mias_info.csv', 'INFO.TXT', 'data.dat'],
)
def test_the_list_is_told_by_what_it_holds(raw, name):
    root = raw(PREAMBLE + LINES, name=name)
    (root / 'Licence.txt').write_text('mdb is the prefix of the films\n')
    assert len(catalogue(root)[0]) == 6


def test_of_several_lists_the_longest_counts(raw):
    root = raw()
    (root / 'Info_copy.txt').write_text(PREAMBLE + LINES)
    assert 'differ' not in catalogue(root)[2]
    (root / 'a.txt').write_text('mdb001 G CIRC M 535 425 197\n')
    views, _, notes = catalogue(root)
    assert views['mdb001'].pathology == 'benign'
    assert '3 files list films, and differ; Info.txt' in notes
    assert 'a.txt (1 lines)' in notes


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp'])
def test_pictures_of_mirrors(raw, suffix):
    views, skipped, _ = catalogue(raw(films=range(1, 7), suffix=suffix))
    assert len(views) == 6 and not skipped


def test_what_does_not_fit_together_is_counted(raw):
    root = raw(
        LINES + 'mdb001 G CIRC B 535 425 197\n'  # once more
        'mdb003 D CALC M 100 100 9\n'  # normal above
        'mdb004 F NORM\n'  # D above
        'mdb006 X NORM\n'
        'mdb007 G CYST B 1 2 3\n'
        'mdb008 G CALC 100 100 9\n'
        'mdb099 G NORM\n',
        films=[1, 3, 4, 6, 7, 8, 9],
    )
    (root / 'jpg').mkdir()
    (root / 'jpg/mdb001.jpg').touch()
    (root / 'jpg/mdb001_rot90.jpg').touch()
    views, skipped, _ = catalogue(root)
    assert skipped == {
        'line that repeats another': 1,
        'line that calls a film with abnormalities normal': 1,
        "background tissue that differs from an earlier line's": 1,
        'background tissue that is not known': 1,
        'class of abnormality that is not known': 1,
        'abnormality without a severity B or M': 1,
        'film without a line in the list': 1,
        'line without a film': 3,
        'another copy of a film': 1,
        'picture whose name is not of the set': 1,
    }
    assert len(views['mdb001'].lesions) == 1
    assert views['mdb001'].file.suffix == '.pgm'
    assert views['mdb003'].abnormal is True
    assert views['mdb007'].abnormal is None
    assert views['mdb008'].lesions[0].pathology is None


def test_wrong_folders_are_told(tmp_path, raw, run_tool):
    converter = MiniMIASConverter()
    with pytest.raises(ConversionError, match='no such folder; expected the unpacked'):
        converter.catalogue(tmp_path / 'absent')
    with pytest.raises(ConversionError, match='no film named as in mini-MIAS'):
        converter.catalogue(raw(films=[]))
    root = raw('nothing of the kind\n')
    with pytest.raises(ConversionError, match='no file with the list of films'):
        converter.catalogue(root)
    done = run_tool(
        'tools/dataset_converters/mini_mias.py', root, '--out', tmp_path / 'out'
    )
    assert done.returncode == 2 and 'Traceback' not in done.err
    assert 'no file with the list of films' in done.err


def disc(x, y_from_bottom, radius):
    """Return the pixels of a circle, counted up from the last row."""
    rows, columns = np.mgrid[:1024, :1024]
    up = 1024 - (rows + 0.5)
    return (columns + 0.5 - x) ** 2 + (up - y_from_bottom) ** 2 <= radius**2


@pytest.mark.parametrize('circle', [(535, 425, 197), (600, 900, 29), (500, 168, 8)])
def test_a_circle_is_where_and_as_large_as_it_is_said_to_be(circle):
    polygon = np.ravel(circle_polygon(*circle)).tolist()
    drawn = coco_mask.decode(coco_mask.frPyObjects([polygon], 1024, 1024))[..., 0]
    true = disc(*circle)
    overlap = (drawn.astype(bool) & true).sum() / (drawn.astype(bool) | true).sum()
    assert overlap > (0.99 if circle[2] > 20 else 0.9)


def film(side, circle, level=230):
    """Return a film of the set: grey breast at its chest wall, padded to a square."""
    rows, columns = np.mgrid[:1024, :1024]
    inside = ((columns - 200) / 500) ** 2 + ((rows - 512) / 450) ** 2 < 1
    image = np.where(inside & (columns >= 200), 120, 15).astype(np.uint8)
    image[:, :200] = image[:, 800:] = 0
    if side == 'R':
        image = image[:, ::-1].copy()
    image[disc(*circle)] = level
    return image


def test_conversion(tmp_path, raw):
    """The bright discs of two films lie in their annotation, and only there."""
    right, left = (700, 700, 40), (320, 300, 25)
    root = raw(
        'mdb001 G CIRC B 700 700 40\nmdb002 G SPIC M 320 300 25\n'
        'mdb002 G CALC M 20 980 60\nmdb003 D NORM\nmdb004 D NORM\n'
        'mdb005 D CALC B 5000 5000 9\n',
        films=[],
    )
    for number, image in enumerate(
        (
            film('R', right),
            film('L', left),
            film('R', (700, 512, 3)),
            film('L', (400, 500, 3)),
            film('R', (700, 512, 3)),
        ),
        1,
    ):
        assert cv2.imwrite(str(root / f'mdb00{number}.pgm'), image)
    assert cv2.imwrite(
        str(root / 'mdb004.pgm'), cv2.resize(film('L', left), (256, 256))
    )
    out = tmp_path / 'data/mini_mias'
    summary = convert(
        MiniMIASConverter(),
        root,
        out,
        Split('ratio', dict(train=1.0, val=0.0, test=0.0)),
        tmp_path / 'cache',
    )
    data = load_coco_exam(out / 'annotations/train.json')
    images = {image['id']: image for image in data['images']}
    assert summary['skipped'] == {
        'image that cannot be used': 1,
        'outline clipped at the edge of its image': 1,
        'outline outside its image': 1,
    }
    assert '256 x 256 pixels' in (out / 'skipped.csv').read_text()
    assert any(
        '2 circles reach outside their film' in note for note in summary['notes']
    )
    boxes = []
    for annotation in data['annotations']:
        image = images[annotation['image_id']]
        assert image['pixel_spacing_mm'] == [0.2, 0.2]
        boxes.append((image['laterality'], annotation['bbox']))
    assert boxes == [
        ('R', pytest.approx([660, 284, 80, 80])),
        ('L', pytest.approx([295, 699, 50, 50])),
        ('L', pytest.approx([0, 0, 80, 104])),
    ]
    for circle, (side, (x, y, w, h)) in zip((right, left), boxes):
        pixels = cv2.imread(
            str(root / f'mdb00{1 if side == "R" else 2}.pgm'), cv2.IMREAD_UNCHANGED
        )
        bright = np.argwhere(pixels == 230)
        assert bright.min(axis=0) == pytest.approx([y, x], abs=1)
        assert bright.max(axis=0) + 1 == pytest.approx([y + h, x + w], abs=1)
