# DisAsymNet, section 3.1: DDSM, abnormal if an abnormality is outlined, 8:1:1 by
# patient.
#     python tools/dataset_converters/ddsm.py RAW_DIR --out data/ddsm
data_set = dict(
    type='DDSM',
    data_root='data/ddsm/',
    labels=dict(field='abnormal', negative=(False,), positive=(True,)),
)
