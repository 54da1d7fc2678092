"""A data set of images created from another data set, with provenance."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.io import atomic_path, file_sha256, write_json
from mammo_plugins.structures import load_coco_exam, synthetic_images
from mammo_plugins.version import __version__

from .config_loading import ConfigError

_LEVELS = 65535


class SyntheticSet:
    """Writes ``images/`` and ``annotations/train.json``, the annotation file last.

    Args:
        dataset (ExamDataset): The training set that images are created from.
        out (str | Path, optional): Data root of the new set; ``None`` to write nothing.
        seed (int): Seed of all random choices. The same seed gives the same pixels.
            Defaults to 0.
        made_with (dict[str, Path], optional): Further files that the pixels depend on,
            by kind, such as 'checkpoint'; ``images[].synthetic`` records their SHA-256,
            such as ``checkpoint_sha256``. Defaults to ``None``.

    Raises:
        ConfigError: If the folder contains another data set.
    """

    def __init__(
        self,
        dataset: ExamDataset,
        out: str | Path | None,
        seed: int = 0,
        made_with: dict[str, Path] | None = None,
    ) -> None:
        self.dataset = dataset
        self.out = None if out is None else Path(out)
        self.seed = seed
        self.hashes = {
            f'{what}_sha256': file_sha256(path)
            for what, path in (made_with or {}).items()
        }
        self.original = load_coco_exam(dataset.ann_file, roots=dataset.roots)
        self.records = {image['id']: image for image in self.original['images']}
        self._annotations: dict[int, list[dict]] = {i: [] for i in self.records}
        for annotation in self.original['annotations']:
            self._annotations[annotation['image_id']].append(annotation)
        self._category = {c['name']: c['id'] for c in self.original['categories']}
        self._name = f'synthetic, of {self.original["info"]["dataset"]}'
        if self.out is not None:
            self._check_out()

    def _check_out(self) -> None:
        """Refuse a folder with a data set not written by this class."""
        ann_file = self.out / 'annotations/train.json'
        if not ann_file.is_file():
            return
        there = load_coco_exam(ann_file)
        made = len(synthetic_images(there))
        if not made:
            raise ConfigError(
                f'{ann_file}: exists and contains no synthetic images; choose '
                'another --out'
            )
        names = 'dataset', 'synthesis_seed'
        before = tuple(there['info'].get(name) for name in names)
        found = f'{self.out}: holds {made} images, {before[0]}, of seed {before[1]}'
        if before != (self._name, self.seed):
            raise ConfigError(
                f'{found}; images of another data set or seed would be mixed with '
                'them. Choose another --out, or delete this one'
            )
        print(f'{found}; they are replaced')

    def write_pixels(
        self, pixels: np.ndarray, frame: CanonicalFrame, record: dict, exam: str
    ) -> dict[str, Any]:
        """Write a view's pixels in the frame of its original file.

        Args:
            pixels (np.ndarray): (H, W) in [0, 1], in the canonical frame.
            frame (CanonicalFrame): That frame.
            record (dict): Entry of the original view in ``images``.
            exam (str): ``exam_id`` of the new view.

        Returns:
            dict: The entry of the new view, without ``id``.
        """
        name = f'images/{exam}/{record["laterality"]}_{record["view"]}.tif'
        # floats state their range, unlike 16-bit pictures
        pixels = np.rint(pixels * _LEVELS).astype(np.float32) / _LEVELS
        with atomic_path(self.out / name) as temporary:
            tifffile.imwrite(
                temporary, frame.image_to_source(pixels), compression='zlib'
            )
        return dict(record, exam_id=exam, file_name=name)

    def lesions(
        self, image: dict, original: int, pasted: list[dict], before: int
    ) -> list[dict]:
        """Return the annotations of a new view.

        Args:
            image (dict): Its entry, with ``id``.
            original (int): ``id`` of the view it was created from, whose own
                annotations it keeps.
            pasted (list[dict]): Added lesions: ``name`` of the class, ``bbox``
                (x1, y1, x2, y2) in pixels of the file, ``birads`` and ``pathology``,
                and if known ``segmentation``, an RLE.
            before (int): Number of annotations written so far.
        """
        found = [dict(annotation) for annotation in self._annotations[original]]
        for annotation in found:
            if annotation['lesion_id'] is not None:
                annotation['lesion_id'] = (
                    f'{image["exam_id"]}_{annotation["lesion_id"]}'
                )
        for lesion in pasted:
            x1, y1, x2, y2 = np.asarray(lesion['bbox'], float).tolist()
            found.append(
                dict(
                    category_id=self._category[lesion['name']],
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    area=(x2 - x1) * (y2 - y1),
                    iscrowd=0,
                    segmentation=lesion.get('segmentation', []),
                    birads=lesion['birads'],
                    pathology=lesion['pathology'],
                    lesion_id=f'{image["exam_id"]}_pasted',
                )
            )
        for k, annotation in enumerate(found, before + 1):
            annotation.update(id=k, image_id=image['id'])
        return found

    def write_annotations(
        self, images: list[dict], annotations: list[dict], description: str
    ) -> None:
        """Write the annotation file.

        Args:
            images (list[dict]): All entries.
            annotations (list[dict]): All annotations.
            description (str): Description of the images.
        """
        write_json(
            self.out / 'annotations/train.json',
            dict(
                info=dict(
                    self.original['info'],
                    dataset=self._name,
                    description=f'{description} for training only; '
                    'images[].synthetic says how each view was made',
                    converter_version=__version__,
                    split='train',
                    synthesis_seed=self.seed,
                ),
                images=images,
                annotations=annotations,
                categories=self.original['categories'],
            ),
        )
