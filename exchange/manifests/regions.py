"""Where on the body a study is, coarsely: regions that people filter by (MADO table 6.X.6.4-1)."""

from collections.abc import Iterable, Mapping

from exchange.record.study import Coded

_UPPER_TRUNK = Coded("67734004", "SCT", "Upper trunk")
_LOWER_TRUNK = Coded("63337009", "SCT", "Lower trunk")
_HEAD_AND_NECK = Coded("774007", "SCT", "Head and neck")
_UPPER_LIMB = Coded("53120007", "SCT", "Upper limb")
_LOWER_LIMB = Coded("61685007", "SCT", "Lower limb")
_VESSELS = Coded("113257007", "SCT", "Cardiovascular system")

#: By the defined terms of Body Part Examined (PS3.16 Annex L).
_WITHIN: Mapping[Coded, str] = {
    _HEAD_AND_NECK: "BRAIN CORNEA EAR EYE FACE HEAD HEADNECK IAC JAW LARYNX MAXILLA MOUTH NECK NECKCHEST"
    " NECKCHESTABDOMEN NECKCHESTABDPELV NOSE ORBIT PAROTID RETINA SINUS SKULL SUBMANDIBULAR THYROID TMJ"
    " TONGUE ZYGOMA",
    _UPPER_TRUNK: "AXILLA BRONCHUS CHEST CHESTABDOMEN CHESTABDPELVIS ESOPHAGUS LUNG MEDIASTINUM NECKCHEST"
    " NECKCHESTABDOMEN NECKCHESTABDPELV RIB SCAPULA STERNUM TRACHEA",
    _LOWER_TRUNK: "ABDOMEN ABDOMENPELVIS BLADDER BUTTOCK CHESTABDOMEN CHESTABDPELVIS COLON DUODENUM"
    " GALLBLADDER ILEUM ILIUM JEJUNUM KIDNEY LIVER NECKCHESTABDOMEN NECKCHESTABDPELV OVARY PANCREAS PELVIS"
    " PELVISLOWEXTREMT PROSTATE RECTUM SCROTUM SPLEEN STOMACH TESTIS URETER URETHRA UTERUS",
    _UPPER_LIMB: "ARM CLAVICLE ELBOW FINGER FOREARM HAND HUMERUS RADIUS SHOULDER THUMB ULNA WRIST",
    _LOWER_LIMB: "ANKLE CALCANEUS FEMUR FIBULA FOOT HINDFOOT HIP KNEE LEG PATELLA PELVISLOWEXTREMT THIGH"
    " TIBIA TOE",
    Coded(
        "1141981001", "SCT", "Vertebral Column"
    ): "COCCYX CSPINE CTSPINE LSPINE LSSPINE SPINE SSPINE TLSPINE TSPINE",
    Coded("80891009", "SCT", "Heart"): "CORONARYARTERY HEART",
    _VESSELS: "AORTA CAROTID",
    Coded("76752008", "SCT", "Breast"): "BREAST",
    Coded("38266002", "SCT", "Entire body"): "WHOLEBODY",
}
_REGIONS: Mapping[str, list[Coded]] = {
    term: [region for region, terms in _WITHIN.items() if term in terms.split()]
    for terms in _WITHIN.values()
    for term in terms.split()
}


def regions_of(body_parts: Iterable[str]) -> tuple[Coded, ...]:
    """The regions that they lie in, each once. Of a part that is no defined term, none."""
    return tuple(dict.fromkeys(region for part in body_parts for region in _REGIONS.get(part.upper(), ())))
