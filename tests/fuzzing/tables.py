"""Altered tables, region files and case texts of raw data sets."""

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from fuzzing.harness import Fault, Fuzzer, run_command
from fuzzing.json_damage import TEXTS
from fuzzing.raw_texts import ICS, OVERLAY, PLIST, SHAPES, SHEETS, sheet, table
from mammo_plugins.converters import ConversionError
from mammo_plugins.converters.ddsm_texts import read_ics, read_overlay
from mammo_plugins.converters.embed import EMBEDConverter
from mammo_plugins.converters.inbreast_files import RegionError, read_regions
from mammo_plugins.converters.mini_mias import MiniMIASConverter
from mammo_plugins.converters.rsna import RSNAConverter
from mammo_plugins.converters.synth_files import read_locations
from mammo_plugins.converters.via import RegionError as ShapeError
from mammo_plugins.converters.via import region_polygon
from mammo_plugins.converters.vindr_mammo import VinDrMammoConverter
from mammo_plugins.io.errors import Defect

CELLS = [
    '',
    ' ',
    '-1',
    '0',
    '1',
    '1e308',
    '1e999',
    '-1e999',
    'nan',
    'inf',
    '9' * 400,
    '9' * 5000,
    '1.' + '0' * 5000,
    '\0',
    'a\0b',
    '\x1b[2J\x1b]0;t\x07',
    '\u202e\u2066',
    '<script>alert(1)</script>',
    '=cmd|/c calc!A0',
    '+1+1',
    '@SUM(1)',
    "'",
    '"',
    '""',
    'a"b',
    'a\nb',
    'a\rerror: b',
    'x' * 300,
    'x' * 200_000,
    '/' * 5000,
    '../../etc/passwd',
    '/etc/passwd',
    'C:\\Windows\\a.png',
    '\\\\host\\a.png',
    '~/a.png',
    '..',
    '.',
    'L',
    'R',
    'CC',
    'MLO',
    'LL',
    '4A',
    'BI-RADS 7',
    "['Mass'",
    "['Mass', 1e999]",
    '((1,2,3,4),)',
    '((' * 500 + '))' * 500,
    '(((1e999, 0, 1, 1)))',
    '__import__("os").system("touch ran")',
    '[' * 100_000,
    '\u0665',
    '\u00b2',
    '\ufeff',
    '\ud83d\ude00'.encode('utf-16', 'surrogatepass').decode('utf-16'),
    '1,060',
    '1.060.5',
    '2024-13-45',
]

# the bytes of a sound text -> damaged ones
BYTES: dict[str, Callable[[bytes], bytes]] = {
    **{
        name: TEXTS[name]
        for name in (
            'empty',
            'blank',
            'cut in half',
            'BOM',
            'two BOMs',
            'UTF-32',
            'NUL bytes',
            'NUL at the end',
            'nested lists',
            'a picture',
            'gzip',
            'a web page',
            'a pickle',
        )
    },
    'UTF-16': lambda text: text.decode('utf-8', 'replace').encode('utf-16'),
    'UTF-16 without BOM': lambda text: text.decode('utf-8', 'replace').encode(
        'utf-16-le'
    ),
    'NULs between': lambda text: text.replace(b',', b'\0,'),
    'semicolons': lambda text: text.replace(b',', b';'),
    'tabs': lambda text: text.replace(b',', b'\t'),
    'bars': lambda text: text.replace(b',', b'|'),
    'old line ends': lambda text: text.replace(b'\r', b'').replace(b'\n', b'\r'),
    'open quotation': lambda text: text.replace(b'\n', b'\n"', 2).replace(
        b'\n"', b'\n', 1
    ),
    'quotation at the end': lambda text: text + b'"',
    'a huge cell': lambda text: text + b'x' * (17 * 2**20),
    'a huge quoted cell': lambda text: text + b'"' + b'x,\n' * 10**6 + b'"',
    'a million columns': lambda text: b',' * 10**6 + b'\n' + text,
    'many columns': lambda text: text.replace(b'\n', b',' * 10**5 + b'\n'),
    'columns twice': lambda text: text.split(b'\n')[0].rstrip() + b',' + text,
    'no header': lambda text: b'\n'.join(text.split(b'\n')[1:]),
    'header alone': lambda text: text.split(b'\n')[0],
    'lines twice': lambda text: text + text,
    'ESC': lambda text: text.replace(b'a', b'\x1b[2Ja'),
    'entities': lambda text: text.replace(
        b'<plist',
        (
            b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
            + b''.join(
                b'<!ENTITY %c "%s">' % (c + 1, b'&%c;' % c * 10) for c in range(97, 106)
            )
            + b']><plist'
        ),
        1,
    ).replace(b'<string>', b'<string>&j;', 1),
    'an outer entity': lambda text: text.replace(
        b'<plist', b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><plist', 1
    ).replace(b'<string>', b'<string>&a;', 1),
    'deep XML': lambda text: text.replace(b'<array>', b'<array>' * 50_000, 1),
    'long digits': lambda text: text.replace(b'1', b'1' * 60_000, 1),
    'long powers': lambda text: text.replace(b'.0', b'.0e999'),
}


class Tables(Fuzzer):
    """Altered tables and texts of raw data sets in their converters."""

    name, seconds, in_suite = 'tables and texts of raw data', 20.0, 42

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.raw = folder / 'raw'
        self.raw.mkdir()
        rng = np.random.default_rng(0)
        self.generic = []
        for k, (side, view) in enumerate([('L', 'CC'), ('L', 'MLO'), ('R', 'CC')]):
            y, x = np.mgrid[:48, :32]
            pixels = np.where(
                ((x if side == 'L' else 32 - x) / 24) ** 2 + ((y - 24) / 20) ** 2 < 1,
                2000,
                20,
            )
            cv2.imwrite(
                str(self.raw / f'{k}.png'),
                (pixels + rng.integers(0, 200, pixels.shape)).astype(np.uint16),
            )
            self.generic.append(
                dict(
                    file=f'{k}.png',
                    patient=f'p{k // 2}',
                    laterality=side,
                    view=view,
                    birads='4',
                    density='B',
                    pathology='malignant',
                    x1='4',
                    y1='10',
                    x2='14',
                    y2='20.5',
                    category='mass',
                    lesion_id=f'l{k}',
                    nipple_x='20',
                    nipple_y='24',
                )
            )
        shutil.copy(self.raw / '0.png', folder / 'outside.png')
        vindr = [
            dict(
                study_id='s',
                series_id='r',
                image_id=f'i{k}',
                laterality='L',
                view_position='CC',
                height='96',
                width='64',
                breast_birads='BI-RADS 4',
                breast_density='DENSITY C',
                finding_categories="['Mass']",
                finding_birads='BI-RADS 4',
                xmin='10',
                ymin='20',
                xmax='30',
                ymax='40',
                split='training',
            )
            for k in range(2)
        ]
        rsna = [
            dict(
                site_id='2',
                patient_id='7',
                image_id=f'{k}',
                laterality='L',
                view='CC',
                age='61',
                cancer='1',
                biopsy='1',
                invasive='0',
                BIRADS='2',
                implant='0',
                density='B',
                machine_id='29',
                difficult_negative_case='False',
            )
            for k in range(2)
        ]
        embed = [
            {
                'empi_anon': '7',
                'acc_anon': 'e',
                'anon_dicom_path': 's3://b/images/cohort_1/1.dcm',
                'FinalImageType': '2D',
                'ImageLateralityFinal': 'L',
                'ViewPosition': 'CC',
                'spot_mag': '',
                'num_roi': '1',
                'ROI_coords': '((10, 5, 30, 25),)',
                'Rows': '96',
                'Columns': '64',
                'BreastImplantPresent': 'NO',
            }
        ]
        clinical = [
            dict(
                empi_anon='7',
                acc_anon='e',
                desc='MG',
                numfind='1',
                side='L',
                asses='S',
                tissueden='2.0',
                massshape='R',
                massmargin='I',
                massdens='+',
                calcfind='',
                calcdistri='',
                calcnumber='0',
                path_severity='1',
                bside='L',
                implanfind='',
            )
        ]
        films = [dict(a=f'mdb00{k + 1} G CIRC B 535 425 197') for k in range(2)]
        # rows, or a text, of each file; how it is read
        self.kinds: list[tuple[str, object, Callable[[bytes], str]]] = [
            ('generic.csv', self.generic, self._generic),
            ('generic.xlsx', self.generic, self._generic_sheet),
            ('vindr.csv', vindr, self._vindr),
            ('rsna.csv', rsna, self._rsna),
            ('embed metadata', embed, lambda text: self._embed(text, table(clinical))),
            ('embed clinical', clinical, lambda text: self._embed(table(embed), text)),
            ('mini-MIAS', '\n'.join(row['a'] for row in films), self._mias),
            ('regions', PLIST, self._regions),
            ('ics', ICS, self._ics),
            ('overlay', OVERLAY, self._overlay),
            ('via', SHAPES[0], self._via),
            ('via', SHAPES[1], self._via),
            ('via', SHAPES[2], self._via),
            ('loc', '755 1456 2\n10 20\n', self._loc),
        ]

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        kind, sound, read = self.kinds[number % len(self.kinds)]
        which = number // len(self.kinds) if rng.random() < 0.5 else -1
        if kind.endswith('xlsx'):
            what, data = self._altered_sheet(sound, rng)
        else:
            what, data = self._altered(sound, rng, which)
        return f'{kind}: {what}', lambda: read(data)

    def _altered(
        self, sound: object, rng: np.random.Generator, which: int
    ) -> tuple[str, bytes]:
        text = sound.encode() if isinstance(sound, str) else table(sound)
        way = rng.integers(4)
        if 0 <= which or way == 0:
            name = list(BYTES)[
                which if 0 <= which < len(BYTES) else rng.integers(len(BYTES))
            ]
            return name, BYTES[name](text)
        if way == 1:
            where = int(rng.integers(len(text)))
            return f'flipped bit of byte {where}', text[:where] + bytes(
                [text[where] ^ 1 << int(rng.integers(8))]
            ) + text[where + 1 :]
        value = CELLS[rng.integers(len(CELLS))]
        if isinstance(sound, str):
            words = sound.split(' ')
            place = int(rng.integers(len(words)))
            words[place] = value
            return f'word {place} = {value[:40]!r}', ' '.join(words).encode(
                'utf-8', 'replace'
            )
        what, rows = self._altered_rows(sound, rng)
        return what, table(rows)

    def _altered_rows(
        self, rows: list[dict], rng: np.random.Generator
    ) -> tuple[str, list[dict]]:
        rows = [dict(row) for row in rows]
        what = []
        for _ in range(int(rng.integers(1, 4))):
            value = CELLS[rng.integers(len(CELLS))]
            row = rows[rng.integers(len(rows))]
            column = list(row)[rng.integers(len(row))]
            row[column] = value
            what.append(f'{column} = {value[:40]!r}')
        return '; '.join(what), rows

    def _altered_sheet(
        self, rows: list[dict], rng: np.random.Generator
    ) -> tuple[str, bytes]:
        way = rng.integers(3)
        if way == 0:
            name = list(SHEETS)[rng.integers(len(SHEETS))]
            return name, SHEETS[name]()
        what, rows = self._altered_rows(rows, rng)
        data = sheet(rows)
        if way == 1:
            where = int(rng.integers(len(data)))
            data = (
                data[:where]
                + bytes([data[where] ^ 1 << int(rng.integers(8))])
                + data[where + 1 :]
            )
            what = f'flipped bit of byte {where}'
        return what, data

    def _generic(self, text: bytes, name: str = 'views.csv') -> str:
        path, out = self.folder / name, self.folder / 'out'
        shutil.rmtree(out, ignore_errors=True)
        path.write_bytes(text)
        code, printed = run_command(
            'tools/dataset_converters/generic.py',
            self.raw,
            '--table',
            path,
            '--out',
            out,
            '--cache-dir',
            self.folder / 'cache',
            '--workers',
            '1',
        )
        if code not in (0, 2) or code and 'error: ' not in printed:
            raise Fault('exit status', f'{code}: {printed[-300:]}')
        self._check_written(out)
        return 'refused' if code else 'read'

    def _generic_sheet(self, data: bytes) -> str:
        return self._generic(data, 'views.xlsx')

    @staticmethod
    def _check_written(out: Path) -> None:
        """See that nothing that is written acts where it is shown."""
        skipped, summary = out / 'skipped.csv', out / 'summary.md'
        if skipped.exists():
            with open(skipped, encoding='utf-8', newline='') as file:
                for each in (each for row in csv.reader(file) for each in row):
                    if each[:1] in ('=', '+', '-', '@', '\t', '\r'):
                        raise Fault('formula', each[:80])
        for path in (skipped, summary):
            text = path.read_text(encoding='utf-8') if path.exists() else ''
            if any(
                ord(c) < 32 and c not in '\r\n' or c in '\x7f\x9b\u202e' for c in text
            ):
                raise Fault('raw text', path.name)
        if summary.exists() and '<script' in summary.read_text(encoding='utf-8'):
            raise Fault('raw text', 'a tag in summary.md')

    def _catalogue(self, converter: object, **files: bytes) -> str:
        root = self.folder / 'tables'
        shutil.rmtree(root, ignore_errors=True)
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        for name in (
            'images/s/i0.dicom',
            'images/s/i1.dicom',
            'train_images/7/0.dcm',
            'train_images/7/1.dcm',
            'images/cohort_1/1.dcm',
            'mdb001.pgm',
            'mdb002.pgm',
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        try:
            found = converter.catalogue(root)
        except ConversionError as error:
            print(ascii(str(error)))
            return 'refused'
        for view in found.views:
            if (root / view.file).resolve() not in root.resolve().rglob('*'):
                raise Fault('outside the raw folder', str(view.file))
            for lesion in view.lesions:
                numbers = [
                    *(lesion.box or ()),
                    *(
                        value
                        for polygon in lesion.polygons
                        for point in polygon
                        for value in point
                    ),
                ]
                if not all(map(math.isfinite, numbers)):
                    raise Fault('not finite', str(numbers[:8]))
        return 'read'

    def _vindr(self, text: bytes) -> str:
        return self._catalogue(
            VinDrMammoConverter(),
            **{'breast-level_annotations.csv': text, 'finding_annotations.csv': text},
        )

    def _rsna(self, text: bytes) -> str:
        return self._catalogue(RSNAConverter(), **{'train.csv': text})

    def _embed(self, metadata: bytes, clinical: bytes) -> str:
        return self._catalogue(
            EMBEDConverter(),
            **{
                'tables/EMBED_OpenData_metadata.csv': metadata,
                'tables/EMBED_OpenData_clinical.csv': clinical,
            },
        )

    def _mias(self, text: bytes) -> str:
        return self._catalogue(MiniMIASConverter(), **{'Info.txt': text})

    def _written(self, text: bytes) -> Path:
        path = self.folder / 'text'
        path.write_bytes(text)
        return path

    def _regions(self, text: bytes) -> str:
        try:
            regions = read_regions(self._written(text))
        except RegionError:
            return 'refused'
        for region in regions:
            if not np.isfinite([*region.pixel_box, region.has_area]).all():
                raise Fault('not finite', str(region.pixel_box))
            if 'root:' in region.name:
                raise Fault('read elsewhere', region.name)
        return 'read'

    def _ics(self, text: bytes) -> str:
        read_ics(self._written(text))
        return 'read'

    def _overlay(self, text: bytes) -> str:
        overlay = read_overlay(self._written(text))
        for points in (b for a in overlay.abnormalities for b in a.boundaries):
            if not np.isfinite(points).all():
                raise Fault('not finite', str(points[:4]))
        return 'read'

    def _via(self, text: bytes) -> str:
        try:
            region_polygon(text.decode('utf-8', 'replace'))
        except ShapeError:
            return 'refused'
        return 'read'

    def _loc(self, text: bytes) -> str:
        try:
            read_locations(self._written(text))
        except Defect:
            return 'refused'
        return 'read'
