"""Files that commands keep for others: caches, banks, saliency maps, predictions."""

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.inferencers.prediction_writer import PredictionWriter
from mammo_plugins.converters.journal import Journal
from mammo_plugins.datasets import PixelCache
from mammo_plugins.structures import (
    AnnotationError,
    BankLesion,
    LesionBank,
    read_detections,
    write_detections,
)
from mammo_plugins.structures.saliency import SaliencyError, SaliencyMaps

from .harness import Fault, Fuzzer

_VALUES = [
    None,
    'x',
    -1,
    0,
    10**400,
    1e308,
    float('nan'),
    [],
    {},
    [[[]]],
    True,
    '\x1b[2J',
]


def damaged_bytes(rng: np.random.Generator, data: bytes) -> bytes:
    """Return bytes with bits flipped, cut, doubled, or of nothing that fits."""
    kind, at = rng.integers(7), int(rng.integers(len(data)))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[at:][::-1]
    if kind == 2:
        return data + data[at:]
    if kind == 3:
        return bytes(rng.integers(0, 256, 300, np.uint8))
    flipped = bytearray(data)
    for place in rng.integers(0, len(data), 1 + rng.integers(8)):
        flipped[place] ^= 1 << rng.integers(8)
    return bytes(flipped)


def altered_json(rng: np.random.Generator, text: str) -> str:
    """Return JSON with one value, anywhere in it, replaced or lost."""
    data = json.loads(text)
    places: list[tuple[Any, Any]] = []

    def walk(part: Any) -> None:
        for key in part if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], (dict, list)):
                walk(part[key])

    walk(data)
    part, key = places[rng.integers(len(places))]
    if rng.random() < 0.2:
        del part[key]
    else:
        part[key] = _VALUES[rng.integers(len(_VALUES))]
    return json.dumps(data)


def altered_entry(rng: np.random.Generator, path: Path) -> None:
    """Write an entry of the pixel cache anew, with something else in it."""
    head, _, pixels = path.read_bytes().partition(b'\n')
    kind = rng.integers(4)
    if kind < 2:
        try:
            head = altered_json(rng, head.decode()).encode()
        except ValueError:
            head = b'[' * 100_000
    elif kind == 2:
        pixels = pixels[: rng.integers(len(pixels))] + bytes(rng.integers(3))
    else:
        pixels = pixels[::-1]
    path.write_bytes(head + b'\n' + pixels)


def altered_archive(rng: np.random.Generator, path: Path) -> None:
    """Write an ``.npz`` anew, sound as an archive, with something else in it."""
    with np.load(path) as file:
        arrays = dict(file)
    name = sorted(arrays)[rng.integers(len(arrays))]
    array = arrays[name]
    kind = rng.integers(7)
    if array.dtype.kind == 'U' and kind < 4:
        try:
            arrays[name] = np.array(altered_json(rng, str(array)))
        except ValueError:
            arrays[name] = np.array('[' * 100_000)
    elif kind == 0 or array.size == 0:
        del arrays[name]
    elif kind == 1:
        arrays[name] = array.astype('U8')
    elif kind == 2:
        arrays[name] = array[..., None]
    elif kind == 3:
        arrays[name] = np.array([], array.dtype)
    elif kind == 4:
        arrays[name] = np.full(array.shape or (3,), np.nan)
    elif kind == 5:
        changed = array.copy().reshape(-1)
        if changed.dtype.kind in 'uif':
            changed[rng.integers(changed.size)] += 7
        arrays[name] = changed.reshape(array.shape)
    else:
        arrays['more'] = np.zeros(3)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.write_bytes(buffer.getvalue())


def hostile_archive(rng: np.random.Generator, path: Path) -> None:
    """Write an archive with what runs code, or whose header promises terabytes."""
    kind = rng.integers(4)
    if kind == 0:
        np.savez(
            path,
            bank=np.array([_Code()], object),
            pixels=np.array([_Code()], object),
            facts=np.array([_Code()], object),
        )
        return
    shape = '(1000000000000, 1000000)' if kind == 1 else '(3, -5)'
    header = (
        f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    )
    entry = b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in ('pixels', 'facts', 'checksum', 'bank', 'lesion_0', 'mask_0'):
            archive.writestr(f'{name}.npy', entry + bytes(10**7 if kind == 3 else 100))


class _Code:
    """Makes a file when it is unpickled."""

    trace = ''

    def __reduce__(self) -> Any:
        return open, (self.trace, 'w')


class Archives(Fuzzer):
    """Pixel caches, lesion banks and saliency maps."""

    name = 'caches, banks, saliency maps altered'
    seconds = 10.0
    in_suite = 30

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        rng = np.random.default_rng(0)
        _Code.trace = str(folder / 'code ran')
        self.pixels = rng.integers(0, 2**16, (30, 20), np.uint16)
        self.facts = dict(crop=[1, 2, 3, 4], matrix=[[1.0, 0.0, 0.5]], flipped=True)
        self.sources = [folder / f'{k}.dcm' for k in range(2)]
        for source in self.sources:
            source.write_bytes(b'source')
            os.utime(source, ns=(1, 1))
        cache = PixelCache(folder / 'cache')
        cache.get(self.sources[0], lambda: (self.pixels, dict(self.facts)))
        cache.get(self.sources[1], lambda: (self.pixels[::-1], dict(self.facts)))
        lesion = BankLesion.of(
            rng.random((9, 8)),
            np.eye(9, 8) > 0,
            'benign',
            image_shape=(60.0, 40.0),
            pixel_spacing_mm=(0.1, 0.1),
            file_name='a.dcm',
            box=(1.0, 2.0, 9.0, 11.0),
        )
        LesionBank('made', [lesion] * 2, 'train').write(folder / 'bank.npz')
        SaliencyMaps({'e RCC': rng.random((4, 3)).astype(np.float32)}).write(
            folder / 'maps.npz'
        )

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        kind = ('cache', 'bank', 'maps')[number % 3]
        path = self.folder / 'altered.npz'
        entry = PixelCache(self.folder / 'cache').entry_path
        sound = (
            entry(self.sources[0]) if kind == 'cache' else (self.folder / f'{kind}.npz')
        )
        shutil.copy(sound, path)
        way = rng.choice(['bytes', 'rewritten', 'rewritten', 'hostile', 'other'])
        if way == 'bytes':
            path.write_bytes(damaged_bytes(rng, path.read_bytes()))
        elif way == 'rewritten':
            (altered_entry if kind == 'cache' else altered_archive)(rng, path)
        elif way == 'hostile':
            hostile_archive(rng, path)
        else:
            other = [
                entry(self.sources[1]),
                self.folder / 'bank.npz',
                self.folder / 'maps.npz',
            ][rng.integers(3)]
            shutil.copy(other, path)
        return f'{kind} {way}', lambda: self._read(kind, path)

    def _read(self, kind: str, path: Path) -> str:
        outcome = getattr(self, f'_read_{kind}')(path)
        if Path(_Code.trace).exists():
            raise Fault('ran code')
        return outcome

    def _read_cache(self, path: Path) -> str:
        cache = PixelCache(self.folder / 'cache')
        shutil.copy(path, cache.entry_path(self.sources[0]))
        pixels, facts = cache.get(
            self.sources[0], lambda: (self.pixels, dict(self.facts))
        )
        if (
            facts != self.facts
            or pixels.dtype != np.uint16
            or not np.array_equal(pixels, self.pixels)
        ):
            raise Fault('a wrong entry was used')
        return 'rebuilt' if cache.damaged else 'used'

    @staticmethod
    def _read_bank(path: Path) -> str:
        try:
            bank = LesionBank.read(path)
        except AnnotationError:
            return 'refused'
        for lesion in bank.lesions:
            if not (
                np.isfinite(lesion.pixels).all()
                and np.isfinite(
                    [*lesion.box, *lesion.image_shape, *(lesion.pixel_spacing_mm or ())]
                ).all()
                and isinstance(lesion.file_name, str)
            ):
                raise Fault('not finite')
        bank.is_from('made')
        return 'read'

    @staticmethod
    def _read_maps(path: Path) -> str:
        view = dict(exam_id='e', laterality='R', view='CC')
        try:
            maps = SaliencyMaps.read(path)
            found = maps.of(view, (8, 6))
        except SaliencyError:
            return 'refused'
        if not np.isfinite(found).all() or found.min() < 0:
            raise Fault('not finite')
        return 'read'


class Records(Fuzzer):
    """Detections, predictions and journals that runs go on with."""

    name = 'detections, predictions, journals altered'
    seconds = 10.0
    in_suite = 30

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        rng = np.random.default_rng(0)
        write_detections(
            folder / 'detections.json',
            {k: (np.cumsum(rng.random((2, 4)), 1), rng.random(2)) for k in range(3)},
        )
        self.info = dict(run='r1', config='a.py', checkpoint='a.pth', version='1')
        self.exams = {
            f'e{k}': dict(exam_id=f'e{k}', views=[dict(score=k / 8)]) for k in range(4)
        }
        for run in ('r1', 'r2'):
            writer = PredictionWriter(folder / run, dict(self.info, run=run))
            for name, exam in self.exams.items():
                writer.add(
                    name,
                    f'of {name}',
                    exam if run == 'r1' else dict(exam, views=[]),
                    [],
                )
            writer.join(dict(info=dict(complete=False), exams=[]))
        self.results = {f'k{k}': dict(image=dict(width=k)) for k in range(4)}
        journal = Journal(folder / 'journal.jsonl')
        for key, result in self.results.items():
            journal.add(key, result)

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        kind = ('detections', 'predictions', 'journal')[number % 3]
        sound = (
            self.folder
            / dict(
                detections='detections.json',
                predictions='r1/predictions.jsonl',
                journal='journal.jsonl',
            )[kind]
        )
        data, way = sound.read_bytes(), rng.choice(['bytes', 'value', 'spliced'])
        if way == 'bytes':
            data = damaged_bytes(rng, data)
        elif kind == 'detections':
            data = altered_json(rng, data.decode()).encode()
        else:
            lines = data.decode().splitlines()
            at = int(rng.integers(len(lines)))
            if way == 'value':
                lines[at] = altered_json(rng, lines[at])
            else:  # of another run, twice, in another order
                other = (self.folder / 'r2/predictions.jsonl').read_text().splitlines()
                lines[at] = [*other, *lines][rng.integers(len(other) + len(lines))]
            data = '\n'.join(lines).encode()
        return f'{kind} {way}', lambda: getattr(self, f'_read_{kind}')(data)

    def _read_detections(self, data: bytes) -> str:
        path = self.folder / 'altered.json'
        path.write_bytes(data)
        try:
            found = read_detections(path)
        except AnnotationError:
            return 'refused'
        for boxes, scores in found.values():
            if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
                raise Fault('not finite')
        return 'read'

    def _read_predictions(self, data: bytes) -> str:
        folder = self.folder / 'altered'
        folder.mkdir(exist_ok=True)
        (folder / 'predictions.jsonl').write_bytes(data)
        try:
            writer = PredictionWriter(folder, self.info)
        except ConfigError:
            return 'refused'
        found = {name: writer.get(name, f'of {name}') for name in self.exams}
        for name, line in found.items():
            if line is not None and line['exam'] != self.exams[name]:
                raise Fault('a wrong record was used', str(line))
        return 'whole' if None not in found.values() else 'some done again'

    def _read_journal(self, data: bytes) -> str:
        path = self.folder / 'altered.jsonl'
        path.write_bytes(data)
        found: dict[str, Any] = {key: Journal(path).get(key) for key in self.results}
        for key, result in found.items():
            if result not in (None, self.results[key]):
                raise Fault('a wrong record was used', str(result))
        return 'whole' if None not in found.values() else 'some done again'
