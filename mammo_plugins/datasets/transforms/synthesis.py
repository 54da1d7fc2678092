"""Create malignant breasts from benign ones in the pipeline."""

from collections import Counter
from collections.abc import Iterable, Sequence
from logging import WARNING
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mammo_plugins.anatomy import CanonicalFrame, breast_mask, transform_boxes
from mammo_plugins.datasets.label_rule import LabelRule
from mammo_plugins.registry import TRANSFORMS
from mammo_plugins.structures import AnnotationError
from mammo_plugins.structures.saliency import SaliencyMaps
from mammo_plugins.synthesis import (
    MaskParameters,
    Region,
    SoftMask,
    crop,
    sample_mask_parameters,
    synthesize_malignancy,
)

from .donor_lesions import Donor, distance_from_nipple, donor_lesions, lesions_of_breast
from .registration import annotated_nipple
from .saliency_places import Place, SaliencyPlaces, Wanted

MASK_SIZE = 256  # pixels, longer side of the copies in which breasts are found


@TRANSFORMS.register_module()
class SynthesizeMalignancy(BaseTransform):
    """Paste lesions of malignant breasts into benign ones.

    Soft-Adapted Malignancy Synthesis (Nguyen et al., section 3.2), view by view: the
    box of an annotated lesion is pasted where the Grad-CAM of a trained classifier for
    the benign class has the highest sum in the benign view. Both views of the breast
    use the same donor and the same lesion of it, matched by its ``lesion_id``,
    otherwise by category and nearest distance from the nipple
    (:func:`~mammo_plugins.datasets.transforms.donor_lesions.lesions_of_breast`). A
    lesion that only one view shows, or that cannot be matched in the other, is pasted
    in that view only. Breasts of the positive class are left unchanged.

    Use it in the pipeline of a :class:`NamedMixDataset`, or of mmdet's
    ``MultiImageMixDataset``, over an :class:`ExamDataset` with ``labels`` whose own
    pipeline loads the images. Donors are all outlined lesions of breasts of the
    positive class ("all region-level annotations", section 4.1), whatever their kind,
    except those that the data set assigns to the other class. The first grade that has
    a class by the rule of ``labels`` decides: the lesion's own, that of its view or
    that of its breast. A finding of BI-RADS 3, or one without a grade, in a breast
    of BI-RADS 4 is therefore a donor.

    Nothing is pasted into a view whose breast is smaller than the lesion's box or
    has no saliency. A breast in which nothing was pasted keeps its label. Patches
    keep their size in pixels, regardless of the pixel spacing of both mammograms.

    Required Keys:

    - views (dict[str, dict]), with ``img`` from ``LoadMammogram``
    - gt_label
    - mix_results (list[dict]): the donor, or empty

    Modified Keys:

    - views: ``img``, ``instances``, ``gt_label``; ``birads``, ``pathology`` and
      ``abnormal`` become the lesion's, and the field of ``labels`` the deciding grade
    - gt_label: 1 if something was pasted

    Added Keys:

    - synthesis (dict[str, dict]): by view, the details of the paste:
      ``malignant`` (``img_id`` of the donor), ``lesion`` and ``region`` (the boxes
      (x1, y1, x2, y2) cut out and pasted over, in pixels of the donor's and of the
      view's file),
      ``saliency`` (its sum) and ``saliency_kept`` (as a share of that of the view's
      best place), ``same_distance`` (whether it was placed so, both nipples known),
      ``saliency_checkpoint_sha256`` (of the network that computed it, 'unknown' if
      the file does not state it), ``paired`` (how the lesion was matched in both views,
      see :class:`~mammo_plugins.datasets.transforms.donor_lesions.BreastLesion`),
      ``fourier_beta``, ``soft_mask`` (in canonical pixels of the patch), ``adapt``,
      ``context``, ``min_inside``, ``seed``, and whether each mammogram was
      mirrored on loading: ``flipped``, ``malignant_flipped``

    Args:
        saliency (str | SaliencyMaps): File written by ``mammo saliency``, or the maps.
        prob (float): Probability that a breast of the negative class gets a donor.
            Defaults to 0.5.
        fourier_beta (float, optional): ``None`` disables Fourier adaptation.
            Defaults to 0.01; the paper states none.
        soft_mask (dict, optional): Arguments of
            :class:`~mammo_plugins.synthesis.SoftMask`. ``None`` disables soft masks.
            Defaults to ``dict()``.
        adapt (str): As in :func:`~mammo_plugins.synthesis.synthesize_malignancy`.
            Defaults to 'malignant'.
        context (float): Factor by which the lesion's box is enlarged about its centre
            before it is cut out. Tight boxes, as in most data sets, exclude the
            lesion's surroundings. Then styles are exchanged between lesion and tissue,
            and soft masks fade the lesion instead of its surroundings. Defaults to 2;
            1 is the paper's, the annotated box.
        min_inside (float): Minimum share of the region's pixels that lie in the
            breast. Defaults to 0.9.
        same_distance (bool): Whether the lesion is placed at the same distance from the
            nipple in both views, as far as saliency allows. For a real lesion both
            distances are nearly equal, so that the views of a breast match. Each view
            keeps at least half of the saliency of its best place
            (:func:`~mammo_plugins.synthesis.select_region_pair`). Nipples that are
            not annotated are looked for on the skin line. If one of the two is not
            reliable, each view is placed by itself, as with ``False``, which is the
            paper's way. Defaults to True.
    """

    def __init__(
        self,
        saliency: str | SaliencyMaps,
        prob: float = 0.5,
        fourier_beta: float | None = 0.01,
        soft_mask: dict | None = dict(),
        adapt: str = 'malignant',
        context: float = 2.0,
        min_inside: float = 0.9,
        same_distance: bool = True,
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'SynthesizeMalignancy.prob: {prob}; expected 0 to 1')
        if context <= 0:
            raise ValueError(
                f'SynthesizeMalignancy.context: {context}; expected a factor above 0'
            )
        self.saliency = (
            SaliencyMaps.read(saliency) if isinstance(saliency, str) else saliency
        )
        self.prob = prob
        self.fourier_beta = fourier_beta
        self.soft_mask = None if soft_mask is None else SoftMask(**soft_mask)
        self.adapt = adapt
        if fourier_beta is not None and not 0 <= fourier_beta <= 1:
            raise ValueError(
                f'SynthesizeMalignancy.fourier_beta: {fourier_beta}; '
                'expected a share from 0 to 1, or None'
            )
        if not 0 < min_inside <= 1:
            raise ValueError(
                f'SynthesizeMalignancy.min_inside: {min_inside}; '
                'expected a share above 0, at most 1'
            )
        if adapt not in ('benign', 'malignant') or (
            adapt == 'benign' and soft_mask is None and fourier_beta is not None
        ):
            raise ValueError(
                f'SynthesizeMalignancy.adapt: {adapt!r}; expected '
                "'malignant', or 'benign' with a soft_mask, without "
                'which nothing of the adapted patch shows'
            )
        self.context = context
        self.min_inside = min_inside
        self.same_distance = same_distance
        self._places = SaliencyPlaces(self.saliency, min_inside, same_distance)
        self._donors: list[int] | None = None
        self._masks: dict[str, tuple[np.ndarray, tuple[int, int]]] = {}
        self._rule: LabelRule | None = None

    def donors(self, dataset: Any) -> list[int]:
        """Return the samples whose lesions may be pasted.

        Args:
            dataset (ExamDataset): With ``labels`` and ``target='breast'``.

        Raises:
            ValueError: If it is not such a data set.
            AnnotationError: If it is for validation or test, which must not contain
                synthetic images, or no breast of the positive class has an
                outlined lesion.
        """
        if getattr(dataset, 'label_rule', None) is None:
            raise ValueError(
                'SynthesizeMalignancy: needs an ExamDataset with labels, in a '
                f'NamedMixDataset; this is {type(dataset).__name__}'
            )
        if dataset.test_mode:
            raise AnnotationError(
                f'SynthesizeMalignancy: {dataset.ann_file} is loaded with '
                'test_mode=True; synthetic images never enter validation or test'
            )
        self._rule = dataset.label_rule
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        found, counts, paired = [], Counter(), Counter()
        for i, info in enumerate(infos):
            lesions = [
                lesion
                for view in info['views'].values()
                for lesion in view['instances']
            ]
            by_view = donor_lesions(info, self._rule)
            donors = [donor.lesion for each in by_view.values() for donor in each]
            found += [i] * bool(donors)
            own = sum(self._rule.of_lesion(lesion) == 1 for lesion in donors)
            counts.update(
                own=own, by_breast=len(donors) - own, others=len(lesions) - len(donors)
            )
            paired.update(
                lesion.paired
                for lesion in lesions_of_breast(
                    by_view, distance_from_nipple(info['views'], annotated_nipple)
                )
            )
        if not found:
            raise AnnotationError(
                f'{dataset.ann_file}: no breast of the positive class '
                f'({self._rule.field} {self._rule.classes[1]}) has a lesion with a '
                f'box, of {counts["others"]} with one; there is nothing to paste'
            )
        print_log(
            f'{dataset.ann_file}: {counts["own"] + counts["by_breast"]} lesions of '
            f'{len(found)} breasts may be pasted, {counts["own"]} by their own '
            f'{self._rule.field} and {counts["by_breast"]} by that of their view or '
            f'breast; {counts["others"]} others are not. Of the lesions that they '
            f'show, {paired["lesion_id"]} are known in both views by lesion_id and '
            f'{paired["category"]} by category and distance from an annotated nipple; '
            f'{paired["one view"]} are in one view alone, and {paired["unpaired"]} '
            'have no match in the other view, so that they are pasted in one, unless '
            'a nipple on the skin line tells more',
            logger='current',
        )
        if self.saliency.checkpoint_sha256 is None:
            print_log(
                'SynthesizeMalignancy.saliency: the file does not record its '
                "checkpoint; synthesis writes 'unknown'. Create it again with "
                'mammo saliency CONFIG CHECKPOINT --out DIR',
                logger='current',
                level=WARNING,
            )
        for info in infos:
            if info['gt_label'] == 0:
                self.saliency.require(info['views'].values())
        return found

    def get_indexes(self, dataset: Any) -> list[int]:
        """Draw a donor for ``MultiImageMixDataset``.

        Args:
            dataset (ExamDataset): As in :meth:`donors`.

        Returns:
            list[int]: One index, or an empty list.
        """
        if self._donors is None:
            self._donors = self.donors(dataset)
        if np.random.rand() >= self.prob:
            return []
        return [self._donors[np.random.randint(len(self._donors))]]

    def transform(self, results: dict) -> dict:
        """Paste a lesion, if there is a donor and the breast's class is negative."""
        if 'mix_results' not in results:
            raise AnnotationError(
                'SynthesizeMalignancy: no mix_results; it belongs in the '
                'pipeline of a NamedMixDataset, as in configs/divf/*_synthesis.py'
            )
        donors = results.pop('mix_results')
        if not donors or results['gt_label'] != 0:
            return results
        return self.synthesize(results, donors[0], int(np.random.randint(2**31)))

    def synthesize(self, results: dict, donor: dict, seed: int) -> dict:
        """Paste lesions of one breast into another.

        Both must belong to the data set that :meth:`donors` was called with.

        Args:
            results (dict): The benign breast.
            donor (dict): The malignant one; its views have the same names.
            seed (int): Seed for all random draws.

        Returns:
            dict: The breast, changed as described for the class.
        """
        rng = np.random.default_rng(seed)
        results['synthesis'] = {}
        lesions, paired = self._lesions(donor, results['views'], rng)
        boxes = {
            name: whole_box(
                grown_box(lesion['bbox'], self.context),
                donor['views'][name]['img'].shape,
            )
            for name, (lesion, _) in lesions.items()
        }
        places = self._places.find(
            {
                name: Wanted(
                    results['views'][name],
                    self._inside(results['views'][name]),
                    (box[3] - box[1], box[2] - box[0]),
                    _centre_in(box, lesions[name][0]),
                )
                for name, box in boxes.items()
                if box is not None
            }
        )
        for name, place in places.items():
            (lesion, grade), view = lesions[name], results['views'][name]
            facts = self._paste(
                view, donor['views'][name], lesion, boxes[name], place, rng
            )
            if facts is not None:
                view.update(
                    {
                        'birads': lesion['birads'],
                        'pathology': lesion['pathology'],
                        'abnormal': True,
                        self._rule.field: grade,
                    }
                )
                results['synthesis'][name] = dict(facts, paired=paired, seed=seed)
        if results['synthesis']:
            results['gt_label'] = 1
        return results

    def _lesions(
        self, donor: dict, names: Iterable[str], rng: np.random.Generator
    ) -> tuple[dict[str, Donor], str]:
        """Choose a lesion, with one outline in each of the named views."""
        found = {
            name: donors
            for name, donors in donor_lesions(donor, self._rule).items()
            if name in names
        }
        lesions = lesions_of_breast(
            found, distance_from_nipple(donor['views'], self._places.nipple)
        )
        if not lesions:
            return {}, ''
        chosen = lesions[rng.integers(len(lesions))]
        return {
            name: outlines[rng.integers(len(outlines))]
            for name, outlines in chosen.outlines.items()
        }, chosen.paired

    def _paste(
        self,
        view: dict,
        donor: dict,
        lesion: dict,
        box: tuple[int, int, int, int],
        place: Place,
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Paste into one view; return ``None`` if nothing of the patch is visible."""
        region, inside = place.region, self._inside(view)
        patch = crop(donor['img'], box)
        patch_inside = crop(self._inside(donor), box)
        if not (patch_inside & crop(inside, region)).any():
            return None
        mask = self.soft_mask and self._draw_mask(lesion, box, rng)
        view['img'] = synthesize_malignancy(
            view['img'],
            region,
            patch,
            fourier_beta=self.fourier_beta,
            soft_mask=mask,
            adapt=self.adapt,
            inside=inside,
            patch_inside=patch_inside,
        )
        view['gt_label'] = 1
        shift = np.subtract(region[:2], box[:2])
        moved = np.add(lesion['bbox'], [*shift, *shift])
        moved = np.clip(moved, [*region[:2]] * 2, [*region[2:4]] * 2).tolist()
        view['instances'] = [
            *view['instances'],
            dict(lesion, bbox=moved, mask=[], lesion_id=None),
        ]
        return dict(
            malignant=donor['img_id'],
            region=_in_file(region, view),
            lesion=_in_file(box, donor),
            saliency=region.saliency,
            saliency_kept=place.kept,
            saliency_checkpoint_sha256=self.saliency.checkpoint_sha256 or 'unknown',
            same_distance=place.same_distance,
            fourier_beta=self.fourier_beta,
            soft_mask=mask and mask._asdict(),
            adapt=self.adapt,
            context=self.context,
            min_inside=self.min_inside,
            flipped=view['canonical_frame']['flipped'],
            malignant_flipped=donor['canonical_frame']['flipped'],
        )

    def _draw_mask(
        self, lesion: dict, box: tuple[int, int, int, int], rng: np.random.Generator
    ) -> MaskParameters:
        """Draw a mask around the lesion, which is off centre near the image's edge."""
        mask = sample_mask_parameters(
            (box[3] - box[1], box[2] - box[0]), rng, self.soft_mask
        )
        x, y = _centre_in(box, lesion)
        return mask._replace(
            mu_x=mask.mu_x + x - (box[2] - box[0]) / 2,
            mu_y=mask.mu_y + y - (box[3] - box[1]) / 2,
        )

    def _inside(self, view: dict) -> np.ndarray:
        """Return the (H, W) bool mask of the breast, found on a small copy."""
        if view['img_path'] not in self._masks:  # the same in each epoch
            mask = small_breast_mask(view['img'])
            self._masks[view['img_path']] = np.packbits(mask), mask.shape
        bits, shape = self._masks[view['img_path']]
        mask = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape)
        return cv2.resize(
            mask, view['img'].shape[::-1], interpolation=cv2.INTER_NEAREST
        ).astype(bool)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, '
            f'fourier_beta={self.fourier_beta}, soft_mask={self.soft_mask}, '
            f'adapt={self.adapt!r}, context={self.context}, '
            f'min_inside={self.min_inside}, '
            f'same_distance={self.same_distance})'
        )


def small_breast_mask(image: np.ndarray) -> np.ndarray:
    """Find the breast on a small copy, which is fast.

    Args:
        image (np.ndarray): (H, W) float.

    Returns:
        np.ndarray: (h, w) bool, the longer side at most ``MASK_SIZE``.
    """
    scale = min(1.0, MASK_SIZE / max(image.shape))
    return breast_mask(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    )


def grown_box(box: Sequence[float], factor: float) -> np.ndarray:
    """Return a box (x1, y1, x2, y2) enlarged about its centre."""
    centre = np.add(box[:2], box[2:]) / 2
    half = np.subtract(box[2:], box[:2]) / 2 * factor
    return np.concatenate([centre - half, centre + half])


def whole_box(
    box: list[float], shape: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Return the box of all pixels that a box touches within an image.

    Args:
        box (list[float]): (x1, y1, x2, y2) in continuous pixels.
        shape (tuple[int]): (H, W) of the image.

    Returns:
        tuple[int], optional: (x1, y1, x2, y2); ``None`` if the box lies outside.
    """
    height, width = shape
    x1, y1 = np.maximum(np.floor(box[:2]), 0).astype(int).tolist()
    x2, y2 = np.minimum(np.ceil(box[2:]), (width, height)).astype(int).tolist()
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _centre_in(box: Sequence[int], lesion: dict) -> tuple[float, float]:
    """Return the centre (x, y) in a box of the lesion's part within that box."""
    seen = np.clip(lesion['bbox'], [*box[:2]] * 2, [*box[2:]] * 2)
    return tuple(((seen[:2] + seen[2:]) / 2 - box[:2]).tolist())


def _in_file(box: Region | tuple, view: dict) -> list[float]:
    """Map a box from canonical pixels to those of the view's file."""
    frame = CanonicalFrame.from_dict(view['canonical_frame'])
    return transform_boxes(box[:4], frame.inverse)[0].tolist()
