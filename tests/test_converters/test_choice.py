"""Which image of a raw data set stands for a view, and what the report says of it."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest

from mammo_plugins.converters.base import Converter
from mammo_plugins.converters.conversion import convert
from mammo_plugins.converters.parts import Split
from mammo_plugins.converters.records import (
    Catalogue,
    ConversionError,
    RawLesion,
    RawView,
)

ALL = Split('ratio', dict(train=1.0, val=0.0, test=0.0))


@dataclass
class Toy(Converter):
    views: list[RawView] = field(default_factory=list)
    name = 'toy'

    def catalogue(self, raw: Path) -> Catalogue:
        return Catalogue(list(self.views))


def view(name, projection='CC', exam='e', **settings):
    return RawView(Path(name), exam, f'p{exam}', 'L', projection, **settings)


@pytest.fixture
def write(phantom_root, tmp_path):

    def write(name, **elements):
        ds = pydicom.dcmread(phantom_root / 'dicom/phantom_0001/L_CC.dcm')
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
        (tmp_path / 'raw').mkdir(exist_ok=True)
        ds.save_as(tmp_path / 'raw' / name)
        return view(name)

    return write


@pytest.fixture
def run(tmp_path):

    def run(views, split=ALL):
        summary = convert(
            Toy(views), tmp_path / 'raw', tmp_path / 'out', split, tmp_path / 'cache'
        )
        images = [
            image
            for path in (tmp_path / 'out/annotations').rglob('*.json')
            for image in json.loads(path.read_text())['images']
        ]
        rows = {
            row['item']: (row['reason'], row['detail'])
            for row in csv.DictReader(open(tmp_path / 'out/skipped.csv'))
        }
        return summary, images, rows

    return run


SPOT = dict(ImageType=['ORIGINAL', 'PRIMARY', 'SPOT'])
RAW = dict(PresentationIntentType='FOR PROCESSING')
SYNTHETIC = dict(ImageType=['DERIVED', 'PRIMARY', 'TOMOSYNTHESIS', 'GENERATED_2D'])


def test_the_full_field_image_stands_for_the_view(write, run):
    views = [
        write('a.dcm', **SPOT),
        write('b.dcm', **RAW),
        write('c.dcm'),
        write('d.dcm', **SYNTHETIC),
        write('e.dcm'),
    ]
    _, images, rows = run(views)
    assert [image['source'] for image in images] == ['c.dcm']
    assert 'image_kind' not in images[0]
    used = ('another image of the same view of an exam', 'L CC FFDM; c.dcm is used')
    assert rows == {
        'a.dcm': ('spot compression image: never stands for a screening view', ''),
        'b.dcm': used,
        'd.dcm': used,
        'e.dcm': used,
    }


def test_the_next_image_takes_the_place_of_one_that_cannot_be_read(
    write, run, tmp_path
):
    views = [write('a.dcm'), write('b.dcm', **RAW), write('c.dcm', **SYNTHETIC)]
    file = tmp_path / 'raw/a.dcm'
    file.write_bytes(file.read_bytes()[:-5000])  # its header is whole
    _, images, rows = run(views)
    assert [image['source'] for image in images] == ['c.dcm']
    assert images[0]['image_kind'] == 'synthetic 2-D'
    assert rows['a.dcm'][0] == 'image that cannot be used'
    assert rows['b.dcm'][1] == 'L CC FFDM; c.dcm is used'
    assert run(views)[1:] == (images, rows)  # from the journal


def test_every_image_of_a_view_may_fail(write, run, tmp_path):
    views = [
        write(
            f'{name}.dcm',
            PresentationIntentType='',
            SOPClassUID='1.2.840.10008.5.1.4.1.1.7',
        )
        for name in 'abc'
    ]
    for name in 'ab':
        (tmp_path / f'raw/{name}.dcm').write_bytes(b'')
    views.append(view('d.dcm', 'MLO'))  # not there at all
    _, images, rows = run(views)
    assert [image['source'] for image in images] == ['c.dcm']
    assert {item: reason for item, (reason, _) in rows.items()} == dict.fromkeys(
        ('a.dcm', 'b.dcm', 'd.dcm'), 'image that cannot be used'
    )


def test_a_broken_file_is_not_read_where_a_better_one_is(write, run, tmp_path):
    views = [write('a.dcm'), write('b.dcm')]
    (tmp_path / 'raw/a.dcm').write_bytes(b'')
    _, images, rows = run(views)
    assert [image['source'] for image in images] == ['b.dcm']
    assert rows['a.dcm'][1] == 'L CC FFDM; b.dcm is used'


def test_the_image_with_lesions_goes_before_its_equals(write, run):
    lesion = RawLesion('mass', box=(10, 20, 30, 40))
    write('a.dcm')
    write('b.dcm')
    write('c.dcm', **RAW)
    views = [
        view('a.dcm'),
        view('b.dcm', lesions=[lesion]),
        view('c.dcm', lesions=[lesion]),
    ]
    _, images, rows = run(views)
    assert [image['source'] for image in images] == ['b.dcm']
    assert rows['lesion of c.dcm'][0] == 'lesion of an image that is not used'


def test_an_excluded_image_alone_is_left_out(write, run):
    views = [write('a.dcm', **SPOT)]
    with pytest.raises(ConversionError, match='spot compression.*never stands'):
        run(views)


def test_folds_share_the_choice(write, run, tmp_path):
    views = []
    for exam in 'xyz':
        for name in 'ab':
            write(f'{exam}{name}.dcm')
            views.append(view(f'{exam}{name}.dcm', exam=exam))
    (tmp_path / 'raw/xa.dcm').write_bytes(b'')
    _, images, _ = run(views, Split('kfold', folds=3))
    assert {image['source'] for image in images} == {'xb.dcm', 'ya.dcm', 'za.dcm'}
    assert len(images) == 9


def test_warnings_are_counted_by_kind_with_the_first(write, run, tmp_path):
    views = [write('a.dcm', Modality=''), view('b.dcm', 'MLO')]
    write('b.dcm', Modality='')
    summary, images, _ = run(views)
    assert len(images) == 2
    assert [note for note in summary['notes'] if 'warning' in note] == [
        '2 views with a warning, no Modality; first: a.dcm: Modality (0008,0060) '
        'is missing, treated as MG'
    ]


def test_faults_of_pixels_are_counted_too(write, run):
    summary, _, _ = run([write('a.dcm', HighBit=15)])
    assert any('HighBit' in note for note in summary['notes'])


def test_views_that_lost_their_lesions_are_told(write, run):
    lesion = RawLesion('mass', box=(-50, -50, -20, -20))
    write('a.dcm')
    summary, _, _ = run([view('a.dcm', lesions=[lesion])])
    assert any(
        '1 views with lesions, none of which can be used' in note
        for note in summary['notes']
    )
