"""The nipple by the skin line, on phantoms that know theirs."""
import numpy as np

from mammo_plugins.anatomy import (CanonicalFrame, find_skin_line,
                                   locate_nipple, transform_points)
from mammo_plugins.phantom import PhantomConfig, make_exam

CONFIG = PhantomConfig(size=(256, 128))


def canonical(view):
    """A view's image in the canonical frame, and its nipple there."""
    frame = CanonicalFrame.of(view.pixels, margin=8)
    image = frame.image_to_canonical(view.pixels).astype(np.float32)
    return image, transform_points(view.nipple, frame.matrix)


def test_nipple_is_found_on_phantoms():
    errors = {'CC': [], 'MLO': []}
    for seed in range(6):
        for (_, projection, _), view in make_exam(seed, CONFIG).views.items():
            image, nipple = canonical(view)
            found = locate_nipple(image, projection)
            errors[projection].append(np.hypot(*(np.array(found) - nipple)))
    for pixels in errors.values():
        assert np.mean(pixels) < 1.8 and np.max(pixels) < 3


def test_skin_line_of_a_half_disc():
    """The line of a half disc against the chest wall is its circle."""
    rows, columns = np.indices((200, 120)) + 0.5
    disc = np.hypot(columns, rows - 100) < 80
    line = find_skin_line(disc.astype(np.float32))
    radius = np.hypot(line[:, 0], line[:, 1] - 100)
    # the mask is found on a blurred image and errs to the outside, evenly
    assert radius.std() < 0.5 and 0 <= radius.mean() - 80 < 2.5
    assert line[0, 1] < 50 and line[-1, 1] > 150
    x, y = locate_nipple(disc.astype(np.float32))
    assert abs(x - 80) < 3


def test_no_breast_no_nipple():
    assert locate_nipple(np.zeros((100, 60), np.float32)) is None
    assert find_skin_line(np.zeros((100, 60), np.float32)) is None
