"""Create asymmetric pairs from symmetric ones in the pipeline."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mammo_plugins.registry import TRANSFORMS
from mammo_plugins.structures import LATERALITIES, LesionBank
from mammo_plugins.synthesis import insert_lesions

from ..pipeline import Pipeline, compose
from .bank_lesions import (
    check_bank,
    draw_centres,
    lesion_size,
    tissue_mask,
    turned_patch,
)
from .synthesis import small_breast_mask

CHOICES = tuple((side,) for side in LATERALITIES) + (LATERALITIES,)


@TRANSFORMS.register_module()
class InsertLesions(BaseTransform):
    """Insert tumours into one or both sides of symmetric pairs.

    DisAsymNet, section 2.3: a pair whose sides are both normal gets n tumours
    from a bank, anywhere in the breast, by alpha blending
    (:func:`~mammo_plugins.synthesis.insert_lesions`). The original pixels are the
    target for the model's 'normal' image of the pair (L_syn). Other pairs, and those
    with a missing side, are left unchanged.

    Choices that the paper does not state: right, left and both sides are equally
    likely, and n is drawn separately for each side. Tumours keep their size in mm if
    both spacings are known, otherwise their size relative to the height of the breast.
    Sizes refer to the current image, so the transform may also come after ``Resize``,
    which is cheaper. A tumour larger than the breast is left out. Tumours avoid the
    pectoral muscle, if its edge is found, and air in a patch is not shown.

    **Labels.** The paper names only L_syn for these pairs, so ``gt_label`` of the pair
    and its views stays 0: that is the label of ``clean_img``. ``img`` is abnormal. If
    ``synthetic`` is True, a model therefore classifies ``clean_img`` by ``gt_label``,
    or ``img`` by ``synthetic_gt_label``, or leaves the pair out of L_diag.

    **Weak supervision.** Outlines of the training data set must not be used.
    A bank of the same data set is refused unless ``allow_same_source`` is True. Lesions
    from outside its training split are always refused.

    Geometric augmentation comes after, in :class:`WithCleanImage`, so that the
    clean pixels stay in step. Augmentation of grey values comes before.

    Required Keys:

    - views (dict[str, dict]): 'R' and 'L', with ``img`` from ``LoadMammogram``, of an
      :class:`ExamDataset` with ``target='pair'`` and ``labels``
    - gt_label, dataset, test_mode

    Modified Keys:

    - views: ``img``

    Added Keys:

    - synthetic (bool): whether tumours were inserted; if so:
    - synthetic_gt_label (int): 1, abnormal and asymmetric, since a pair is symmetric
      only if both sides are normal
    - views: ``clean_img``, (H, W) float32, the original pixels; ``synthetic_mask``,
      (H, W) float32 in [0, 1], the weight of tumours, 0 where ``img`` is unchanged;
      ``synthetic_gt_label``, 1 if a tumour was inserted, else 0

    Args:
        bank (str | LesionBank): File written by ``mammo lesion-bank``, or the bank.
        prob (float): Probability that a symmetric pair gets tumours. Defaults to 0.5;
            the paper states none.
        numbers (Sequence[int]): Values that n is drawn from. Defaults to (1, 2, 3).
        spread (float): As in :func:`~mammo_plugins.synthesis.insert_lesions`.
            Defaults to 0.25.
        min_inside (float): Minimum share of a tumour's box in the breast. Defaults to
            0.5.
        allow_same_source (bool): Whether the bank may come from the training data
            set. Defaults to False.
    """

    def __init__(
        self,
        bank: str | LesionBank,
        prob: float = 0.5,
        numbers: Sequence[int] = (1, 2, 3),
        spread: float = 0.25,
        min_inside: float = 0.5,
        allow_same_source: bool = False,
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'InsertLesions.prob: {prob}; expected 0 to 1')
        if not numbers or min(numbers) < 1:
            raise ValueError(
                f'InsertLesions.numbers: {numbers}; expected numbers of '
                'tumours, 1 or more'
            )
        self.bank = LesionBank.read(bank) if isinstance(bank, str) else bank
        self.prob = prob
        self.numbers = tuple(numbers)
        self.spread = spread
        self.min_inside = min_inside
        self.allow_same_source = allow_same_source

    def transform(self, results: dict) -> dict:
        """Insert tumours with probability ``prob``, if the pair is symmetric.

        Raises:
            AnnotationError: If the bank must not be used with this data set, or the
                data set is for validation or test.
            ValueError: If the sample is not a labelled pair.
        """
        self._check(results)
        results['synthetic'] = False
        views = results['views']
        symmetric = set(views) == set(LATERALITIES) and not any(
            view['gt_label'] != 0 for view in views.values()
        )
        if not symmetric or np.random.rand() >= self.prob:
            return results
        return self.insert(results, int(np.random.randint(2**31)))

    def insert(self, results: dict, seed: int) -> dict:
        """Insert tumours into a symmetric pair.

        Args:
            results (dict): The pair.
            seed (int): Seed for all random draws.

        Returns:
            dict: The pair, changed as described for the class.
        """
        rng = np.random.default_rng(seed)
        chosen = CHOICES[rng.integers(len(CHOICES))]
        made: dict[str, dict] = {}
        for name in LATERALITIES:
            count = rng.choice(self.numbers) if name in chosen else 0
            made[name] = self._changed(results['views'][name], int(count), rng)
        if any(view['synthetic_gt_label'] for view in made.values()):
            results.update(views=made, synthetic=True, synthetic_gt_label=1)
        return results

    def _check(self, results: dict) -> None:
        """Refuse data sets that the bank or the transform must not be used with."""
        views = results['views']
        if not set(views) <= set(LATERALITIES) or any(
            'gt_label' not in view for view in views.values()
        ):
            raise ValueError(
                "InsertLesions: needs an ExamDataset with target='pair' and "
                f'labels; this sample has the views {sorted(views)}'
            )
        check_bank(self, results, self.allow_same_source)

    def _changed(self, view: dict, count: int, rng: np.random.Generator) -> dict:
        """Return a view with those tumours that fit somewhere."""
        image = view['img']
        lesions = [
            turned_patch(self.bank[int(k)], lesion_size(self.bank[int(k)], view), 0.0)
            for k in rng.integers(len(self.bank), size=count)
        ]
        made, weights = image, np.zeros(image.shape, np.float32)
        if lesions:
            inside = small_breast_mask(image)
            centres = draw_centres(
                tissue_mask(view, inside),
                image.shape,
                [lesion.region.shape for lesion in lesions],
                rng,
                self.min_inside,
            )
            placed = [
                (lesion, centre)
                for lesion, centre in zip(lesions, centres)
                if centre is not None
            ]
            made, weights = insert_lesions(
                image,
                [lesion.pixels for lesion, _ in placed],
                [centre for _, centre in placed],
                spread=self.spread,
                shown=[lesion.region for lesion, _ in placed],
                inside=cv2.resize(
                    inside.astype(np.uint8),
                    image.shape[::-1],
                    interpolation=cv2.INTER_NEAREST,
                ).astype(bool),
            )
        return dict(
            view,
            img=made,
            clean_img=image,
            synthetic_mask=weights,
            synthetic_gt_label=int(weights.any()),
        )

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(bank of {len(self.bank)} lesions of '
            f'{self.bank.dataset}, prob={self.prob}, numbers={self.numbers}, '
            f'spread={self.spread}, min_inside={self.min_inside}, '
            f'allow_same_source={self.allow_same_source})'
        )


@TRANSFORMS.register_module()
class WithCleanImage(BaseTransform):
    """Change the geometry of a view and of its clean pixels in the same way.

    ``img``, ``clean_img`` and ``synthetic_mask`` pass the transforms as the three
    channels of one image, so that any resize, crop, zoom, flip or padding of mmcv and
    mmdet acts on them with the same random draw. Views without inserted tumours have
    only ``img`` transformed. Use it inside ``ForEachView``. Transforms of grey values
    do not belong here, because the mask is a channel too.

    Required Keys:

    - img
    - clean_img, synthetic_mask (optional): from :class:`InsertLesions`

    Args:
        transforms (list | dict): A pipeline for one view. Its steps may have names, see
            :func:`~mammo_plugins.datasets.pipeline.named_steps`.
    """

    KEYS = ('img', 'clean_img', 'synthetic_mask')

    def __init__(self, transforms: Pipeline) -> None:
        self.transforms = compose(transforms)

    def __iter__(self) -> Iterator[BaseTransform]:
        """Let ``share_random_params`` of ``ForEachView`` reach the transforms."""
        return iter(self.transforms)

    def transform(self, results: dict) -> dict | None:
        """Transform the view; return ``None`` if a transform discards it."""
        if 'clean_img' not in results:
            return self.transforms(results)
        results = self.transforms(
            dict(results, img=np.dstack([results[key] for key in self.KEYS]))
        )
        if results is None:
            return None
        channels = np.ascontiguousarray(np.moveaxis(results['img'], -1, 0))
        results.update(zip(self.KEYS, channels))
        results['img_shape'] = results['img'].shape
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms})'
