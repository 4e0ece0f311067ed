"""An instance as it is stored, as far as reading its bytes goes; and what a request may name."""

from dataclasses import dataclass

from psycopg import sql

from storage.frames import Form


@dataclass(frozen=True, slots=True)
class Resource:
    """A study, a series of it, or an instance of that. The UIDs must agree with one another."""

    study: str
    series: str | None = None
    instance: str | None = None

    @property
    def uids(self) -> tuple[str, ...]:
        """Outermost first."""
        return tuple(uid for uid in (self.study, self.series, self.instance) if uid)

    @property
    def level(self) -> str:
        """ "study", "series" or "instance"."""
        return ("study", "series", "instance")[len(self.uids) - 1]

    def __str__(self) -> str:
        return f"{self.level} {self.uids[-1]}"


@dataclass(frozen=True, slots=True)
class Stored:
    """One instance, as far as reading its bytes goes."""

    id: int
    study_id: int
    identity_id: int
    study_uid: str
    series_uid: str
    uid: str
    sop_class: str
    key: str
    size: int  # bytes of the whole object
    data_offset: int  # where the data set begins in it
    transfer_syntax: str
    frame_count: int
    frame_form: int
    json_bytes: int  # of its ready-made metadata
    is_contested: bool
    digest: bytes  # SHA-256 of the data set as received
    corrected_by: list[int]  # the corrections in force for it, by their number
    native: bytes | None = None  # where native frames lie: a NATIVE_ENTRY
    shows_label: bool = False  # of a slide: Specimen Label in Image (0048,0010)

    @property
    def path(self) -> str:
        """Of its URL, below that of all studies (PS3.18 §10.1)."""
        return f"{self.study_uid}/series/{self.series_uid}/instances/{self.uid}"


#: VL Whole Slide Microscopy Image Storage, and in its ready JSON that the picture shows the label.
_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_SHOWS_LABEL = r"""convert_from(n.json_after, 'UTF8') ~ '"00480010":\{[^{}]*"YES"'"""
#: The columns of a `Stored`, in its order, of study s, series r, instance n and object o.
STORED_FIELDS = sql.SQL(
    "n.id, s.id, n.identity_id, s.uid, r.uid, n.uid, n.sop_class, o.key, o.size, o.data_offset,"
    " o.transfer_syntax, n.frame_count, n.frame_form,"
    " octet_length(n.json_before) + octet_length(n.json_patient) + octet_length(n.json_after), s.contested,"
    " o.digest, array(select c.id from correction c where c.study_id = s.id and c.undone_at is null"
    " and (c.identity_id is null or c.identity_id = n.identity_id)"
    " and (not c.of_instances or exists (select from correction_instance l"
    " where l.correction_id = c.id and l.instance_id = n.id)) order by c.id),"
    f" case when n.frame_form = {Form.NATIVE:d} then n.frames end,"
    f" case when n.sop_class = '{_SLIDE}' then {_SHOWS_LABEL} else false end"
)
