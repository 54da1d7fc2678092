import cv2
import numpy as np

from mammo_plugins.visualization import ViewPanel, draw_four_view

ORANGE = np.array([0, 176, 255])  # BGR


def panel(grey, boxes=(), scores=()):
    """A breast with its chest wall on the left."""
    pixels = np.zeros((100, 50), np.float32)
    pixels[10:90, :30] = grey
    return ViewPanel(pixels, np.reshape(boxes, (-1, 4)), scores)


def draw(tmp_path, panels):
    path = tmp_path / 'figure.png'
    draw_four_view(panels, path)
    assert [p.name for p in tmp_path.iterdir()] == ['figure.png']
    return cv2.imread(str(path))


def quadrants(image):
    height, width = image.shape[0] // 2, image.shape[1] // 2
    return dict(
        RCC=image[:height, :width],
        LCC=image[:height, width:],
        RMLO=image[height:, :width],
        LMLO=image[height:, width:],
    )


def test_chest_walls_meet_in_the_middle(tmp_path):
    grey = dict(RCC=0.2, LCC=0.4, RMLO=0.6, LMLO=0.8)
    parts = quadrants(draw(tmp_path, {k: panel(v) for k, v in grey.items()}))
    for name, part in parts.items():
        row = part[part.shape[0] // 2].mean(axis=1)
        wall, outside = (row[-10], row[5]) if name[0] == 'R' else (row[10], row[-5])
        assert abs(wall - 255 * grey[name]) < 4
        assert outside < 4


def test_a_box_is_drawn_where_it_is(tmp_path):
    box = [10, 20, 25, 40]
    for name in ('RCC', 'LCC'):
        part = quadrants(
            draw(
                tmp_path,
                {'LMLO': panel(0.2), 'RMLO': panel(0.2), name: panel(0.2, box, [0.9])},
            )
        )[name]
        orange = np.abs(part.astype(int) - ORANGE).sum(axis=2) < 60
        ys, xs = np.nonzero(orange)
        # the score stands above the box: look at the box's lower half
        lower = ys > part.shape[0] * 0.3
        x1, x2 = xs[lower].min() / part.shape[1], xs[lower].max() / part.shape[1]
        y2 = ys.max() / part.shape[0]
        if name == 'RCC':
            x1, x2 = 1 - x2, 1 - x1
        np.testing.assert_allclose([x1 * 50, x2 * 50, y2 * 100], [10, 25, 40], atol=1.5)


def test_missing_views_and_no_views(tmp_path):
    parts = quadrants(draw(tmp_path, dict(LCC=panel(0.5))))
    assert parts['LCC'].max() > 100
    assert 0 < (parts['RMLO'] > 40).mean() < 0.1  # only words
    assert draw(tmp_path, {}).shape[2] == 3
