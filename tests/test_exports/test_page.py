"""The page of predictions and test results: what it holds, and what it does."""

import base64
import copy
import re
import shutil
from html.parser import HTMLParser

import chromium
import cv2
import numpy as np
import pydicom
import pytest
from made_predictions import outlines_of, predictions_of, write_predictions

from mammo_plugins.anatomy import CanonicalFrame
from mammo_plugins.evaluation.functional import roc_summary
from mammo_plugins.evaluation.functional.froc import FROCData, ImageMatches
from mammo_plugins.evaluation.functional.froc_report import froc_summary
from mammo_plugins.exports import ExportError, PredictionFile
from mammo_plugins.exports.html import PageOptions, TestResults, write_page
from mammo_plugins.io import read_mammogram, write_json

SHOWN = 2
RECALL = dict(
    threshold=0.4375,
    sensitivity=0.8125,
    sensitivity_low=0.6875,
    sensitivity_high=0.9375,
    specificity=0.5625,
    recall_rate=0.6875,
    samples=32,
    positives=16,
    warning='few cases: 9 negative patients',
)
VOID = ('meta', 'link', 'input', 'br', 'image', 'rect', 'line', 'circle', 'polygon')


def inside_breast(view, rng):
    """Boxes in the middle of the image's height, near the chest wall."""
    x = 0.25 if view.laterality == 'L' else 0.75
    return [
        dict(
            category='<b>mass</b>',
            score=round(score, 6),
            bbox=[x * view.width - 5.0, y - 4.0, x * view.width + 5.0, y + 4.0],
            malignancy=0.5,
            birads='4A',
        )
        for score, y in zip(rng.random(4), (40, 50, 60, 70))
    ]


@pytest.fixture(scope='module')
def content(phantom_root):
    content = predictions_of(phantom_root / 'dicom', inside_breast)
    content['exams'] = content['exams'][:3]
    content['exams'][1]['views'][0]['warnings'] = ['<script>alert(1)</script>']
    content['skipped'].append(dict(file='<img src=x>.txt', reason='of "another" kind'))
    return content


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory):
    """Files as a test writes them."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp('work')
    matches = [
        ImageMatches(rng.random(3), np.array([0, -1, -1][:3]), 1, f'p{k}')
        for k in range(12)
    ]
    froc = froc_summary(FROCData.from_images(matches), 0.2, 'bbox', n_bootstrap=20)
    write_json(folder / 'test/froc.json', dict(froc, recall=RECALL))
    labels = np.arange(30) % 2
    scores = np.clip(rng.normal(0.3 + 0.3 * labels, 0.2), 0, 1)
    summary = roc_summary(labels, scores, list(range(30)), n_bootstrap=20)
    summary.update(
        rule='Each exam counts once.',
        calibration=dict(
            brier=dict(value=0.1625, low=0.1, high=0.2),
            ece=dict(value=0.0625, low=None, high=None),
            reliability=dict(
                mean_score=[0.25, 0.75], positive_share=[0.5, 1.0], counts=[10, 20]
            ),
        ),
        calibrated=dict(
            brier=dict(value=0.0875, low=0.05, high=0.125),
            ece=dict(value=0.03125, low=None, high=None),
            reliability=dict(mean_score=[0.5], positive_share=[0.5], counts=[30]),
        ),
        recall=RECALL,
        subgroups=dict(
            density=[
                dict(group=None, auc=0.75, auc_low=0.5, auc_high=0.875, patients=30),
                dict(group='C', auc=None, patients=2, warning='few cases: 1 positive'),
            ]
        ),
    )
    write_json(folder / 'test/roc.json', summary)
    write_json(folder / 'test/else.json', dict(format='something else'))
    return folder


@pytest.fixture(scope='module')
def page(content, phantom_root, work_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('page')
    predictions = PredictionFile(write_predictions(folder, content))
    options = PageOptions(
        phantom_root / 'dicom', 0.3, SHOWN, 96, 'model = dict(\n    type="<A>")'
    )
    shown, left_out = write_page(
        folder / 'report.html', predictions, TestResults.read([work_dir]), options
    )
    assert (shown, left_out) == (SHOWN, [])
    return folder / 'report.html'


class Tags(HTMLParser):
    """Elements with their attributes and texts; checks that each is closed."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open, self.texts = [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID or (
            tag == 'polygon' and self.get_starttag_text()[-2] != '/'
        ):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag
        else:
            assert tag in VOID

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope='module')
def tags(page):
    text = page.read_text()
    # elements that are not empty on this page
    text = re.sub(
        r'<(rect|circle)([^>]*[^/])>(<title>.*?</title>)</\1>', r'<\1\2/>', text
    )
    return Tags(text)


def attributes(tags, name):
    return [attrs for tag, attrs in tags.found if tag == name]


def test_it_asks_for_nothing(page, tags):
    """No address but data of its own, and a policy that forbids all else."""
    for _, attrs in tags.found:
        for key in ('src', 'href', 'srcset', 'action'):
            assert attrs.get(key, 'data:').startswith('data:')
    assert 'url(' not in page.read_text() and '@import' not in page.read_text()
    policy = next(
        attrs['content']
        for attrs in attributes(tags, 'meta')
        if attrs.get('http-equiv') == 'Content-Security-Policy'
    )
    assert "default-src 'none'" in policy


def pictures(tags):
    return [
        cv2.imdecode(
            np.frombuffer(base64.b64decode(attrs['href'].partition(',')[2]), np.uint8),
            cv2.IMREAD_UNCHANGED,
        )
        for attrs in attributes(tags, 'image')
    ]


def test_pictures_are_the_views_as_they_are_hung(tags, content, phantom_root):
    """Read by themselves: cropped, the right breast with its chest wall to the right."""
    images = pictures(tags)
    assert len(images) == SHOWN * 8  # each with the other breast beside
    hung = ('RCC', 'LCC', 'RMLO', 'LMLO')
    for k, exam in enumerate(content['exams'][:SHOWN]):
        views = {view['laterality'] + view['view']: view for view in exam['views']}
        for name, image in zip(hung, images[8 * k : 8 * k + 8 : 2]):
            mammogram = read_mammogram(phantom_root / 'dicom' / views[name]['file'])
            pixels = mammogram.pixels
            frame = CanonicalFrame.of(
                pixels, 8, mammogram.orientation, *name[:1], name[1:]
            )
            expected = frame.image_to_canonical(pixels)
            if name[0] == 'R':
                expected = expected[:, ::-1]
            assert image.dtype == np.uint8 and image.ndim == 2
            assert image.shape[0] == min(96, len(expected))
            size = image.shape[::-1]
            expected = cv2.resize(expected, size, interpolation=cv2.INTER_AREA)
            assert np.abs(image / 255 - expected).mean() < 0.02  # of JPEG


def test_the_other_breast_lies_over_this_one(tags):
    """Registered, it covers what this one does better than as it is."""
    images = pictures(tags)
    for own, other in zip(images[::2], images[1::2]):
        assert own.shape == other.shape
        one, two = own > 60, other > 60
        assert 2 * (one & two).sum() / (one.sum() + two.sum()) > 0.9


def test_boxes_are_those_of_the_predictions(tags, content):
    """In pixels of the file, which the crop and the hanging moved and mirrored."""
    marks = [
        (float(attrs['data-score']), tags.found[k + 1][1])
        for k, (tag, attrs) in enumerate(tags.found)
        if tag == 'g' and 'data-score' in attrs
    ]
    expected = [
        detection
        for exam in content['exams'][:SHOWN]
        for name in ('RCC', 'LCC', 'RMLO', 'LMLO')
        for view in exam['views']
        if view['laterality'] + view['view'] == name
        for _ in range(2)  # beside, too
        for detection in view['detections']
    ]
    assert len(marks) == len(expected) == SHOWN * 4 * 2 * 4
    for (score, rect), detection in zip(marks, expected):
        assert score == detection['score']
        x1, y1, x2, y2 = detection['bbox']
        assert float(rect['width']) == pytest.approx(x2 - x1, abs=0.01)
        assert float(rect['height']) == pytest.approx(y2 - y1, abs=0.01)


def test_boxes_lie_on_what_they_are_of(phantom_root, tmp_path):
    """A block that is brighter than all else is what lies within its box."""
    block = np.s_[50:62, :12]
    folder = sorted((phantom_root / 'dicom').iterdir())[0]
    shutil.copytree(folder, tmp_path / 'images' / folder.name)
    for path in (tmp_path / 'images').rglob('*.dcm'):
        ds = pydicom.dcmread(path)
        stored = ds.pixel_array.copy()
        bright = 0 if ds.PhotometricInterpretation == 'MONOCHROME1' else 4095
        side = slice(12, 24) if ds.ImageLaterality == 'L' else slice(-24, -12)
        stored[block[0], side] = bright
        ds.PixelData = stored.tobytes()
        ds.save_as(path)

    def said(view, rng):
        x = 12 if view.laterality == 'L' else view.width - 24
        return [dict(category='mass', score=0.5, bbox=[x, 50.0, x + 12, 62.0])]

    predictions = PredictionFile(
        write_predictions(tmp_path, predictions_of(tmp_path / 'images', said))
    )
    options = PageOptions(tmp_path / 'images', height=1000)
    write_page(tmp_path / 'a.html', predictions, TestResults(), options)
    text = (tmp_path / 'a.html').read_text()
    drawn = re.findall(
        r'<svg viewBox="(\S+) 0 .*?<image x="(\S+)" y="0" width="(\d+)" height="(\d+)".*?'
        r'base64,(.*?)"/>.*?<rect x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)">',
        text,
    )
    assert len(drawn) == 4
    for left, at, width, height, data, *box in drawn:
        pixels = np.frombuffer(base64.b64decode(data), np.uint8)
        image = cv2.imdecode(pixels, cv2.IMREAD_UNCHANGED)
        assert image.shape == (int(height), int(width))  # not made smaller
        x, y, w, h = (round(float(value)) for value in box)
        x -= int(at)
        inside = image[y + 1 : y + h - 1, x + 1 : x + w - 1]
        around = image[y - 3 : y + h + 3, x - 3 : x + w + 3].astype(float)
        around[2:-2, 2:-2] = np.nan
        assert inside.min() > 225 and np.nanmean(around) < 160
        assert int(left) <= int(at) < int(left) + int(width) + 1


def test_all_that_was_given_is_there(tags):
    said = ' '.join(' '.join(tags.texts).split())
    for text in (
        'Research use only; not for diagnosis.',
        'AUC 0.',
        '0.163 [0.100, 0.200]',
        '0.062',
        '0.087 [0.050, 0.125]',
        '0.031',
        'few cases: 9 negative patients',
        '0.812 [0.688, 0.938]',
        '16 of 32',
        'few cases: 1 positive',
        '0.750 [0.500, 0.875]',
        'A lesion is found if',
        'neither DICOM nor a picture: 1',
        'of "another" kind: 1',
        '<img src=x>.txt',
        'a note of the folder',
        f'{SHOWN} of 3 exams are shown , the first of the file.'.replace(' ,', ','),
        'detector.py',
        'type="<A>"',
        '<b>mass</b>',
        '<script>alert(1)</script>',
    ):
        assert text in said


def test_what_is_absent_is_said_to_be(content, phantom_root, tmp_path):
    content = copy.deepcopy(content)
    content['exams'] = content['exams'][:1]
    exam = content['exams'][0]
    exam['views'][0]['file'] = 'gone.dcm'
    del exam['views'][1:3]
    predictions = PredictionFile(write_predictions(tmp_path, content))
    options = PageOptions(phantom_root / 'dicom')
    _, left_out = write_page(tmp_path / 'a.html', predictions, TestResults(), options)
    assert [name for name, _ in left_out] == ['gone.dcm']
    text = (tmp_path / 'a.html').read_text()
    assert text.count('not available') == 3 and 'no other breast' in text
    assert 'There is no such file' not in text and 'gone.dcm' in text
    for said in (
        'no froc.json or roc.json was given',
        'no results with a calibration',
        'no results by subgroup',
        'text of the configuration was not given',
    ):
        assert said in text
    write_page(tmp_path / 'b.html', predictions, TestResults())
    assert 'No pictures: the images were not given' in (tmp_path / 'b.html').read_text()


def test_outlines_and_facts_of_whole_exams(content, phantom_root, tmp_path):
    exam = copy.deepcopy(content['exams'][0])
    for view in exam['views']:
        del view['detections']
    region = np.zeros((exam['views'][0]['height'], exam['views'][0]['width']), bool)
    region[40:60, 20:30] = True
    exam['views'][0]['masses'] = outlines_of(region)
    exam.update(malignancy=0.75, affected_side='L', examined_side='L')
    exam['breasts'] = [dict(laterality='R', malignancy=0.125)]
    exam['pairs'] = [dict(view='MLO', asymmetric=0.25)]
    predictions = PredictionFile(
        write_predictions(tmp_path, dict(content, exams=[exam]))
    )
    options = PageOptions(phantom_root / 'dicom')
    write_page(tmp_path / 'a.html', predictions, TestResults(), options)
    text = (tmp_path / 'a.html').read_text()
    for said in (
        'malignancy <strong>0.75</strong>',
        'affected side <strong>L</strong>',
        'malignancy R <strong>0.12</strong>',
        'breasts differ in MLO <strong>0.25</strong>',
    ):
        assert said in text
    assert text.count('<g class="found"><polygon') == 2  # beside, too


def test_recall_is_reported_for_each_file(tags):
    captions = [text for text in tags.texts if text.startswith('Exams recalled at')]
    assert len(captions) == 2  # FROC and ROC


@pytest.fixture
def classified(content, phantom_root, tmp_path):
    """Exams of a classifier with a calibration: one recalled, one not judged."""
    exams = copy.deepcopy(content['exams'][:2])
    for exam in exams:
        for view in exam['views']:
            del view['detections']
    exams[0].update(
        recall=dict(exam_score=0.75, threshold=0.5, recalled=True),
        breasts=[
            dict(laterality='R', malignancy=0.75, malignancy_calibrated=0.25),
            dict(laterality='L', malignancy=0.125),
        ],
    )
    exams[1].update(
        recall=dict(exam_score=None, threshold=0.5, recalled=None),
        pairs=[dict(view='CC', asymmetric=0.375, asymmetric_calibrated=0.5)],
    )
    info = dict(
        content['info'],
        ensemble=['b.pth', 'c.pth'],
        tta='flip',
        precision='bf16',
        index='feed',
        part='0 of 4',
        complete=False,
    )
    predictions = PredictionFile(
        write_predictions(tmp_path, dict(content, info=info, exams=exams))
    )
    options = PageOptions(phantom_root / 'dicom', height=96)
    write_page(tmp_path / 'a.html', predictions, TestResults(), options)
    return tmp_path / 'a.html'


def test_calibration_recall_and_the_whole_model(classified):
    text = re.sub(r'</?(td|tr|strong)>', '|', classified.read_text())
    for said in (
        'recalled |yes (score 0.750, threshold 0.500)|',
        'malignancy R |0.75 (calibrated 0.25)|',
        'malignancy L |0.12|',
        'recalled |not judged (score -, threshold 0.500)|',
        'breasts differ in CC |0.38 (calibrated 0.50)|',
        '|ensemble||b.pth, c.pth|',
        '|tta||flip|',
        '|precision||bf16|',
        '|index||feed|',
        '|part||0 of 4|',
        '|complete||False|',
    ):
        assert said in text


def test_calibrated_scores_of_boxes(content, tmp_path):
    exam = copy.deepcopy(content['exams'][0])
    exam['views'][0]['detections'][0].update(
        score_calibrated=0.0625, malignancy_calibrated=0.6875
    )
    predictions = PredictionFile(
        write_predictions(tmp_path, dict(content, exams=[exam]))
    )
    write_page(tmp_path / 'a.html', predictions, TestResults())
    text = (tmp_path / 'a.html').read_text()
    assert '<td>0.062</td>' in text and '<td>0.688</td>' in text
    assert text.count('calibrated</th>') == 2


@pytest.mark.parametrize(
    'text, said',
    [
        ('{"format": "mammo_plugins.froc/1"}', 'missing or invalid'),
        ('{"format": "mammo_plugins.roc/1"}', 'it is damaged'),
        ('{"format": "other"}', 'holds no results of mammo test'),
        ('{', 'not a JSON file'),
    ],
)
def test_results_that_cannot_be_read(tmp_path, text, said):
    (tmp_path / 'x.json').write_text(text)
    with pytest.raises(ExportError, match=said):
        TestResults.read([tmp_path / 'x.json'])


def test_nothing_of_the_patient_is_kept(page, assert_private):
    assert_private(page.read_text())


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    if chromium.find() is None:
        pytest.skip('no Chromium is installed: apt-get install chromium')
    one = chromium.Chromium(tmp_path_factory.mktemp('profile'))
    yield one
    one.close()


VISIBLE = """[...document.querySelectorAll('svg:not(.chart):not(.other) .found rect')]
    .filter((node) => node.getClientRects().length).length"""


def test_in_a_browser(browser, page, content):
    """The slider hides boxes, switches switch; no complaint, and no request."""
    scores = np.array(
        [
            detection['score']
            for exam in content['exams'][:SHOWN]
            for view in exam['views']
            for detection in view['detections']
        ]
    )
    browser.open(page)
    assert browser.value(VISIBLE) == (scores >= 0.3).sum()
    browser.value("document.getElementById('threshold').focus()")
    for _ in range(20):
        browser.press('ArrowRight', 39)
    assert browser.value("document.getElementById('threshold').value") == '0.5'
    assert browser.value(VISIBLE) == (scores >= 0.5).sum() < (scores >= 0.3).sum()
    said = browser.value("document.getElementById('count').textContent")
    assert said == f'{(scores >= 0.5).sum()} of {len(scores)} boxes,'
    assert browser.value("document.getElementById('threshold-value').value") == '0.50'

    shown = "document.querySelector('svg.other').getClientRects().length"
    assert browser.value(shown) == 0
    browser.value("document.getElementById('other').click()")
    assert browser.value(shown) == 1
    browser.value("document.getElementById('scores').click()")
    assert browser.value(
        "[...document.querySelectorAll('.found text')]"
        '.every((node) => !node.getClientRects().length)'
    )
    browser.value("document.getElementById('boxes').click()")
    assert browser.value(VISIBLE) == 0
    browser.press('End', 35)  # the score of 1, which no box has
    browser.value("document.getElementById('threshold').focus()")
    browser.press('End', 35)
    browser.value("document.getElementById('only').click()")
    said = browser.value("document.getElementById('exams-shown').textContent")
    assert said == f'0 of {SHOWN} exams from 1.00'

    assert browser.value(
        '[...document.querySelectorAll("image")].every((node) => node.href.baseVal'
        '.startsWith("data:image/jpeg"))'
    )
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith('data:')] == [
        page.as_uri()
    ]


def test_the_slider_of_classifiers(browser, classified):
    """It acts on the exams' scores; switches of boxes are not shown."""
    browser.open(classified)
    hidden = "document.getElementById('{}').closest('label').hidden"
    assert [browser.value(hidden.format(k)) for k in ('boxes', 'scores', 'other')] == [
        True,
        True,
        False,
    ]
    assert browser.value("document.getElementById('count').textContent") == ''
    shown = "document.getElementById('exams-shown').textContent"
    assert browser.value(shown) == '2 of 2 exams from 0.20'
    browser.value("document.getElementById('threshold').focus()")
    for _ in range(20):
        browser.press('ArrowRight', 39)
    assert browser.value(shown) == '1 of 2 exams from 0.40'
    visible = (
        "[...document.querySelectorAll('.exam')]"
        '.map((node) => node.getClientRects().length)'
    )
    assert browser.value(visible) == [1, 1]
    browser.value("document.getElementById('only').click()")
    assert browser.value(visible) == [1, 0]
    assert browser.complaints() == []


def test_the_browser_would_tell(browser, tmp_path):
    """What the test above asks for is seen where it happens."""
    bad = tmp_path / 'bad.html'
    bad.write_text(
        '<img src="http://127.0.0.1:9/x.png"><script>console.error("x"); no()</script>'
    )
    browser.open(bad)
    browser.value('1')
    assert len(browser.requests()) == 2 and len(browser.complaints()) >= 2


def test_everything_has_a_name(browser, page):
    """Controls and pictures, for those who listen to the page."""
    browser.open(page)
    assert browser.value(
        "[...document.querySelectorAll('input')].every((node) => node.labels.length)"
    )
    assert browser.value(
        "[...document.querySelectorAll('svg')].every((node) => "
        "node.getAttribute('role') === 'img' && node.getAttribute('aria-label'))"
    )
