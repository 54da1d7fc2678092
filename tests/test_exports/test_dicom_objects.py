"""Reports, presentation states and segmentations, read back and validated."""

import copy
import hashlib
import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from made_predictions import outlines_of, predictions_of, write_predictions
from scipy import ndimage

from mammo_plugins.exports import ExportError, PredictionFile
from mammo_plugins.exports.dicom import DicomExport
from mammo_plugins.io import read_mammogram

hd = pytest.importorskip(
    'highdicom', reason="highdicom is not installed: pip install 'mammo_plugins[dicom]'"
)
SECRETS = ('Doe', 'Jane', 'PID-7788', '19610203', 'ACC-4711', 'Clinic of Nowhere')
# the standard has 8 to 16 bits in presentation states (PS3.3, C.11.2.1.1)
ACCEPTED = ('value 3 of attribute <LUT Descriptor>',)


def plant(path, **more):
    ds = pydicom.dcmread(path)
    ds.PatientName, ds.PatientID = 'Doe^Jane', 'PID-7788'
    ds.PatientBirthDate, ds.AccessionNumber = '19610203', 'ACC-4711'
    ds.InstitutionName, ds.StudyDescription = 'Clinic of Nowhere', 'of Jane Doe'
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    ds.save_as(path)


@pytest.fixture(scope='module')
def images(phantom_root, tmp_path_factory):
    """Exams with a planted identity: MONOCHROME1, MONOCHROME2 and one with a LUT."""
    root = tmp_path_factory.mktemp('images')
    seen = set()
    for folder in sorted((phantom_root / 'dicom').iterdir()):
        ds = pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True)
        kind = {
            ds.PhotometricInterpretation,
            *{'VOILUTSequence'} & {e.keyword for e in ds},
        }
        if kind <= seen:
            continue
        seen |= kind
        shutil.copytree(folder, root / folder.name)
    for path in root.rglob('*.dcm'):
        plant(path)
    assert len(seen) == 3
    return root


@pytest.fixture(scope='module')
def content(images):
    return predictions_of(images)


def with_masses(content):
    """The same exams as a model that segments and classifies has them."""
    content = copy.deepcopy(content)
    regions = {}
    for exam in content['exams']:
        exam.update(malignancy=0.75, affected_side='L', examined_side='L')
        for view in exam['views']:
            del view['detections']
            rows, columns = np.mgrid[: view['height'], : view['width']]
            region = np.hypot(rows - 40, columns - 20) < 9
            region |= np.hypot(rows - 80, columns - 30) < 4
            region[60, 10] = True
            region[36:42, 18:23] = False  # a hole
            regions[view['file']] = region
            view['masses'] = outlines_of(region)
    return content, regions


def with_both(exams):
    """The same exams with a mass in each view beside the boxes."""
    exams = copy.deepcopy(exams)
    for view in (view for exam in exams for view in exam['views']):
        region = np.zeros((view['height'], view['width']), bool)
        region[20:30, 10:20] = True
        view['masses'] = outlines_of(region)
    return exams


def export(content, images, out, **options):
    path = write_predictions(out / 'in', content)
    predictions = PredictionFile(path)
    made = DicomExport(
        predictions, images, out / 'dicom', **{'score_thr': 0.2, **options}
    )
    for exam in predictions:
        made(exam)
    return made


@pytest.fixture(scope='module')
def written(content, images, tmp_path_factory):
    out = tmp_path_factory.mktemp('out')
    made = export(content, images, out)
    assert not made.skipped
    return out / 'dicom'


@pytest.fixture(scope='module')
def segmented(content, images, tmp_path_factory):
    out = tmp_path_factory.mktemp('out')
    masses, regions = with_masses(dict(content, exams=content['exams'][:1]))
    export(masses, images, out)
    return out / 'dicom', masses, regions


def objects(folder, kind):
    """Return objects by exam and view."""
    found = {}
    for path in folder.glob(f'*_{kind}.dcm'):
        exam, *view = path.stem.split('_')[:-1]
        found[(exam, *view)] = pydicom.dcmread(path)
    assert found
    return found


def instances(images):
    found = {}
    for path in images.rglob('*.dcm'):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        found[path.relative_to(images).as_posix()] = ds
    return found


def items_of(content):
    for item in content.get('ContentSequence', ()):
        yield item
        yield from items_of(item)


def errors_of(path):
    said = subprocess.run(['dciodvfy', path], capture_output=True, text=True).stderr
    return [
        line
        for line in said.splitlines()
        if line.startswith('Error') and not line.endswith(ACCEPTED)
    ]


def expected(view):
    return [d for d in view['detections'] if d['score'] >= 0.2]


def box_of(points):
    points = np.reshape(points, (-1, 2))
    assert len(points) == 5 and (points[0] == points[-1]).all()
    return [*points.min(axis=0), *points.max(axis=0)]


def test_report_says_what_the_predictions_say(written, content, images):
    """Read by highdicom: the region of each finding, of which image, its figures."""
    by_file = instances(images)
    reports = objects(written, 'report')
    assert len(reports) == len(content['exams'])
    for exam in content['exams']:
        report = hd.sr.ComprehensiveSR.from_dataset(reports[(exam['exam_id'],)])
        groups = report.content.get_planar_roi_measurement_groups()
        wanted = [
            (by_file[view['file']].SOPInstanceUID, view, found)
            for view in exam['views']
            for found in expected(view)
        ]
        assert len(groups) == len(wanted) == 8
        for group, (uid, view, found) in zip(groups, wanted):
            (region,) = [group.roi]
            assert region.graphic_type == hd.sr.GraphicTypeValues.POLYLINE
            np.testing.assert_array_equal(
                np.float32(box_of(region.value)), np.float32(found['bbox'])
            )
            (source,) = region.ContentSequence
            assert source.referenced_sop_instance_uid == uid
            figures = {
                m.name.meaning: (m.value, m.unit.value)
                for m in group.get_measurements()
            }
            assert figures['Certainty of Finding'] == (100 * found['score'], '%')
            value, unit = figures['Probability of cancer']
            assert unit == '%' and value == pytest.approx(100 * found['malignancy'])
            (assessment,) = (
                each
                for each in group.get_qualitative_evaluations()
                if each.name.meaning == 'Assessment Category'
            )
            assert (assessment.value.value, assessment.value.scheme_designator) == (
                'MA.II.A.5.4B',
                'BI',
            )
            assert group.finding_type.value == '129788004'  # mammographic breast mass
            (site,) = group.finding_sites
            assert site.laterality.meaning[0] == view['laterality']


def test_references_to_study_series_and_instances(written, content, images):
    by_file = instances(images)
    for exam in content['exams']:
        (report,) = (
            each
            for key, each in objects(written, 'report').items()
            if exam['exam_id'] in key
        )
        (study,) = report.CurrentRequestedProcedureEvidenceSequence
        named = {
            (series.SeriesInstanceUID, each.ReferencedSOPInstanceUID)
            for series in study.ReferencedSeriesSequence
            for each in series.ReferencedSOPSequence
        }
        of_exam = [by_file[view['file']] for view in exam['views']]
        assert named == {(ds.SeriesInstanceUID, ds.SOPInstanceUID) for ds in of_exam}
        assert {study.StudyInstanceUID, report.StudyInstanceUID} == {
            ds.StudyInstanceUID for ds in of_exam
        }
        assert report.SeriesInstanceUID not in {ds.SeriesInstanceUID for ds in of_exam}


def test_presentation_states_draw_boxes_and_scores(written, content, images):
    by_file = instances(images)
    states = objects(written, 'presentation')
    for exam in content['exams']:
        for view in exam['views']:
            state = states[exam['exam_id'], view['laterality'] + view['view']]
            (series,) = state.ReferencedSeriesSequence
            (image,) = series.ReferencedImageSequence
            source = by_file[view['file']]
            assert image.ReferencedSOPInstanceUID == source.SOPInstanceUID
            assert series.SeriesInstanceUID == source.SeriesInstanceUID
            (annotation,) = state.GraphicAnnotationSequence
            graphics = annotation.GraphicObjectSequence
            found = expected(view)
            for graphic, each in zip(graphics, found, strict=True):
                assert graphic.GraphicAnnotationUnits == 'PIXEL'
                np.testing.assert_array_equal(
                    np.float32(box_of(graphic.GraphicData)), np.float32(each['bbox'])
                )
            texts = [t.UnformattedTextValue for t in annotation.TextObjectSequence]
            assert [text[:9] for text in texts[:-1]] == ['mass 0.93', 'mass 0.41']
            (area,) = state.DisplayedAreaSelectionSequence
            assert area.DisplayedAreaBottomRightHandCorner == [
                view['width'],
                view['height'],
            ]


def test_coordinates_count_from_the_corner_of_the_first_pixel(
    content, images, tmp_path
):
    """A box around one pixel has that pixel's corners, in both objects (PS3.3, C.10.5)."""
    exam = copy.deepcopy(content['exams'][0])
    view = exam['views'][0]
    exam['views'] = [view]
    view['detections'] = [
        dict(category='mass', score=0.5, bbox=[0.0, 0.0, 1.0, 1.0]),
        # a model's box may leave the image; coordinates of DICOM may not
        dict(category='mass', score=0.5, bbox=[-3.0, 5.0, view['width'] + 0.4, 9.5]),
        dict(category='mass', score=0.5, bbox=[-3.0, 5.0, 0.0, 9.5]),
    ]
    made = export(dict(content, exams=[exam]), images, tmp_path)
    assert made.skipped == [(view['file'], 'a box without an area')]
    (state,) = objects(tmp_path / 'dicom', 'presentation').values()
    graphics = state.GraphicAnnotationSequence[0].GraphicObjectSequence
    assert [box_of(g.GraphicData) for g in graphics] == [
        [0, 0, 1, 1],
        [0, 5, view['width'], 9.5],
    ]


def test_masks_are_those_that_were_segmented(segmented, images):
    """Pixel by pixel, with holes filled; in the frame of the stored pixels."""
    folder, content, regions = segmented
    by_file = instances(images)
    for exam in content['exams']:
        for view in exam['views']:
            name = view['laterality'] + view['view']
            made = hd.seg.segread(folder / f'{exam["exam_id"]}_{name}_masses.dcm')
            mask = made.get_pixels_by_source_instance(
                [by_file[view['file']].SOPInstanceUID], segment_numbers=[1]
            )
            filled = ndimage.binary_fill_holes(regions[view['file']])
            assert filled.sum() > regions[view['file']].sum()
            np.testing.assert_array_equal(mask[0, ..., 0], filled)
            described = made.get_segment_description(1)
            assert described.segmented_property_type.value == '129788004'


def test_a_report_of_an_exam_without_findings_says_so(content, images, tmp_path):
    exam = copy.deepcopy(content['exams'][0])
    for view in exam['views']:
        view['detections'] = []
    export(dict(content, exams=[exam]), images, tmp_path)
    (report,) = objects(tmp_path / 'dicom', 'report').values()
    report = hd.sr.ComprehensiveSR.from_dataset(report).content
    assert not report.get_planar_roi_measurement_groups()
    (group,) = report.get_image_measurement_groups()
    (count,) = group.get_measurements()
    assert (count.name.meaning, count.value) == ('Number of findings', 0)


def test_breasts_pairs_and_views_that_are_classified(content, images, tmp_path):
    exam = copy.deepcopy(content['exams'][0])
    exam['breasts'] = [dict(laterality='L', malignancy=0.125)]
    exam['pairs'] = [
        dict(view='CC', asymmetric=0.25),
        dict(view='MLO', asymmetric=None),
    ]
    for view in exam['views']:
        del view['detections']
    exam['views'][0]['abnormal'] = 0.5
    made = export(dict(content, exams=[exam]), images, tmp_path)
    assert made.written == dict(report=1)  # there is nothing to draw
    (report,) = objects(tmp_path / 'dicom', 'report').values()
    report = hd.sr.ComprehensiveSR.from_dataset(report).content
    said = [
        (m.name.meaning, m.value)
        for group in report.get_image_measurement_groups()
        for m in group.get_measurements()
    ]
    assert said == [
        ('Probability of cancer', 12.5),
        ('Probability that the breasts differ', 25),
        ('Probability of an abnormality', 50),
    ]


def test_calibrated_probabilities_and_recall(content, images, tmp_path):
    """The probability by its code, the score by a code of ours, and the decision."""
    exam = copy.deepcopy(content['exams'][0])
    exam['recall'] = dict(exam_score=0.93, threshold=0.5, recalled=True)
    for view in exam['views']:
        for found in view['detections']:
            found.update(score_calibrated=0.25, malignancy_calibrated=0.125)
    second = copy.deepcopy(exam)
    second['exam_id'] = 'b' * 12
    second['recall'] = dict(exam_score=None, threshold=0.5, recalled=None)
    info = dict(
        content['info'],
        config='a_config_of_a_long_name_by_someone_who_says_all.py',
        checkpoint='seed_0.pth',
        ensemble=['seed_1.pth', 'seed_2.pth'],
        tta='flip',
        precision='bf16',
    )
    export(dict(content, info=info, exams=[exam, second]), images, tmp_path)
    reports = objects(tmp_path / 'dicom', 'report')
    report = hd.sr.ComprehensiveSR.from_dataset(reports[(exam['exam_id'],)]).content
    for group in report.get_planar_roi_measurement_groups():
        said = {m.name.meaning: (m.value, m) for m in group.get_measurements()}
        for name, value in (
            ('Certainty of Finding', 25),
            ('Probability of cancer', 12.5),
        ):
            assert said[name][0] == value
            assert said[name][1].method.meaning == 'Calibrated on a validation part'
            assert f'Uncalibrated score: {name}' in said
        assert said['Uncalibrated score: Certainty of Finding'][0] in (93, 41)
    (group,) = report.get_image_measurement_groups()
    figures = {m.name.meaning: m.value for m in group.get_measurements()}
    assert figures['Score of the exam, before calibration'] == 93
    assert figures['Score from which an exam is recalled'] == 50
    (decision,) = group.get_qualitative_evaluations()
    assert decision.value.meaning == 'Recalled'
    texts = [
        str(each.TextValue)
        for each in items_of(reports[(exam['exam_id'],)])
        if each.ValueType == 'TEXT'
    ]
    name = 'a_config_of_a_long_name_by_someone_who_says_all.py, see +2, flip'
    assert name in texts and len(name) == 64
    for said in (
        'checkpoint: seed_0.pth',
        'ensemble: seed_1.pth, seed_2.pth',
        'tta: flip',
        'precision: bf16',
    ):
        assert texts.count(said) == 1
    unjudged = hd.sr.ComprehensiveSR.from_dataset(reports[('b' * 12,)]).content
    (group,) = unjudged.get_image_measurement_groups()
    assert not group.get_qualitative_evaluations()
    if shutil.which('dciodvfy'):
        assert not errors_of(tmp_path / f'dicom/{exam["exam_id"]}_report.dcm')


@pytest.mark.parametrize('kind', ['report', 'presentation', 'masses'])
def test_objects_say_that_they_are_for_research(written, segmented, kind):
    folder = segmented[0] if kind == 'masses' else written
    for each in objects(folder, kind).values():
        assert 'Research use only' in each.SeriesDescription
        assert each.PatientIdentityRemoved == 'YES'
        if kind == 'report':
            comment = each.ContentSequence[-1]
            assert comment.TextValue.startswith('Research use only')
            assert each.VerificationFlag == 'UNVERIFIED'
        else:
            assert 'Research use only' in each.ContentDescription


@pytest.mark.parametrize('kind', ['report', 'presentation', 'masses'])
def test_a_validator_finds_no_error(written, segmented, kind):
    """dciodvfy of dicom3tools knows what each kind of object must have."""
    if shutil.which('dciodvfy') is None:
        pytest.skip('dciodvfy is not installed: apt-get install dicom3tools')
    folder = segmented[0] if kind == 'masses' else written
    for path in sorted(folder.glob(f'*_{kind}.dcm')):
        assert not errors_of(path)


def test_dcmtk_reads_reports(written, content):
    if shutil.which('dsrdump') is None:
        pytest.skip('dsrdump is not installed: apt-get install dcmtk')
    for exam in content['exams'][:1]:
        path = written / f'{exam["exam_id"]}_report.dcm'
        done = subprocess.run(['dsrdump', path], capture_output=True, text=True)
        assert done.returncode == 0 and 'E: ' not in done.stderr
        assert done.stdout.count('"Image Region"') == 8
        assert 'Research use only' in done.stdout


def test_dcmtk_shows_images_as_we_do(written, images, content, tmp_path):
    """By the presentation state alone: MONOCHROME1, windows, a LUT and a rescale."""
    if shutil.which('dcmp2pgm') is None:
        pytest.skip('dcmp2pgm is not installed: apt-get install dcmtk')
    import cv2

    seen = set()
    for exam in content['exams']:
        view = exam['views'][0]
        source = images / view['file']
        ds = pydicom.dcmread(source, stop_before_pixels=True)
        seen |= {ds.PhotometricInterpretation, 'VOILUTSequence' in ds}
        name = f'{exam["exam_id"]}_{view["laterality"]}{view["view"]}_presentation.dcm'
        subprocess.run(
            ['dcmp2pgm', '-p', written / name, source, tmp_path / 'shown.pgm'],
            check=True,
            capture_output=True,
        )
        shown = cv2.imread(str(tmp_path / 'shown.pgm'), cv2.IMREAD_UNCHANGED)
        assert np.abs(shown / 255 - read_mammogram(source).pixels).max() < 0.01
    assert seen == {'MONOCHROME1', 'MONOCHROME2', True, False}


def test_the_same_results_make_the_same_objects(content, images, tmp_path):
    """Byte by byte; those of another run have other UIDs."""

    def digests(folder):
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.glob('*.dcm')
        }

    first = dict(content, exams=with_both(content['exams'][:1]))
    predictions = PredictionFile(write_predictions(tmp_path / 'in', first))
    for out in ('a', 'b'):
        made = DicomExport(predictions, images, tmp_path / out, 0.2)
        for exam in predictions:
            made(exam)
    assert digests(tmp_path / 'a') == digests(tmp_path / 'b')
    assert len(digests(tmp_path / 'a')) == 9
    another = copy.deepcopy(first)
    another['info']['run'] = 'another'
    export(another, images, tmp_path / 'c')
    uids = [
        {pydicom.dcmread(path).SOPInstanceUID for path in folder.glob('*.dcm')}
        for folder in (tmp_path / 'a', tmp_path / 'c/dicom')
    ]
    assert len(uids[0]) == 9 and not uids[0] & uids[1]
    assert all(pydicom.uid.UID(uid).is_valid for uid in uids[0])


def test_nothing_of_the_patient_is_kept(written, segmented, tmp_path):
    for folder in (written, segmented[0]):
        for path in folder.iterdir():
            data = path.read_bytes()
            for secret in SECRETS:
                assert secret.encode() not in data and secret not in path.name


@pytest.mark.parametrize('removed', [None, 'YES'])
def test_the_patient_is_kept_on_demand(content, images, tmp_path, removed, capfd):
    """As the header has it, in any letters; a de-identified image stays so."""
    root = tmp_path / 'images'
    exam = content['exams'][0]
    for view in exam['views']:
        (root / view['file']).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(images / view['file'], root / view['file'])
        more = dict(PatientIdentityRemoved=removed) if removed else {}
        plant(
            root / view['file'],
            SpecificCharacterSet='ISO_IR 144',
            PatientName='Иванова',
            PatientSex='female',  # no value of DICOM
            **more,
        )
    export(dict(content, exams=[exam]), root, tmp_path, keep_identity=True)
    for path in (tmp_path / 'dicom').iterdir():
        ds = pydicom.dcmread(path)
        assert (str(ds.PatientName), ds.PatientID) == ('Иванова', 'PID-7788')
        assert (ds.PatientBirthDate, ds.AccessionNumber) == ('19610203', 'ACC-4711')
        assert ds.get('PatientIdentityRemoved') == removed
        assert 'InstitutionName' not in ds
        assert 'PID' not in path.name and 'Иванова' not in path.name
    said = capfd.readouterr()
    assert 'Иванова' not in said.out + said.err


def copied(exam, images, root, **more):
    """Copy the files of an exam, and change what their headers say."""
    for view in exam['views']:
        (root / view['file']).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(images / view['file'], root / view['file'])
        plant(root / view['file'], **more)


@pytest.mark.parametrize(
    'keyword',
    [
        'BreastProjectionXRayImageStorageForPresentation',
        'SecondaryCaptureImageStorage',
        'MultiFrameGrayscaleWordSecondaryCaptureImageStorage',
        'ComputedRadiographyImageStorage',
    ],
)
def test_other_kinds_of_images(content, images, tmp_path, keyword):
    """Whatever is read as a mammogram has its objects, enhanced ones of a frame too."""
    uid = pydicom.uid.UID(getattr(pydicom.uid, keyword))
    exam = dict(
        content['exams'][0], views=with_both(content['exams'][:1])[0]['views'][:2]
    )
    copied(exam, images, tmp_path / 'images', SOPClassUID=uid, NumberOfFrames=1)
    made = export(dict(content, exams=[exam]), tmp_path / 'images', tmp_path)
    assert made.written == dict(report=1, presentation=2, masses=2), made.skipped
    for state in objects(tmp_path / 'dicom', 'presentation').values():
        (image,) = state.ReferencedSeriesSequence[0].ReferencedImageSequence
        assert image.ReferencedSOPClassUID == uid
    for made in objects(tmp_path / 'dicom', 'masses').values():
        named = [e for e in made.iterall() if e.keyword == 'ReferencedSOPClassUID']
        assert len(named) >= 2 and {e.value for e in named} == {uid}


def test_an_exam_of_several_studies(content, images, tmp_path):
    """As of ``--group-by folder``: states go with their images, the report names all."""
    exam = content['exams'][0]
    root = tmp_path / 'images'
    copied(exam, images, root)
    study = pydicom.uid.generate_uid()
    plant(root / exam['views'][-1]['file'], StudyInstanceUID=study)
    export(dict(content, exams=[exam]), root, tmp_path)
    states = objects(tmp_path / 'dicom', 'presentation')
    studies = [state.StudyInstanceUID for state in states.values()]
    assert studies.count(study) == 1 and len(set(studies)) == 2
    (report,) = objects(tmp_path / 'dicom', 'report').values()
    (other,) = report.PertinentOtherEvidenceSequence
    assert other.StudyInstanceUID == study != report.StudyInstanceUID


def test_what_cannot_be_referred_to_is_listed(content, images, tmp_path):
    """A picture, a file that is gone, another file, one without UIDs."""
    import cv2

    root = tmp_path / 'images'
    exam = copy.deepcopy(content['exams'][0])
    copied(exam, images, root)
    picture, gone, other, lacking = exam['views']
    pixels = np.random.default_rng(0).integers(0, 255, (50, 40), np.uint8)
    cv2.imwrite(str(root / 'picture.png'), pixels)
    picture['file'] = 'picture.png'
    (root / gone['file']).unlink()
    other['width'] += 1
    plant(root / lacking['file'], SOPInstanceUID='')
    made = export(dict(content, exams=[exam]), root, tmp_path)
    assert not made.written and not (tmp_path / 'dicom').exists()
    reasons = dict(made.skipped)
    assert 'picture' in reasons['picture.png']
    assert 'no such file below --images' in reasons[gone['file']]
    assert 'another file than inference read' in reasons[other['file']]
    assert 'SOPInstanceUID (0008,0018) is missing' in reasons[lacking['file']]


def test_without_highdicom_the_error_names_the_cure(
    content, images, tmp_path, monkeypatch
):
    import sys

    monkeypatch.setitem(sys.modules, 'highdicom', None)
    with pytest.raises(ExportError, match=r"pip install 'mammo_plugins\[dicom\]'"):
        export(content, images, tmp_path)
