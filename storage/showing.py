"""What a rejection note hides is not there for anybody: the conditions that every read obeys.

SQL over the tables by the names of storage.search: s study, r series, n instance, i identity. A study of
which nothing is hidden (`has_hidden`) is asked no further.
"""

from collections.abc import Mapping

from storage.query import Level

#: What shows, at each level but the patient's, who shows where an identity does.
SHOWS: Mapping[Level, str] = {
    Level.STUDY: (
        "(not s.has_hidden or exists"
        " (select from series shown where shown.study_id = s.id and instances_in(shown.id) > 0))"
    ),
    Level.SERIES: "(not s.has_hidden or instances_in(r.id) > 0)",
    Level.INSTANCE: "not n.hidden",
}

#: Something that shows bears the identity: where other content became current, perhaps nothing does any more.
IDENTITY_SHOWS = (
    "(not (s.has_hidden or s.has_versions) or exists"
    " (select from series of_it join instance borne on borne.series_id = of_it.id"
    " where of_it.study_id = s.id and borne.identity_id = i.id and not borne.hidden))"
)

#: Of a study's series that show, in the order in which they came.
MODALITIES = (
    "case when s.has_hidden then array(select shown.modality from series shown"
    " where shown.study_id = s.id and shown.modality is not null and instances_in(shown.id) > 0"
    " group by shown.modality order by min(shown.id)) else s.modalities end"
)
SERIES_COUNT = (
    "case when s.has_hidden then (select count(*)::integer from series shown"
    " where shown.study_id = s.id and instances_in(shown.id) > 0) else s.series_count end"
)
