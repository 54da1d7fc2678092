"""Benign and malignant differ by their margin, and by nothing else."""

import numpy as np
import pytest
from skimage.measure import perimeter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mammo_plugins.phantom.config import PhantomConfig
from mammo_plugins.phantom.exam import make_breasts
from mammo_plugins.phantom.findings import add_lesion
from mammo_plugins.phantom.masses import mass_mask

CONFIG = PhantomConfig(size=(512, 256))


@pytest.fixture(scope='module')
def lesions():
    """150 lesions of one patient, each drawn as if it were the only one."""
    rng = np.random.default_rng(0)
    breasts = make_breasts(rng, CONFIG, 'B')
    found = []
    for number in range(150):
        alone = []
        add_lesion(rng, CONFIG, breasts, alone, number)
        found += alone
    return breasts, found


def _auc(features, labels):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    score = cross_val_predict(model, features, labels, cv=5, method='decision_function')
    return roc_auc_score(labels, score)


def _labels(found):
    return np.array([f.pathology == 'malignant' for f in found])


def test_margin_tells_pathology(lesions):
    breasts, found = lesions
    features = []
    for lesion in found:
        geometry = breasts[lesion.laterality].geometry['CC']
        mask = mass_mask(lesion.mass.project(geometry))
        features.append([perimeter(mask) ** 2 / mask.sum()])
    assert _auc(features, _labels(found)) > 0.85


def test_place_size_and_contrast_do_not(lesions):
    _, found = lesions
    place = [[*f.centre, f.laterality == 'R'] for f in found]
    size = [[f.diameter_mm, f.contrast] for f in found]
    labels = _labels(found)
    # standard error of an AUC of 0.5 with 75 against 75 is 0.047
    assert 0.35 < _auc(place, labels) < 0.65
    assert 0.35 < _auc(size, labels) < 0.65
