"""How fast samples are made, beside a plain loop over the same files."""
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pydicom
from mmengine.config import Config
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from tqdm import tqdm

from mammo_plugins.io import DicomWarnings
from mammo_plugins.registry import DATASETS


def plain(path: Path, size: tuple) -> np.ndarray:
    """Read a file and resize it, as a script of ten lines would."""
    if path.suffix.lower() in ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.pgm'):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32)
    else:
        with DicomWarnings():  # which quote the header
            ds = pydicom.dcmread(path)
            image = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
        image = image.astype(np.float32)
        if ds.PhotometricInterpretation == 'MONOCHROME1':
            image = image.max() - image
    return cv2.resize(image / image.max(), size, interpolation=cv2.INTER_AREA)


def with_cache(step, folder: str):
    """Return a pipeline whose pixel cache lies in a folder."""
    if isinstance(step, (list, tuple)):
        return [with_cache(inner, folder) for inner in step]
    if isinstance(step, dict):
        step = {key: with_cache(value, folder) for key, value in step.items()}
        if step.get('type') == 'LoadMammogram':
            step['cache_dir'] = folder
    return step


def timed(make, items, name: str) -> float:
    """Return the items made in a second."""
    start = time.perf_counter()
    for item in tqdm(items, desc=name, leave=False):
        make(item)
    return len(items) / (time.perf_counter() - start)


def compare(cfg: Config, samples: int, repeats: int) -> None:
    """Measure and print.

    Args:
        cfg (Config): With the training data.
        samples (int): How many, spread over the data set.
        repeats (int): Turns of the full cache and the plain loop.
    """
    with tempfile.TemporaryDirectory() as cache, \
            DATASETS.switch_scope_and_registry('mammo'):
        settings = cfg.train_dataloader.dataset
        settings.pipeline = with_cache(settings.pipeline, cache)
        dataset = DATASETS.build(settings)
        indices = np.unique(np.linspace(
            0, len(dataset) - 1, samples).round().astype(int)).tolist()
        # the files that a sample reads, each as large as the pipeline makes it
        files = []
        for i in indices:
            info = dataset.get_data_info(i)
            views = info.get('views', dict(main=info)).values()
            files.append([Path(view['img_path']) for view in views])
        empty = timed(lambda i: dataset[i], indices, 'empty cache')
        packed = [dataset[i]['inputs'] for i in indices]
        sizes = [tuple(image.shape[-2:][::-1]) for image in (
            next(v for v in p.values() if v is not None)
            if isinstance(p, dict) else p for p in packed)]
        tasks = list(zip(files, sizes))
        full, loop = [], []
        for _ in range(repeats):
            full.append(timed(lambda i: dataset[i], indices, 'full cache'))
            loop.append(timed(lambda task: [plain(path, task[1])
                                            for path in task[0]], tasks,
                              'plain loop'))
    reference = float(np.median(loop))
    print(f'{cfg.filename}: {len(indices)} samples of '
          f'{np.mean([len(f) for f in files]):.2g} images, first '
          f'{sizes[0][1]} x {sizes[0][0]}; medians of {repeats} turns')
    for name, value in (('plain loop', reference),
                        ('pipeline, empty cache', empty),
                        ('pipeline, full cache', float(np.median(full)))):
        print(f'  {name:<22} {value:8.2f} samples/s  {value / reference:6.2f} x')
