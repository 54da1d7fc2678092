"""Digitised films with known breasts: phantoms put on grey film, and what spoils it.

Grey values run from 0 to 255. The chest wall is on the left unless a film is turned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from mammo_plugins.phantom import PhantomConfig, make_exam

CONFIG = PhantomConfig(size=(256, 128))
BREAST = 190.0  # grey value of the middle of the breast
SATURATED = 245.0


@dataclass
class Film:
    """A film.

    Attributes:
        pixels (np.ndarray): (H, W) float32.
        mask (np.ndarray): (H, W) bool, the breast.
        nipple (tuple[float]): (x, y) in pixels; it may lie outside.
    """

    pixels: np.ndarray
    mask: np.ndarray
    nipple: tuple[float, float]

    def spoilt(self, pixels: np.ndarray) -> 'Film':
        """Return the same film with other pixels."""
        return replace(self, pixels=np.asarray(pixels, np.float32))

    def mirrored(self) -> 'Film':
        """Return the film with the chest wall on the right."""
        x, y = self.nipple
        return Film(
            self.pixels[:, ::-1], self.mask[:, ::-1], (self.pixels.shape[1] - x, y)
        )

    def cut(self, top: float = 0.0, bottom: float = 1.0) -> 'Film':
        """Return what lies between two shares of the height."""
        first, last = (round(share * len(self.pixels)) for share in (top, bottom))
        x, y = self.nipple
        return Film(self.pixels[first:last], self.mask[first:last], (x, y - first))


@lru_cache(maxsize=16)
def _exam(seed: int):
    return make_exam(seed, CONFIG)


def make_film(
    seed: int = 0,
    view: str = 'MLO',
    side: str = 'L',
    height: int = 512,
    base: float = 30.0,
    noise: float = 2.0,
    profile: bool = True,
    scale: Sequence[float] = (1.0, 1.0),
    lean: float = 0.0,
    shift: float = 0.0,
    vignette: float = 0.0,
) -> Film:
    """Put a phantom's breast on film.

    Args:
        seed (int): Of the exam, and of the film's noise.
        view, side (str): Of the exam.
        height (int): Of the film in pixels; it is 0.7 as wide.
        base (float): Grey value of film without breast.
        noise (float): Standard deviation of the film's grain.
        profile (bool): Whether the nipple stands in profile.
        scale (Sequence[float]): Of depth and height.
        lean (float): Degrees that the breast is turned by.
        shift (float): Downward, as a share of the height.
        vignette (float): By how much the base rises to the corners.
    """
    shown = _exam(seed).views[side, view, 'FFDM']
    mirror = slice(None, None, -1 if side == 'R' else 1)
    pixels = shown.normal[:, mirror].astype(np.float32)
    mask = shown.breast_mask[:, mirror].astype(np.uint8)
    x, y = shown.nipple
    nipple = np.array([mask.shape[1] - x if side == 'R' else x, y])
    if not profile:
        # what stands out by less than a fingertip is taken off
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (41, 41))
        edge = cv2.copyMakeBorder(mask, 41, 41, 41, 41, cv2.BORDER_REPLICATE)
        mask = cv2.morphologyEx(edge, cv2.MORPH_OPEN, disc)[41:-41, 41:-41]
        nipple[0] = np.argmin(mask[int(nipple[1])])
    tissue = (pixels / np.median(pixels[mask > 0])) ** 0.6
    # enlarged, the skin is to be a smooth line
    tissue = np.where(mask > 0, tissue, cv2.dilate(tissue * mask, np.ones((7, 7))))
    mask = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2)
    size = round(0.7 * height), height
    zoom = height / len(pixels)
    turn = np.radians(lean)
    change = zoom * np.array(
        [
            [scale[0] * np.cos(turn), scale[1] * np.sin(turn)],
            [-scale[0] * np.sin(turn), scale[1] * np.cos(turn)],
        ]
    )
    # the middle of the chest wall stays at the left border
    middle = np.array([0.0, len(pixels) / 2])
    offset = [0, height / 2 + shift * height] - change @ middle
    centres = np.column_stack([change, offset + change @ (0.5, 0.5) - 0.5])
    tissue, inside = (
        cv2.warpAffine(
            part, centres, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        for part in (tissue, mask)
    )
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : size[0] * 1j]
    film = base + vignette * (rows**2 + columns**2) / 2
    skin = np.clip((inside - 0.5) * 8 / zoom + 0.5, 0, 1)
    film = film + np.clip(tissue, 0, None) * skin * (BREAST - base)
    film = film + noise * rng.normal(size=film.shape)
    return Film(
        np.clip(film, 1, SATURATED).astype(np.float32),
        inside > 0.5,
        tuple(change @ nipple + offset),
    )


def pad(
    film: Film,
    value: float = 0.0,
    left: float = 0.0,
    right: float = 0.0,
    top: float = 0.0,
    bottom: float = 0.0,
) -> Film:
    """Put constants around a film, as shares of its height."""
    sides = [round(share * len(film.pixels)) for share in (top, bottom, left, right)]
    x, y = film.nipple
    return Film(
        cv2.copyMakeBorder(film.pixels, *sides, cv2.BORDER_CONSTANT, value=value),
        cv2.copyMakeBorder(film.mask.astype(np.uint8), *sides, cv2.BORDER_CONSTANT) > 0,
        (x + sides[2], y + sides[0]),
    )


def blank(film: Film, *boxes: Sequence[float], value: float = 0.0) -> Film:
    """Put constants over boxes of a film.

    Args:
        boxes (sequence[float]): (y1, y2, x1, x2), as shares of height and width.
    """
    height, width = film.pixels.shape
    covered = np.zeros((height, width), bool)
    for y1, y2, x1, x2 in boxes:
        covered[
            round(y1 * height) : round(y2 * height),
            round(x1 * width) : round(x2 * width),
        ] = True
    return Film(
        np.where(covered, np.float32(value), film.pixels),
        film.mask & ~covered,
        film.nipple,
    )


def through_jpeg(film: Film, quality: int) -> Film:
    """Return what is left of a film in a JPEG file."""
    code = cv2.imencode(
        '.jpg',
        np.rint(film.pixels).astype(np.uint8),
        [cv2.IMWRITE_JPEG_QUALITY, quality],
    )[1]
    return film.spoilt(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE))


def turn(
    film: Film,
    degrees: float,
    value: float = 0.0,
    interpolation: int = cv2.INTER_LINEAR,
) -> Film:
    """Turn a film in its own frame; constants fill the corners."""
    height, width = film.pixels.shape
    change = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    nipple = change @ (*film.nipple, 1)
    return Film(
        cv2.warpAffine(
            film.pixels, change, (width, height), flags=interpolation, borderValue=value
        ),
        cv2.warpAffine(
            film.mask.astype(np.uint8), change, (width, height), flags=cv2.INTER_NEAREST
        )
        > 0,
        tuple(nipple),
    )


def label(film: Film, value: float = 250.0) -> Film:
    """Write what a film's lead letters write, away from the breast."""
    height, width = film.pixels.shape
    pixels = film.pixels.copy()
    scale = height / 512
    letters = cv2.putText(
        np.zeros(pixels.shape, np.uint8),
        'MLO',
        (round(width - 95 * scale), round(45 * scale)),
        cv2.FONT_HERSHEY_SIMPLEX,
        scale,
        1,
        max(1, round(4 * scale)),
    )
    pixels[letters > 0] = value
    return film.spoilt(pixels)


def tape(film: Film, value: float = 120.0) -> Film:
    """Stick an oblique strip of tape on the film's lower corner."""
    height, width = film.pixels.shape
    pixels = film.pixels.copy()
    corners = np.array([[0.82, 0.86], [1.02, 0.8], [1.02, 0.86], [0.82, 0.93]])
    cv2.fillPoly(pixels, [np.rint(corners * (width, height)).astype(np.int32)], value)
    return film.spoilt(np.where(film.mask, film.pixels, pixels))


def masked_label(film: Film, value: float = 0.0, round_: bool = False) -> Film:
    """Cover the place of the label by a constant."""
    height, width = film.pixels.shape
    pixels = film.pixels.copy()
    scale = height / 512
    corner = round(width - 100 * scale), round(15 * scale)
    if round_:
        cv2.ellipse(
            pixels,
            (round(width - 55 * scale), round(40 * scale)),
            (round(45 * scale), round(30 * scale)),
            0,
            0,
            360,
            value,
            -1,
        )
    else:
        cv2.rectangle(
            pixels, corner, (round(width - 10 * scale), round(70 * scale)), value, -1
        )
    return film.spoilt(np.where(film.mask, film.pixels, pixels))


def film_pair(seed: int, height: int = 512) -> tuple[Film, Film]:
    """Draw both oblique films of a woman, as archives have them.

    The breasts are placed, turned and compressed on their own, the films are cut at
    the top and bottom and padded; nipples are in profile in half of them.

    Returns:
        tuple[Film, Film]: Left and right; both have the chest wall on the left.
    """
    rng = np.random.default_rng([seed, 7])
    base = rng.uniform(5, 60)
    films = []
    for side in 'LR':
        film = make_film(
            seed,
            'MLO',
            side,
            height,
            base + rng.uniform(-4, 4),
            rng.uniform(0.5, 3),
            rng.random() < 0.5,
            rng.uniform(0.92, 1.08, 2),
            rng.uniform(-4, 4),
            rng.uniform(-0.08, 0.08),
            rng.uniform(0, 15),
        )
        film = film.cut(rng.uniform(0, 0.12), 1 - rng.uniform(0, 0.2))
        if rng.random() < 0.7:
            film = label(film)
        if rng.random() < 0.3:
            film = tape(film)
        if rng.random() < 0.5:
            film = pad(film, 0.0, *rng.uniform(0, 0.15, 4) * (rng.random(4) < 0.5))
        films.append(film)
    return tuple(films)
