"""Names, birth dates and IDs that stand where none belongs."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from dicom_making import make_dataset, save
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from mammo_plugins.converters.base import Converter
from mammo_plugins.converters.conversion import Job, process_view
from mammo_plugins.converters.records import Catalogue, RawView
from mammo_plugins.io.elements import WHITE_LIST
from mammo_plugins.structures.exam_files import find_exams
from mammo_plugins.verification.files import Task, check_image

from .dicom_files import element, join, parse
from .harness import Fuzzer
from .reading_checks import examine

_UID = '1.2.826.0.007.7788.19610203'
_PLANTED = (
    'Secretname^Planted',
    'SECRETNAME',
    'PID-7788',
    '19610203',
    _UID,
    'Secretname MLO',
    "O'Secretname^Planted",
    'GE PID-7788',
    'SCOUT SECRETNAME',
    'FOR PRESENTATION PID-7788',
    'Secretname\\PID-7788',
    '19610203\\19610203',
    '"Secretname"',
    'é Secretname',
    'MG Planted',
    '<Secretname>',
    '19610203.5',
)
_IDS = ('7788', '77881', '778812', '7788123', '77881234')  # typed for a number
# where four digits are no plausible number; some values that stand with them
_FEW = (
    'NumberOfFrames',
    'SamplesPerPixel',
    'BitsAllocated',
    'BitsStored',
    'HighBit',
    'EstimatedRadiographicMagnificationFactor',
)
_MANY = (
    'WindowCenter',
    'WindowWidth',
    'LUTDescriptor',
    'RescaleSlope',
    'RescaleIntercept',
    'PixelPaddingValue',
)
_FORMS = (
    '{}',
    '-{}',
    '{}.0',
    '{},0',
    '0.{}',
    '1.{}',
    '{}\\{}',
    '1,5\\{}',
    '{}e2',
    '{}\\1\\8',
    '256\\-{}\\16',
    '256\\0\\{}',
)
_CODES = (
    'CodeValue',
    'CodeMeaning',
    'CodingSchemeDesignator',
    'LongCodeValue',
    'LUTDescriptor',
    'LUTData',
    'LUTExplanation',
)
_SEQUENCES = (
    'ViewCodeSequence',
    'ViewModifierCodeSequence',
    'ModalityLUTSequence',
    'VOILUTSequence',
    'PartialViewCodeSequence',
    'FrameAnatomySequence',
)
_META = (0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013)
_TEXTS = ('LO', 'CS', 'UI', 'DS', 'IS', 'SH', 'UT', 'DA', 'PN', 'UN', 'LT', 'OB', 'US')


class _Plain(Converter):
    def catalogue(self, raw: Path) -> Catalogue:
        return Catalogue()


class Identities(Fuzzer):
    """Identities in every element that is looked at, warnings shown."""

    name = 'planted identities'
    in_suite = 120
    secrets = (
        'Secretname',
        'SECRETNAME',
        'secretname',
        'Planted',
        'PLANTED',
        'planted',
        'PID-7788',
        'pid-7788',
        '19610203',
        '7788',
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        stored = np.add.outer(np.arange(20), np.arange(24)).astype(np.uint16) * 90
        own = dict(PatientName='', PatientID='', PatientBirthDate='')
        elements = dict(
            ImageLaterality='R',
            ViewPosition='CC',
            WindowCenter=2000,
            WindowWidth=3000,
            ImagerPixelSpacing=[0.07, 0.07],
        )
        path = folder / 'sound.dcm'
        # with and without elements that name the patient, by which texts are told
        self.sound = [
            parse(save(make_dataset(stored, **elements, **each), path).read_bytes())
            for each in (own, {})
        ]
        path.unlink()

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        """See the base class."""
        tags = [tag_for_keyword(keyword) for keyword in WHITE_LIST]
        names = dict(zip(tags, WHITE_LIST))
        tags += _META
        elements = dict(self.sound[number // 2 % 2])
        planted: list[str] = []
        for turn in range(1 if number < len(tags) else rng.integers(1, 4)):
            text = str(rng.choice(_PLANTED))
            vr = str(rng.choice(_TEXTS))
            tag = int(tags[number] if number < len(tags) else rng.choice(tags))
            if number >= len(tags) and rng.integers(2):
                tag, vr, text = self._number(rng)
            data = text.encode('latin-1')
            if tag == tag_for_keyword('LUTDescriptor'):
                tag, data, vr = tag_for_keyword('VOILUTSequence'), _lut(text), 'SQ'
            if names.get(tag) in _SEQUENCES and rng.integers(3):
                item = Dataset()
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')
                    for keyword in rng.choice(_CODES, 2, replace=False):
                        item.add_new(tag_for_keyword(keyword), 'LO', text)
                data, vr = _item(item), 'SQ'
            data += b' ' * (len(data) % 2)
            elements[tag] = element(tag, vr, data)
            planted.append(f'{names.get(tag, hex(tag))} {vr} {text}')
        folder = self.folder / f'case {number:x}'
        folder.mkdir()
        (folder / 'a_L_CC.dcm').write_bytes(join(elements))
        return '; '.join(planted), lambda: self._show(folder, number % 4 == 0)

    @staticmethod
    def _number(rng: np.random.Generator) -> tuple[int, str, str]:
        few = rng.integers(2)
        text = str(rng.choice(_FORMS[:2] if few else _FORMS))
        text = text.replace('{}', str(rng.choice(_IDS if few else _IDS[2:])))
        keyword = str(rng.choice(_FEW if few else _MANY))
        return tag_for_keyword(keyword), str(rng.choice(('DS', 'IS', 'LO'))), text

    def _show(self, folder: Path, all_tools: bool) -> str:
        """Print all that is told of a file by what reads it."""
        path = folder / 'a_L_CC.dcm'
        outcome = examine(path)
        if not all_tools:
            return outcome
        found = find_exams(folder)
        print(
            found.exams,
            found.doubts,
            found.notes,
            [reason for _, reason in found.skipped],
        )
        for pixels in (False, True):
            image = dict(width=24, height=20, laterality='L', view='MLO')
            print(check_image(Task('image 1', path, image, [], pixels))[0])
        view = RawView(
            file=Path(path.name), patient_id='p', exam_id='e', laterality='L', view='CC'
        )
        out = folder / 'out'
        out.mkdir()
        (out / 'raw').symlink_to(folder, target_is_directory=True)
        result = process_view(Job(_Plain(), folder, out, folder / 'cache'), view)
        print(json.dumps(result))
        return outcome


def _lut(descriptor: str) -> bytes:
    item = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        item.add_new('LUTDescriptor', 'LO', descriptor.split('\\'))
        item.add_new('LUTData', 'OW', np.arange(256, dtype='<u2').tobytes())
    return _item(item)


def _item(item: Dataset) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = False, True
    write_dataset(file, item)
    data = file.getvalue()
    return b'\xfe\xff\x00\xe0' + len(data).to_bytes(4, 'little') + data
