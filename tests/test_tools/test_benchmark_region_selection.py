"""The benchmark of region selection runs and its figures agree."""

import re

TOOL = 'tools/analysis_tools/benchmark_region_selection.py'


def test_both_ways_agree_and_the_ratio_is_that_of_the_times(run_tool):
    done = run_tool(TOOL, '--size', 90, 70, '--region', 20, 30, '--repeats', 3)
    assert done.returncode == 0, done.err
    loop, table = (float(value) for value in re.findall(r'([\d.]+) s ', done.out))
    ratio = int(re.search(r'ratio (\d+)', done.out)[1])
    assert abs(ratio - loop / table) < 0.6 + 0.1 * ratio  # times have five decimals
    places = re.findall(r'\((\d+), (\d+), (\d+), (\d+)\)', done.out)
    assert len(places) == 2 and places[0] == places[1]
    x1, y1, x2, y2 = map(int, places[0])
    assert (x2 - x1, y2 - y1) == (30, 20) and x2 <= 70 and y2 <= 90
    assert 'the same region and the same sum' in done.out


def test_a_region_that_does_not_fit_is_one_clear_line(run_tool):
    done = run_tool(TOOL, '--size', 50, 70, '--region', 60, 30)
    assert done.returncode == 2
    assert '--region 60 30 does not fit in --size 50 70' in done.err
    assert 'Traceback' not in done.err
