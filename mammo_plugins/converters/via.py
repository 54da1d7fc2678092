"""Regions drawn with the VGG Image Annotator (VIA), in its CSV export.

Source: A. Dutta and A. Zisserman, "The VIA Annotation Software for Images, Audio and
Video", ACM Multimedia 2019, and the program itself (version 2): coordinates are
pixels of the image from its upper left corner; an ellipse's ``theta`` is in radians
from the x axis towards the y axis, which points down.
"""

import math
from typing import Any

from mammo_plugins.io import parse_json

Polygon = list[tuple[float, float]]

_POINTS = 72  # of an ellipse: a polygon of that many corners has 99.87% of its area


class RegionError(ValueError):
    """A region that does not outline an area; the message states why."""


def region_polygon(attributes: str) -> Polygon:
    """Return the outline of a region.

    Circles and ellipses become polygons of 72 corners, rectangles of four; a
    polyline is closed.

    Args:
        attributes (str): The cell ``region_shape_attributes``, JSON such as
            ``{"name": "circle", "cx": 10, "cy": 20, "r": 5}``.

    Returns:
        list[tuple[float]]: (x, y) in pixels.

    Raises:
        RegionError: If it is a point, lacks a number or has an unknown shape.
    """
    try:
        shape = parse_json(attributes)
        outline = _SHAPES[shape['name']](shape)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise RegionError('region that cannot be read') from None
    if not all(math.isfinite(value) for point in outline for value in point):
        raise RegionError('region that cannot be read')
    if len(outline) < 3:
        raise RegionError('region without area, such as a point')
    return outline


def _polygon(shape: dict[str, Any]) -> Polygon:
    xs, ys = shape['all_points_x'], shape['all_points_y']
    if len(xs) != len(ys):
        raise ValueError
    return [(float(x), float(y)) for x, y in zip(xs, ys)]


def _ellipse(shape: dict[str, Any]) -> Polygon:
    cx, cy = float(shape['cx']), float(shape['cy'])
    rx, ry = (
        float(shape.get('rx', shape.get('r'))),
        float(shape.get('ry', shape.get('r'))),
    )
    theta = float(shape.get('theta', 0))  # VIA 1 had no turned ellipses
    if rx <= 0 or ry <= 0:
        return []
    cos, sin = math.cos(theta), math.sin(theta)
    outline = []
    for k in range(_POINTS):
        angle = 2 * math.pi * k / _POINTS
        along, across = rx * math.cos(angle), ry * math.sin(angle)
        outline.append(
            (cx + along * cos - across * sin, cy + along * sin + across * cos)
        )
    return outline


def _rect(shape: dict[str, Any]) -> Polygon:
    x, y = float(shape['x']), float(shape['y'])
    width, height = float(shape['width']), float(shape['height'])
    if width <= 0 or height <= 0:
        return []
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def _point(shape: dict[str, Any]) -> Polygon:
    return [(float(shape['cx']), float(shape['cy']))]


_SHAPES = dict(
    polygon=_polygon,
    polyline=_polygon,
    ellipse=_ellipse,
    circle=_ellipse,
    rect=_rect,
    point=_point,
)
