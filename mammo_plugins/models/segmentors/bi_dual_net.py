"""BiDualNet: masses on a mammogram, with the other breast beside it."""

from mmdet.models.detectors import BaseDetector
from mmdet.structures import DetDataSample
from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor

from mammo_plugins.models.multi_view import ViewBatch
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

    Args:
        backbone (dict): Called as ``backbone(main)`` or
            ``backbone(main, auxiliary, rows)``.
        decode_head (dict): A :class:`LesionMapHead`.
        auxiliary (str, optional): The auxiliary view's name in a sample, already
            registered onto the main view. ``None`` leaves it out even where there
            is one, for a backbone of one input. Defaults to 'bilateral'.
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
        test_cfg: OptConfigType = None,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.decode_head = MODELS.build(decode_head)
        self.auxiliary = auxiliary
        self.test_cfg = test_cfg or {}

    def extract_feat(
        self,
        main: Tensor,
        auxiliary: Tensor | None = None,
        rows: list[int] | None = None,
    ) -> tuple[Tensor, ...]:
        """Extract features of the main images.

        Args:
            main (Tensor): (N, C, H, W).
            auxiliary (Tensor, optional): (n, C, H, W).
            rows (list[int], optional): The n rows of ``main`` it belongs to.
        """
        if auxiliary is None:
            return self.backbone(main)
        return self.backbone(main, auxiliary, rows)

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
        return self.decode_head(
            self.extract_feat(inputs['main'], inputs.get(self.auxiliary), rows)
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
            auxiliary (Tensor, optional): The same shape.

        Returns:
            Tensor: (N, 1, H, W) in [0, 1].
        """
        logits = self.decode_head(self.extract_feat(main, auxiliary))
        return self.decode_head.probability(logits, main.shape[-2:])

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
        results = []
        for i, sample in enumerate(data_samples):
            main = batch.own_image(i, 'main', sample.main)
            # registered: as large as the main image
            auxiliary = batch.own_image(i, self.auxiliary, sample.main)
            sample.main.pred_instances = instances_from_map(
                self.probability_map(main, auxiliary),
                sample.main,
                rescale,
                **self.test_cfg,
            )
            results.append(sample.main)
        return results
