# MommiNet-v2, section 4: DDSM, 2,578 cases, 8:1:1 by patient.
#     python tools/dataset_converters/ddsm.py RAW_DIR --out data/ddsm
data_set = dict(type='DDSM', data_root='data/ddsm/')
