"""Spreadsheets and CSVs that are damaged, or larger than a table."""

import csv

import pytest
from fuzzing.raw_texts import PLIST, SHEETS, cell, sheet, workbook

from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.base import Converter
from mammo_plugins.converters.ddsm_texts import read_ics, read_overlay
from mammo_plugins.converters.inbreast_files import RegionError, read_regions
from mammo_plugins.converters.raw_folder import read_table
from mammo_plugins.converters.records import Catalogue
from mammo_plugins.converters.spreadsheets import read_sheet, sheet_names
from mammo_plugins.converters.summary import write_summary


def test_a_sound_sheet(tmp_path):
    path = tmp_path / 'a.xlsx'
    path.write_bytes(sheet([dict(file='1.png', patient='p')]))
    assert read_table(path, dict(file='file', patient='patient')) == [
        dict(file='1.png', patient='p', row='2')
    ]
    path.write_bytes(workbook(f'<sheetData>{cell("A1")}{cell("C900")}</sheetData>'))
    assert len(read_sheet(path, None)) == 900


@pytest.mark.parametrize(
    'name, said',
    [
        ('cells far apart', '1048576 rows and 16384 columns'),
        ('cells far apart in single quotes', '1048576 rows and 16384 columns'),
        ('cells far apart with blanks', '1048576 rows and 16384 columns'),
        ('cells far apart in lower case', '1048576 rows and 16384 columns'),
        ('cells far apart elsewhere', '1048576 rows and 16384 columns'),
        ('cells far apart in a file of another name', 'more memory than a table'),
        ('cells far apart by entities', 'not a readable spreadsheet'),
        ('cells far apart without places', '65536 rows and 20000 columns|more memory'),
        ('cells beyond the sheet', 'delete cells far'),
        ('no sheet', 'not a readable spreadsheet|no column'),
        ('broken XML', 'not a readable spreadsheet'),
    ],
)
def test_sheets_that_cannot_be_read(tmp_path, name, said):
    path = tmp_path / 'a.xlsx'
    path.write_bytes(SHEETS[name]())
    with pytest.raises(ConversionError, match=f'a.xlsx.*{said}'):
        read_table(path, dict(file='file'))


@pytest.mark.parametrize('name', ['a wide range', 'a wide merged range'])
def test_ranges_that_take_no_memory(tmp_path, name):
    path = tmp_path / 'a.xlsx'
    path.write_bytes(SHEETS[name]())
    assert read_sheet(path, None) == [['file']]


def test_the_cells_that_count_are_those_of_the_sheet(tmp_path, monkeypatch):
    monkeypatch.setattr('mammo_plugins.converters.spreadsheets._MOST_CELLS', 900)
    path = tmp_path / 'a.xlsx'
    rows = cell('A1') + '<row r="450"><c><v>1</v></c>{}</row>'
    path.write_bytes(
        workbook(f'<sheetData>{rows.format("<c><v>1</v></c>")}</sheetData>')
    )
    assert len(read_sheet(path, None)) == 450
    path.write_bytes(
        workbook(f'<sheetData>{rows.format("<c><v>1</v></c>" * 2)}</sheetData>')
    )
    with pytest.raises(ConversionError, match='450 rows and 3 columns'):
        read_sheet(path, None)


@pytest.mark.parametrize(
    'name, data, said',
    [
        ('a.xls', sheet([dict(file='1')]), 'a newer spreadsheet'),
        ('a.xls', b'\r\n <HTML xmlns:x="x"><body><table>', 'a web page'),
        ('a.xls', '<html>'.encode('utf-16'), 'a web page'),
        ('a.xlsx', b'file,patient\n1.png,p\n', 'plain text, such as a CSV'),
        ('a.xlsx', 'file\tpatient\n'.encode('utf-16'), 'plain text, such as a CSV'),
        (
            'a.XLSX',
            b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1' + bytes(504),
            'an old spreadsheet',
        ),
        ('a.ods', b'', 'empty'),
        ('a.ods', b'\x1f\x8b\x08\0', 'no spreadsheet'),
    ],
)
def test_files_that_are_not_what_their_name_says(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    for read in (sheet_names, lambda path: read_sheet(path, None)):
        with pytest.raises(
            ConversionError,
            match=(f'{name}: .*it is {said}.*; open it and save it as XLSX or CSV'),
        ):
            read(tmp_path / name)


def test_a_sheet_that_unpacks_to_much(tmp_path, monkeypatch):
    monkeypatch.setattr('mammo_plugins.converters.spreadsheets._MOST_BYTES', 2**20)
    path = tmp_path / 'a.xlsx'
    path.write_bytes(workbook('<!--' + 'a' * 2**21 + '-->'))
    assert path.stat().st_size < 2**16
    with pytest.raises(ConversionError, match='unpacks to more than 1 MiB'):
        read_table(path, dict(file='file'))


@pytest.mark.parametrize(
    'text, said',
    [
        (
            'file,patient\n1.png,"p\n2.png,p\n3.png,p\n',
            'row 2: an unclosed quotation mark',
        ),
        ('file,patient\n1.png' + ',' * 20_000 + '\n', 'row 2 has 20001 columns'),
        ('', 'no column'),
    ],
)
def test_csvs_that_cannot_be_read(tmp_path, text, said):
    path = tmp_path / 'a.csv'
    path.write_text(text)
    with pytest.raises(ConversionError, match=said):
        read_table(path, dict(file='file', patient='patient'))


def test_quotation_marks_that_are_text(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('file,size\n1.png,5" film\n"2\n.png","a ""b"""\n3.png,"open')
    assert [row['size'] for row in read_table(path, dict(size='size'))] == [
        '5" film',
        'a "b"',
        'open',
    ]


def test_regions_that_would_take_long_or_are_infinite(tmp_path):
    path = tmp_path / 'a.xml'
    for point in ('1' * 100_000, '1e999', '(' + '1' * 60_000 + 'x, 1)'):
        path.write_text(PLIST.replace('(10.0, 10.0)', f'({point}, 10.0)'))
        with pytest.raises(RegionError, match='unreadable point'):
            read_regions(path)
    path.write_text(PLIST)
    assert [region.pixel_box for region in read_regions(path)] == [(10, 10, 21, 22)]


def test_case_texts_with_numbers_of_any_length(tmp_path):
    path = tmp_path / 'a'
    path.write_text(f'LEFT_CC LINES {"9" * 400} PIXELS_PER_LINE 64 OVERLAY\n')
    line = read_ics(path).films['LEFT_CC']
    assert (line.lines, line.columns) == (None, 64)
    path.write_text(
        f'TOTAL_ABNORMALITIES {"9" * 5000}\nABNORMALITY 1\nBOUNDARY\n'
        f'{"9" * 30} 3 2 2 4 #\n'
    )
    overlay = read_overlay(path)
    assert overlay.total is None and 'far outside' in overlay.abnormalities[0].broken


class _Made(Converter):
    name = 'made <b>'

    def catalogue(self, raw):
        raise NotImplementedError


def test_summaries_show_names_and_do_not_obey_them(tmp_path):
    catalogue = Catalogue(notes=['a\n# note of <script>x</script>'])
    catalogue.skip('=cmd|x!A0.png', 'a reason', '\x1b[2J| `a` ![b](http://c)')
    catalogue.skip('x' * 5000, 'another', '-0.5')
    write_summary(tmp_path, _Made(), {}, catalogue)
    text = (tmp_path / 'summary.md').read_text()
    assert text.isprintable() or set(text) - {'\n'} == {
        c for c in text if c.isprintable()
    }
    assert '<' not in text and r'\x1b\[2J\| \`a\` !\[b\](http://c)' in text
    assert '- a\\n# note of &lt;script&gt;' in text
    rows = list(csv.reader(open(tmp_path / 'skipped.csv', newline='')))
    assert rows[1] == ["'=cmd|x!A0.png", 'a reason', r'\x1b[2J| `a` ![b](http://c)']
    assert len(rows[2][0]) < 1100 and rows[2][2] == "'-0.5"


def test_long_cells_are_shown_by_their_beginning(tmp_path):
    catalogue = Catalogue()
    path = 'a/' + 'b' * 254 + '/c.png'
    catalogue.skip(path, 'a reason', f"1.png: '{'9' * 5000}', but '2' in row 3")
    assert catalogue.skipped[0].item == path
    assert catalogue.skipped[0].detail == f"1.png: '{'9' * 59} ... but '2' in row 3"
    catalogue.skip('1.png', 'a reason', f"'{'9' * 400}', but '2' in row 3")
    assert catalogue.skipped[1].detail == f"'{'9' * 59} ... but '2' in row 3"
    (tmp_path / 'a.csv').write_text(f'x,{"9" * 5000}\n1,2\n')
    with pytest.raises(ConversionError) as caught:
        read_table(tmp_path / 'a.csv', dict(file='file'))
    assert len(str(caught.value)) < 200 + len(str(tmp_path))
