"""How the columns of a table make boxes: names, shares, and what is no box."""

import pytest

from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.generic_table import ViewTable

BOX = (100, 200, 150, 260)  # of which the middle is 125, 230


@pytest.fixture
def table(tmp_path):
    """Read a table of a header and rows of a box's values."""

    def table(columns, *rows, more='', cells=''):
        path = tmp_path / 'views.csv'
        path.write_text(
            '\n'.join(
                [
                    f'file,patient,{columns}{more}',
                    *(
                        f'{i}.png,p,{",".join(map(str, row))}{cells}'
                        for i, row in enumerate(rows)
                    ),
                ]
            )
        )
        return ViewTable(path)

    return table


def corners(table):
    fields = table.boxes.fields
    return [
        table.boxes.corners([float(row[name]) for name in fields]) for row in table.rows
    ]


@pytest.mark.parametrize(
    'columns',
    [
        'x1,y1,x2,y2',
        'X1,Y1,X2,Y2',
        'xmin,ymin,xmax,ymax',
        'x_min,y_min,x_max,y_max',
        'xMin,yMin,xMax,yMax',
        'min_x,min_y,max_x,max_y',
        'left,top,right,bottom',
        'bbox_x1,bbox_y1,bbox_x2,bbox_y2',
        'bbox_xmin,bbox_ymin,bbox_xmax,bbox_ymax',
        'box x1,box y1,box x2,box y2',
        'x1_px,y1_px,x2_px,y2_px',
        'x1 (px),y1 (px),x2 (px),y2 (px)',
        'x_start,y_start,x_end,y_end',
        'lesion_x1,lesion_y1,lesion_x2,lesion_y2',
        'xtl,ytl,xbr,ybr',
        'x-1,y-1,x-2,y-2',
        'x_left,y_top,x_right,y_bottom',
        'roi_left,roi_top,roi_right,roi_bottom',
    ],
)
def test_names_of_corners(table, columns):
    read = table(columns, BOX)
    assert corners(read) == [BOX] and not read.boxes.shares
    assert read.unused == []


@pytest.mark.parametrize(
    'columns',
    [
        'x,y,width,height',
        'x,y,w,h',
        'left,top,width,height',
        'xmin,ymin,width,height',
        'bbox_x,bbox_y,bbox_w,bbox_h',
        'x1,y1,box_width,box_height',
    ],
)
def test_names_of_a_corner_and_a_size(table, columns):
    assert corners(table(columns, (100, 200, 50, 60))) == [BOX]


@pytest.mark.parametrize(
    'columns',
    [
        'x_center,y_center,width,height',
        'cx,cy,w,h',
        'center_x,center_y,width,height',
        'xc,yc,w,h',
        'x_centre,y_centre,box_w,box_h',
    ],
)
def test_names_of_a_middle_and_a_size(table, columns):
    assert corners(table(columns, (125, 230, 50, 60))) == [BOX]


def test_order_does_not_matter(table):
    assert corners(table('ymax,xmax,ymin,xmin', (260, 150, 200, 100))) == [BOX]


def test_corners_go_before_other_columns(table):
    """As in Pascal VOC's lists, where width and height are those of the image."""
    read = table('xmin,ymin,xmax,ymax,width,height', (*BOX, 640, 960))
    assert corners(read) == [BOX]
    assert read.unused == ['width', 'height']


@pytest.mark.parametrize(
    'rows, shares',
    [
        ([(0.1, 0.2, 0.3, 0.4)], True),
        ([(0, 0, 1, 1)], True),
        ([(-0.02, 0.2, 1.04, 0.4), (0.1, 0.1, 0.2, 0.2)], True),
        ([(0.1, 0.2, 0.3, 0.4), (100, 200, 150, 260)], False),
        ([(100, 200, 150, 260)], False),
        ([(0.5, 0.5, 2, 3)], False),
    ],
)
def test_shares_are_those_of_the_whole_table(table, rows, shares):
    assert table('x1,y1,x2,y2', *rows).boxes.shares is shares


@pytest.mark.parametrize(
    'rows, centred',
    [
        ([(0.95, 0.3, 0.1, 0.2), (0.5, 0.5, 0.2, 0.2)], True),  # else out on the right
        ([(0.02, 0.3, 0.1, 0.2), (0.5, 0.5, 0.2, 0.2)], False),  # else out on the left
    ],
)
def test_x_and_y_of_shares_are_what_fits(table, rows, centred):
    assert table('x,y,w,h', *rows).boxes.centred is centred


@pytest.mark.parametrize(
    'columns, row, named',
    [
        ('x,y,w,h', (0.5, 0.5, 0.1, 0.1), 'x, y, w, h: fractions'),  # corner or middle?
        ('x1,y1,x2', (1, 2, 30), "'x1', 'y1', 'x2'"),
        ('x1,y1', (1, 2), "'x1', 'y1'"),
        ('x,y', (1, 2), "'x', 'y'"),
        ('x,y,radius', (1, 2, 30), "'x', 'y', 'radius'"),
        ('x_center,y_center,width', (1, 2, 30), "'x_center', 'y_center'"),
        ('xmim,ymim,xmaxx,ymaxx', BOX, "'xmim', 'ymim', 'xmaxx', 'ymaxx'"),
        ('x0,y0,x1,y1', BOX, "'x1', 'y1', 'x0', 'y0'"),
        ('xa,ya,xb,yb', BOX, "'xa', 'ya', 'xb', 'yb'"),
        ('start_row,end_row,start_col,end_col', BOX, "'start_row', 'end_row'"),
        ('bbox', ('"[100, 200, 150, 260]"',), "'bbox'"),
        ('bounding boxes', ('"100 200 150 260"',), "'bounding boxes'"),
        ('polygon', ('"1 2 3 4 5 6"',), "'polygon'"),
        ('coordinates', ('1;2;3;4',), "'coordinates'"),
        ('l,t,r,b', BOX, "'l', 't', 'r', 'b'"),
        ('points', ('"1 2 3 4"',), "'points'"),
        ('region_shape_attributes', ('{}',), "'region_shape_attributes'"),
        (
            'category,links,oben,rechts,unten',
            ('mass', *BOX),
            "'links', 'oben', 'rechts', 'unten'",
        ),
    ],
)
def test_columns_that_make_no_box_are_refused(table, columns, row, named):
    """Else their lesions would be lost, and the views train as normal."""
    with pytest.raises(ConversionError) as error:
        table(columns, row)
    assert named in str(error.value) and 'x_center, y_center' in str(error.value)


def test_columns_that_are_not_of_boxes(table):
    read = table(
        'age,height,weight,patholgy,birad,class,machine',
        (50, 170, 60, 'malignant', 4, 'mass', 'x'),
    )
    assert read.boxes.fields == ()
    assert set(read.unused) == {
        'height',
        'age',
        'weight',
        'patholgy (meant for pathology?)',
        'birad (meant for birads?)',
        'class (meant for category?)',
        'machine',
    }


@pytest.mark.parametrize(
    'columns, row',
    [('y', (1,)), ('width,height', (640, 960)), ('left,right', ('dense', 'fatty'))],
)
def test_names_of_boxes_that_mean_something_else(table, columns, row):
    read = table(columns, row)
    assert read.boxes.fields == () and sorted(read.unused) == sorted(columns.split(','))


def test_a_mask_is_enough(table):
    assert table('mask,bbox', ('m.png', '"1 2 3 4"')).unused == ['bbox']


def test_empty_columns_are_no_matter(table):
    read = table('x1,y1,x2,polygon', ('', '-', 'nan', ''))
    assert read.boxes.fields == () and read.unused == []


@pytest.mark.parametrize('header', ['filename,patient_id', 'Image Path,Subject'])
def test_usual_names_of_other_columns(tmp_path, header):
    path = tmp_path / 'views.csv'
    path.write_text(
        f'{header},side,view_position,split,breast_density\n1.png,p,L,CC,train,B\n'
    )
    (row,) = ViewTable(path).rows
    assert (
        row['file'],
        row['patient'],
        row['laterality'],
        row['view'],
        row['part'],
        row['density'],
    ) == ('1.png', 'p', 'L', 'CC', 'train', 'B')


def test_an_error_names_the_columns_there_are(tmp_path):
    path = tmp_path / 'views.csv'
    path.write_text('file,patnt,view\n1.png,p,CC\n')
    with pytest.raises(ConversionError, match="'file', 'patnt', 'view'"):
        ViewTable(path)
