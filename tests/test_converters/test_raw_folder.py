"""Finding files and reading tables as they really come."""
import openpyxl
import pytest

from mammo_plugins.converters import ConversionError, RawFolder, read_table

COLUMNS = dict(id='ID1|Patient ID', side='left or right breast', note='notes?')


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'cp1252'])
@pytest.mark.parametrize('delimiter', [',', ';', '\t'])
def test_csv_with_breaks_in_cells(tmp_path, encoding, delimiter):
    lines = [['title of the table', '', ''], [],
             [' Patient_ID ', 'Left or Right\n Breast', 'NOTES'],
             ['1', '"LEFT\n"', 'na\u00efve'], ['', '', ''], ['2', 'RIGHT']]
    lines[2] = [f'"{cell}"' for cell in lines[2]]
    text = '\r\n'.join(delimiter.join(line) for line in lines)
    path = tmp_path / 'table.csv'
    path.write_bytes(text.encode(encoding))
    rows = read_table(path, COLUMNS)
    assert [(r['id'], r['side'], r['note']) for r in rows] == [
        ('1', 'LEFT', 'na\u00efve'), ('2', 'RIGHT', '')]


def test_spreadsheet_numbers_are_as_written(tmp_path):
    book = openpyxl.Workbook()
    for row in (['ID1', 'left or right breast'], [22614266, 'L'], [1.5, 'R'],
                [None, None]):
        book.active.append(row)
    book.save(tmp_path / 'table.xlsx')
    rows = read_table(tmp_path / 'table.xlsx', COLUMNS)
    assert [(r['id'], r['side'], r['note']) for r in rows] == [
        ('22614266', 'L', ''), ('1.5', 'R', '')]


def test_a_wrong_table_is_named(tmp_path):
    (tmp_path / 'a.csv').write_text('ID1,other\n1,2\n')
    with pytest.raises(ConversionError, match="a.csv: no column 'left or right"):
        read_table(tmp_path / 'a.csv', COLUMNS)
    (tmp_path / 'a.xlsx').write_bytes(b'not a spreadsheet')
    with pytest.raises(ConversionError, match='not a readable spreadsheet'):
        read_table(tmp_path / 'a.xlsx', COLUMNS)
    with pytest.raises(ConversionError, match='cannot be read'):
        read_table(tmp_path / 'none.csv', COLUMNS)


def test_files_whatever_their_case(tmp_path):
    for name in ('CSV/Mass_Train.CSV', 'csv/notes.txt', '.hidden/x.csv'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('')
    folder = RawFolder(tmp_path, 'tables')
    assert folder.one('.*/mass_train.csv', 'mass table').as_posix() == (
        'CSV/Mass_Train.CSV')
    assert folder.one('.*calc.*', 'calc table', required=False) is None
    with pytest.raises(ConversionError, match='no calc table; expected tables'):
        folder.one('.*calc.*', 'calc table')
    with pytest.raises(ConversionError, match='2 files that look like the table'):
        folder.one('(?i)(csv/.*|.*csv)', 'table')
