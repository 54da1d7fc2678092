"""One's own data: forms of boxes and numbers, repeated rows, mistakes, labels."""

import pytest

from mammo_plugins.converters import ConversionError
from mammo_plugins.structures import load_coco_exam


def mistakes(catalogue):
    return [(skip.item, skip.reason) for skip in catalogue.skipped]


def details(catalogue):
    return {skip.item: skip.detail for skip in catalogue.skipped}


BOX = dict(x1=1, y1=1, x2=5, y2=5)


def test_shares_of_the_image_become_pixels(listed, pictures):
    """Images are 64 x 96; a nipple at its left edge, in the middle."""
    pictures('1_L_CC.png', '2_L_CC.png')
    _, catalogue = listed(
        dict(
            file='1_L_CC.png',
            patient='a',
            x1='0.25',
            y1='0,5',
            x2='0.5',
            y2=1,
            nipple_x=1,
            nipple_y='.5',
        ),
        dict(file='2_L_CC.png', patient='b', nipple_x='0.5', nipple_y='0.25'),
    )
    one, two = catalogue.views
    assert one.lesions[0].box == (16, 48, 32, 96)
    assert (one.nipple, two.nipple) == ((64, 48), (32, 24))
    notes = ' '.join(catalogue.notes)
    assert 'boxes of views.csv are fractions of the width and height' in notes
    assert ': 1 were scaled' in notes and 'nipples of views.csv are fractions' in notes
    assert mistakes(catalogue) == []


def test_nipples_and_boxes_are_each_judged_by_themselves(listed, pictures):
    pictures('1_L_CC.png')
    _, catalogue = listed(
        dict(
            file='1_L_CC.png',
            patient='a',
            x1='0.25',
            y1='0.5',
            x2='0.5',
            y2=1,
            nipple_x=40,
            nipple_y=50,
        )
    )
    (view,) = catalogue.views
    assert view.lesions[0].box == (16, 48, 32, 96) and view.nipple == (40, 50)


def test_a_box_in_shares_among_pixels_is_not_used(listed, pictures):
    pictures('1_L_CC.png', '2_L_CC.png')
    _, catalogue = listed(
        dict(file='1_L_CC.png', patient='a', **BOX),
        dict(file='2_L_CC.png', patient='b', x1='0.1', y1='0.2', x2='0.3', y2='0.4'),
    )
    assert [len(view.lesions) for view in catalogue.views] == [1, 0]
    assert details(catalogue) == {
        'views.csv: row 3, column x1': ('2_L_CC.png: x1 0.1 y1 0.2 x2 0.3 y2 0.4')
    }
    assert catalogue.skipped[0].reason.startswith('box in fractions of the image')


def test_numbers_are_read_by_what_the_table_tells(listed, pictures):
    pictures('1_L_CC.png', '2_L_CC.png')
    _, catalogue = listed(
        dict(file='1_L_CC.png', patient='a', x1='1,060', y1=10, x2='1,160px', y2='1e3'),
        dict(file='2_L_CC.png', patient='b', x1='10.5', y1=10, x2="1'160", y2='1 100'),
    )
    assert [view.lesions[0].box for view in catalogue.views] == [
        (1060, 10, 1160, 1000),
        (10.5, 10, 1160, 1100),
    ]
    assert mistakes(catalogue) == []


def test_a_number_that_may_be_either_is_quoted(listed, pictures):
    pictures('1_L_CC.png', '2_L_CC.png')
    _, catalogue = listed(
        dict(file='1_L_CC.png', patient='a', x1='1,060', y1=10, x2=2000, y2=60),
        dict(file='2_L_CC.png', patient='b', **BOX),
    )
    assert [len(view.lesions) for view in catalogue.views] == [0, 1]
    detail = details(catalogue)['views.csv: row 2, column x1']
    assert "'1,060'; expected 1060 or 1.060" in detail


@pytest.mark.parametrize('cell', ['1,060', 'inf', 'here', '10%'])
def test_a_table_of_which_no_box_is_understood_is_refused(listed, pictures, cell):
    """Else all its views would train as normal ones."""
    pictures('1_L_CC.png')
    with pytest.raises(ConversionError, match='not one of 1 boxes of views.csv') as e:
        listed(dict(file='1_L_CC.png', patient='a', x1=cell, y1=10, x2=20, y2=60))
    assert f"'{cell}'" in e.value.catalogue.skipped[0].detail


@pytest.mark.parametrize(
    'cell', ['', '-', 'NaN', 'nan', 'NA', 'N/A', 'None', 'null', '#N/A', '_']
)
def test_empty_cells(listed, pictures, cell):
    pictures('1_L_CC.png')
    _, catalogue = listed(
        dict(
            file='1_L_CC.png',
            patient='a',
            view='CC',
            **dict.fromkeys(
                (
                    'x1',
                    'y1',
                    'x2',
                    'y2',
                    'nipple_x',
                    'nipple_y',
                    'category',
                    'birads',
                    'pathology',
                    'density',
                    'abnormal',
                    'mask',
                    'part',
                    'pixel_spacing',
                    'lesion_id',
                    'exam',
                ),
                cell,
            ),
        )
    )
    (view,) = catalogue.views
    assert mistakes(catalogue) == [] and view.lesions == []
    assert (view.birads, view.nipple, view.exam_id) == (None, None, 'a')


def test_unknown_labels_are_no_mistakes(listed, pictures):
    pictures('1_L_CC.png')
    _, catalogue = listed(
        dict(
            file='1_L_CC.png',
            patient='a',
            birads='Unknown',
            pathology='unknown',
            abnormal='unknown',
            category='unknown',
            **BOX,
        )
    )
    (view,) = catalogue.views
    assert mistakes(catalogue) == []
    assert (view.birads, view.pathology, view.abnormal) == (None, None, None)
    assert view.lesions[0].category == 'unknown'  # a name like any other


def test_an_empty_patient_is_none(listed, pictures):
    pictures('1_L_CC.png')
    _, catalogue = listed(dict(file='1_L_CC.png', patient='nan'))
    assert mistakes(catalogue) == [
        ('views.csv: row 2, column patient', 'cell that is needed is empty')
    ]


def test_repeated_rows(listed, pictures):
    pictures('1_L_CC.png')
    row = dict(
        file='1_L_CC.png',
        patient='a',
        x1=1,
        y1=1,
        x2=5,
        y2=5,
        lesion_birads='',
        lesion_pathology='benign',
        category='mass',
    )
    _, catalogue = listed(
        row,
        row,  # row 3
        dict(row, x1='1.0', lesion_birads='4'),  # written otherwise, and fuller
        dict(row, lesion_pathology='malignant'),
        dict(row, category='calcification'),
    )
    mass, calcification = catalogue.views[0].lesions
    assert (mass.birads, mass.pathology) == ('4', 'benign')
    assert calcification.category == 'calcification'
    assert [(skip.item, skip.reason) for skip in catalogue.skipped] == [
        ('views.csv: row 3', 'duplicate row'),
        ('views.csv: row 4', 'row that repeats a lesion'),
        ('views.csv: row 5', 'row that contradicts an earlier one of its lesion'),
    ]


@pytest.mark.parametrize(
    'box, column, reason',
    [
        (dict(x1=9), 'x2', 'box that ends before it starts'),
        (dict(y1=9), 'y2', 'box that ends before it starts'),
        (dict(x1=5), 'x2', 'box without width or height'),
        (dict(x1=4.5), 'x2', 'box of less than a pixel'),
    ],
)
def test_boxes_that_are_none(listed, pictures, box, column, reason):
    pictures('1_L_CC.png')
    _, catalogue = listed(dict(file='1_L_CC.png', patient='a', **{**BOX, **box}))
    assert mistakes(catalogue) == [(f'views.csv: row 2, column {column}', reason)]


def test_mistakes_have_the_titles_of_the_table(listed, pictures):
    pictures('1_L_CC.png')
    _, catalogue = listed(
        dict(file='1_L_CC.png', patient='a', xmin=9, ymin=1, xmax=5, ymax=9)
    )
    assert mistakes(catalogue) == [
        ('views.csv: row 2, column xmax', 'box that ends before it starts')
    ]


def test_lost_files_are_quoted_with_near_ones(listed, pictures):
    pictures('a/1_L_CC.png', 'a/2_L_CC.png')
    cell = 'D:\\data\\b\\1_L_CC.png'
    _, catalogue = listed(
        dict(file=cell, patient='a'), dict(file='a/2_L_C', patient='b')
    )
    assert details(catalogue) == {
        'views.csv: row 2, column file': f"'{cell}': there is a/1_L_CC.png",
        'views.csv: row 3, column file': "'a/2_L_C': there is a/2_L_CC.png",
    }


def test_two_foreign_paths_are_not_one_file(listed, pictures):
    pictures('1_L_CC.png')
    _, catalogue = listed(
        dict(file='D:\\p1\\1_L_CC.png', patient='a'),
        dict(file='D:\\p2\\1_L_CC.png', patient='a', birads=4),
    )
    assert mistakes(catalogue) == [
        ('views.csv: row 3, column file', 'file of two names')
    ]


@pytest.mark.parametrize(
    'row, expected, reason',
    [
        (dict(pathology='malignant'), ('malignant', True), None),
        (dict(pathology='benign'), ('benign', True), None),
        (dict(pathology='normal'), (None, False), None),
        (dict(pathology='normal', abnormal='no'), (None, False), None),
        (
            dict(pathology='normal', abnormal='yes'),
            (None, None),
            'view whose pathology contradicts abnormal',
        ),
        (
            dict(pathology='malignant', abnormal='no'),
            ('malignant', None),
            'view whose pathology contradicts abnormal',
        ),
        (
            dict(pathology='normal', **BOX),
            (None, None),
            'view with a lesion that is labelled normal',
        ),
        (
            dict(pathology='benign', lesion_pathology='malignant', **BOX),
            ('benign', True),
            'benign view with a malignant lesion',
        ),
        (BOX, (None, None), None),
    ],
)
def test_labels_of_a_view_agree(listed, pictures, row, expected, reason):
    pictures('1_L_CC.png')
    _, catalogue = listed(dict(file='1_L_CC.png', patient='a', **row))
    (view,) = catalogue.views
    assert (view.pathology, view.abnormal) == expected
    assert [skip.reason for skip in catalogue.skipped] == ([reason] if reason else [])


@pytest.mark.parametrize(
    'cell, spacing',
    [
        ('0,07', (0.07, 0.07)),
        ('0.07 mm', (0.07, 0.07)),
        ('[0.07, 0.08]', (0.07, 0.08)),
        ('0.07\\0.08', (0.07, 0.08)),
        ('0,07 x 0,08', (0.07, 0.08)),
        ('70', None),
        ('0', None),
        ('0.07 x 0.08 x 0.09', None),
        ('0,07,0,08', (0.07, 0.08)),
    ],
)
def test_pixel_spacing(listed, pictures, cell, spacing):
    pictures('1_L_CC.png')
    _, catalogue = listed(dict(file='1_L_CC.png', patient='a', pixel_spacing=cell))
    assert catalogue.views[0].pixel_spacing_mm == spacing
    assert len(catalogue.skipped) == (spacing is None)


def test_the_size_in_the_table_has_to_be_that_of_the_file(listed, pictures):
    """Boxes of a table of smaller copies are not boxes of the files."""
    pictures('1_L_CC.png')
    _, catalogue = listed(
        dict(file='1_L_CC.png', patient='a', image_width=32, image_height=48, **BOX)
    )
    assert catalogue.views[0].size == (48, 32)


def test_nothing_usable_leaves_a_list_of_why(raw, tmp_path, pictures, run_tool):
    pictures('1_L_CC.png')
    table = tmp_path / 'views.csv'
    table.write_text(
        'file,patient,x1,y1,x2,y2\nD:\\x\\1.png,p,1,1,5,5\nE:\\y\\2.png,q,1,1,5,5\n'
    )
    done = run_tool(
        'tools/dataset_converters/generic.py',
        raw,
        '--out',
        tmp_path / 'out',
        '--cache-dir',
        tmp_path / 'cache',
        '--table',
        table,
    )
    assert done.returncode == 2
    assert (
        "first: views.csv: row 2, column file: missing file ('D:\\x\\1."
        in done.err.splitlines()[-1]
    )
    listed = (tmp_path / 'out/skipped.csv').read_text()
    assert 'D:\\x\\1.png' in listed and 'E:\\y\\2.png' in listed
    assert '2 x missing file' in (tmp_path / 'out/summary.md').read_text()
    assert not (tmp_path / 'out/annotations').exists()


def test_the_command_counts_with_the_first_example(raw, tmp_path, pictures, run_tool):
    pictures(*(f'{i}_L_CC.png' for i in range(4)))
    table = tmp_path / 'views.csv'
    table.write_text(
        'filename,patient_id,xmin,ymin,xmax,ymax,colour\n'
        + ''.join(
            f'{i}_L_CC.png,p{i},{x},10,{x + 20},30,red\n'
            for i, x in enumerate((10, 50, 55, 90))
        )
    )
    done = run_tool(
        'tools/dataset_converters/generic.py',
        raw,
        '--out',
        tmp_path / 'out',
        '--cache-dir',
        tmp_path / 'cache',
        '--table',
        table,
        '--workers',
        1,
        '--ratios',
        1,
        0,
        0,
    )
    assert done.returncode == 0, done.err
    assert (
        '1 x outline clipped at the edge of its image; lesion of 1_L_CC.png' in done.out
    )
    assert '1 x outline mostly outside its image; lesion of 2_L_CC.png' in done.out
    assert '1 x outline outside its image; lesion of 3_L_CC.png' in done.out
    assert 'not used: colour' in done.out
    data = load_coco_exam(tmp_path / 'out/annotations/train.json')
    assert [a['bbox'] for a in data['annotations']] == [
        [10, 10, 20, 20],
        [50, 10, 14, 20],
    ]
