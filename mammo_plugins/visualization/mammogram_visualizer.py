"""Pictures of samples with truth and predictions for MMEngine's backends."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.dist import master_only
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer
from mmengine.visualization.vis_backend import BaseVisBackend
from torch import Tensor

from mammo_plugins.registry import VISUALIZERS
from mammo_plugins.structures import EXAM_VIEWS, LATERALITIES, VIEWS
from mammo_plugins.structures.multi_view_data_sample import (
    MultiViewDataSample,
    views_of,
)

from .four_view import PREDICTED, TRUE, ViewPanel, view_figure
from .inputs import LESION, contours_of, full_scale, outlines

Image = np.ndarray | Tensor
Backends = str | dict | BaseVisBackend

_DARKEST, _BRIGHTEST = 1.0, 99.5  # percentiles of the breast
_MOST_BOXES = 20
_MOST_DPI = 160  # for a screen: 720 pixels per view


@VISUALIZERS.register_module()
class MammogramVisualizer(Visualizer):
    """Visualizer for TensorBoard, MLflow, Weights & Biases etc., with pictures.

    With it :class:`~mammo_plugins.engine.hooks.MammogramVisualizationHook` logs a few
    validation samples each epoch. Pictures are drawn from the network's input: no file
    is read again, and grey values are rounded to 8 bits only in the finished picture.

    Args:
        name (str): As in MMEngine's ``Visualizer``.
        vis_backends (str | dict | Sequence, optional): Where to log: names of backends,
            such as 'TensorboardVisBackend', or dicts where they have settings. Defaults
            to 'LocalVisBackend', files in the work dir.
        **kwargs: As in MMEngine's ``Visualizer``.

    Example:
        >>> visualizer = dict(
        ...     type='MammogramVisualizer', vis_backends='TensorboardVisBackend'
        ... )
    """

    def __init__(
        self,
        name: str = 'visualizer',
        vis_backends: Backends | Sequence[Backends] | None = 'LocalVisBackend',
        **kwargs,
    ) -> None:
        if isinstance(vis_backends, (str, dict, BaseVisBackend)):
            vis_backends = [vis_backends]
        super().__init__(
            name,
            vis_backends=[
                # MMEngine removes settings from the dicts that it is given
                dict(type=each)
                if isinstance(each, str)
                else dict(each)
                if isinstance(each, dict)
                else each
                for each in vis_backends or ()
            ],
            **kwargs,
        )

    @master_only
    def add_datasample(
        self,
        name: str,
        image: Image | Mapping[str, Image | None],
        data_sample: BaseDataElement | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        pred_score_thr: float = 0.1,
        step: int = 0,
    ) -> None:
        """Draw a sample and log the picture.

        Args:
            name (str): Name under which the picture is logged.
            image (np.ndarray | Tensor | Mapping): As in :func:`draw_sample`.
            data_sample (BaseDataElement, optional): As in :func:`draw_sample`.
            draw_gt (bool): Whether to draw annotations. Defaults to True.
            draw_pred (bool): Whether to draw predictions. Defaults to True.
            pred_score_thr (float): Boxes with lower scores are left out. Defaults to
                0.1.
            step (int): Epoch or iteration. Defaults to 0.
        """
        picture = draw_sample(image, data_sample, draw_gt, draw_pred, pred_score_thr)
        self.add_image(name, picture, step)


def sample_name(sample: BaseDataElement) -> str:
    """Return the name of a sample, by the id of its first image in the data set.

    Args:
        sample (BaseDataElement): A sample of one or several views, of any library.
    """
    first = views_of(sample)[0]
    return 'sample_' + re.sub(r'\W', '_', str(first.get('img_id', 'without_id')))


def draw_sample(
    image: Image | Mapping[str, Image | None],
    data_sample: BaseDataElement | None = None,
    draw_gt: bool = True,
    draw_pred: bool = True,
    score_thr: float = 0.1,
) -> np.ndarray:
    """Draw a network's input with annotated lesions and predictions in two colours.

    Args:
        image (np.ndarray | Tensor | Mapping): The network's input before normalization,
            (H, W) or (C, H, W), of which the first channel is shown. For samples with
            several views, a mapping by view, with ``None`` for missing views.
        data_sample (BaseDataElement, optional): With annotations and predictions of any
            model of this package, mmdet or mmpretrain; a sample of a single view
            belongs to the first image. Boxes of detectors, and annotations that
            accompany them, are in pixels before resizing, as detectors predict them;
            maps are in pixels of the input.
        draw_gt, draw_pred (bool): Whether to draw annotations and predictions. Default
            to True.
        score_thr (float): Boxes with lower scores are left out, as are all but the best
            20 per view. Defaults to 0.1.

    Returns:
        np.ndarray: (height, width, 3), uint8, in the order red, green, blue.
    """
    images = image if isinstance(image, Mapping) else {'': image}
    images = {name: each for name, each in images.items() if each is not None}
    several = isinstance(data_sample, MultiViewDataSample)
    panels = {
        name: _panel(
            each,
            # multi-view detectors return the sample of the main view, which is the
            # first
            data_sample.get(name)
            if several
            else (data_sample if number == 0 else None),
            draw_gt,
            draw_pred,
            score_thr,
        )
        for number, (name, each) in enumerate(images.items())
    }
    figure = view_figure(
        panels, _rows([*images]), _title(data_sample, several), _MOST_DPI
    )
    for place, side, text, colour, shown in (
        (0.005, 'left', 'annotated', TRUE, draw_gt),
        (0.995, 'right', 'predicted', PREDICTED, draw_pred),
    ):
        if shown:
            figure.text(place, 0.995, text, color=colour, fontsize=8, ha=side, va='top')
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())[..., :3]


def _rows(names: list[str]) -> list[list[str]]:
    """Return names of views in rows, as they are hung."""
    if all(name.rpartition(' ')[2] in EXAM_VIEWS for name in names):
        kinds = list(dict.fromkeys(''.join(name.rpartition(' ')[:2]) for name in names))
        return [
            [kind + side + view for kind in kinds for side in LATERALITIES]
            for view in VIEWS
        ]
    if set(names) <= set(LATERALITIES):
        return [list(LATERALITIES)]
    return [names]


def _title(sample: BaseDataElement | None, several: bool) -> str:
    if sample is None:
        return ''
    ids = [str(view.get('img_id', 'unknown')) for view in views_of(sample)]
    title = f'image {ids[0]}' if len(ids) == 1 else f'images {", ".join(ids)}'
    said = _class_said(sample) if several else ''
    return f'{title}\n{said}' if said else title


def _class_said(sample: BaseDataElement) -> str:
    """Return the prediction and the label of a view or sample as text."""
    said = []
    score, label = sample.get('pred_score'), sample.get('gt_label')
    if score is not None and len(score) == 2:
        said.append(f'predicted {float(score[1]):.2f}')
    elif score is not None:
        said.append(f'predicted {int(score.argmax())} ({float(score.max()):.2f})')
    if label is not None:
        said.append(f'label {int(label)}')
    return ', '.join(said)


def _panel(
    image: Image,
    sample: BaseDataElement | None,
    draw_gt: bool,
    draw_pred: bool,
    score_thr: float,
) -> ViewPanel:
    pixels = _windowed(np.asarray(image.cpu() if isinstance(image, Tensor) else image))
    panel = ViewPanel(pixels)
    if sample is None:
        return panel
    panel.label = _class_said(sample)
    # a detector's results, and truth next to them, are in pixels before resizing
    factor = np.ones(2)
    if 'pred_instances' in sample:
        factor = np.array(sample.get('scale_factor', (1, 1)), float)[:2]
    if draw_gt:
        found = [
            (contour * factor, colour)
            for contours, colour in outlines(sample.cpu())
            for contour in contours
        ]
        panel.truth = [contour for contour, colour in found if colour == LESION]
        panel.ignored = [contour for contour, colour in found if colour != LESION]
    if draw_pred:
        _add_predictions(panel, sample.cpu(), factor, score_thr)
    return panel


def _add_predictions(
    panel: ViewPanel,
    sample: BaseDataElement,
    factor: np.ndarray,
    score_thr: float,
) -> None:
    """Add boxes, which are ``factor`` times as large in the input, and maps."""
    instances = sample.get('pred_instances')
    regions = []
    if instances is not None:
        best = instances.scores.argsort(descending=True)[:_MOST_BOXES]
        instances = instances[best[instances.scores[best] >= score_thr]].numpy()
        panel.boxes = np.asarray(instances.bboxes) * np.tile(factor, 2)
        panel.scores = instances.scores.tolist()
        panel.malignancy = instances.get('malignancy', np.zeros(0)).tolist()
        regions = [
            contour * factor
            for mask in instances.get('masks', ())
            for contour in contours_of(mask)
        ]
    segmented = sample.get('pred_sem_seg')
    if segmented is not None:
        regions += contours_of(segmented.sem_seg.numpy()[0] == 1)
    panel.outlines = regions
    panel.outline_colour = PREDICTED
    heat_map = sample.get('heat_map')
    if heat_map is not None:
        height, width = sample.get('img_shape', heat_map.shape)[:2]
        heat = np.asarray(heat_map, np.float32)[:height, :width]
        panel.heat_map = np.clip(heat, 0, 1)


def _windowed(image: np.ndarray) -> np.ndarray:
    """Return (H, W) scaled to [0, 1] by percentiles of the breast's grey values."""
    shares = (image if image.ndim == 2 else image[0]).astype(np.float32)
    shares /= full_scale(image)
    breast = shares[shares > 0]
    if not breast.size:
        return shares
    low, high = np.percentile(breast, (_DARKEST, _BRIGHTEST))
    return np.clip((shares - low) / max(high - low, 1 / 65535), 0, 1)
