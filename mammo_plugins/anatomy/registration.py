"""Registration of the contralateral image onto the main one (MommiNet-v2, 3.3).

Both images are in the canonical frame, so the auxiliary one is already flipped.
According to the paper, it is aligned by the nipples (MLO) and then warped "toward the
main image according to the breast contours". The paper does not state how. Here, we
first fit an affine map (scales, shear and shift along the chest wall) of the auxiliary
skin line onto the main one and of the nipples onto each other. The remaining difference
is removed by stretching the breast along rays from the point of the chest wall level
with the main nipple. Each ray is stretched by the ratio of the two skin lines'
distances on it. The chest wall stays in place, and the skin lines coincide. The map has
a closed-form inverse and cannot fold, because its Jacobian is the affine determinant
times the squared ratio. Rays that leave the main image above or below its skin line are
stretched only within the auxiliary image, so that a breast that was imaged less far up
still covers the other one.

On 24 phantom exams (256 x 128, 0.9 mm per pixel, lesion-free twins, with each breast
once as the main one), the mean distance of the true skin lines decreases from 1.9
(flipped only) or 1.6 (shifted by the nipples' rows) to 0.2 pixels in CC views, and from
2.6 or 2.2 to 0.3 in MLO views. It decreases in at least 98% of pairs compared with
either. The correlation of parenchymal detail (band-pass, about 0.7 to 4.5 mm) increases
from 0.46 or 0.59 to 0.67 (CC) and from 0.35 or 0.52 to 0.59 (MLO), in at least 94% of
pairs.

On 200 pairs of oblique phantom films (grey base, labels, tape, padding, cut at the top
and bottom, half of the nipples not in profile; with each breast once as the main one),
0.5% fall back to 'aligned'. The mean Dice coefficient of the true breasts increases
from 0.93 to 0.97; it never decreases by more than 0.007.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from .breast_contour import BreastContour
from .contour_fit import ANGLES, RATIOS, fill_to_borders, fit_affine, radii
from .nipple import SURE, doubt_cut_nipple, judge_nipple

_SMOOTHING = 6  # standard deviation over angles, in half degrees
_NIPPLE_WEIGHT = 0.3  # weight of the nipples' distance relative to the skin lines'
_PLACE_WEIGHT = 0.05  # weight of points of best overlap, if the nipples are uncertain
_ORIGIN = 0.3, 0.7  # range of the skin line's rows where the rays then start
_LEAST_SEEN = 0.25  # share of the half circle of rays that must meet a skin line
_WORST_FIT = 0.1  # mean distance of the skin lines, as a share of the depth
_FARTHEST = 0.25  # of the smaller height: largest shift by the contours
_LEAST_GAIN = 0.005  # least gain in overlap for a shift by the contours
_MOST_LOSS = 0.01  # largest loss of overlap, as sampled, for a map to be accepted
_SAMPLES = 256  # rows that the overlap is measured on
_GRID_STEP = 4  # least spacing in pixels of the points at which a warp is computed

PixelMaps = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Registration:
    """Map between an auxiliary image and the main one it is registered onto.

    Attributes:
        shape (tuple[int]): (H, W) of the main image.
        status (str): 'warped', or 'aligned' if the contours could not be used, so that
            the image was shifted or left unchanged.
        reason (str, optional): Reason why the image was not warped.
        affine (np.ndarray): (2, 3), from auxiliary to main pixels.
        origin (float): Row of the main image that the rays start from.
        stretch (np.ndarray): For each angle of ``ANGLES``, the factor by which a ray of
            the main image is stretched to reach the affinely mapped auxiliary skin
            line.
        warnings (tuple[str]): Problems met, for statistics:

            - 'nipples_apart': the nipples stated cannot belong together and were
              not used
            - 'nipples_unsure': none were stated, and the detected ones were not used
            - 'no_skin_line', 'little_seen', 'sizes_differ', 'contours_apart': reasons
              why a warp was not possible
            - 'overlap_lowered': a warp or shift was discarded because it reduced the
              overlap of the breasts
            - 'shifted_by_nipples', 'shifted_by_contours', 'not_shifted': replacement
              for a warp
        overlap (tuple[float]): Dice of both breasts on the main image, before
            registration and after.
    """

    shape: tuple[int, int]
    status: str
    reason: str | None
    affine: np.ndarray
    origin: float
    stretch: np.ndarray
    warnings: tuple[str, ...] = ()
    overlap: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def from_dict(cls, values: dict) -> 'Registration':
        """Rebuild a registration from :meth:`to_dict`."""
        return cls(
            **{
                **values,
                **{name: np.array(values[name]) for name in ('affine', 'stretch')},
                **{
                    name: tuple(values[name])
                    for name in ('shape', 'warnings', 'overlap')
                },
            }
        )

    def to_dict(self) -> dict:
        """Return a JSON-serializable form."""
        return {
            **asdict(self),
            'shape': list(self.shape),
            'affine': self.affine.tolist(),
            'stretch': self.stretch.tolist(),
            'warnings': list(self.warnings),
            'overlap': list(self.overlap),
        }

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Map points of the auxiliary image into the main one.

        Args:
            points (np.ndarray): (..., 2) as (x, y).

        Returns:
            np.ndarray: (..., 2) float64.
        """
        points = np.asarray(points, float)
        mapped = points @ self.affine[:, :2].T + self.affine[:, 2]
        return self._along_rays(mapped, 1 / self._stretch_at(mapped))

    def inverse_points(self, points: np.ndarray) -> np.ndarray:
        """Map points of the main image into the auxiliary one.

        Args:
            points (np.ndarray): (..., 2) as (x, y).

        Returns:
            np.ndarray: (..., 2) float64.
        """
        points = np.asarray(points, float)
        stretched = self._along_rays(points, self._stretch_at(points))
        return (stretched - self.affine[:, 2]) @ np.linalg.inv(self.affine[:, :2]).T

    def _stretch_at(self, points: np.ndarray) -> np.ndarray:
        # a stretch along a ray does not change its angle
        angles = np.arctan2(points[..., 1] - self.origin, points[..., 0])
        return np.interp(angles, ANGLES, self.stretch)[..., None]

    def _along_rays(self, points: np.ndarray, factor: np.ndarray) -> np.ndarray:
        start = np.array([0.0, self.origin])
        return start + (points - start) * factor

    def warp_image(
        self,
        image: np.ndarray,
        interpolation: int = cv2.INTER_LINEAR,
        maps: PixelMaps | None = None,
    ) -> np.ndarray:
        """Warp an image or map of the auxiliary view onto the main one.

        Args:
            image (np.ndarray): (h, w) of the auxiliary view.
            interpolation (int): OpenCV's interpolation. Defaults to linear; use
                ``cv2.INTER_NEAREST`` for label maps.
            maps (tuple[np.ndarray], optional): Result of :meth:`pixel_maps`, to warp
                several images, because it takes longer than the warp. Defaults to
                ``None``: computed here.

        Returns:
            np.ndarray: Of :attr:`shape`, 0 outside the auxiliary image.
        """
        return cv2.remap(image, *(maps or self.pixel_maps()), interpolation)

    def pixel_maps(self) -> PixelMaps:
        """Return the auxiliary position of each main pixel.

        The maps are not stored: at 3000 x 1500 they need 36 MB, the registration 3 KB.

        Returns:
            tuple[np.ndarray]: (H, W) float32 columns and rows, as OpenCV counts.
        """
        columns, rows = np.meshgrid(
            *(
                np.arange(size, dtype=np.float32) / map_step(self.shape)
                for size in self.shape[::-1]
            )
        )
        x, y = (
            cv2.remap(part, columns, rows, cv2.INTER_LINEAR)
            for part in self.coarse_maps()
        )
        # positions left of the chest wall use its column
        return np.maximum(x, 0), y

    def coarse_maps(self) -> np.ndarray:
        """Return :meth:`pixel_maps` at every ``map_step(shape)``-th pixel.

        Upsampled bilinearly and clipped at column 0, it is accurate to 0.05 pixels.

        Returns:
            np.ndarray: (2, h, w) float32; it extends to the image's end or beyond.
        """
        step = map_step(self.shape)
        xs, ys = (
            np.arange(0, size - 1 + step, step) + 0.5 for size in self.shape[::-1]
        )
        points = self.inverse_points(np.stack(np.meshgrid(xs, ys), -1))
        return np.moveaxis(points - 0.5, -1, 0).astype(np.float32)  # pixel centres


def map_step(shape: Sequence[int]) -> int:
    """Return the spacing of the points of :meth:`Registration.coarse_maps`."""
    return max(_GRID_STEP, min(shape) // 256)


def register_contralateral(
    main: np.ndarray,
    auxiliary: np.ndarray,
    main_nipple: Sequence[float] | None = None,
    auxiliary_nipple: Sequence[float] | None = None,
    view: str | None = None,
    contours: Sequence[BreastContour] | None = None,
) -> Registration:
    """Register the image of the other breast onto the main one.

    Args:
        main (np.ndarray): (H, W) grey values in the canonical frame.
        auxiliary (np.ndarray): (h, w) of the same projection of the other breast, in
            its canonical frame and therefore flipped.
        main_nipple, auxiliary_nipple (Sequence[float], optional): (x, y) in their
            images. Default to ``None``. Missing nipples and nipples outside their image
            are detected on the skin lines and used if both are sure.
        view (str, optional): 'CC' or 'MLO', for finding nipples.
        contours (Sequence[BreastContour], optional): Contours of both images, if they
            are known. Defaults to ``None``.

    Returns:
        Registration: 'warped', or 'aligned' with a reason. An aligned image is shifted
        along the chest wall by nipples that are stated or sure, otherwise by the
        contours, or left unchanged; a shift must not reduce the overlap of the breasts.
    """
    pair = _Pair(
        main,
        auxiliary,
        contours or (BreastContour.of(main), BreastContour.of(auxiliary)),
        view,
    )
    nipples = pair.landmarks((main_nipple, auxiliary_nipple))
    for warped in pair.warps(nipples):
        if warped is not None:
            return pair.result(warped, 'warped')
    return pair.result(pair.shift(nipples), 'aligned')


_Both = tuple[np.ndarray, np.ndarray]  # for the main and the auxiliary image


class _Pair:
    """Two images to be registered; collects warnings.

    Args:
        main, auxiliary (np.ndarray): (H, W) and (h, w).
        contours (Sequence[BreastContour]): Contours of both.
        view (str, optional): 'CC' or 'MLO'.
    """

    def __init__(
        self,
        main: np.ndarray,
        auxiliary: np.ndarray,
        contours: Sequence[BreastContour],
        view: str | None,
    ) -> None:
        self.images = main, auxiliary
        self.contours = contours
        first, second = contours
        self.lines = first.line, second.line
        self.view = view
        self.warnings: list[str] = []
        self.reason: str | None = None
        height, width = main.shape[:2]
        step = height / min(height, _SAMPLES)
        self._points = np.stack(
            np.meshgrid(
                np.arange(step / 2, width, step), np.arange(step / 2, height, step)
            ),
            -1,
        )
        self._inside = contours[0].contains(self._points)
        self._step = step
        self.before = self.overlap(self.change(np.eye(2, 3)))

    def change(
        self, affine: np.ndarray, origin: float = 0.0, stretch: np.ndarray | None = None
    ) -> Registration:
        """Return the map of an affine change and a stretch."""
        stretch = np.ones(len(ANGLES)) if stretch is None else stretch
        height, width = self.images[0].shape[:2]
        return Registration((height, width), '', None, affine, float(origin), stretch)

    def overlap(self, change: Registration) -> float:
        """Return the Dice coefficient of both breasts on the main image."""
        other = self.contours[1].contains(change.inverse_points(self._points))
        total = self._inside.sum() + other.sum()
        return 2 * float((self._inside & other).sum()) / total if total else 0.0

    def result(self, change: Registration, status: str) -> Registration:
        """Return a map with the collected warnings."""
        return replace(
            change,
            status=status,
            warnings=tuple(dict.fromkeys(self.warnings)),
            reason=None if status == 'warped' else self.reason,
            overlap=(self.before, self.overlap(change)),
        )

    def _failed(self, warning: str, reason: str) -> None:
        self.warnings.append(warning)
        self.reason = self.reason or reason

    def landmarks(self, stated: Sequence[Sequence[float] | None]) -> _Both | None:
        """Return both nipples, if they are stated or sure and can correspond."""
        ours, theirs = (
            self._landmark(*facts) for facts in zip(stated, self.lines, self.images)
        )
        if ours is None or theirs is None:
            self.warnings.append('nipples_unsure')
            return None
        least = min(len(image) for image in self.images)
        if abs(ours[1] - theirs[1]) >= least / 2:
            self.warnings.append('nipples_apart')
            return None
        return ours, theirs

    def _landmark(
        self, stated: Sequence[float] | None, line: np.ndarray | None, image: np.ndarray
    ) -> np.ndarray | None:
        height, width = image.shape[:2]
        if stated is not None:
            x, y = stated
            if 0 <= x <= width and 0 <= y <= height:
                return np.array([x, y], float)
        if line is None:
            return None
        nipple = doubt_cut_nipple(image, judge_nipple(line, self.view))
        return np.array([nipple.x, nipple.y]) if nipple.confidence >= SURE else None

    def warps(self, nipples: _Both | None) -> Iterator[Registration | None]:
        """Yield warps of the contours, most reliable first.

        They use both nipples, then the position of best overlap, then the present
        position.
        """
        ours, theirs = self.lines
        if ours is None or theirs is None:
            name = 'main' if ours is None else 'auxiliary'
            self._failed('no_skin_line', f'no skin line in the {name} image')
            return
        lines = ours, theirs
        if nipples is not None:
            yield self._warp(lines, nipples, _NIPPLE_WEIGHT)
        places = self._places(lines, self._best_shift())
        yield self._warp(lines, places, _PLACE_WEIGHT)
        yield self._warp(lines, self._places(lines, 0.0), _NIPPLE_WEIGHT)

    def _warp(self, lines: _Both, points: _Both, weight: float) -> Registration | None:
        """Warp by the skin lines and corresponding points of both."""
        ours, theirs = lines
        origin = points[0][1]
        lengths = radii(ours, origin)
        if np.isfinite(lengths).mean() < _LEAST_SEEN:
            self._failed(
                'little_seen', 'the main skin line does not surround its nipple'
            )
            return None
        affine = fit_affine(ours, theirs, *points, weight)
        scales = np.linalg.svd(affine[:, :2], compute_uv=False)
        if scales.min() < RATIOS[0] or scales.max() > RATIOS[1]:
            self._failed(
                'sizes_differ',
                'the breasts differ too much in size: scales of '
                f'{scales.min():.2f} and {scales.max():.2f}',
            )
            return None
        moved = radii(theirs @ affine[:, :2].T + affine[:, 2], origin)
        seen = np.isfinite(moved) & np.isfinite(lengths)
        if seen.mean() < _LEAST_SEEN:
            self._failed(
                'little_seen',
                'the skin lines do not surround the same part of the chest wall',
            )
            return None
        misfit = np.abs(moved - lengths)[seen].mean() / ours[:, 0].max()
        if misfit > _WORST_FIT:
            self._failed(
                'contours_apart',
                f'the contours do not match: they differ by {misfit:.0%} of the depth',
            )
            return None
        stretch = np.interp(ANGLES, ANGLES[seen], (moved / lengths)[seen])
        stretch = fill_to_borders(
            stretch,
            np.flatnonzero(seen),
            affine,
            origin,
            *(len(image) for image in self.images),
        )
        stretch = ndimage.gaussian_filter1d(stretch, _SMOOTHING, mode='nearest')
        return self._if_no_worse(self.change(affine, origin, stretch))

    def _if_no_worse(self, change: Registration) -> Registration | None:
        after = self.overlap(change)
        if after < self.before - _MOST_LOSS:
            self._failed(
                'overlap_lowered',
                'the breasts overlapped less than before: Dice '
                f'{after:.2f} after {self.before:.2f}',
            )
            return None
        return change

    def _places(self, lines: _Both, shift: float) -> _Both:
        """Return the points of both skin lines that a shift makes coincide."""
        line = lines[0]
        first, last = (
            line[0, 1] + share * (line[-1, 1] - line[0, 1]) for share in _ORIGIN
        )
        row = np.clip(judge_nipple(line, self.view).y, first, last)
        return (
            np.array([line[:, 0].max(), row]),
            np.array([lines[1][:, 0].max(), row - shift]),
        )

    def _best_shift(self) -> float:
        """Return the shift along the chest wall with the largest overlap."""
        farthest = _FARTHEST * min(len(image) for image in self.images)
        steps = int(farthest / self._step)
        shifts = self._step * np.arange(-steps, steps + 1)
        rows, width = self._points[:, 0, 1], self.images[0].shape[1]
        ours = self.contours[0].spans_at(rows)
        theirs = self.contours[1].spans_at(rows - shifts[:, None]).clip(max=width)
        common = np.minimum(ours, theirs)[..., 1] - np.maximum(ours, theirs)[..., 0]
        total = (np.diff(ours).sum() + np.diff(theirs).sum(axis=(1, 2))).clip(min=1)
        return float(shifts[np.argmax(common.clip(min=0).sum(axis=1) / total)])

    def shift(self, nipples: _Both | None) -> Registration:
        """Shift along the chest wall by nipples, else by the contours, else not."""
        if nipples is not None:
            shifted = self._if_no_worse(
                self.change(_shifted(nipples[0][1] - nipples[1][1]))
            )
            if shifted is not None:
                self.warnings.append('shifted_by_nipples')
                return shifted
        shifted = self.change(_shifted(self._best_shift()))
        if self.overlap(shifted) >= self.before + _LEAST_GAIN:
            self.warnings.append('shifted_by_contours')
            return shifted
        self.warnings.append('not_shifted')
        return self.change(_shifted(0.0))


def _shifted(shift: float) -> np.ndarray:
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, shift]])
