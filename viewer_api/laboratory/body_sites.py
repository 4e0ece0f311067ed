"""Where on the body, as people choose it: SNOMED CT codes of PS3.16 CID 4029, 4209, 4031 and 4.

The words are ours, the meanings the standard's: those are what is written into the object.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """A choice of the list."""

    value: str  # SNOMED CT
    meaning: str
    label: str


def _sites(*rows: tuple[str, str, str]) -> tuple[Site, ...]:
    return tuple(Site(*row) for row in rows)


#: By the heading under which they stand.
BODY_SITES: dict[str, tuple[Site, ...]] = {
    "Skin": _sites(
        ("43067004", "Skin of scalp", "Scalp"),
        ("73897004", "Skin of face", "Face"),
        ("68698007", "Skin of forehead", "Forehead"),
        ("36141000", "Skin of cheek", "Cheek"),
        ("113179006", "Skin of nose", "Nose"),
        ("88089004", "Skin of lip", "Lip"),
        ("1902009", "Skin of ear", "Ear"),
        ("362916000", "Skin of eye region", "Around the eye"),
        ("43081002", "Skin of neck", "Neck"),
        ("244106003", "Skin of anterior surface of thorax", "Chest, front"),
        ("75093004", "Skin of abdomen", "Abdomen"),
        ("66643007", "Skin of back", "Back"),
        ("113182001", "Skin of lower back", "Lower back"),
        ("22180002", "Skin of buttock", "Buttock"),
        ("39687006", "Skin of inguinal region", "Groin"),
        ("60944009", "Skin of external genitalia", "Genital area"),
        ("76261009", "Skin of axilla", "Armpit"),
        ("45981001", "Skin of anterior surface of upper arm", "Upper arm, front"),
        ("72939005", "Skin of posterior surface of upper arm", "Upper arm, back"),
        ("70559009", "Skin of anterior surface of forearm", "Forearm, front"),
        ("41550009", "Skin of posterior surface of forearm", "Forearm, back"),
        ("33712006", "Skin of hand", "Hand"),
        ("70887009", "Skin of palm of hand", "Palm"),
        ("61248009", "Skin of anterior surface of thigh", "Thigh, front"),
        ("4578000", "Skin of posterior surface of thigh", "Thigh, back"),
        ("25763004", "Skin of anterior surface of lower leg", "Lower leg, front"),
        ("47224004", "Skin of posterior surface of lower leg", "Lower leg, back"),
        ("60496002", "Skin of foot", "Foot"),
        ("84607009", "Skin of heel", "Heel"),
        ("770809003", "Nail unit of finger", "Fingernail"),
        ("770805009", "Nail unit of toe", "Toenail"),
        ("113277000", "Oral mucosa", "Mouth, inside"),
    ),
    "Eye": _sites(
        ("81745001", "Eye", "Eye"),
        ("80243003", "Eyelid", "Eyelid"),
        ("29445007", "Conjunctiva", "Conjunctiva"),
        ("28726007", "Cornea", "Cornea"),
        ("41296002", "Iris", "Iris"),
        ("5665001", "Retina", "Retina"),
        ("81016008", "Optic nerve head", "Optic disc"),
    ),
    "Body": _sites(
        ("69536005", "Head", "Head"),
        ("45048000", "Neck", "Neck"),
        ("816094009", "Chest", "Chest"),
        ("80891009", "Heart", "Heart"),
        ("76752008", "Breast", "Breast"),
        ("818981001", "Abdomen", "Abdomen"),
        ("69695003", "Stomach", "Stomach"),
        ("71854001", "Colon", "Colon"),
        ("34402009", "Rectum", "Rectum"),
        ("32849002", "Esophagus", "Oesophagus"),
        ("955009", "Bronchus", "Bronchus"),
        ("4596009", "Larynx", "Larynx"),
        ("45206002", "Nose", "Nose, inside"),
        ("89837001", "Bladder", "Bladder"),
        ("41216001", "Prostate", "Prostate"),
        ("35039007", "Uterus", "Uterus"),
        ("71252005", "Cervix", "Cervix"),
        ("69748006", "Thyroid", "Thyroid"),
        ("10200004", "Liver", "Liver"),
        ("77568009", "Back", "Back"),
        ("16982005", "Shoulder", "Shoulder"),
        ("85562004", "Hand", "Hand"),
        ("29836001", "Hip", "Hip"),
        ("72696002", "Knee", "Knee"),
        ("56459004", "Foot", "Foot"),
        ("53120007", "Upper limb", "Arm"),
        ("61685007", "Lower limb", "Leg"),
    ),
}
