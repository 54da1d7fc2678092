"""Head of the malignancy classifier."""

import torch
from mmpretrain.models.heads import ClsHead
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mammo_plugins.registry import MODELS


@MODELS.register_module()
class MalignancyHead(ClsHead):
    """Head with a classification and a regression branch on shared features.

    MommiNet-v2, section 3.7: two logits whose softmax is the probability of malignancy,
    learned from biopsies, and one output for the BI-RADS score, learned from
    radiologists. The paper does not state the output's range; it is linear here,
    because eq. 4 assumes a Gaussian error, and clipped to [0, 1] when it is reported.

    Samples carry ``gt_label`` (1 malignant, 0 not) and ``gt_birads_score`` (float in
    [0, 1], :func:`mammo_plugins.structures.birads_to_score`), each absent if it is not
    known.

    Args:
        in_channels (int): Channels of the features.
        loss (dict | nn.Module): One of :class:`UncertaintyWeightedLoss` and
            :class:`FixedWeightLoss`. Defaults to the former.
        init_cfg (dict, optional): Defaults to that of ``LinearClsHead``.
    """

    def __init__(
        self,
        in_channels: int,
        loss: dict | nn.Module = dict(type='mammo.UncertaintyWeightedLoss'),
        init_cfg: dict | None = dict(type='Normal', layer='Linear', std=0.01),
    ) -> None:
        # built here: mmpretrain's registry does not know the plain names of this
        # package
        if isinstance(loss, dict):
            loss = MODELS.build(loss)
        super().__init__(loss=loss, init_cfg=init_cfg)
        self.fc_cls = nn.Linear(in_channels, 2)
        self.fc_birads = nn.Linear(in_channels, 1)

    def forward(self, feats: tuple[Tensor]) -> tuple[Tensor, Tensor]:
        """Run both branches.

        Args:
            feats (tuple[Tensor]): Features of each stage; the last one,
                (N, in_channels), is used.

        Returns:
            tuple[Tensor, Tensor]: Logits (N, 2) and BI-RADS scores (N, ), not clipped.
        """
        feats = self.pre_logits(feats)
        return self.fc_cls(feats), self.fc_birads(feats).squeeze(-1)

    def loss(
        self, feats: tuple[Tensor], data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            feats (tuple[Tensor]): As in :meth:`forward`.
            data_samples (list[DataSample]): With the labels that are known.

        Returns:
            dict[str, Tensor]: As returned by the loss.
        """
        cls_score, birads_score = self(feats)
        labels = [
            int(sample.gt_label) if 'gt_label' in sample else -1
            for sample in data_samples
        ]
        targets = [
            float(sample.get('gt_birads_score', float('nan')))
            for sample in data_samples
        ]
        return self.loss_module(
            cls_score,
            birads_score,
            torch.tensor(labels, device=cls_score.device),
            birads_score.new_tensor(targets),
        )

    def scores(self, feats: tuple[Tensor]) -> tuple[Tensor, Tensor]:
        """Predict without data samples.

        Args:
            feats (tuple[Tensor]): As in :meth:`forward`.

        Returns:
            tuple[Tensor, Tensor]: Probabilities of (not malignant, malignant),
            (N, 2), and BI-RADS scores in [0, 1], (N, ).
        """
        cls_score, birads_score = self(feats)
        return cls_score.softmax(dim=-1), birads_score.clamp(0, 1)

    def predict(
        self, feats: tuple[Tensor], data_samples: list[DataSample | None] | None = None
    ) -> list[DataSample]:
        """Predict data samples.

        Args:
            feats (tuple[Tensor]): As in :meth:`forward`.
            data_samples (list[DataSample], optional): Samples to fill. Defaults to
                ``None``: new ones are created.

        Returns:
            list[DataSample]: With ``pred_score`` (2, ), ``pred_label`` (1, ),
            ``malignancy`` (float, the probability) and ``birads_score`` (float in
            [0, 1]).
        """
        probabilities, birads_scores = (
            scores.detach() for scores in self.scores(feats)
        )
        if data_samples is None:
            data_samples = [None] * len(probabilities)
        filled = []
        for sample, probability, birads_score in zip(
            data_samples, probabilities, birads_scores
        ):
            sample = DataSample() if sample is None else sample
            sample.set_pred_score(probability)
            sample.set_pred_label(probability.argmax(dim=0, keepdim=True))
            sample.malignancy = float(probability[1])
            sample.birads_score = float(birads_score)
            filled.append(sample)
        return filled
