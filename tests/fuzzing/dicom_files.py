"""Damaged and hostile DICOM files."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from dicom_making import lut_item, make_dataset, save
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)
from test_converters.ljpeg_encoder import encode_ljpeg

from mammo_plugins.io.elements import WHITE_LIST

from .damage import damage
from .harness import Fuzzer
from .reading_checks import examine_bytes

_LONG = (
    b'OB',
    b'OW',
    b'OF',
    b'OD',
    b'OL',
    b'OV',
    b'SQ',
    b'UC',
    b'UN',
    b'UR',
    b'UT',
    b'SV',
    b'UV',
)
_VRS = (
    'AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OW PN SH SL SQ SS ST TM UC UI UL '
    'UN UR US UT SV UV ZZ'
).split()
_ITEM, _ITEM_END, _SEQUENCE_END = (
    struct.pack('<HHI', 0xFFFE, element, 0) for element in (0xE000, 0xE00D, 0xE0DD)
)
_OPEN_ITEM = struct.pack('<HHI', 0xFFFE, 0xE000, 2**32 - 1)
_VALUES = (
    b'',
    b'\0',
    b'MG',
    b'1',
    b'1\\2\\3',
    b'1.2\\1.3',
    b'nan',
    b'inf',
    b'-1',
    b'1e-320',
    b'1e308',
    b'-1e308',
    b'9' * 400,
    b'1' * 5000,
    b'\\' * 30,
    b'\xff' * 16,
    b'\0' * 16,
    b'\x1b]0;x\x07',
    'é'.encode(),
    b'=1+1\r\n2',
    struct.pack('<d', 1e-320),
    struct.pack('<d', np.inf),
    struct.pack('<d', np.nan),
    struct.pack('<2d', 1e308, 1e-308),
    struct.pack('<H', 65535) * 3,
    struct.pack('<i', -(2**31)),
    _ITEM + _SEQUENCE_END,
    _OPEN_ITEM * 3,
)


def element(tag: int, vr: str, data: bytes, length: int = None) -> bytes:
    """Return an element in explicit VR little endian, sound or not."""
    length = len(data) if length is None else length
    head = struct.pack('<HH2s', tag >> 16, tag & 0xFFFF, vr.encode())
    return (
        head
        + (
            struct.pack('<HI', 0, length)
            if vr.encode() in _LONG
            else struct.pack('<H', length & 0xFFFF)
        )
        + data
    )


def parse(data: bytes) -> dict[int, bytes]:
    """Return the elements of a file without sequences of undefined length."""
    at, found = 132, {}
    while at + 8 <= len(data):
        group, number, vr = struct.unpack_from('<HH2s', data, at)
        long = vr in _LONG
        (length,) = struct.unpack_from(
            '<I' if long else '<H', data, at + (8 if long else 6)
        )
        end = at + (12 if long else 8) + length
        found[group << 16 | number] = data[at:end]
        at = end
    return found


def join(elements: dict[int, bytes]) -> bytes:
    """Return a file of elements."""
    return bytes(128) + b'DICM' + b''.join(elements[tag] for tag in sorted(elements))


def nested(depth: int) -> bytes:
    """Return a sequence in a sequence in a sequence."""
    tag = tag_for_keyword('ViewCodeSequence')
    start = element(tag, 'SQ', _OPEN_ITEM, 2**32 - 1)
    return start * depth + (_ITEM_END + _SEQUENCE_END) * depth


class DicomFiles(Fuzzer):
    """One mammogram in several encodings, altered."""

    name = 'DICOM files'
    in_suite = 180
    seconds = 60.0  # 500,000 items or 512 MiB take a second, on a busy machine many

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator = 'R-10242', 'SRT'
        code.CodeMeaning = 'cranio-caudal'
        stored = np.add.outer(np.arange(40), np.arange(48)).astype(np.uint16) * 40
        self.elements = dict(
            stored=stored,
            ImageLaterality='L',
            ViewPosition='CC',
            ViewCodeSequence=[code],
            ImagerPixelSpacing=[0.07, 0.07],
            WindowCenter=2000,
            WindowWidth=3000,
            RescaleSlope=1,
            RescaleIntercept=0,
            ImageType=['DERIVED', 'PRIMARY'],
            VOILUTSequence=[lut_item(np.arange(256) * 16, 0, 12)],
            PatientOrientation=['A', 'FR'],
            Manufacturer='HOLOGIC, Inc.',
        )
        self.sound: list[bytes] = []
        for syntax in (
            ExplicitVRLittleEndian,
            ImplicitVRLittleEndian,
            ExplicitVRBigEndian,
            DeflatedExplicitVRLittleEndian,
            RLELossless,
            JPEG2000Lossless,
            JPEGBaseline8Bit,
            JPEGLosslessSV1,
        ):
            self.sound.append(self._write(syntax))
        self.explicit, self.rle = self.sound[0], self.sound[4]
        self.known, self.large = self._known(), self._large()

    def _write(self, syntax: str) -> bytes:
        ds = make_dataset(**self.elements)
        if syntax in (RLELossless, JPEG2000Lossless):
            ds.compress(syntax)
        elif syntax == JPEGBaseline8Bit:
            _, jpeg = cv2.imencode('.jpg', (ds.pixel_array >> 4).astype(np.uint8))
            ds.BitsAllocated = ds.BitsStored = 8
            ds.HighBit = 7
            ds.PixelData = encapsulate([jpeg.tobytes()])
            ds['PixelData'].VR = 'OB'
        elif syntax == JPEGLosslessSV1:
            ds.PixelData = encapsulate(
                [encode_ljpeg(ds.pixel_array, 1, 12, pvrg=False)]
            )
            ds['PixelData'].VR = 'OB'
        ds.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            ds.PixelData = np.frombuffer(ds.PixelData, '<u2').astype('>u2').tobytes()
        return save(ds, self.folder / 'sound.dcm').read_bytes()

    def _known(self) -> list[tuple[str, Callable[[], bytes]]]:
        """List the alterations that are tried each, in the order of tags."""
        known: list[tuple[str, Callable[[], bytes]]] = []
        sound = parse(self.explicit)
        pixel_data = tag_for_keyword('PixelData')

        def replaced(**values: tuple[str, bytes]) -> Callable[[], bytes]:
            elements = dict(sound)
            for keyword, value in values.items():
                tag = tag_for_keyword(keyword)
                elements[tag] = element(tag, *value)
            return lambda: join(elements)

        def put(keyword: str, raw: bytes) -> Callable[[], bytes]:
            return lambda: join({**sound, tag_for_keyword(keyword): raw})

        half, full = struct.pack('<d', 1e-320), struct.pack('<d', 1e308)
        view = tag_for_keyword('ViewCodeSequence')
        known += [
            ('SOP class of two', replaced(SOPClassUID=('UI', b'1.2.3\\1.2.4 '))),
            ('SOP class as double', replaced(SOPClassUID=('FD', half))),
            (
                'no Modality, SOP class of two',
                replaced(SOPClassUID=('UI', b'1.2.3\\1.2.4 '), Modality=('CS', b'')),
            ),
            (
                'no Modality, SOP class as double',
                replaced(SOPClassUID=('FD', half), Modality=('CS', b'')),
            ),
            ('ImageType as double', replaced(ImageType=('FD', half))),
            ('ImageType as doubles', replaced(ImageType=('FD', half + full))),
            (
                'magnification 1e-320',
                replaced(EstimatedRadiographicMagnificationFactor=('DS', b'1e-320')),
            ),
            (
                'distances',
                replaced(
                    DistanceSourceToDetector=('DS', b'1e308 '),
                    DistanceSourceToPatient=('DS', b'1e-320'),
                ),
            ),
            ('spacing 1e-320', replaced(ImagerPixelSpacing=('DS', b'1e-320\\1e-320'))),
            *(
                (
                    f'rescale {slope} {intercept}',
                    replaced(
                        RescaleSlope=('DS', slope.encode()),
                        VOILUTSequence=('SQ', b''),
                        RescaleIntercept=('DS', intercept.encode()),
                        WindowCenter=('DS', b''),
                        WindowWidth=('DS', b''),
                    ),
                )
                for slope in ('1e308', '1e-320', '1e-300', '-1e308', '1e300', '1')
                for intercept in ('1e308', '0 ', '-1e308', '1e300', '1e17')
            ),
            *(
                (
                    f'window {center} {width} {function}',
                    replaced(
                        WindowCenter=('DS', center.encode()),
                        WindowWidth=('DS', width.encode()),
                        VOILUTFunction=('CS', function),
                        VOILUTSequence=('SQ', b''),
                    ),
                )
                for center in ('1e308', '0 ', '-1e308')
                for width in ('1e308', '1e-320', '1')
                for function in (b'SIGMOID', b'LINEAR', b'LINEAR_EXACT')
            ),
            (
                '65535 x 65535',
                replaced(Rows=('US', b'\xff\xff'), Columns=('US', b'\xff\xff')),
            ),
            (
                '65535 x 65535 RLE',
                lambda: self._of_rle(
                    Rows=('US', b'\xff\xff'), Columns=('US', b'\xff\xff')
                ),
            ),
            ('rows of 2**31', replaced(Rows=('UL', struct.pack('<I', 2**31)))),
            ('rows of 1e300', replaced(Rows=('DS', b'1e300'))),
            ('frames 1e300', replaced(NumberOfFrames=('DS', b'1e300'))),
            ('BitsAllocated 2**31', replaced(BitsAllocated=('UL', b'\0\0\0\x80'))),
            (
                'group length lies',
                lambda: join(
                    {
                        **sound,
                        0x00020000: element(0x00020000, 'UL', struct.pack('<I', 2**31)),
                    }
                ),
            ),
            (
                'group length 0',
                lambda: join(
                    {
                        **sound,
                        0x00020000: element(0x00020000, 'UL', struct.pack('<I', 0)),
                    }
                ),
            ),
            (
                'huge length',
                put(
                    'ImageType',
                    element(tag_for_keyword('ImageType'), 'UT', b'', 2**32 - 16),
                ),
            ),
            (
                'huge pixel data',
                put('PixelData', element(pixel_data, 'OW', bytes(10), 2**32 - 16)),
            ),
            (
                'pixels of undefined length',
                put('PixelData', element(pixel_data, 'OW', bytes(100), 2**32 - 1)),
            ),
            ('deep nesting', put('ViewCodeSequence', nested(3000))),
            ('nesting', put('ViewCodeSequence', nested(50))),
            (
                'nesting without an end',
                put(
                    'ViewCodeSequence',
                    element(view, 'SQ', _OPEN_ITEM, 2**32 - 1) * 2000,
                ),
            ),
            ('deep private nesting', lambda: join({**sound, 0x00191001: nested(3000)})),
            ('nothing', lambda: b''),
            ('preamble', lambda: bytes(128) + b'DICM'),
            ('sequence for Modality', replaced(Modality=('SQ', _ITEM))),
            ('sequence for Rows', replaced(Rows=('SQ', _ITEM))),
            ('text for VOILUTSequence', replaced(VOILUTSequence=('LO', b'MG'))),
            (
                'transfer syntax as double',
                lambda: join({**sound, 0x00020010: element(0x00020010, 'FD', half)}),
            ),
            (
                'two transfer syntaxes',
                lambda: join(
                    {
                        **sound,
                        0x00020010: element(
                            0x00020010, 'UI', b'1.2.840.10008.1.2\\1.2.840.10008.1.2.1'
                        ),
                    }
                ),
            ),
            (
                'unknown transfer syntax',
                lambda: join(
                    {**sound, 0x00020010: element(0x00020010, 'UI', b'1.2.3.4')}
                ),
            ),
            (
                'media class of two',
                lambda: join(
                    {**sound, 0x00020002: element(0x00020002, 'UI', b'1.2.3\\1.2.4 ')}
                ),
            ),
            (
                'character set',
                replaced(SpecificCharacterSet=('CS', b'ISO_IR 9\\\x1b]x')),
            ),
            ('character set as double', replaced(SpecificCharacterSet=('FD', half))),
            *(
                (
                    f'RLE header {number} {offset}',
                    lambda number=number, offset=offset: self._rle_header(
                        number, offset
                    ),
                )
                for number in (0, 1, 2, 3, 15, 16, 2**31)
                for offset in (0, 63, 64, 65, 1000, 2**31, 2**32 - 1)
            ),
            *(
                (f'RLE of {value}', lambda value=value: self._rle_body(value))
                for value in (0x7F, 0x80, 0x81, 0xFF, 0)
            ),
            *(
                (
                    f'offset table {value}',
                    lambda value=value: self._of_rle(PixelData=('OB', value)),
                )
                for value in (
                    b'',
                    _ITEM,
                    _SEQUENCE_END,
                    _OPEN_ITEM,
                    b'\xff' * 40,
                    struct.pack('<HHI', 0xFFFE, 0xE000, 8) + b'\xff' * 8,
                )
            ),
            *(
                (f'codestream of {size}', lambda size=size: self._codestream(size))
                for size in (0, 1, 25, 2**16, 2**31)
            ),
        ]
        return known

    def _large(self) -> list[tuple[str, Callable[[], bytes]]]:
        """List alterations of many items or bytes, which take a second each."""
        sound = parse(self.explicit)
        view, per_frame, private = (
            tag_for_keyword('ViewCodeSequence'),
            tag_for_keyword('PerFrameFunctionalGroupsSequence'),
            0x00291001,
        )
        empty = element(tag_for_keyword('CodeValue'), 'SH', b'')

        def put(tag: int, data: bytes, length: int = None) -> Callable[[], bytes]:
            return lambda: join({**sound, tag: element(tag, 'SQ', data, length)})

        return [
            ('500,000 items', put(view, _ITEM * 500_000)),
            (
                '500,000 items, undefined length',
                put(view, _ITEM * 500_000 + _SEQUENCE_END, 2**32 - 1),
            ),
            ('500,000 open items', put(per_frame, (_OPEN_ITEM + _ITEM_END) * 500_000)),
            (
                '500,000 elements in an item',
                put(
                    view,
                    _OPEN_ITEM + empty * 500_000 + _ITEM_END + _SEQUENCE_END,
                    2**32 - 1,
                ),
            ),
            (
                '500,000 items in a private sequence',
                put(private, _ITEM * 500_000 + _SEQUENCE_END, 2**32 - 1),
            ),
            (
                '500,000 elements',
                lambda: (
                    join({k: v for k, v in sound.items() if k < private})
                    + element(private, 'LO', b'') * 500_000
                    + sound[0x7FE00010]
                ),
            ),
            ('deflate bomb', self._bomb),
            ('deflated items', self._deflated_items),
        ]

    def _of_rle(self, **values: tuple[str, bytes]) -> bytes:
        """Return the RLE file with elements in place of its own."""
        start = self.rle.index(b'\xe0\x7f\x10\x00')
        elements = parse(self.rle[:start])
        elements[0x7FE00010] = self.rle[start:]
        for keyword, (vr, data) in values.items():
            tag = tag_for_keyword(keyword)
            elements[tag] = element(tag, vr, data, 2**32 - 1 if vr == 'OB' else None)
        return join(elements)

    def _rle_header(self, number: int, offset: int) -> bytes:
        # behind the empty offset table and the item's own header
        at = self.rle.index(b'\xe0\x7f\x10\x00') + 12 + 8 + 8
        table = struct.unpack_from('<16I', self.rle, at)
        table = (number, table[1], offset, *table[3:])
        return self.rle[:at] + struct.pack('<16I', *table) + self.rle[at + 64 :]

    def _rle_body(self, value: int) -> bytes:
        at = self.rle.index(b'\xe0\x7f\x10\x00') + 12 + 8 + 8 + 64
        return self.rle[:at] + bytes([value]) * 3000 + self.rle[-8:]

    def _codestream(self, size: int) -> bytes:
        data = self.sound[5]
        at = data.index(b'\xff\x4f\xff\x51') + 8
        return data[:at] + struct.pack('>2I', size, size) + data[at + 8 :]

    def _deflated(self, content: bytes, packed_content: bytes = b'') -> bytes:
        sound = self.sound[3]
        meta = 132 + 12 + struct.unpack_from('<I', sound, 132 + 8)[0]
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = zlib.decompress(sound[meta:], -zlib.MAX_WBITS)
        packed = (
            packer.compress(body)
            + packer.compress(content)
            + packer.flush(zlib.Z_FULL_FLUSH)
            + packed_content
        )
        return sound[:meta] + packed + packer.flush()

    def _bomb(self) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        zeros = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
        return self._deflated(element(0x7FE10010, 'OB', b'', 2**31), zeros * 80)

    def _deflated_items(self) -> bytes:
        return self._deflated(element(0x7FE11001, 'SQ', _ITEM * 500_000, 2**32 - 1))

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        """See the base class."""
        if number < len(self.known):
            what, make = self.known[number]
            data = make()
        elif number % 50 == 0 and number >= 300:
            what, make = self.large[number // 50 % len(self.large)]
            data = make()
        elif number % 3 == 0:
            keyword = str(rng.choice(WHITE_LIST))
            vr, value = str(rng.choice(_VRS)), _VALUES[rng.integers(len(_VALUES))]
            what, tag = f'{keyword} as {vr}: {value[:20]!r}', tag_for_keyword(keyword)
            value += b' ' * (len(value) % 2)
            data = join({**parse(self.explicit), tag: element(tag, vr, value)})
        else:
            which = int(rng.integers(len(self.sound)))
            what = f'damage to sound file {which}'
            data = damage(self.sound[which], rng, (0, 0, 400, 1500)[rng.integers(4)])
        path = self.folder / f'{number}.dcm'

        return what, lambda: examine_bytes(path, data)
