"""Where on the body: Body Part Examined (0018,0015) as SNOMED CT, and back (PS3.16 Annex L, Table L-1)."""

from collections import defaultdict
from collections.abc import Mapping

from exchange.fhir.identifiers import SNOMED, Json

_TABLE = """
ABDOMEN 818981001 Abdomen
ABDOMENPELVIS 818982008 Abdomen and Pelvis
ANKLE 70258002 Ankle joint
AORTA 15825003 Aorta
ARM 40983000 Upper arm
AXILLA 91470000 Axilla
BACK 77568009 Back
BLADDER 89837001 Bladder
BRAIN 12738006 Brain
BREAST 76752008 Breast
BRONCHUS 955009 Bronchus
BUTTOCK 46862004 Buttock
CALCANEUS 80144004 Calcaneus
CAROTID 69105007 Carotid Artery
CHEST 816094009 Chest
CHESTABDOMEN 416550000 Chest and Abdomen
CHESTABDPELVIS 416775004 Chest, Abdomen and Pelvis
CLAVICLE 51299004 Clavicle
COCCYX 64688005 Coccyx
COLON 71854001 Colon
CORNEA 28726007 Cornea
CORONARYARTERY 41801008 Coronary artery
CSPINE 122494005 Cervical spine
CTSPINE 1217257000 Cervico-thoracic spine
DUODENUM 38848004 Duodenum
EAR 117590005 Ear
ELBOW 16953009 Elbow joint
ESOPHAGUS 32849002 Esophagus
EXTREMITY 66019005 Extremity
EYE 81745001 Eye
FACE 89545001 Face
FEMUR 71341001 Femur
FIBULA 87342007 Fibula
FINGER 7569003 Finger
FOOT 56459004 Foot
FOREARM 14975008 Forearm
GALLBLADDER 28231008 Gallbladder
HAND 85562004 Hand
HEAD 69536005 Head
HEADNECK 774007 Head and Neck
HEART 80891009 Heart
HINDFOOT 416804009 Hindfoot
HIP 24136001 Hip joint
HUMERUS 85050009 Humerus
IAC 361078006 Internal Auditory Canal
ILEUM 34516001 Ileum
ILIUM 22356005 Ilium
JAW 661005 Jaw region
JEJUNUM 21306003 Jejunum
KIDNEY 64033007 Kidney
KNEE 72696002 Knee
LARYNX 4596009 Larynx
LEG 30021000 Lower leg
LIVER 10200004 Liver
LSPINE 122496007 Lumbar spine
LSSPINE 1217253001 Lumbo-sacral spine
LUNG 39607008 Lung
MAXILLA 70925003 Maxilla
MEDIASTINUM 72410000 Mediastinum
MOUTH 123851003 Mouth
NECK 45048000 Neck
NECKCHEST 417437006 Neck and Chest
NECKCHESTABDOMEN 416152001 Neck, Chest and Abdomen
NECKCHESTABDPELV 416319003 Neck, Chest, Abdomen and Pelvis
NOSE 45206002 Nose
ORBIT 363654007 Orbital structure
OVARY 15497006 Ovary
PANCREAS 15776009 Pancreas
PAROTID 45289007 Parotid gland
PATELLA 64234005 Patella
PELVIS 816092008 Pelvis
PELVISLOWEXTREMT 1231522001 Pelvis and lower extremities
PROSTATE 41216001 Prostate
RADIUS 131190003 Radius
RECTUM 34402009 Rectum
RETINA 5665001 Retina
RIB 113197003 Rib
SCAPULA 79601000 Scapula
SCROTUM 20233005 Scrotum
SHOULDER 16982005 Shoulder
SINUS 2095001 Paranasal sinus
SKIN 39937001 Skin
SKULL 89546000 Skull
SPINE 421060004 Spine
SPLEEN 78961009 Spleen
SSPINE 54735007 Sacrum
STERNUM 56873002 Sternum
STOMACH 69695003 Stomach
SUBMANDIBULAR 54019009 Submandibular gland
TESTIS 40689003 Testis
THIGH 68367000 Thigh
THUMB 76505004 Thumb
THYROID 69748006 Thyroid
TIBIA 12611008 Tibia
TLSPINE 1217256009 Thoraco-lumbar spine
TMJ 53620006 Temporomandibular joint
TOE 29707007 Toe
TONGUE 21974007 Tongue
TRACHEA 44567001 Trachea
TSPINE 122495006 Thoracic spine
ULNA 23416004 Ulna
URETER 87953007 Ureter
URETHRA 13648007 Urethra
UTERUS 35039007 Uterus
WHOLEBODY 38266002 Entire body
WRIST 74670003 Wrist joint
ZYGOMA 13881006 Zygoma
"""

#: SNOMED CT code and its meaning, by defined term.
BODY_SITES: Mapping[str, tuple[str, str]] = {
    term: (code, meaning)
    for term, code, meaning in (line.split(" ", 2) for line in _TABLE.strip().splitlines())
}
_TERMS: Mapping[str, list[str]] = defaultdict(list)
for _term, (_code, _) in BODY_SITES.items():
    _TERMS[_code].append(_term)

#: As Laterality (0020,0060) says it (PS3.16 CID 244).
_SIDES: Mapping[str, tuple[str, str]] = {"L": ("7771000", "Left"), "R": ("24028007", "Right")}


def body_site(body_part: str) -> Json | None:
    """A Coding. Of what is no defined term only its words are said, and no code is made up."""
    if not body_part:
        return None
    found = BODY_SITES.get(body_part.upper())
    if found is None:
        return {"display": body_part}
    return {"system": SNOMED, "code": found[0], "display": found[1]}


def body_parts(code: str) -> list[str]:
    """The defined terms that a SNOMED CT code, or a term itself, stands for: for searches."""
    return _TERMS[code] if code in _TERMS else [code.upper()]


def side(laterality: str) -> Json | None:
    """A Coding of left or right."""
    found = _SIDES.get(laterality.upper())
    return {"system": SNOMED, "code": found[0], "display": found[1]} if found else None
