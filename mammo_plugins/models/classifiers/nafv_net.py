"""NaFV-Net: mass segmentation by asymmetry, then four-view classification."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmdet.structures import DetDataSample
from torch import Tensor
from torch.nn import functional as F

from mammo_plugins.anatomy import opencv_affine
from mammo_plugins.anatomy.registration import map_step
from mammo_plugins.models.multi_view import (
    GreyNormalization,
    MultiViewModel,
    StagedModel,
    ViewBatch,
)
from mammo_plugins.models.necks.four_view_mixer import AFFECTED, UNAFFECTED
from mammo_plugins.models.segmentors.exam_segmentor import drawn_map
from mammo_plugins.models.utils import (
    contralateral_fusion,
    grad_cam,
    largest_parts,
    moved_lesions,
    parts_of,
    position_mask,
    remapped,
)
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import (
    LATERALITIES,
    VIEWS,
    other_laterality,
    with_modality,
)
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample

FUSED = tuple(f'fused {view}' for view in VIEWS)
_MOST_MASSES = 3  # per view


class EnrichedExams(NamedTuple):
    """Input of the classifier for a batch.

    Attributes:
        views (dict[str, Tensor]): 'affected CC' and so on, (N, 1, H, W) each,
            multiplied by their position masks (eq. 8).
        sides (list[str]): 'R' or 'L', the breast that is treated as the affected one.
    """

    views: dict[str, Tensor]
    sides: list[str]


@MODELS.register_module()
class NaFVNet(StagedModel, MultiViewModel):
    """Four-view classification into benign and malignant (NaFV-Net).

    "An Adversarial Four-view Network for Mammogram Classification". A segmentor finds
    masses, on recombined images if there are any. The low-energy images of the affected
    side are multiplied by a mask of the positions of the masses (algorithm 1, eq. 8),
    those of the other side by the same mask at the mirrored position. In training, the
    lesions are also blended into the other side (eq. 9), and the loss penalizes
    predictions that this changes (eqs. 10 and 11).

    In training, the affected side is the only positive one, or else the one with more
    annotated mass pixels. In tests, and in training if that is not decisive, it is the
    side with more segmented pixels. If both have the same number, or none, it is the
    side with the highest probability of mass. If both sides have masses, those of the
    other side are therefore not used. Without a mass, all weights are 1, and nothing is
    blended.

    :class:`~mammo_plugins.engine.loops.StagedTrainLoop` trains it and calls
    :meth:`start_stage`, first with 'segmentation' and then with 'classification', which
    uses predicted masks.

    The paper's appendix is not available. The following choices are ours. Masks are
    moved ("slight misalignments") in the same way for the unaffected image and its
    fused image, and only in training. The other breast is registered by contours, not
    only mirrored. The three largest connected parts segmented in a view count as
    masses. A mask found on a recombined image is mapped to the low-energy image through
    the pixels of the files or, if these differ in size, through the resized images. The
    focal loss uses only the original images. Original and fused images share the batch
    norm statistics.

    Args:
        segmentor (dict): An :class:`ExamSegmentor`; its ``modality`` selects the images
            that it segments.
        embedding (dict): A backbone of feature maps: mmpretrain's ``VisionTransformer``
            with ``out_type='featmap'``, a :class:`CompleteLoRAModel` of one, or
            :class:`ConvEmbedding`.
        mixer (dict): A :class:`FourViewMixer` without ``in_channels``; with
            ``four_views=False``, only the affected side is used.
        head (dict): A two-class classification head of mmpretrain, without
            ``in_channels``.
        embed_dims (int): Channels of the embedding.
        modality (str, optional): Modality of the images to classify, such as 'CEM-LE'.
            Defaults to ``None`` for data of one modality.
        mean, std (Sequence[float]): Mean and standard deviation of each input channel
            of the embedding, for images in [0, 1]; the grey image is repeated for each
            channel. Default to one channel, unchanged.
        robust_loss (dict, optional): A :class:`RobustFocalLoss`. ``None`` uses the
            head's own loss without fused images, as in row 3 of table 3. Defaults to a
            loss with default arguments.
        jitter (float): Largest shift of masks on the unaffected side, as a share of the
            sides of their boxes; 0 is row 4 of table 3, symmetrical positions. Defaults
            to 0.1; the paper gives no value.
        distance_unit (float, optional): Unit of distance in position masks, in pixels,
            as in :func:`~mammo_plugins.models.utils.position_mask`. Defaults to
            ``None``.
        data_preprocessor (dict, optional): A :class:`MultiViewDataPreprocessor` that
            leaves images in [0, 1].
        init_cfg (dict, optional): Defaults to ``None``.
    """

    stage_parts = dict(
        segmentation=('segmentor',), classification=('embedding', 'mixer', 'head')
    )

    def __init__(
        self,
        segmentor: dict,
        embedding: dict,
        mixer: dict,
        head: dict,
        embed_dims: int,
        modality: str | None = None,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        robust_loss: dict | None = dict(type='mammo.RobustFocalLoss'),
        jitter: float = 0.1,
        distance_unit: float | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.segmentor = MODELS.build(segmentor)
        self.embedding = MODELS.build(embedding)
        self.mixer = MODELS.build(dict(mixer, in_channels=embed_dims))
        self.head = MODELS.build(dict(head, in_channels=self.mixer.out_channels))
        self.robust_loss = robust_loss and MODELS.build(robust_loss)
        self.modality = modality
        self.jitter = jitter
        self.distance_unit = distance_unit
        self.normalization = GreyNormalization(mean, std)

    def _forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MultiViewDataSample] | None = None,
    ) -> Tensor:
        """Compute logits.

        Args:
            inputs (dict[str, Tensor]): By view, (N, 1, H, W) in [0, 1].
            data_samples (list[:obj:`MultiViewDataSample`]): N samples, whose views have
                ``contralateral_maps`` of :class:`RegisterSides`.

        Returns:
            Tensor: (N, 2).
        """
        if data_samples is None:
            raise ValueError(
                'NaFVNet.forward: data_samples is None; they contain the '
                'registration of both sides'
            )
        with torch.no_grad():
            self.segmentor.predict(inputs, data_samples)
        exams = self.enriched(inputs, data_samples)
        return self.head((self.mixer(self.embed(exams.views)),))

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> dict[str, Tensor]:
        """Compute the losses of the stage being trained.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`_forward`.
            data_samples (list[:obj:`MultiViewDataSample`]): With ``gt_label`` (1, ),
                their views with ``gt_sem_seg``.

        Raises:
            RuntimeError: If no stage was started.
        """
        if self.started_stage() == 'segmentation':
            return self.segmentor.loss(inputs, data_samples)
        with torch.no_grad():
            self.segmentor.predict(inputs, data_samples)
        views = self.enriched(inputs, data_samples, training=True).views
        features = self.embed(views)
        if self.robust_loss is None:
            return self.head.loss((self.mixer(features),), data_samples)
        # the unaffected side is passed with its original and its fused images
        originals = {name: features[name] for name in AFFECTED + UNAFFECTED}
        fused = {name: features[name] for name in AFFECTED}
        fused.update((name, features[other]) for name, other in zip(UNAFFECTED, FUSED))
        both = ViewBatch.whole(originals).joined(ViewBatch.whole(fused)).views
        logits, with_fused = self.head((self.mixer(both),)).split(len(data_samples))
        target = torch.cat([sample.gt_label for sample in data_samples])
        return self.robust_loss(logits, target, with_fused)

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> list[MultiViewDataSample]:
        """Segment and classify exams.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`_forward`.
            data_samples (list[:obj:`MultiViewDataSample`]): N samples.

        Returns:
            list[:obj:`MultiViewDataSample`]: The samples with the results of
            :meth:`ExamSegmentor.predict`. After the stage 'segmentation', they also
            have ``pred_score`` (2, ), ``pred_label`` (1, ) and the metainfo
            ``examined_side``, the side treated as affected. The classified views of
            that side have ``heat_map`` (H, W) in [0, 1], Grad-CAM of the predicted
            class, and that class as ``pred_label`` (1, ).
        """
        self.segmentor.predict(inputs, data_samples)
        if self.stage == 'segmentation':
            return data_samples
        exams = self.enriched(inputs, data_samples)
        maps = self.mixer.feature_maps(self.embed(exams.views))
        scores = self.head((self.mixer.pool(maps),)).softmax(dim=1)
        for i, (sample, side) in enumerate(zip(data_samples, exams.sides)):
            sample.pred_score = scores[i]
            sample.pred_label = scores[i].argmax(dim=0, keepdim=True)
            sample.set_metainfo(dict(examined_side=side))
            own = {name: part[i : i + 1] for name, part in maps.items()}
            for projection in VIEWS:
                name = self._view_name(side, projection)
                view = sample.get(name)
                view.pred_label = sample.pred_label  # the class that the map explains
                height, width = view.img_shape[:2]  # without padding
                view.heat_map = self._heat_map(
                    own,
                    f'affected {projection}',
                    int(sample.pred_label),
                    inputs[name].shape[2:],
                )[:height, :width]
        return data_samples

    def _heat_map(
        self, maps: dict[str, Tensor], name: str, label: int, size: Sequence[int]
    ) -> Tensor:
        """Return Grad-CAM of a view, (H, W), with a maximum of 1 unless it is empty."""
        found = grad_cam(
            maps[name],
            lambda part: self.head((self.mixer.pool({**maps, name: part}),)),
            label,
        )
        found = F.interpolate(found[:, None], tuple(size), mode='bilinear')[0, 0]
        return found / found.max().clamp(min=1e-12)

    def embed(self, views: dict[str, Tensor]) -> dict[str, Tensor]:
        """Embed views.

        Args:
            views (dict[str, Tensor]): (N, 1, H, W) each, in [0, 1].

        Returns:
            dict[str, Tensor]: (N, embed_dims, h, w) each.
        """
        return (
            ViewBatch.whole(views)
            .map(lambda images: self.embedding(self.normalization(images))[-1])
            .views
        )

    def enriched(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MultiViewDataSample],
        training: bool = False,
    ) -> EnrichedExams:
        """Find the affected side and multiply images by position masks (algorithm 1).

        Args:
            inputs (dict[str, Tensor]): As in :meth:`_forward`.
            data_samples (list[:obj:`MultiViewDataSample`]): With the results of
                :meth:`ExamSegmentor.predict`.
            training (bool): Whether to find the affected side by labels, to move masks
                of the unaffected side, and to compute fused images. Defaults to False.

        Returns:
            EnrichedExams: Without the unaffected side if the mixer does not use it.
        """
        sides = [self._affected_side(sample, training) for sample in data_samples]
        moves = (
            [[np.random.randint(2**31) for _ in VIEWS] for _ in sides]
            if training and self.jitter and self._sees_both
            else None
        )
        views: dict[str, Tensor] = {}
        for k, projection in enumerate(VIEWS):
            views.update(
                self._enriched_pair(
                    inputs,
                    data_samples,
                    sides,
                    projection,
                    training,
                    moves and [seeds[k] for seeds in moves],
                )
            )
        names = self.mixer.names + (
            FUSED if training and self.robust_loss is not None else ()
        )
        return EnrichedExams({name: views[name][:, None] for name in names}, sides)

    @property
    def _sees_both(self) -> bool:
        return len(self.mixer.names) > len(AFFECTED)

    def _enriched_pair(
        self,
        inputs: dict[str, Tensor],
        samples: list[MultiViewDataSample],
        sides: list[str],
        projection: str,
        training: bool,
        seeds: list[int] | None,
    ) -> dict[str, Tensor]:
        """Return the input for both breasts in one projection, (N, H, W) each."""
        ours, theirs = (
            [self._view_name(side, projection) for side in chosen]
            for chosen in (sides, map(other_laterality, sides))
        )
        image, unaffected = (
            torch.stack([inputs[name][i, 0] for i, name in enumerate(names)])
            for names in (ours, theirs)
        )
        masses = torch.stack(
            [
                _to_shape(self._masses(sample, side, projection), image.shape[1:])
                for sample, side in zip(samples, sides)
            ]
        )
        pair = {
            f'affected {projection}': image * position_mask(masses, self.distance_unit)
        }
        if not self._sees_both:
            return pair
        maps = self._maps(
            [sample.get(name) for sample, name in zip(samples, theirs)], image.shape[1:]
        )
        mirrored = remapped(masses.float(), maps, nearest=True) > 0
        placed = mirrored if seeds is None else self._misaligned(mirrored, seeds)
        weights = position_mask(placed, self.distance_unit)
        pair[f'unaffected {projection}'] = unaffected * weights
        if training and self.robust_loss is not None:
            pair[f'fused {projection}'] = weights * contralateral_fusion(
                unaffected, remapped(image, maps), mirrored
            )
        return pair

    def _maps(self, views: list[DetDataSample], shape: Sequence[int]) -> Tensor:
        """Return where the views' pixels lie in the other side's, (N, 2, H, W)."""
        for view in views:
            if 'contralateral_maps' not in view:
                raise ValueError(
                    'NaFVNet: a view has no contralateral_maps; the '
                    'pipeline needs RegisterSides (modality '
                    f'{self.modality})'
                )
        # padding maps to a place outside the image
        return torch.stack(
            [
                _to_shape(
                    _enlarged(view.contralateral_maps, view.img_shape),
                    shape,
                    value=-2.0,
                )
                for view in views
            ]
        )

    def _misaligned(self, masses: Tensor, seeds: list[int]) -> Tensor:
        """Shift masses a little, at random by the seed of their image."""
        boxes, there, *_ = parts_of(masses)
        shares = np.zeros((*there.shape, 2))
        for k, (seed, count) in enumerate(zip(seeds, there.sum(dim=1).tolist())):
            shares[k, :count] = np.random.default_rng(seed).uniform(
                -self.jitter, self.jitter, (count, 2)
            )
        return moved_lesions(masses, boxes, torch.from_numpy(shares).to(boxes.device))

    def _view_name(self, side: str, projection: str) -> str:
        return with_modality(side + projection, self.modality)

    def _masses(
        self, sample: MultiViewDataSample, side: str, projection: str
    ) -> Tensor:
        """Return the segmented masses in pixels of the classified image, bool."""
        seen = sample.get(self.segmentor.view_name(side, projection))
        shown = sample.get(self._view_name(side, projection))
        masses = largest_parts(seen.pred_sem_seg.sem_seg == 1, _MOST_MASSES)
        if seen is shown or _file_size(seen) != _file_size(shown):
            return masses[0]
        matrix = torch.as_tensor(  # from the classified into the segmented image
            opencv_affine(
                seen.homography_matrix @ np.linalg.inv(shown.homography_matrix)
            ),
            device=masses.device,
        )
        rows, columns = torch.meshgrid(
            *(
                torch.arange(size, device=masses.device, dtype=matrix.dtype)
                for size in shown.img_shape[:2]
            ),
            indexing='ij',
        )
        places = torch.einsum(
            'ij,jhw->ihw', matrix, torch.stack([columns, rows, torch.ones_like(rows)])
        )
        return remapped(masses.float(), places[None], nearest=True)[0] > 0

    def _affected_side(self, sample: MultiViewDataSample, labelled: bool) -> str:
        """Return the affected side, 'R' or 'L', by the rules of the class."""
        rules = [self.segmentor.segmented_area, self._suspected]
        if labelled:
            rules = [self._labelled, self._annotated, *rules]
        for rule in rules:
            amounts = {side: rule(sample, side) for side in LATERALITIES}
            if len(set(amounts.values())) > 1:
                return max(amounts, key=amounts.get)
        return LATERALITIES[0]

    def _annotated(self, sample: MultiViewDataSample, side: str) -> int:
        return sum(
            int((drawn_map(view) == 1).sum())
            for view in self.segmentor.views_of(sample, side)
        )

    def _labelled(self, sample: MultiViewDataSample, side: str) -> int:
        # either image of a view may have made the exam positive
        names = {
            name_of(side, projection)
            for projection in VIEWS
            for name_of in (self.segmentor.view_name, self._view_name)
        }
        return max(sample.get(name).get('gt_label') or 0 for name in names)

    def _suspected(self, sample: MultiViewDataSample, side: str) -> float:
        return max(
            float(view.pred_sem_seg.probability.max())
            for view in self.segmentor.views_of(sample, side)
        )


def _file_size(view: DetDataSample) -> tuple[int, int]:
    frame = view.canonical_frame
    return frame['source_width'], frame['source_height']


def _enlarged(maps: Tensor, shape: Sequence[int]) -> Tensor:
    """Return maps of all pixels from ``Registration.coarse_maps``, (2, H, W)."""
    height, width = shape[:2]
    size = [1 + map_step((height, width)) * (count - 1) for count in maps.shape[1:]]
    maps = F.interpolate(maps[None].float(), size, mode='bilinear', align_corners=True)[
        0, :, :height, :width
    ]
    return torch.stack([maps[0].clamp(min=0), maps[1]])


def _to_shape(image: Tensor, shape: Sequence[int], value: float = 0.0) -> Tensor:
    """Crop or pad (..., h, w) at the bottom and on the right."""
    height, width = (have - want for have, want in zip(shape, image.shape[-2:]))
    return F.pad(image, (0, width, 0, height), value=value)
