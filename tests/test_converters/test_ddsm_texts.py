"""Outlines and headers of the original DDSM."""

import cv2
import numpy as np

from mammo_plugins.converters.ddsm_texts import FilmLine, follow_chain, read_ics


def test_directions_of_the_chain_code():
    # the table of 'Description of a case': 7 0 1 / 6 x 2 / 5 4 3; eight steps of
    # ten pixels make an octagon
    words = ['100', '100', *''.join(code * 10 for code in '01234567')]
    octagon = follow_chain(words)
    around = [
        (100, 90),
        (110, 80),
        (120, 80),
        (130, 90),
        (130, 100),
        (120, 110),
        (110, 110),
        (100, 100),
    ]
    assert {(x - 0.5, y - 0.5) for x, y in octagon} == set(around)


def test_thinning_keeps_the_outline():
    # staircases of hand-drawn outlines, taken from the form of real ones
    words = '200 200'.split() + list('54' * 40 + '665' * 40 + '70' * 40 + '221' * 40)
    steps = dict(
        zip(
            '01234567',
            [(0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1)],
        )
    )
    points = [(200, 200)]
    for code in words[2:]:
        dx, dy = steps[code]
        points.append((points[-1][0] + dx, points[-1][1] + dy))
    thin = np.array(follow_chain(words), np.float32) - 0.5
    assert len(thin) < len(points) / 10
    distances = [
        abs(cv2.pointPolygonTest(thin[:, None], (float(x), float(y)), True))
        for x, y in points
    ]
    assert max(distances) <= 1


def test_an_ics_file_without_dates_and_age(tmp_path):
    file = tmp_path / 'a.ics'
    file.write_text(
        'ics_version 1.0\nfilename B-3024-1\nDATE_OF_STUDY 2 7 1995\nPATIENT_AGE 42\n'
        'FILM \nFILM_TYPE REGULAR\nDENSITY 4\nDATE_DIGITIZED 7 22 1997 \n'
        'DIGITIZER LUMISYS\nSELECTED\nLEFT_CC LINES 4696 PIXELS_PER_LINE 3024 '
        'BITS_PER_PIXEL 12 RESOLUTION 43.5 OVERLAY\n'
    )
    header = read_ics(file)
    assert (header.digitizer, header.density) == ('LUMISYS', '4')
    assert header.films == dict(LEFT_CC=FilmLine(4696, 3024, 43.5, True))
    text = repr(header)
    assert '1995' not in text and '1997' not in text and ' 42' not in text
