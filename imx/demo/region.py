"""The trusts of Cheshire and Merseyside, and some of their modalities."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoTrust:
    """A provider trust: its ODS code, and the place among the region's nine where it is based."""

    ods_code: str
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Modality:
    """An application entity that pushes. Older ones leave the issuer of a Patient ID out."""

    ae_title: str  # at most 16 characters (PS3.5 §6.2)
    trust: DemoTrust
    names_issuer: bool
    phantoms: tuple[str, ...] = ()  # which of `phantoms.PHANTOMS` it makes


LIVERPOOL = DemoTrust("REM", "Liverpool University Hospitals NHS Foundation Trust", "Liverpool")
ALDER_HEY = DemoTrust("RBS", "Alder Hey Children's NHS Foundation Trust", "Liverpool")
HEART_AND_CHEST = DemoTrust("RBQ", "Liverpool Heart and Chest Hospital NHS Foundation Trust", "Liverpool")
WOMENS = DemoTrust("REP", "Liverpool Women's NHS Foundation Trust", "Liverpool")
CLATTERBRIDGE = DemoTrust("REN", "The Clatterbridge Cancer Centre NHS Foundation Trust", "Liverpool")
WALTON = DemoTrust("RET", "The Walton Centre NHS Foundation Trust", "Liverpool")
CHESTER = DemoTrust("RJR", "Countess of Chester Hospital NHS Foundation Trust", "Cheshire West")
WARRINGTON = DemoTrust("RWW", "Warrington and Halton Teaching Hospitals NHS Foundation Trust", "Warrington")
MERSEY_WEST_LANCS = DemoTrust("RBN", "Mersey and West Lancashire Teaching Hospitals NHS Trust", "St Helens")
MID_CHESHIRE = DemoTrust("RBT", "Mid Cheshire Hospitals NHS Foundation Trust", "Cheshire East")
EAST_CHESHIRE = DemoTrust("RJN", "East Cheshire NHS Trust", "Cheshire East")
WIRRAL = DemoTrust("RBL", "Wirral University Teaching Hospital NHS Foundation Trust", "Wirral")
WIRRAL_COMMUNITY = DemoTrust("RY7", "Wirral Community Health and Care NHS Foundation Trust", "Wirral")
BRIDGEWATER = DemoTrust("RY2", "Bridgewater Community Healthcare NHS Foundation Trust", "Warrington")
MERSEY_CARE = DemoTrust("RW4", "Mersey Care NHS Foundation Trust", "Knowsley")
CHESHIRE_WIRRAL = DemoTrust("RXA", "Cheshire and Wirral Partnership NHS Foundation Trust", "Cheshire West")

TRUSTS = (
    LIVERPOOL, ALDER_HEY, HEART_AND_CHEST, WOMENS, CLATTERBRIDGE, WALTON, CHESTER, WARRINGTON,
    MERSEY_WEST_LANCS, MID_CHESHIRE, EAST_CHESHIRE, WIRRAL, WIRRAL_COMMUNITY, BRIDGEWATER,
    MERSEY_CARE, CHESHIRE_WIRRAL,
)  # fmt: skip

MODALITIES = (
    Modality("REM_CT1", LIVERPOOL, names_issuer=False, phantoms=("CT chest",)),
    Modality("RBL_CT2", WIRRAL, names_issuer=False, phantoms=("CT chest",)),
    Modality("RET_MR1", WALTON, names_issuer=True, phantoms=("MR head",)),
    Modality("RBS_CR1", ALDER_HEY, names_issuer=True, phantoms=("CR chest",)),
    Modality("REP_US1", WOMENS, names_issuer=True, phantoms=("US still", "US cine")),
    Modality("RBQ_CT1", HEART_AND_CHEST, names_issuer=True, phantoms=("CT enhanced",)),
    Modality("RJR_DR1", CHESTER, names_issuer=False, phantoms=("CR chest",)),
    Modality("RBQ_ECG1", HEART_AND_CHEST, names_issuer=True, phantoms=("ECG",)),
    Modality("RJN_SM1", EAST_CHESHIRE, names_issuer=True, phantoms=("slide",)),
    Modality("RWW_PACS", WARRINGTON, names_issuer=True),
    Modality("RBN_ARCHIVE", MERSEY_WEST_LANCS, names_issuer=False),
    Modality("REN_PLAN", CLATTERBRIDGE, names_issuer=True),
)

#: The local number that two trusts have given to two different people (see `people.crowd`).
SHARED_NUMBER = "123456"
SHARED_BY = (LIVERPOOL, WIRRAL)
