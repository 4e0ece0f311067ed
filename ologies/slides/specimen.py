"""What lies on the glass: the Specimen module (PS3.3 §C.7.6.22), its steps by PS3.16 TID 8001."""

from pydicom.dataset import Dataset

from ologies.case import Code
from ologies.dataset import code_item, coded, named_uid
from ologies.slides.slide import SettledSlide

_SLIDE = code_item("433466003", "SCT", "Microscope slide")
_SECTION = Code(value="430856003", meaning="Tissue section")


def add_specimen(dataset: Dataset, slide: SettledSlide) -> None:
    """The slide, the section on it, the block that it was cut from, and its stains."""
    said = slide.settled.case.specimen
    issuer = said.issuer or slide.settled.encounter.issuer or ""
    identifier = said.identifier or slide.container
    dataset.ContainerIdentifier = slide.container
    dataset.IssuerOfTheContainerIdentifierSequence = _issuer(issuer)
    dataset.ContainerTypeCodeSequence = [_SLIDE]
    item = Dataset()
    item.SpecimenIdentifier = identifier
    item.IssuerOfTheSpecimenIdentifierSequence = _issuer(issuer)
    item.SpecimenUID = named_uid(
        "specimen", issuer, identifier, slide.settled.patient_id, slide.settled.issuer
    )
    item.SpecimenTypeCodeSequence = [coded(said.kind or _SECTION)]
    if said.description:
        item.SpecimenShortDescription = said.description
    if slide.settled.case.body_site is not None:
        item.PrimaryAnatomicStructureSequence = [coded(slide.settled.case.body_site)]
    steps = []
    if said.block:
        steps.append(_cut(identifier, said.block))
    if said.stains:
        steps.append(_stained(identifier, said.stains))
    item.SpecimenPreparationSequence = steps
    dataset.SpecimenDescriptionSequence = [item]


def _cut(identifier: str, block: str) -> Dataset:
    """TID 8002, by sectioning of a tissue block."""
    return _step(
        _text(("121041", "Specimen Identifier"), identifier),
        _code(
            ("111701", "DCM", "Processing type"),
            Code(value="433465004", meaning="Sampling of tissue specimen"),
        ),
        _code(("111704", "DCM", "Sampling Method"), Code(value="434472006", meaning="Block sectioning")),
        _text(("111705", "Parent Specimen Identifier"), block),
        _code(("111707", "DCM", "Parent specimen type"), Code(value="119376003", meaning="Tissue specimen")),
    )


def _stained(identifier: str, stains: tuple[Code, ...]) -> Dataset:
    """TID 8003."""
    return _step(
        _text(("121041", "Specimen Identifier"), identifier),
        _code(("111701", "DCM", "Processing type"), Code(value="127790008", meaning="Staining")),
        *(_code(("424361007", "SCT", "Using substance"), stain) for stain in stains),
    )


def _step(*items: Dataset) -> Dataset:
    step = Dataset()
    step.SpecimenPreparationStepContentItemSequence = list(items)
    return step


def _text(name: tuple[str, str], value: str) -> Dataset:
    item = Dataset()
    item.ValueType = "TEXT"
    item.ConceptNameCodeSequence = [code_item(name[0], "DCM", name[1])]
    item.TextValue = value
    return item


def _code(name: tuple[str, str, str], value: Code) -> Dataset:
    item = Dataset()
    item.ValueType = "CODE"
    item.ConceptNameCodeSequence = [code_item(*name)]
    item.ConceptCodeSequence = [coded(value)]
    return item


def _issuer(name: str) -> list[Dataset]:
    """HL7v2 Hierarchic Designator (PS3.3 §10.14); none where nobody says whose numbers they are."""
    if not name:
        return []
    item = Dataset()
    item.LocalNamespaceEntityID = name
    return [item]
