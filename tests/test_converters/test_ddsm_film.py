"""Optical densities of DDSM's digitizers, and the files they are in."""

import gzip

import numpy as np
import pytest

from mammo_plugins.converters.ddsm_film import DIGITIZERS, display_values
from mammo_plugins.converters.ddsm_texts import read_bytes
from mammo_plugins.io import ReadingLimits
from mammo_plugins.io.limits import new_budget


# Grey levels that the data set's calibration pages measured on a step wedge
@pytest.mark.parametrize(
    'level, density',
    [
        (55722, 0.04),
        (18445, 0.50),
        (5648, 0.96),
        (1772, 1.44),
        (581, 1.89),
        (185, 2.37),
        (65, 2.84),
    ],
)
def test_dba_step_wedge(level, density):
    assert DIGITIZERS['A', 'DBA'].density(np.array(level)) == pytest.approx(
        density, abs=0.06
    )


def test_densities_of_the_other_digitizers():
    # the maker's figure on the LUMISYS page; the measured fit is within 0.02
    for letter in 'BC':
        assert DIGITIZERS[letter, 'LUMISYS'].density(2478) == pytest.approx(
            1.617, abs=0.02
        )
    # `ddsmraw2pnm` (C. Rose): levels above these get a negative density
    for key, level in ((('A', 'HOWTEK'), 4006), (('D', 'HOWTEK'), 4003)):
        assert DIGITIZERS[key].density(level) > 0 > DIGITIZERS[key].density(level + 1)


def test_scans_of_all_digitizers_look_alike():
    tissue = []
    for digitizer in DIGITIZERS.values():
        every = np.arange(2**digitizer.bits)
        nearest = [
            np.abs(digitizer.density(every) - d).argmin()
            for d in (0.02, 0.5, 1.0, 2.0, 3.3)
        ]
        tissue.append(display_values(np.array(nearest), digitizer))
    tissue = np.array(tissue, int)
    assert (tissue[:, 0] == 65535).all() and (tissue[:, -1] == 0).all()
    assert (np.diff(tissue) < 0).all()  # low density is bright
    expected = (3.0 - np.array([0.5, 1.0, 2.0])) / 2.95 * 65535
    np.testing.assert_allclose(tissue[:, 1:4], np.tile(expected, (5, 1)), atol=150)
    zero = display_values(np.zeros((1, 1), np.uint16), DIGITIZERS['A', 'DBA'])
    assert zero == 0  # its logarithm is not taken


def test_gzipped_files_unpack_to_no_more_than_is_read(tmp_path):
    path = tmp_path / 'a.ics.gz'
    path.write_bytes(gzip.compress(bytes(2**22)))
    assert read_bytes(path) == bytes(2**22)
    with new_budget(ReadingLimits(bytes=2**21)):
        with pytest.raises(OSError, match='--reading-limit bytes'):
            read_bytes(path)
