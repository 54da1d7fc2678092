"""Small sound files of raw data sets, and spreadsheets that are none."""

import csv
import io
import zipfile
from xml.sax.saxutils import escape


def table(rows: list[dict]) -> bytes:
    """Return a CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode('utf-8', 'replace')


def sheet(rows: list[dict]) -> bytes:
    """Return an XLSX."""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    cells = ''.join(
        '<row>'
        + ''.join(
            f'<c t="inlineStr"><is><t>{escape(_of_xml(str(cell)))}</t></is></c>'
            for cell in line
        )
        + '</row>'
        for line in lines
    )
    return workbook(f'<sheetData>{cells}</sheetData>')


def _of_xml(text: str) -> str:
    return ''.join(c for c in text if c >= ' ' and not '\ud800' <= c <= '\udfff')


def workbook(content: str, place: str = 'worksheets/a.xml') -> bytes:
    """Return an XLSX of a sheet's XML, which lies at a place below xl/."""
    main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
    relations = 'http://schemas.openxmlformats.org/package/2006/relationships'
    office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w', zipfile.ZIP_DEFLATED) as file:
        file.writestr(
            '[Content_Types].xml',
            (
                '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"'
                '/>'
            ),
        )
        file.writestr(
            '_rels/.rels',
            (
                f'<Relationships xmlns="{relations}"><Relationship Id="r1" '
                f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
            ),
        )
        file.writestr(
            'xl/workbook.xml',
            (
                f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="a" '
                'sheetId="1" r:id="r1"/></sheets></workbook>'
            ),
        )
        file.writestr(
            'xl/_rels/workbook.xml.rels',
            (
                f'<Relationships xmlns="{relations}"><Relationship Id="r1" '
                f'Type="{office}/worksheet" Target="{place}"/></Relationships>'
            ),
        )
        file.writestr(f'xl/{place}', f'<worksheet xmlns="{main}">{content}</worksheet>')
    return data.getvalue()


def cell(place: str, text: str = 'file') -> str:
    """Return the XML of a cell."""
    return (
        f'<row r="{place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}"><c r="{place}" '
        f't="inlineStr"><is><t>{text}</t></is></c></row>'
    )


_FAR = f'<sheetData>{cell("A1")}{cell("XFD1048576")}</sheetData>'
_LAST_ROW = '<row r="65536">' + '<c><v>1</v></c>' * 20_000 + '</row>'
SHEETS = {
    'cells far apart': lambda: workbook(_FAR),
    'cells far apart in single quotes': lambda: workbook(_FAR.replace('"', "'")),
    'cells far apart with blanks': lambda: workbook(_FAR.replace('r=', 'r = ')),
    'cells far apart in lower case': lambda: workbook(_FAR.replace('XFD', 'xfd')),
    'cells far apart elsewhere': lambda: workbook(_FAR, 'sheets/sheet1.xml'),
    'cells far apart in a file of another name': lambda: workbook(_FAR, 'a.bin'),
    'cells far apart by entities': lambda: workbook(_FAR.replace('XFD', '&#88;FD')),
    'cells far apart without places': lambda: workbook(
        f'<sheetData>{cell("A1")}{_LAST_ROW}</sheetData>'
    ),
    'cells from the last to the first': lambda: workbook(
        f'<sheetData>{cell("A900")}{cell("A1")}</sheetData>'
    ),
    'a wide merged range': lambda: workbook(
        f'<sheetData>{cell("A1")}</sheetData><mergeCells count="1"><mergeCell '
        'ref="A1:XFD1048576"/></mergeCells>'
    ),
    'a wide range': lambda: workbook(
        f'<dimension ref="A1:XFD1048576"/><sheetData>{cell("A1")}</sheetData>'
    ),
    'cells beyond the sheet': lambda: workbook(
        f'<sheetData>{cell("A1")}{cell("ZZZZZZ99999999")}</sheetData>'
    ),
    'a bomb': lambda: workbook('<!--' + 'a' * (300 * 2**20) + '-->'),
    'no sheet': lambda: workbook(''),
    'broken XML': lambda: workbook('<sheetData><row>'),
}
PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>Images</key><array><dict><key>NumberOfROIs</key>
<integer>1</integer><key>ROIs</key><array><dict><key>Name</key><string>Mass</string>
<key>NumberOfPoints</key><integer>4</integer><key>Point_px</key><array>
<string>(10.0, 10.0)</string><string>(20.0, 10.0)</string><string>(20.0, 21.0)</string>
<string>(10.0, 21.0)</string></array></dict></array></dict></array></dict></plist>"""
ICS = """ics_version 1.0
DENSITY 2
DIGITIZER LUMISYS LASER
LEFT_CC LINES 96 PIXELS_PER_LINE 64 BITS_PER_PIXEL 12 RESOLUTION 50 OVERLAY
RIGHT_CC LINES 96 PIXELS_PER_LINE 64 BITS_PER_PIXEL 12 RESOLUTION 50 NON_OVERLAY
"""
OVERLAY = """TOTAL_ABNORMALITIES 1
ABNORMALITY 1
LESION_TYPE MASS SHAPE IRREGULAR MARGINS SPICULATED
ASSESSMENT 5
PATHOLOGY MALIGNANT
TOTAL_OUTLINES 1
BOUNDARY
10 30 2 2 2 2 4 4 4 4 6 6 6 6 0 0 0 0 #
"""
SHAPES = [
    '{"name": "polygon", "all_points_x": [1, 9, 9.5], "all_points_y": [2, 3, 8]}',
    '{"name": "ellipse", "cx": 10, "cy": 20, "rx": 5, "ry": 3, "theta": 0.5}',
    '{"name": "rect", "x": 1, "y": 2, "width": 5, "height": 6}',
]
