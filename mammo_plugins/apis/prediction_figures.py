"""Figures of predictions."""
from pathlib import Path
from typing import Dict

import numpy as np

from mammo_plugins.anatomy import transform_boxes, transform_points
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.structures.multi_view_data_sample import MultiViewDataSample
from mammo_plugins.visualization import (ViewPanel, draw_four_view, draw_pairs,
                                         pair_panels)

from .prediction_entries import Views


def draw_judged_exam(views: Views, entry: dict, heat_maps: Dict[str, np.ndarray],
                     loader: LoadMammogram, out: Path) -> None:
    """Draw the outlines of masses, and the heat maps."""
    outlined, heated = {}, {}
    one_kind = all('masses' in facts for facts in entry['views'])
    for (name, view), facts in zip(views.items(), entry['views']):
        pixels, frame = loader.load(str(view.path), view.laterality, view.view)
        if 'masses' in facts:
            outlined[view.name] = ViewPanel(pixels, outlines=[
                transform_points(mass['outline'], frame.matrix)
                for mass in facts['masses']])
        if one_kind or 'masses' not in facts:
            heat_map = heat_maps.get(name)
            heated[view.name] = ViewPanel(
                pixels, heat_map=None if heat_map is None
                else frame.image_to_canonical(heat_map))
    title = (f'exam {entry["exam_id"]}, malignancy {entry["malignancy"]:.2f}, '
             f'{entry["examined_side"]} examined')
    for panels, what, figure in (
            (outlined, 'segmented masses', 'figure'),
            (heated, f'Grad-CAM of {entry["heat_map_class"]}', 'heat_map_figure')):
        draw_four_view(panels, out / entry[figure],
                       f'{title}, {what}\nresearch use only')


def draw_exam(views: Views, entry: dict, loader: LoadMammogram,
              score_thr: float, path: Path) -> None:
    """Draw the views of an exam with what was detected in them."""
    panels, judged = {}, False
    for (name, view), facts in zip(views.items(), entry['views']):
        pixels, frame = loader.load(str(view.path), view.laterality, view.view)
        shown = [d for d in facts.get('detections', ())
                 if d['score'] >= score_thr]
        judged = judged or any('malignancy' in d for d in shown)
        panels[name] = ViewPanel(
            pixels,
            transform_boxes([d['bbox'] for d in shown], frame.matrix),
            [d['score'] for d in shown],
            [d['malignancy'] for d in shown if 'malignancy' in d])
    if 'breasts' in entry:
        title = 'malignancy ' + ', '.join(
            f'{b["laterality"]} {b["malignancy"]:.2f}' for b in entry['breasts'])
    else:
        title = f'scores from {score_thr:g}' + (
            ', M: malignancy' if judged else '')
    draw_four_view(panels, path,
                   f'exam {entry["exam_id"]}, {title}\nresearch use only')


def draw_pair(sample: MultiViewDataSample, projection: str, views: Views,
              loader: LoadMammogram, path: Path, title: str) -> None:
    """Draw a pair of breasts in one projection."""
    originals = {
        side: loader.load(str(views[side + projection].path), side, projection)[0]
        for side in sample.view_names}
    draw_pairs([pair_panels(sample, originals, projection)], path,
               f'{title}\nresearch use only')
