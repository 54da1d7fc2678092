"""Finding files and reading tables as they really come."""

import os

import openpyxl
import pytest

from mammo_plugins.converters import Catalogue, ConversionError, RawFolder, read_table
from mammo_plugins.converters.spreadsheets import sheet_names

COLUMNS = dict(id='ID1|Patient ID', side='left or right breast', note='notes?')


@pytest.mark.parametrize(
    'encoding', ['utf-8', 'utf-8-sig', 'cp1252', 'utf-16', 'utf-32']
)
@pytest.mark.parametrize('delimiter', [',', ';', '\t'])
def test_csv_with_breaks_in_cells(tmp_path, encoding, delimiter):
    lines = [
        ['title of the table'],
        [],
        [' Patient_ID ', 'Left or Right\n Breast', 'NOTES'],
        ['1', '"LEFT\n"', 'na\u00efve'],
        ['', '', ''],
        ['2', 'RIGHT'],
    ]
    lines[2] = [f'"{cell}"' for cell in lines[2]]
    text = '\r\n'.join(delimiter.join(line) for line in lines)
    path = tmp_path / 'table.csv'
    path.write_bytes(text.encode(encoding))
    rows = read_table(path, COLUMNS)
    assert [(r['id'], r['side'], r['note']) for r in rows] == [
        ('1', 'LEFT', 'na\u00efve'),
        ('2', 'RIGHT', ''),
    ]


_TEXT = 'id1,left or right breast,notes\n1,LEFT,na\u00efve\n'


@pytest.mark.parametrize(
    'data, said',
    [
        *(
            (
                _TEXT.encode(f'{name}-{order}'),
                f'is in {name.upper()} without a byte order',
            )
            for name in ('utf-16', 'utf-32')
            for order in ('le', 'be')
        ),
        ('\u0418\u0418,\u0418\u0418\n'.encode('utf-16-le'), 'UTF-16 or UTF-32 without'),
        (_TEXT.encode('utf-16') + b'\n', 'is in UTF-16, but damaged at byte 90'),
        (_TEXT.encode('utf-16') + b'\x00\xd8', 'is in UTF-16, but damaged at byte 90'),
        (_TEXT.encode('utf-16')[:-1], 'is in UTF-16, but damaged at byte 88'),
        (_TEXT.encode('utf-32')[:-2], 'is in UTF-32, but damaged'),
        (_TEXT.encode('utf-8-sig') + b'\xe9\n', 'is in UTF-8, but damaged'),
        (_TEXT.encode() + '\u00ef'.encode()[:1], 'is in UTF-8, but damaged'),
        (bytes(64), 'NUL bytes'),
    ],
)
def test_csvs_of_other_encodings_are_named(tmp_path, data, said):
    (tmp_path / 'a.csv').write_bytes(data)
    with pytest.raises(ConversionError, match=f'a.csv: .*{said}.*save it in UTF-8'):
        read_table(tmp_path / 'a.csv', COLUMNS)


def test_a_last_letter_in_windows_1252(tmp_path):
    (tmp_path / 'a.csv').write_bytes(b'id1,left or right breast,notes\n1,LEFT,caf\xe9')
    assert read_table(tmp_path / 'a.csv', COLUMNS)[0]['note'] == 'caf\u00e9'


def test_spreadsheet_numbers_are_as_written(tmp_path):
    book = openpyxl.Workbook()
    for row in (
        ['ID1', 'left or right breast'],
        [22614266, 'L'],
        [1.5, 'R'],
        [None, None],
    ):
        book.active.append(row)
    book.save(tmp_path / 'table.xlsx')
    rows = read_table(tmp_path / 'table.xlsx', COLUMNS)
    assert [(r['id'], r['side'], r['note']) for r in rows] == [
        ('22614266', 'L', ''),
        ('1.5', 'R', ''),
    ]


def test_a_sheet_by_its_name(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(['nothing'])
    listing = book.create_sheet('all')
    for row in ([], ['ID1', 'Left or Right Breast', 'note'], [7, 'L', 'x']):
        listing.append(row)
    path = tmp_path / 'table.xlsx'
    book.save(path)
    assert sheet_names(path) == ['Sheet', 'all']
    assert [row['id'] for row in read_table(path, COLUMNS, 'all')] == ['7']
    with pytest.raises(ConversionError, match="no column 'ID1' or 'Patient ID', "):
        read_table(path, COLUMNS)
    (tmp_path / 'a.csv').write_text('ID1\n')
    assert sheet_names(tmp_path / 'a.csv') == []


def test_a_cell_of_many_points(tmp_path):
    cell = '1' * 2**18
    (tmp_path / 'a.csv').write_text(f'ID1,left or right breast\n{cell},L\n')
    assert read_table(tmp_path / 'a.csv', COLUMNS)[0]['id'] == cell


def test_the_first_table_that_can_be_read(tmp_path):
    (tmp_path / 'b.csv').write_text('other\n')
    (tmp_path / 'c.csv').write_text('ID1,left or right breast\n1,L\n')
    folder, catalogue = RawFolder(tmp_path, 'tables'), Catalogue()
    file, rows = folder.first_table(folder.files, COLUMNS, catalogue)
    assert (file.name, rows[0]['id']) == ('c.csv', '1')
    assert [skip.item for skip in catalogue.skipped] == ['b.csv']
    with pytest.raises(ConversionError, match='b.csv: no column'):
        folder.first_table(folder.files[:1], COLUMNS, catalogue)
    assert folder.first_table([], COLUMNS, catalogue) is None


def test_a_wrong_table_is_named(tmp_path):
    (tmp_path / 'a.csv').write_text('ID1,other\n1,2\n')
    with pytest.raises(ConversionError, match="a.csv: no column 'left or right"):
        read_table(tmp_path / 'a.csv', COLUMNS)
    (tmp_path / 'a.xlsx').write_bytes(b'not a spreadsheet')
    with pytest.raises(
        ConversionError, match='not a readable spreadsheet .*plain text'
    ):
        read_table(tmp_path / 'a.xlsx', COLUMNS)
    with pytest.raises(ConversionError, match='cannot be read'):
        read_table(tmp_path / 'none.csv', COLUMNS)


def test_files_whatever_their_case(tmp_path):
    for name in ('CSV/Mass_Train.CSV', 'csv/notes.txt', '.hidden/x.csv'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('')
    folder = RawFolder(tmp_path, 'tables')
    assert folder.one('.*/mass_train.csv', 'mass table').as_posix() == (
        'CSV/Mass_Train.CSV'
    )
    assert folder.one('.*calc.*', 'calc table', required=False) is None
    with pytest.raises(ConversionError, match='no calc table; expected tables'):
        folder.one('.*calc.*', 'calc table')
    with pytest.raises(ConversionError, match='2 files that look like the table'):
        folder.one('(?i)(csv/.*|.*csv)', 'table')


@pytest.mark.parametrize('name', ['table.csv', 'table.xlsx'])
def test_a_table_that_is_a_fifo_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ConversionError, match=f'{name}: is a FIFO'):
        read_table(tmp_path / name, COLUMNS)
    with pytest.raises(ConversionError, match='cannot be read'):
        read_table(tmp_path / f'no_{name}', COLUMNS)
