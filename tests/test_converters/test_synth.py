"""M-SYNTH and T-SYNTH, on small trees of made projections.

Folders and names are those that the authors' loaders build
(tsynth-release/code/custom_datasets.py); header, .loc and the two planes of a .raw file
are in the form of msynth-release/examples/example_data. True files were not at hand.
"""

from collections import Counter

import cv2
import numpy as np
import pytest
from meta_image_making import write_mhd

from mammo_plugins.converters import ConversionError, Split, convert
from mammo_plugins.converters.synth import SynthConverter
from mammo_plugins.converters.synth_files import read_locations
from mammo_plugins.io import MammogramError, read_mammogram
from mammo_plugins.io.errors import Defect
from mammo_plugins.structures import load_coco_exam

ROWS, COLUMNS, MM = 150, 300, 0.85  # a tenth of VICTRE's 1500 x 3000 at 0.085 mm
ALL = Split('ratio', dict(train=1.0, val=0.0, test=0.0))


def breast():
    """Return the attenuation of a half-ellipsoid on row 0, thicker on low columns."""
    row, column = np.mgrid[:ROWS, :COLUMNS] + 0.5
    inside = (row / 110) ** 2 + ((column - 150) / 110) ** 2
    return 3.5 * np.sqrt(np.clip(1 - inside, 0, None)) * (1.2 - column / COLUMNS)


def mass(row, column, radius_mm, density=2.0):
    """Return the attenuation of a ball around the middle of a pixel."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    off = np.hypot(rows - row, columns - column) * MM
    return 0.08 * density * 2 * np.sqrt(np.clip(radius_mm**2 - off**2, 0, None))


class Tree:
    """A raw folder that is filled image by image."""

    def __init__(self, root):
        self.root = root

    def projection(
        self,
        number,
        density='fatty',
        radius='5.0',
        spic='1.06',
        dose='2.22e10',
        loc=None,
        truth=None,
        sign=1,
        under='data/',
        **fields,
    ):
        folder = (
            self.root / f'{under}device_data_VICTREPhantoms_spic_{spic}/{dose}/'
            f'{density}/2/{radius}/SIM/P2_{radius}_{density}.8336.{number}/'
            f'{number}'
        )
        truth = breast() if truth is None else truth
        return self._write(
            folder / f'projection_DM{number}.mhd', truth, loc, sign, **fields
        )

    def mask(self, number, truth, density='fatty', radius='5.0', deep='seg/'):
        folder = (
            self.root / f'data/segmentation_masks/{density}/2/{radius}/SIM/'
            f'P2_{radius}_{density}.{number}/{deep}{number}'
        )
        return self._write(folder / f'projection_DM{number}.mhd', truth)

    def c_view(
        self,
        number,
        values,
        density='fatty',
        radius='5.0',
        spic='1.1',
        loc=None,
        slices=40,
        **fields,
    ):
        """``values`` are as shown: rows, columns; the header is of the volume."""
        folder = (
            self.root / 'data/cview/output_cview_det_Victre/'
            f'device_data_VICTREPhantoms_spic_{spic}/{density}/2/{radius}/SIM/'
            f'D2_{radius}_{density}.{number}/{number}'
        )
        height, width = values.shape
        fields = dict(
            dict(
                NDims=3,
                DimSize=f'{height} {width} {slices}',
                ElementType='MET_DOUBLE',
                ElementSpacing=f'{MM} {MM} 1',
            ),
            **fields,
        )
        path = write_mhd(
            folder / f'reconstruction{number}.mhd', values.astype('<f4'), **fields
        )
        if loc is not None:
            path.with_suffix('.loc').write_text(loc)
        return path

    @staticmethod
    def _write(path, truth, loc=None, sign=1, **fields):
        fields = dict(dict(ElementSpacing=f'{MM} {MM}'), **fields)
        noise = np.random.default_rng(1).normal(0, 0.01, truth.shape)
        write_mhd(
            path, (10 * np.exp(sign * truth + noise)).astype('<f4'), planes=2, **fields
        )
        if loc is not None:
            path.with_suffix('.loc').write_text(loc)
        return path

    def catalogue(self):
        found = SynthConverter().catalogue(self.root)
        return (
            {view.exam_id: view for view in found.views},
            Counter(skip.reason for skip in found.skipped),
            '\n'.join(found.notes),
        )


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / 'raw')


def test_what_folders_and_names_tell(tree):
    tree.projection(101, loc='40 200 2\n')
    tree.projection(100, 'hetero', '7.0', '1.0', '2.04e+09', under='')
    tree.c_view(
        3,
        np.random.default_rng(0).random((300, 150)),
        'dense',
        '9.0',
        loc='100 40 22\n',
    )
    views, skipped, notes = tree.catalogue()
    assert not skipped and len(views) == 3
    view = views['fatty_101_r5.0_d1.06_x2.22e10']
    assert (view.patient_id, view.laterality, view.view, view.modality) == (
        'fatty_101',
        'L',
        'CC',
        'FFDM',
    )
    assert (view.density, view.abnormal, view.pathology) == ('A', True, None)
    assert view.extra == dict(
        image_kind='full-field',
        mass_radius_mm=5.0,
        mass_density=1.06,
        photons=2.22e10,
        relative_dose=1.0,
    )
    assert view.pixel_spacing_mm == (MM, MM) and view.size == (COLUMNS, ROWS)
    assert view.file.suffix == '.raw'
    view = views['hetero_100_r7.0_d1.0_x2.04e+09']
    assert (view.density, view.abnormal, view.lesions) == ('C', False, [])
    assert view.extra == dict(
        image_kind='full-field',
        mass_radius_mm=None,
        mass_density=None,
        photons=2.04e9,
        relative_dose=0.2,
    )
    view = views['dense_3_r9.0_d1.1_c-view']
    assert (view.density, view.abnormal, view.size) == ('D', True, (300, 150))
    assert view.extra['image_kind'] == 'synthetic 2-D' and view.extra['photons'] is None
    assert '3 images of 3 digital breasts' in notes


@pytest.mark.parametrize(
    'density, dose, share',
    [
        ('dense', '1.73e09', 0.2),
        ('dense', '8.67e09', 1.0),
        ('hetero', '4.08e09', 0.4),
        ('hetero', '6.12e09', 0.6),
        ('scattered', '1.63e10', 0.8),
        ('fatty', '4.44e9', 0.2),
    ],
)
def test_doses_are_those_of_the_paper(tree, density, dose, share):
    tree.projection(2, density, dose=dose)
    (view,) = tree.catalogue()[0].values()
    assert view.extra['relative_dose'] == share


def test_a_breast_is_one_patient_however_it_is_imaged(tree):
    """Its doses, masses and c-views would leak from one part into another."""
    for number in range(1, 7):
        for spic, dose in (('1.0', '2.22e10'), ('1.1', '4.44e9')):
            tree.projection(
                number, spic=spic, dose=dose, loc='40 200 2' if number % 2 else None
            )
        tree.c_view(
            number,
            np.random.default_rng(0).random((300, 150)),
            loc='100 40 22' if number % 2 else None,
        )
    views, skipped, _ = tree.catalogue()
    assert len(views) == 18 and not skipped
    assert Counter(v.patient_id for v in views.values()) == {
        f'fatty_{number}': 3 for number in range(1, 7)
    }


def test_what_cannot_be_used_is_counted(tree, tmp_path):
    tree.projection(2)
    tree.projection(5)  # odd, no .loc
    tree.projection(7, loc='').with_suffix('.raw').unlink()
    tree.projection(9, loc='somewhere\n')
    tree.projection(11, loc='\n')
    tree.projection(13, loc='40 200 2', ElementSpacing=None)
    tree.projection(15, loc='40 200 2', DimSize='300 150 1', NDims=3)
    tree.projection(17, loc='40 200 2', ElementDataFile='../x.raw')
    tree.projection(19, loc='40 200 2', radius='big')
    tree.projection(21, 'jelly', loc='40 200 2')
    lone = tree.projection(4)
    lone.rename(lone.with_suffix('.txt'))
    values = np.random.default_rng(0).random((300, 150))
    tree.c_view(23, values, loc='1 1 1', data=b'1234')
    tree.c_view(25, values, loc='1 1 1', slices=2, data=values.tobytes() * 2)
    tree.c_view(27, values, loc='1 1 1', NDims=2, DimSize='150 300')
    (tree.root / '2.dcm').touch()
    views, skipped, notes = tree.catalogue()
    assert list(views) == ['fatty_2_r5.0_d1.06_x2.22e10']
    assert skipped == {
        'image of an odd number without its .loc file: so the position of its '
        'mass is unknown': 1,
        'image without its .raw file': 1,
        'image that cannot be used': 8,
        'mass whose radius the folders do not state': 1,
        'image whose folders do not state its breast density': 1,
        '.raw file without its .mhd file': 1,
    }
    assert '1 DICOM copies are not read' in notes
    details = ' '.join(
        skip.detail for skip in SynthConverter().catalogue(tree.root).skipped
    )
    for text in (
        "line 'somewhere'",
        'projection_DM11.loc is empty',
        'ElementSpacing is missing',
        '3 dimensions, not the 2',
        "outside the header's folder",
        '4 bytes, not the 180000 of a c-view',
        'a volume of tomosynthesis',
        '2 dimensions, not the 3',
    ):
        assert text in details, text


def test_wrong_folders_are_told(tmp_path, run_tool):
    with pytest.raises(ConversionError, match='no such folder; expected unpacked'):
        SynthConverter().catalogue(tmp_path / 'absent')
    (tmp_path / 'raw').mkdir()
    done = run_tool(
        'tools/dataset_converters/synth.py', tmp_path / 'raw', '--out', tmp_path / 'out'
    )
    assert done.returncode == 2 and 'Traceback' not in done.err
    assert 'no image of the set; expected unpacked archives' in done.err


def test_locations(tmp_path):
    path = tmp_path / 'a.loc'
    path.write_text('755 1456 2\n\n12,13,-2\n')
    assert read_locations(path) == [[755, 1456, 2], [12, 13, -2]]
    for text in ('755\n', 'a b\n', 'nan 3\n'):
        path.write_text(text)
        with pytest.raises(Defect, match='is not of the form'):
            read_locations(path)


def test_only_masses_that_are_there_count(tree):
    """VICTRE lists places without a mass with a negative type, calcifications as 1."""
    tree.projection(1, loc='40 200 2\n60 100 -2\n80 150 1\n')
    tree.projection(4, loc='40 200 2\n')
    tree.c_view(
        5,
        np.random.default_rng(0).random((300, 150)),
        loc='40 20 7 2\n60 10 -2 -2\n80 15 2 1\n',
    )
    views, _, notes = tree.catalogue()
    assert [len(view.lesions) for view in views.values()] == [1, 1, 1]
    assert '1 images of an even number have a .loc file' in notes


def data_of(tree, tmp_path):
    out = tmp_path / 'data/synth'
    summary = convert(SynthConverter(), tree.root, out, ALL, tmp_path / 'cache')
    data = load_coco_exam(out / 'annotations/train.json')
    return (
        out,
        summary,
        {
            i['exam_id']: (
                i,
                [a for a in data['annotations'] if a['image_id'] == i['id']],
            )
            for i in data['images']
        },
    )


@pytest.mark.parametrize('sign', [1, -1])
def test_a_projection_is_upright_and_its_box_on_its_mass(tree, tmp_path, sign):
    row, column, radius = 40, 210, 9.0
    truth = breast() + mass(row, column, radius)
    tree.projection(1, radius='9.0', loc=f'{row} {column} 2\n', truth=truth, sign=sign)
    out, summary, found = data_of(tree, tmp_path)
    ((image, (annotation,)),) = found.values()
    assert not summary['skipped']
    assert (image['height'], image['width']) == (COLUMNS, ROWS)
    assert image['pixel_spacing_mm'] == [MM, MM]
    x, y, width, height = annotation['bbox']
    assert (width, height) == pytest.approx((2 * radius / MM,) * 2)
    assert (x + width / 2, y + height / 2) == pytest.approx(
        (row + 0.5, COLUMNS - column - 0.5)
    )
    shown = read_mammogram(out / image['file_name']).pixels
    # the mass is what the image has more than that of the same breast without it
    plain = tree.projection(2, sign=sign)
    without = np.rot90(read_mammogram(plain).pixels)
    more = cv2.GaussianBlur(shown - without, (0, 0), 2)
    peak = np.unravel_index(more.argmax(), more.shape)
    assert peak == pytest.approx((y + height / 2, x + width / 2), abs=1.5)
    inside = np.zeros(shown.shape, bool)
    inside[round(y) : round(y + height), round(x) : round(x + width)] = True
    assert not (more > more.max() / 2)[~inside].any()
    # bright tissue on a dark background, chest wall on the left, thick part below
    assert shown[150, :30].mean() > 0.4 and shown[:, -20:].max() < 0.02
    assert shown[180, 20] > shown[120, 20]


def test_a_mask_goes_before_the_point(tree, tmp_path):
    row, column, radius = 50, 100, 7.0
    lump = mass(row, column, radius)
    tree.projection(1, radius='7.0', loc=f'{row} {column} 2\n', truth=breast() + lump)
    tree.projection(3, radius='7.0', truth=breast() + lump)  # a mask, but no .loc
    specks = lump.copy()
    specks[120:123, 20:23] = 1  # a region of its own, smaller than the mass
    tree.mask(1, specks, radius='7.0')
    tree.mask(3, lump, radius='7.0', deep='')
    _, summary, found = data_of(tree, tmp_path)
    assert '2 by a mask' in ' '.join(summary['notes']) and not summary['skipped']
    true = np.rot90(lump > 0.1)
    rows, columns = np.nonzero(true)
    for image, (annotation,) in found.values():
        x, y, width, height = annotation['bbox']
        assert (x, y) == pytest.approx((columns.min(), rows.min()), abs=1)
        assert (x + width, y + height) == pytest.approx(
            (columns.max() + 1, rows.max() + 1), abs=1
        )
        assert annotation['area'] == pytest.approx(true.sum(), rel=0.05)


def test_masks_that_do_not_fit_are_counted(tree, tmp_path):
    tree.projection(1, loc='50 100 2\n')
    tree.projection(3, loc='50 100 2\n')
    tree.projection(4)
    tree.mask(1, np.zeros((ROWS, COLUMNS)))
    tree.mask(3, np.zeros((60, 80)) + mass(50, 100, 5.0)[:60, 60:140])
    _, summary, _ = data_of(tree, tmp_path)
    assert summary['skipped'] == {'empty mask': 1, 'unusable mask': 1}


def test_a_c_view(tree, tmp_path):
    """It is stored as shown; its .loc names pixels of the volume before the turn."""
    height, _width = 300, 150
    column, row = 80, 40  # in a slice of the volume
    values = np.rot90(breast()).astype(np.float32)
    values[height - 1 - column, row] = 9.0
    tree.c_view(1, values, loc=f'{column} {row} 22\n')
    out, _, found = data_of(tree, tmp_path)
    ((image, (annotation,)),) = found.values()
    assert image['file_name'] == 'images/fatty_1_r5.0_d1.1_c-view.png'
    x, y, w, h = annotation['bbox']
    assert (w, h) == pytest.approx((2 * 5 / MM,) * 2)
    shown = read_mammogram(out / image['file_name']).pixels
    assert np.unravel_index(shown.argmax(), shown.shape) == (
        int(y + h / 2),
        int(x + w / 2),
    )
    np.testing.assert_allclose(shown, values / 9, atol=1e-4)


def test_pictures_are_made_once(tree, tmp_path):
    header = tree.projection(2)
    converter = SynthConverter()
    (view,) = converter.catalogue(tree.root).views
    out = tmp_path / 'out'
    target = out / converter.prepare(tree.root, view, out)
    stamp = target.stat().st_mtime_ns
    converter.prepare(tree.root, view, out)
    assert target.stat().st_mtime_ns == stamp
    header.with_suffix('.raw').touch()
    converter.prepare(tree.root, view, out)
    assert target.stat().st_mtime_ns > stamp


@pytest.mark.parametrize(
    'truth, message',
    [
        (0.3 * breast(), 'nothing in it attenuates the beam'),
        (np.zeros((ROWS, COLUMNS)), 'nothing in it attenuates'),
    ],
)
def test_what_shows_no_breast_is_refused(tree, tmp_path, truth, message):
    tree.projection(2, truth=truth)
    converter = SynthConverter()
    (view,) = converter.catalogue(tree.root).views
    with pytest.raises(MammogramError, match=message):
        converter.prepare(tree.root, view, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
