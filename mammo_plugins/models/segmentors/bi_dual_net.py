"""BiDualNet: masses on a mammogram, with the other breast beside it."""

from collections.abc import Hashable, Sequence

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.structures import DetDataSample
from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor

from mammo_plugins.models.multi_view import ViewBatch, view_key
from mammo_plugins.models.utils import registered_places
from mammo_plugins.models.utils.probability_map import instances_from_map
from mammo_plugins.registry import MODELS
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample


@MODELS.register_module()
class BiDualNet(BaseDetector):
    """Segmentation of masses on a main image by symmetry with an auxiliary one.

    BiDualNet-v2 of MommiNet-v2 (section 3.4) with :class:`SiameseHRNet` and
    :class:`HRNetV2Head`; the original BiDualNet with :class:`SiameseResNet` and
    :class:`ASPPHead`. Samples whose auxiliary image is missing go through
    unfused; where none has one, this is the single-view network of table 6.

    Boxes are found on the map by
    :func:`~mammo_plugins.models.utils.map_to_boxes`.

    With ``register_features`` the other breast's features are registered where they
    are concatenated, not its image. The paper registers images; but then each of an
    exam's views takes another pass of the shared stages for the other breast's warped
    image, while features as they are serve both breasts.

    Args:
        backbone (dict): Called as ``backbone(main)`` or
            ``backbone(main, auxiliary, rows)``.
        decode_head (dict): A :class:`LesionMapHead`.
        auxiliary (str, optional): The auxiliary view's name in a sample, already
            registered onto the main view. ``None`` leaves it out even where there
            is one, for a backbone of one input. Defaults to 'bilateral'.
        register_features (bool): Whether the auxiliary image comes as it is, from
            ``RegisterContralateral(register_features=True)``. Defaults to False, as in
            the paper.
        test_cfg (dict, optional): Arguments of ``map_to_boxes``. Defaults to
            ``None``, its defaults.
        data_preprocessor (dict, optional): A :class:`MultiViewDataPreprocessor`,
            with ``pad_size_divisor`` 32.
        init_cfg (dict, optional): Defaults to ``None``.
    """

    def __init__(
        self,
        backbone: ConfigType,
        decode_head: ConfigType,
        auxiliary: str | None = 'bilateral',
        register_features: bool = False,
        test_cfg: OptConfigType = None,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.decode_head = MODELS.build(decode_head)
        self.auxiliary = auxiliary
        self.register_features = register_features
        self.test_cfg = test_cfg or {}

    def extract_feat(
        self,
        main: Tensor,
        auxiliary: Tensor | None = None,
        rows: list[int] | None = None,
        places: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Extract features of the main images.

        Args:
            main (Tensor): (N, C, H, W).
            auxiliary (Tensor, optional): (n, C, H, W).
            rows (list[int], optional): The n rows of ``main`` it belongs to.
            places (Tensor, optional): As in :class:`SiameseHRNet`'s ``forward``.
        """
        if auxiliary is None:
            return self.backbone(main)
        if places is None:
            return self.backbone(main, auxiliary, rows)
        return self.backbone(main, auxiliary, rows, places)

    def _forward(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> Tensor:
        """Compute logits of a batch.

        Args:
            inputs (dict[str, Tensor]): By view (n, C, H, W), n the samples that
                have it.
            data_samples (list[:obj:`MultiViewDataSample`]): N samples.

        Returns:
            Tensor: (N, 1, H / 4, W / 4) with HRNet.
        """
        batch = ViewBatch.gather(inputs, data_samples, ('main', self.auxiliary))
        rows = (
            batch.mask.rows_with(self.auxiliary)
            if self.auxiliary in batch.mask.names
            else None
        )
        main, auxiliary = inputs['main'], inputs.get(self.auxiliary)
        places = None
        if rows:
            places = self._places([data_samples[row] for row in rows], main, auxiliary)
        return self.decode_head(self.extract_feat(main, auxiliary, rows, places))

    def _places(
        self,
        data_samples: Sequence[MultiViewDataSample],
        main: Tensor,
        auxiliary: Tensor,
    ) -> Tensor | None:
        """Return where features are to be taken from; ``None`` for registered images.

        Raises:
            ValueError: If the pipeline has not registered as this model expects.
        """
        for sample in data_samples:
            if ('contralateral_maps' in sample.main) != self.register_features:
                raise ValueError(
                    f'BiDualNet: register_features is {self.register_features}; '
                    'expected the same of RegisterContralateral in the pipeline'
                )
        if not self.register_features:
            return None
        return torch.stack(
            [
                registered_places(
                    sample.main,
                    sample.get(self.auxiliary),
                    main.shape[-2:],
                    auxiliary.shape[-2:],
                )
                for sample in data_samples
            ]
        )

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[MultiViewDataSample]
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`_forward`.
            data_samples (list[:obj:`MultiViewDataSample`]): With
                ``main.gt_sem_seg``, padded to the inputs' size.
        """
        return self.decode_head.loss_by_logits(
            self._forward(inputs, data_samples),
            [sample.main for sample in data_samples],
        )

    def probability_map(self, main: Tensor, auxiliary: Tensor | None = None) -> Tensor:
        """Compute probabilities of mass at the inputs' resolution (Bi-prob-map).

        Args:
            main (Tensor): (N, C, H, W), sides multiples of 32.
            auxiliary (Tensor, optional): The same shape, registered.

        Returns:
            Tensor: (N, 1, H, W) in [0, 1].
        """
        logits = self.decode_head(self.extract_feat(main, auxiliary))
        return self.decode_head.probability(logits, main.shape[-2:])

    def map_of(
        self,
        batch: ViewBatch,
        i: int,
        sample: MultiViewDataSample,
        encoded: dict[Hashable, tuple],
    ) -> Tensor:
        """Compute the Bi-prob-map of one sample of a batch, by its own size.

        Args:
            batch (ViewBatch): Of the main and the auxiliary view.
            i (int): Which sample.
            sample (:obj:`MultiViewDataSample`): It.
            encoded (dict): What was encoded of the batch's images before, by
                :func:`~mammo_plugins.models.multi_view.view_key`; filled here, if
                features are registered.

        Returns:
            Tensor: (1, 1, h, w) in [0, 1].
        """
        main = batch.own_image(i, 'main', sample.main)
        other = sample.get(self.auxiliary) if self.auxiliary else None
        if other is None:
            return self.probability_map(main)
        # a registered image is as large as the main one
        like = other if self.register_features else sample.main
        auxiliary = batch.own_image(i, self.auxiliary, like)
        places = self._places([sample], main, auxiliary)
        if places is None:
            return self.probability_map(main, auxiliary)
        for view, image in ((sample.main, main), (other, auxiliary)):
            key = view_key(view)
            if key not in encoded:
                encoded[key] = self.backbone.encode(image)
        outs, branches = encoded[view_key(sample.main)]
        features = self.backbone.finish(
            outs, branches, encoded[view_key(other)][1], places=places
        )
        return self.decode_head.probability(self.decode_head(features), main.shape[-2:])

    def predict(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MultiViewDataSample],
        rescale: bool = True,
    ) -> list[DetDataSample]:
        """Find masses on the main images, each by itself.

        Args:
            inputs (dict[str, Tensor]): As in :meth:`_forward`.
            data_samples (list[:obj:`MultiViewDataSample`]): N samples.
            rescale (bool): Whether boxes are in pixels of the image before
                resizing. Defaults to True.

        Returns:
            list[:obj:`DetDataSample`]: The main views' samples, with
            ``pred_instances``.
        """
        batch = ViewBatch.gather(inputs, data_samples, ('main', self.auxiliary))
        results, encoded = [], {}
        for i, sample in enumerate(data_samples):
            sample.main.pred_instances = instances_from_map(
                self.map_of(batch, i, sample, encoded),
                sample.main,
                rescale,
                **self.test_cfg,
            )
            results.append(sample.main)
        return results
