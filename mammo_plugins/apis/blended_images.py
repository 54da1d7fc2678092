"""A data set of normal mammograms that lesions were blended into."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, mask_bbox
from mammo_plugins.datasets import BlendingDataset
from mammo_plugins.datasets.pipeline import steps_of
from mammo_plugins.datasets.transforms import LoadMammogram, PasteLesion
from mammo_plugins.datasets.transforms.paste_lesion import box_as_resized, check_bank
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.registry import DATASETS, SCOPE, TRANSFORMS, type_name
from mammo_plugins.structures import AnnotationError, mask_to_segmentation
from mammo_plugins.synthesis import mixed_gradient_blend, poisson_blend

from .config_loading import ConfigError
from .leakage import check_bank_files
from .synthetic_set import SyntheticSet
from .trained_model import TrainedModel, loading_steps, without_step

Blend = Callable[[dict], np.ndarray]
_TRIES = 20  # views to try until one has a place for a lesion


def makes_blended_images(cfg: Config) -> bool:
    """Return whether a config's training set is one to blend lesions into."""
    return any(
        type_name(dataset) == 'BlendingDataset'
        for _, dataset in innermost_datasets(
            'train_dataloader.dataset', cfg.train_dataloader.dataset
        )
    )


def makes_whole_images(cfg: Config) -> bool:
    """Return whether a config's generator creates whole images from noise."""
    return type_name(cfg.model.generator) == 'NoiseGenerator'


def loaded_normals(cfg: Config) -> tuple[BlendingDataset, LoadMammogram]:
    """Build the normal views that a config trains on, unpacked.

    Args:
        cfg (Config): Config whose training set is a :class:`BlendingDataset`.

    Returns:
        tuple: The data set, and the transform that loads its images.

    Raises:
        ConfigError: If it is another data set, or pastes nothing.
    """
    (_, settings), *others = innermost_datasets(
        'train_dataloader.dataset', cfg.train_dataloader.dataset
    )
    if others or type_name(settings) != 'BlendingDataset':
        raise ConfigError(
            f'{cfg.filename}: train_dataloader.dataset is not a BlendingDataset'
        )
    pipeline = without_step(
        without_step(settings.pipeline, 'PackBlendingInputs'), 'CropToLesion'
    )
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope', SCOPE)):
        dataset = DATASETS.build(dict(settings, pipeline=pipeline))
        load = TRANSFORMS.build(next(loading_steps(pipeline)))
    if not any(isinstance(step, PasteLesion) for step in dataset.pipeline.transforms):
        raise ConfigError(
            f'{cfg.filename}: train_dataloader.dataset.pipeline has no PasteLesion'
        )
    if len(dataset.metainfo['classes']) != 1:
        raise ConfigError(
            f'{cfg.filename}: train_dataloader.dataset.metainfo.classes: '
            f"{dataset.metainfo['classes']}; expected one, that of the bank's lesions"
        )
    return dataset, load


def blend_by(trained: TrainedModel) -> Blend:
    """Return a function that blends a pasted lesion with a trained generator.

    A generator trained on windows (:class:`CropToLesion`) gets windows.

    Args:
        trained (TrainedModel): A :class:`BlendingGAN`.

    Returns:
        Callable: Maps a view of :meth:`PasteLesion.paste` to (H, W) pixels.
    """
    ((_, settings),) = innermost_datasets(
        'train_dataloader.dataset', trained.config.train_dataloader.dataset
    )
    crop = next(
        (
            TRANSFORMS.build(step)
            for step in steps_of(settings.pipeline)
            if type_name(step) == 'CropToLesion'
        ),
        None,
    )

    @torch.no_grad()
    def blend(view: dict) -> np.ndarray:
        window = crop.window(view) if crop else (slice(None), slice(None))
        inputs = {
            name: torch.from_numpy(np.ascontiguousarray(view[key][window], np.float32))[
                None, None
            ].to(trained.device)
            for name, key in (
                ('normal', 'img'),
                ('pasted', 'pasted_img'),
                ('mask', 'paste_region'),
            )
        }
        made = view['img'].copy()
        made[window] = trained.model(inputs, mode='predict')[0, 0].cpu().numpy()
        return made

    return blend


def blend_by_poisson(view: dict) -> np.ndarray:
    """Blend a pasted lesion with :func:`~mammo_plugins.synthesis.poisson_blend`.

    Args:
        view (dict): View of :meth:`PasteLesion.paste`.
    """
    return poisson_blend(view['img'], view['pasted_img'], view['paste_region'])


def blend_by_mixed_gradients(view: dict) -> np.ndarray:
    """Blend a pasted lesion with mixed gradients (eq. 4).

    See :func:`~mammo_plugins.synthesis.mixed_gradient_blend`.

    Args:
        view (dict): View of :meth:`PasteLesion.paste`.
    """
    return mixed_gradient_blend(view['img'], view['pasted_img'], view['paste_region'])


class BlendedImages(SyntheticSet):
    """Write normal views with a lesion blended in (Lin et al., section 3).

    Lesions are blended at the generator's resolution. The change is enlarged and added
    to the pixels of the file, so they keep their own detail.

    Args:
        dataset (BlendingDataset): Data set of :func:`loaded_normals`.
        load (LoadMammogram): Loads its images unchanged.
        out (str | Path, optional): Data root of the new set. Defaults to ``None``:
            nothing is written.
        seed (int): Seed for views, lesions and places. Defaults to 0.
        made_with (dict, optional): As in :class:`SyntheticSet`; the file of the bank
            is added as 'bank'.

    Raises:
        ConfigError: If the pipeline changes geometry other than by resizing, or the
            bank is from another part of the data set.
    """

    def __init__(
        self,
        dataset: BlendingDataset,
        load: LoadMammogram,
        out: str | Path | None = None,
        seed: int = 0,
        made_with: dict[str, Path] | None = None,
    ) -> None:
        steps = dataset.pipeline.transforms
        place = next(k for k, step in enumerate(steps) if isinstance(step, PasteLesion))
        self._prepared, self.paste = Compose(steps[:place]), steps[place]
        made_with = dict(made_with or {})
        if self.paste.bank.path is not None:
            made_with['bank'] = self.paste.bank.path
        super().__init__(dataset, out, seed, made_with)
        self._load = load
        self._check_bank()

    def _check_bank(self) -> None:
        """Refuse lesions of the same data set from outside this training part."""
        check_bank_files(
            'PasteLesion.bank',
            self.paste.bank,
            [(self.dataset.ann_file, self.original)],
        )

    def cases(self, count: int) -> Iterator[tuple[dict | None, int]]:
        """Yield views with a lesion pasted, and how many were tried for it.

        Normal views are used in random order, each once before any is repeated. The
        same seed gives the same views, lesions and places for every blending method.
        Yields ``None`` if none of the views tried had a place.

        Args:
            count (int): Number of views.
        """
        rng = np.random.default_rng(self.seed)
        queue: list[int] = []
        for _ in range(count):
            view, tried = None, 0
            while view is None and tried < _TRIES:
                queue = queue or rng.permutation(len(self.dataset)).tolist()
                tried += 1
                view = self.paste.paste(
                    self.normal(queue.pop()), int(rng.integers(2**31))
                )
            yield view, tried

    def normal(self, index: int) -> dict:
        """Return a normal view in the form that :meth:`PasteLesion.paste` expects.

        Args:
            index (int): Index in the data set.
        """
        sample = self._prepared(self.dataset.get_data_info(index))
        check_bank(self.paste, sample)
        return sample['views']['normal']

    def real_lesions(self) -> Iterator[tuple[dict, np.ndarray]]:
        """Yield the views with lesions, resized in the same way, and each lesion's box.

        Boxes (x1, y1, x2, y2) are in pixels of the view's ``img``.
        """
        for view in self.dataset.real:
            view = self._prepared(dict(views=dict(real=copy.deepcopy(view))))['views'][
                'real'
            ]
            for lesion in view['instances']:
                yield view, box_as_resized(lesion['bbox'], view)

    def panels(
        self, count: int, blends: dict[str, tuple[PasteLesion | None, Blend]]
    ) -> list[list]:
        """Show cases as in figure 5 of the paper, one row per view.

        Args:
            count (int): Number of views.
            blends (dict[str, tuple]): Pasting and blending functions by title; a
                generator of whole images has no pasting function, and no box is drawn
                in its images.

        Returns:
            list[list[tuple]]: Rows of (title, image, box) for
            :func:`~mammo_plugins.visualization.synthesis.plot_panels`: the normal view, the
            lesion pasted, and each of ``blends``.
        """
        rows = []
        for view, _ in self.cases(count):
            if view is None:
                continue
            box = mask_bbox(view['lesion_mask'])
            row = [('normal', view['img'], box), ('pasted', view['pasted_img'], box)]
            for title, (paste, blend) in blends.items():
                if paste is None:
                    row.append((title, blend(view), None))
                    continue
                again = paste.paste(view, view['paste']['seed'])
                row.append((title, blend(again), box))
            rows.append(row)
        return rows

    def write(self, count: int, blend: Blend, method: str) -> Counter:
        """Write the data set; the annotation file last.

        Args:
            count (int): Number of images.
            blend (Callable): :func:`blend_by` a generator,
                :func:`blend_by_poisson` or :func:`blend_by_mixed_gradients`.
            method (str): Its name, for the provenance.

        Raises:
            AnnotationError: If no lesion found a place.

        Returns:
            Counter: 'images', and 'without a place', the views that were tried without
                success.
        """
        images: list[dict] = []
        annotations: list[dict] = []
        counts: Counter = Counter()
        for number, (view, tried) in enumerate(
            tqdm(self.cases(count), total=count, desc='images', unit='image'), 1
        ):
            counts['views without a place'] += tried - (view is not None)
            if view is None:
                continue
            exam = f'synthetic_{self.seed}_{number:06d}'
            image, lesion = self._write_view(view, blend(view), method, exam)
            image['id'] = len(images) + 1
            images.append(image)
            annotations += self.lesions(
                image, view['img_id'], [lesion], len(annotations)
            )
        if not images:
            raise AnnotationError(
                f'{self.dataset.ann_file}: no lesion of the bank '
                'found a place in a normal view'
            )
        counts['images'] = len(images)
        self.write_annotations(
            images, annotations, 'Normal mammograms with a lesion blended in,'
        )
        return counts

    def _write_view(
        self, view: dict, made: np.ndarray, method: str, exam: str
    ) -> tuple[dict, dict]:
        """Write the pixels; return the view's entry and its lesion."""
        record = self.records[view['img_id']]
        frame = CanonicalFrame.from_dict(view['canonical_frame'])
        whole, _ = self._load.load(view['img_path'], view['laterality'], view['view'])
        resized = np.divide(made.shape, whole.shape)[::-1]
        if not np.allclose(
            view['homography_matrix'], np.diag([*resized, 1]) @ frame.matrix, rtol=1e-3
        ):
            raise ConfigError(
                'train_dataloader.dataset.pipeline: changes the geometry of views '
                'other than by resizing, which cannot be undone in their files'
            )
        change = cv2.resize(
            made - view['img'], whole.shape[::-1], interpolation=cv2.INTER_LINEAR
        )
        image = self.write_pixels(np.clip(whole + change, 0, 1), frame, record, exam)
        pathology = view['paste']['pathology']
        image.update(birads=None, pathology=pathology, abnormal=True)
        image['synthetic'] = dict(
            view['paste'],
            **self.hashes,
            normal=record['file_name'],
            method=method,
            bank=self.paste.bank.dataset,
        )
        lesion = (
            cv2.resize(
                view['lesion_mask'].astype(np.float32),
                whole.shape[::-1],
                interpolation=cv2.INTER_LINEAR,
            )
            >= 0.5
        )
        mask = frame.image_to_source(lesion.astype(np.uint8))
        return image, dict(
            name=self.dataset.metainfo['classes'][0],
            bbox=list(mask_bbox(mask > 0)),
            birads=None,
            pathology=pathology,
            segmentation=mask_to_segmentation(mask),
        )
