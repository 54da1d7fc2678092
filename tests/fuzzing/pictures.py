"""Damaged and hostile pictures, MetaImages and lossless JPEG files of DDSM."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image, PngImagePlugin
from test_converters.ljpeg_encoder import encode_ljpeg

from mammo_plugins.converters.ddsm_ljpeg import BadStream, decode_ljpeg

from .damage import damage
from .harness import Fault, Fuzzer
from .reading_checks import examine, examine_bytes

_IMAGE = np.add.outer(np.arange(20), np.arange(24)).astype(np.uint16) * 90

# an Orientation (274) of text
_ODD_EXIF = (
    b'Exif\0\0II*\0'
    + struct.pack('<IHHHIII', 8, 1, 274, 2, 11, 26, 0)
    + b'Secretname\0'
)


def _encoded(name: str, image: np.ndarray) -> bytes:
    return cv2.imencode(name, image)[1].tobytes()


def _tiff(image: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


def _pillow(image: np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return (
        struct.pack('>I', len(data))
        + name
        + data
        + struct.pack('>I', zlib.crc32(name + data))
    )


def _png(width: int, height: int, *others: bytes) -> bytes:
    return (
        b'\x89PNG\r\n\x1a\n'
        + _chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 16, 0, 0, 0, 0))
        + b''.join(others)
        + _chunk(b'IDAT', zlib.compress(bytes(64)))
        + _chunk(b'IEND', b'')
    )


def _sized(data: bytes, tag: int, value: int) -> bytes:
    """Return a little-endian TIFF with a LONG in a tag of its first directory."""
    (at,) = struct.unpack_from('<I', data, 4)
    (count,) = struct.unpack_from('<H', data, at)
    for start in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from('<H', data, start)[0] == tag:
            return (
                data[:start]
                + struct.pack('<HHII', tag, 4, 1, value)
                + data[start + 12 :]
            )
    raise ValueError(f'no tag {tag}')


def _looped(data: bytes) -> bytes:
    """Return a little-endian TIFF whose only directory follows on itself."""
    (at,) = struct.unpack_from('<I', data, 4)
    (count,) = struct.unpack_from('<H', data, at)
    end = at + 2 + 12 * count
    return data[:end] + struct.pack('<I', at) + data[end + 4 :]


class Pictures(Fuzzer):
    """Pictures of all formats, altered."""

    name = 'pictures'
    in_suite = 75
    secrets = ('Secretname',)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        small = (_IMAGE >> 4).astype(np.uint8)
        tiff = _tiff(_IMAGE)
        exif = Image.Exif()
        exif[274] = 6
        text = PngImagePlugin.PngInfo()
        text.add_text('Comment', 'Secretname' * 20, zip=True)
        self.sound = dict(
            png=_encoded('.png', _IMAGE),
            rgb=_encoded('.png', cv2.merge([_IMAGE] * 3)),
            text=_pillow(small, 'PNG', pnginfo=text),
            tiff=tiff,
            tiled=_tiff(_IMAGE, tile=(16, 16), compression='zlib'),
            float=_tiff((_IMAGE / 4000).astype(np.float32)),
            jpeg=_encoded('.jpg', small),
            turned=_pillow(small, 'JPEG', exif=exif),
            pgm=b'P5 24 20 4095\n' + _IMAGE.astype('>u2').tobytes(),
            text_pgm=b'P2\n# of ours\n24 20\n4095\n'
            + b' '.join(b'%d' % v for v in _IMAGE.ravel()),
        )
        plain = self.sound['pgm'][:100]
        self.known: list[tuple[str, bytes]] = [
            ('spaces and a comment', b'P5' + b' ' * 40 + b'#c\r2 2 255 \1\2\3\4'),
            ('many spaces', b'P5' + b' ' * 2**20 + b'2 2 255 \1\2\3\4'),
            ('many comments', b'P5' + b'#\n' * 2**18 + b'x'),
            ('comment without an end', b'P5 #' + b'c' * 2**20),
            ('number of 4,300 digits', b'P5 ' + b'1' * 4301 + b' 2 255 \1\2\3\4'),
            ('number of a million digits', b'P5 2 2 ' + b'9' * 2**20 + b' \1\2\3\4'),
            ('value of 5,000 digits', b'P2 2 2 255 1 2 3 ' + b'1' * 5000),
            ('leading zeros', b'P5 ' + b'0' * 5000 + b'2 2 255 \1\2\3\4'),
            ('other digits', 'P2 2 2 255 ١ 2 3 4'.encode()),
            ('superscripts', b'P2 2 2 255 \xb2 2 3 4'),
            ('size of 0', b'P5 0 2 255 '),
            ('minus', b'P5 -2 -2 255 \1\2\3\4'),
            ('PGM of 99999 x 99999', b'P5 99999 99999 255 ' + bytes(100)),
            ('text PGM of 99999 x 99999', b'P2 99999 99999 255 1 2'),
            ('PGM cut', plain),
            ('PGM without numbers', b'P5'),
            ('PNG of 100000 x 100000', _png(100_000, 100_000)),
            ('PNG of 2**31', _png(2**31 - 1, 2**31 - 1)),
            ('PNG of 0', _png(0, 0)),
            (
                'PNG profile bomb',
                _png(8, 8, _chunk(b'iCCP', b'a\0\0' + zlib.compress(bytes(2**24), 9))),
            ),
            (
                'PNG text bomb',
                _png(8, 8, _chunk(b'zTXt', b'a\0\0' + zlib.compress(bytes(2**24), 9))),
            ),
            (
                'PNG of many texts',
                _png(
                    8,
                    8,
                    *[_chunk(b'zTXt', b'a\0\0' + zlib.compress(bytes(900_000), 9))]
                    * 30,
                ),
            ),
            ('TIFF of 20,000 x 20,000', _sized(_sized(tiff, 256, 20_000), 257, 20_000)),
            ('TIFF of 2**31', _sized(_sized(tiff, 256, 2**31), 257, 2**31)),
            ('TIFF, one strip of 2**31', _sized(tiff, 278, 2**31)),
            (
                'TIFF, tiles of 60000',
                _sized(_sized(self.sound['tiled'], 322, 60_000), 323, 60_000),
            ),
            ('TIFF, tiles of 0', _sized(self.sound['tiled'], 322, 0)),
            ('TIFF, 2**31 samples', _sized(tiff, 277, 2**31)),
            ('TIFF that loops', _looped(tiff)),
            (
                'TIFF of 400 pages',
                _tiff(np.zeros((400, 4, 4), np.uint8), photometric='minisblack'),
            ),
            ('TIFF, ten million pages', b'II*\0\x08\0\0\0' + bytes(2**22)),
            ('TIFF of NaN', _tiff(np.full((4, 4), np.nan, np.float32))),
            ('TIFF of double', _tiff(_IMAGE / 4000)),
            ('TIFF of half', _tiff((_IMAGE / 4000).astype(np.float16))),
            ('TIFF of 32 bits', _tiff(_IMAGE.astype(np.uint32))),
            ('TIFF of complex', _tiff(_IMAGE.astype(np.complex64))),
            ('WhiteIsZero', _tiff(_IMAGE, photometric='miniswhite')),
            ('big TIFF', _tiff(_IMAGE, bigtiff=True)),
            ('JPEG of 65,500 x 65,500', self._jpeg_of(65_500)),
            ('JPEG of 0', self._jpeg_of(0)),
            ('JPEG of one byte', b'\xff\xd8\xff'),
            ('JPEG of markers', b'\xff\xd8' + b'\xff' * 2**20),
            ('JPEG of empty segments', b'\xff\xd8' + b'\xff\xe1\0\2' * 2**18),
            ('JPEG of no length', b'\xff\xd8' + b'\xff\xe1\0\0' * 2**18),
            ('text as Orientation', _pillow(small, 'JPEG', exif=_ODD_EXIF)),
        ]

    def _jpeg_of(self, size: int) -> bytes:
        data = self.sound['jpeg']
        at = data.index(b'\xff\xc0') + 5
        return data[:at] + struct.pack('>HH', size, size) + data[at + 4 :]

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        """See the base class."""
        if number < len(self.known):
            what, data = self.known[number]
        else:
            what = str(rng.choice(list(self.sound)))
            data = damage(self.sound[what], rng, (0, 0, 64, 200)[rng.integers(4)])
        path = self.folder / f'{number}.png'

        return what, lambda: examine_bytes(path, data)


class MetaImages(Fuzzer):
    """MetaImages whose header lies, or leads elsewhere."""

    name = 'MetaImages'
    in_suite = 60
    secrets = ('Secretname',)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / 'elsewhere').mkdir()
        self.inside = folder / 'inside'
        self.inside.mkdir()
        outside = folder / 'elsewhere' / 'outside.raw'
        outside.write_bytes(_IMAGE.tobytes())
        (folder / 'outside.raw').write_bytes(_IMAGE.tobytes())
        os.symlink(outside, self.inside / 'link.raw')
        os.symlink(folder / 'elsewhere', self.inside / 'folder')
        os.mkfifo(self.inside / 'fifo.raw')
        (self.inside / 'image.raw').write_bytes(_IMAGE.tobytes())
        (self.inside / 'image.zraw').write_bytes(zlib.compress(_IMAGE.tobytes()))
        (self.inside / 'bomb.zraw').write_bytes(zlib.compress(bytes(2**26), 9))
        with open(self.inside / 'sparse.raw', 'wb') as file:
            file.truncate(2**36)
        self.fields = dict(
            ObjectType='Image',
            NDims='2',
            BinaryData='True',
            DimSize='24 20',
            ElementSpacing='0.1 0.1',
            ElementType='MET_USHORT',
            ElementDataFile='image.raw',
        )
        away = [
            outside,
            '../outside.raw',
            'x/../../outside.raw',
            '..\\outside.raw',
            'folder/../../outside.raw',
            'link.raw',
            'folder/outside.raw',
            '/dev/zero',
            '/dev/stdin',
            'file:///etc/passwd',
            'C:\\x.raw',
            '\\\\h\\x',
        ]
        self.away = [dict(ElementDataFile=str(name)) for name in away]
        numbers = (
            '',
            '0',
            '-1',
            'nan',
            'inf',
            '1e308',
            '1e-320',
            '1' * 5000,
            '1_0',
            '99999 99999',
            '1 ' * 100_000,
            '24',
            '24 20 1',
            '24 20 99999999',
            '2.5 2',
            'Secretname',
            '0x10',
        )
        self.others = [
            *(
                {key: number}
                for key in (
                    'DimSize',
                    'NDims',
                    'ElementSpacing',
                    'ElementMin',
                    'ElementMax',
                    'HeaderSize',
                    'ElementNumberOfChannels',
                )
                for number in numbers
            ),
            *(
                dict(ElementSpacing=spacing)
                for spacing in (
                    '1e-320 1e-320',
                    '1e308 1e308',
                    '0.1 nan',
                    '1e-9 1e-9',
                    '900 900',
                )
            ),
            *(
                dict(ElementType='MET_FLOAT', ElementMin=low, ElementMax=high)
                for low in ('-1e308', '0', '1e-320')
                for high in ('1e308', '1e-310', '1')
            ),
            *(
                dict(ElementDataFile=name)
                for name in (
                    'fifo.raw',
                    'sparse.raw',
                    '.',
                    'folder',
                    'LIST',
                    'LIST 2',
                    'x%03d.raw 1 9 1',
                    'LOCAL',
                    '',
                    'a' * 5000,
                    'a\0b',
                    'Secretname',
                    'image.raw/x',
                )
            ),
            dict(ElementDataFile='image.zraw', CompressedData='True'),
            dict(ElementDataFile='bomb.zraw', CompressedData='True'),
            dict(
                ElementDataFile='bomb.zraw',
                CompressedData='True',
                DimSize='8192 8192',
                ElementType='MET_CHAR',
            ),
            dict(ElementDataFile='image.raw', CompressedData='True'),
            dict(ElementDataFile='sparse.raw', CompressedData='True'),
            dict(ElementDataFile='sparse.raw', HeaderSize='-1'),
            *(
                dict(ElementType=kind)
                for kind in (
                    'MET_DOUBLE',
                    'MET_FLOAT',
                    'MET_ULONG_LONG',
                    'MET_INT',
                    'Secretname',
                )
            ),
            dict(ObjectType='Secretname'),
            dict(BinaryData='Secretname'),
            dict(Name='Secretname'),
            {'Secretname\nNDims': '2'},
        ]

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        """See the base class."""
        known = self.away + self.others
        if number < len(known):  # a stride, so that few cases see all kinds
            changed = known[number * 17 % len(known)]
        else:
            changed = {}
            for _ in range(rng.integers(1, 3)):
                changed.update(known[rng.integers(len(known))])
        fields: dict[str, str] = {**self.fields, **changed}
        text = ''.join(
            f'{key} = {fields[key]}\n'
            for key in sorted(
                fields,
                key=lambda key: (key == 'ElementDataFile', key == 'CompressedData'),
            )
        )
        data = text.encode() + (_IMAGE.tobytes() if 'LOCAL' in text else b'')
        if number >= len(known) and rng.integers(2):
            data = damage(data, rng, len(text))
        leads_away = changed in self.away
        path = self.inside / f'{number}.mhd'

        def call() -> str:
            path.write_bytes(data)
            try:
                outcome = examine(path)
            finally:
                path.unlink()
            if leads_away and outcome == 'read':
                raise Fault('read elsewhere', str(changed))
            return outcome

        return str(changed)[:80], call


class LosslessJpegs(Fuzzer):
    """Lossless JPEG files as of DDSM, altered."""

    name = 'lossless JPEGs'
    in_suite = 60

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sound = encode_ljpeg(_IMAGE, 7, 12)

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        """See the base class."""
        data = self.sound if number == 0 else damage(self.sound, rng, 60 * (number % 2))
        size = (20, 24)
        if number in range(1, 9):
            size = (65535, 65535 - number)
            at = self.sound.index(b'\xff\xc3') + 5
            data = self.sound[:at] + struct.pack('>HH', *size) + self.sound[at + 4 :]

        def call() -> str:
            try:
                pixels = decode_ljpeg(data, *size, 12)
            except BadStream as error:
                print(error)
                return 'refused'
            if pixels.shape != size or pixels.dtype != np.uint16:
                raise Fault('not finite', f'{pixels.shape} {pixels.dtype}')
            return 'read'

        return f'{size}', call
