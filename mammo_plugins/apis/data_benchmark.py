"""Speed of loading samples, compared with a plain loop over the same files."""

import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pydicom
from mmengine.config import Config
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from tqdm import tqdm

from mammo_plugins.io import DicomWarnings
from mammo_plugins.registry import DATASETS

# by GDCM's names; the most common in scanners and archives
SYNTAXES = {
    'uncompressed': 'ExplicitVRLittleEndian',
    'JPEG lossless': 'JPEGLosslessProcess14_1',
    'JPEG 2000 lossless': 'JPEG2000Lossless',
}
_PICTURES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.pgm')


def plain(path: Path, size: tuple) -> np.ndarray:
    """Read a file and resize it, as a script of ten lines would."""
    if path.suffix.lower() in _PICTURES:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32)
    else:
        with DicomWarnings():  # warnings quote the header
            ds = pydicom.dcmread(path)
            image = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
        image = image.astype(np.float32)
        if ds.PhotometricInterpretation == 'MONOCHROME1':
            image = image.max() - image
    return cv2.resize(image / image.max(), size, interpolation=cv2.INTER_AREA)


def with_cache(step, folder: str):
    """Return a pipeline with its pixel cache in a folder."""
    if isinstance(step, (list, tuple)):
        return [with_cache(inner, folder) for inner in step]
    if isinstance(step, dict):
        step = {key: with_cache(value, folder) for key, value in step.items()}
        if step.get('type') == 'LoadMammogram':
            step['cache_dir'] = folder
    return step


def recoded(path: Path, syntax: str, folder: Path) -> Path:
    """Write a DICOM file in another transfer syntax, with the same pixels and header.

    Args:
        path (Path): The file.
        syntax (str): One of ``SYNTAXES``.
        folder (Path): Folder to write to.

    Raises:
        ValueError: If the file cannot be converted.
    """
    import gdcm  # decoders are checked separately; only this function needs gdcm

    with tempfile.NamedTemporaryFile(dir=folder, suffix='.dcm', delete=False) as file:
        target = Path(file.name)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    done = reader.Read()
    if done:
        change.SetInput(reader.GetImage())
        done = change.Change()
    if done:
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        done = writer.Write()
    if not done:
        raise ValueError(
            f'{path}: GDCM cannot write it in another transfer syntax; '
            'leave it out of the data set that is measured'
        )
    return target


def timed(make: Callable, items: Sequence, name: str) -> float:
    """Return the items per second of this process's CPU time.

    Waiting for the disk or for other processes does not count.
    """
    start = time.process_time()
    for item in tqdm(items, desc=name, leave=False):
        make(item)
    return len(items) / (time.process_time() - start)


def _views(info: dict) -> list[dict]:
    """Return a sample's views before its pipeline, or the sample if it is a view."""
    return list(info.get('views', dict(main=info)).values())


def _as_files(infos: Sequence[dict], folder: Path) -> Iterator[tuple[str, list[dict]]]:
    """Yield the samples with DICOM files in each of ``SYNTAXES``, by name.

    Pictures are used unchanged.
    """
    paths = sorted({Path(view['img_path']) for info in infos for view in _views(info)})
    if any(path.suffix.lower() in _PICTURES for path in paths):
        yield 'as they are', list(infos)
        return
    for name, syntax in SYNTAXES.items():
        place = folder / str(syntax)
        place.mkdir()
        copies = {
            str(path): str(recoded(path, syntax, place))
            for path in tqdm(paths, desc=f'writing {name}', leave=False)
        }
        yield name, [_elsewhere(info, copies) for info in infos]
        shutil.rmtree(place)


def _elsewhere(info: dict, copies: dict[str, str]) -> dict:
    """Return a sample with other files."""
    if 'views' not in info:
        return dict(info, img_path=copies[str(info['img_path'])])
    return dict(
        info,
        views={
            name: dict(view, img_path=copies[str(view['img_path'])])
            for name, view in info['views'].items()
        },
    )


def _sizes(packed: dict) -> tuple[int, int]:
    """Return (width, height) of a packed sample's first image."""
    inputs = packed['inputs']
    image = (
        next(v for v in inputs.values() if v is not None)
        if isinstance(inputs, dict)
        else inputs
    )
    return tuple(image.shape[-2:][::-1])


def compare(
    cfg: Config, samples: int, repeats: int, show: Callable[[str], None] = print
) -> None:
    """Measure and print.

    Args:
        cfg (Config): With the training data.
        samples (int): Number of samples, spread over the data set.
        repeats (int): Repetitions of the empty cache, the full cache and the plain
            loop.
        show (callable): Called with each line. Defaults to ``print``.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with (
            tempfile.TemporaryDirectory() as cache,
            tempfile.TemporaryDirectory() as folder,
            DATASETS.switch_scope_and_registry('mammo'),
        ):
            settings = cfg.train_dataloader.dataset
            settings.pipeline = with_cache(settings.pipeline, cache)
            dataset = DATASETS.build(settings)
            indices = np.unique(
                np.linspace(0, len(dataset) - 1, samples).round().astype(int)
            ).tolist()
            infos = [dataset.get_data_info(i) for i in indices]
            show(
                f'{cfg.filename}: {len(infos)} samples of '
                f'{np.mean([len(_views(info)) for info in infos]):.2g} images, one '
                f'thread; medians of {repeats} turns, samples a second of processor '
                f'time ({platform.machine()}, OpenCV {cv2.__version__}, pydicom '
                f'{pydicom.__version__})'
            )
            for name, these in _as_files(infos, Path(folder)):
                _compare(name, these, dataset.pipeline, cache, repeats, show)
    finally:
        cv2.setNumThreads(threads)


def _compare(
    name: str,
    infos: Sequence[dict],
    pipeline: Callable,
    cache: str,
    repeats: int,
    show: Callable[[str], None],
) -> None:
    """Measure and print one kind of file."""

    def make(info: dict) -> dict:
        return pipeline(dict(info))

    # warm up imports and plans; the plain loop resizes each image to the same size
    tasks = [
        ([Path(view['img_path']) for view in _views(info)], _sizes(make(info)))
        for info in infos
    ]
    empty, full, loop = [], [], []
    for _ in range(repeats):
        for entry in Path(cache).iterdir():
            shutil.rmtree(entry)
        empty.append(timed(make, infos, 'empty cache'))
        full.append(timed(make, infos, 'full cache'))
        loop.append(
            timed(
                lambda task: [plain(path, task[1]) for path in task[0]],
                tasks,
                'plain loop',
            )
        )
    reference = float(np.median(loop))
    show(f' {name}, first image {tasks[0][1][1]} x {tasks[0][1][0]}')
    for what, value in (
        ('plain loop', reference),
        ('pipeline, empty cache', float(np.median(empty))),
        ('pipeline, full cache', float(np.median(full))),
    ):
        show(f'  {what:<22} {value:8.2f} samples/s  {value / reference:6.2f} x')
